"""FLOPs of a transformer counted layer by layer, and what 6 FLOPs per parameter and token make of them."""

from __future__ import annotations

from ...annotations import Count, Flag, Flops, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

_ATTENTION = Erratum(
    "I4.4",
    wrong="2 d s^2 is added to the FLOPs of one token",
    right="4 d s per token over the full square, 2 d s over its causal half: `rules.fwd_per_layer_corrected`",
    why="scores and values are 2 d s each; 4 d s^2 is what the whole sequence needs (GPT-3, s = 2048: 28.6 times too much)",
)
_HEAD = Erratum(
    "I4.5",
    wrong="72 d^2 L per token is called the full model",
    right="6 V d more, `rules.step_total`",
    why="the code counts the product with the vocabulary, the text does not; seq_len is read only with the flag",
)
_WIDTH = 12288
_LAYERS = 96


@cost_model(
    formula=r"8\,d^2 + [\text{attention}]\,2\,d\,s^2 + 16\,d^2",
    source="definition: document 004, section 5, calculate_transformer_flops (fwd_per_layer)",
    example=dict(d_model=_WIDTH, seq_len=2048, include_attention_compute=0, expect=3623878656.0),
    errata=(_ATTENTION,),
)
def fwd_per_layer(d_model: Count, seq_len: Count, include_attention_compute: Flag) -> Flops:
    """FLOPs of one layer's forward pass, as published."""
    attention = include_attention_compute * (2 * d_model * seq_len * seq_len)
    return 8 * d_model * d_model + attention + 16 * d_model * d_model


@cost_model(
    formula=r"L\,F_{layer} + 2\,V\,d",
    source="definition: document 004, section 5, calculate_transformer_flops (fwd_total)",
    example=dict(fwd_per_layer=3623878656, num_layers=_LAYERS, vocab_size=50257, d_model=_WIDTH, expect=349127467008.0),
)
def fwd_total(fwd_per_layer: Flops, num_layers: Count, vocab_size: Count, d_model: Count) -> Flops:
    """FLOPs of the forward pass, as published."""
    return num_layers * fwd_per_layer + 2 * vocab_size * d_model


@cost_model(
    formula=r"2\,F_{forward}",
    source="definition: document 004, section 5, calculate_transformer_flops (bwd_total)",
    example=dict(fwd_total=349127467008, expect=698254934016.0),
)
def bwd_total(fwd_total: Flops) -> Flops:
    """FLOPs of the backward pass, as published."""
    return 2 * fwd_total


@cost_model(
    formula=r"F_{forward} + F_{backward}",
    source="definition: document 004, section 5, calculate_transformer_flops (step_total)",
    example=dict(fwd_total=349127467008, bwd_total=698254934016, expect=1047382401024.0),
    terms=("fwd_total", "bwd_total"),
)
def step_total(fwd_total: Flops, bwd_total: Flops) -> Flops:
    """FLOPs of a step, as published."""
    return fwd_total + bwd_total


@cost_model(
    formula=r"F_{backward} / F_{forward}",
    source="definition: document 004, section 5, calculate_transformer_flops (fwd_to_bwd_ratio)",
    example=dict(fwd_total=349127467008, bwd_total=698254934016, expect=2.0),
    undefined="the document's code divides by the FLOPs of the forward pass, which are 0",
)
def bwd_to_fwd_ratio(bwd_total: Flops, fwd_total: Flops) -> Number:
    """Backward over forward FLOPs, as published."""
    return ratio(bwd_total, fwd_total, jnp.nan)


@cost_model(
    formula=r"F_{step} / F_{forward}",
    source="definition: document 004, section 5, calculate_transformer_flops (step_to_fwd_ratio)",
    example=dict(fwd_total=349127467008, step_total=1047382401024, expect=3.0),
    undefined="the document's code divides by the FLOPs of the forward pass, which are 0",
)
def step_to_fwd_ratio(step_total: Flops, fwd_total: Flops) -> Number:
    """FLOPs of a step over those of its forward pass, as published."""
    return ratio(step_total, fwd_total, jnp.nan)


@cost_model(
    formula=r"72\,d^2\,L",
    source="definition: document 004, section 5 (full model, per token)",
    example=dict(d_model=_WIDTH, num_layers=_LAYERS, expect=1043677052928.0),
    errata=(_HEAD,),
)
def step_total_text(d_model: Count, num_layers: Count) -> Flops:
    """FLOPs of a step and token by the document's text."""
    return 72 * d_model * d_model * num_layers


@cost_model(
    formula=r"24\,d^2 + 4\,d\,s \text{, causal } 24\,d^2 + 2\,d\,s",
    source="chowdhery-et-al-2022, app. B (attention per token, forward); the causal half where it is asked for",
    example=dict(d_model=_WIDTH, seq_len=2048, causal_attention_counted=0, expect=3724541952.0),
)
def fwd_per_layer_corrected(d_model: Count, seq_len: Count, causal_attention_counted: Flag) -> Flops:
    """FLOPs of one layer's forward pass and token, put right."""
    return 24 * d_model * d_model + (4 - 2 * causal_attention_counted) * d_model * seq_len


@cost_model(
    formula=r"3\,(L\,F_{layer} + 2\,V\,d)",
    source="chowdhery-et-al-2022, app. B; with the head",
    example=dict(
        fwd_per_layer_corrected=3724541952,
        num_layers=_LAYERS,
        vocab_size=50257,
        d_model=_WIDTH,
        expect=1076373430272.0,
    ),
)
def step_total_corrected(fwd_per_layer_corrected: Flops, num_layers: Count, vocab_size: Count, d_model: Count) -> Flops:
    """FLOPs of a step and token, put right."""
    return 3 * (num_layers * fwd_per_layer_corrected + 2 * vocab_size * d_model)


@cost_model(
    formula=r"3\,(24\,d^2\,L + 2 \cdot 50000\,d)",
    source="definition: document 004, section 5, verify_6n_rule (its vocabulary is the default 50000)",
    example=dict(d_model=4096, num_layers=32, expect=39883505664.0),
)
def verified_flops(d_model: Count, num_layers: Count) -> Flops:
    """FLOPs of a step and token with which the 6N rule is compared, as published."""
    forward = num_layers * (24 * d_model * d_model) + 2 * 50000 * d_model
    return 3 * forward


@cost_model(
    formula=r"6\,P\,10^9",
    source="definition: document 004, section 5, verify_6n_rule; after kaplan-et-al-2020, sec. 2.1",
    example=dict(params_b=7, expect=4.2e10),
)
def simple_flops(params_b: Number) -> Flops:
    """FLOPs of a step and token by the 6N rule, as published."""
    return 6 * params_b * 1e9


@cost_model(
    formula=r"F_{detailed} / (6\,P\,10^9)",
    source="definition: document 004, section 5, verify_6n_rule",
    example=dict(verified_flops=39883505664, simple_flops=4.2e10, expect=0.94960728),
    undefined="the document's code divides by the parameters, which are 0",
)
def rule_6n_ratio(verified_flops: Flops, simple_flops: Flops) -> Number:
    """FLOPs counted in detail over the 6N rule, as published."""
    return ratio(verified_flops, simple_flops, jnp.nan)
