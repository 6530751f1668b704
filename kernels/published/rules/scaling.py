"""Training tokens and compute of a dense or mixture-of-experts model, by the 20-to-1 rule."""

from __future__ import annotations

from ...annotations import Flag, Number
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

_MIXTURES = Erratum(
    "I4.13",
    wrong="GPT-4 as 1.7T in all and 220B active (text), 1860B and 320B (code); Mixtral 8x7B as 61B and 19B",
    right="Mixtral 8x7B has 46.7B parameters, 12.9B of them active; GPT-4's are not published",
    why="the experts of Mixtral are its feed-forward layers alone, the attention is shared by all of them",
)
_TOP_K = Erratum(
    "I4.13",
    wrong="more experts per token than experts give an efficiency above 1",
    right="1 <= k <= E, `rules.valid_top_k`",
    why="a token cannot be sent to more experts than there are",
)


@cost_model(
    formula=r"20\,P",
    source="definition: document 004, section 2, chinchilla_optimal_tokens; after hoffmann-et-al-2022, table 3",
    example=dict(params_b=70, expect=1400.0),
)
def optimal_tokens_b(params_b: Number) -> Number:
    """Compute-optimal training tokens in billions, as published."""
    return 20 * params_b


@cost_model(
    formula=r"\frac{6\,P\,10^9\,T\,10^9}{10^{21}}",
    source="definition: document 004, section 2, compute_budget; after kaplan-et-al-2020, sec. 2.1",
    example=dict(params_b=70, tokens_b=1400, expect=588.0),
)
def compute_budget(params_b: Number, tokens_b: Number) -> Number:
    """Compute budget in ZettaFLOP, as published."""
    return 6 * params_b * 1e9 * tokens_b * 1e9 / 1e21


@cost_model(
    formula=r"1\,P",
    source="definition: document 004, section 2 (figure 1, the line of one token per parameter)",
    example=dict(params_b=70, expect=70.0),
)
def equal_tokens_b(params_b: Number) -> Number:
    """Training tokens in billions at one per parameter, as published."""
    return 1 * params_b


@cost_model(
    formula=r"\frac{6\,P\,10^9\,(20\,P)\,10^9}{10^{21}}",
    source="definition: document 004, section 2, compute_budget of chinchilla_optimal_tokens (figure 1, right)",
    example=dict(params_b=70, optimal_tokens_b=1400, expect=588.0),
)
def optimal_compute_budget(params_b: Number, optimal_tokens_b: Number) -> Number:
    """Compute-optimal budget in ZettaFLOP, as published."""
    return 6 * params_b * 1e9 * optimal_tokens_b * 1e9 / 1e21


@cost_model(
    formula=r"T / P",
    source="definition: document 004, section 2 (GPT-3 300/175, LLaMA-2-70B 2000/70)",
    example=dict(params_b=175, tokens_b=300, expect=1.7142857),
    undefined="the document's code divides by the parameters, which are 0",
)
def tokens_per_param(params_b: Number, tokens_b: Number) -> Number:
    """Training tokens per parameter, as published."""
    return ratio(tokens_b, params_b, jnp.nan)


@cost_model(
    formula=r"P_s + E\,P_e",
    source="definition: document 004, section 3, MoEConfig.total_params",
    example=dict(shared_params_b=5, num_experts=8, expert_params_b=7, expect=61.0),
    errata=(_MIXTURES,),
)
def moe_total_params_b(shared_params_b: Number, num_experts: Number, expert_params_b: Number) -> Number:
    """All parameters of a mixture of experts in billions, as published."""
    return shared_params_b + num_experts * expert_params_b


@cost_model(
    formula=r"P_s + k\,P_e",
    source="definition: document 004, section 3, MoEConfig.active_params",
    example=dict(shared_params_b=5, top_k=2, expert_params_b=7, expect=19.0),
    errata=(_MIXTURES,),
)
def moe_active_params_b(shared_params_b: Number, top_k: Number, expert_params_b: Number) -> Number:
    """Parameters a token meets in a mixture of experts, in billions, as published."""
    return shared_params_b + top_k * expert_params_b


@cost_model(
    formula=r"20\,(P_s + k\,P_e)",
    source="definition: document 004, section 3, MoEConfig.optimal_tokens",
    example=dict(moe_active_params_b=19, expect=380.0),
)
def moe_optimal_tokens_b(moe_active_params_b: Number) -> Number:
    """Compute-optimal tokens of a mixture of experts in billions, as published."""
    return 20 * moe_active_params_b


@cost_model(
    formula=r"\frac{P_s + k\,P_e}{P_s + E\,P_e}",
    source="definition: document 004, section 3, MoEConfig.compute_efficiency",
    example=dict(moe_active_params_b=19, moe_total_params_b=61, expect=0.3114754),
    errata=(_TOP_K,),
    undefined="the document's code divides by all parameters, which are 0",
)
def moe_compute_efficiency(moe_active_params_b: Number, moe_total_params_b: Number) -> Number:
    """Active over all parameters of a mixture of experts, as published."""
    return ratio(moe_active_params_b, moe_total_params_b, jnp.nan)


@cost_model(
    formula=r"[1 \le k \le E]",
    source="definition: a token meets at least one expert and at most all of them",
    example=dict(top_k=2, num_experts=8, expect=1.0),
)
def valid_top_k(top_k: Number, num_experts: Number) -> Flag:
    """Whether the experts per token are possible."""
    return jnp.where((top_k >= 1) & (top_k <= num_experts), 1.0, 0.0)
