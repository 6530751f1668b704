"""Memory that lives only while a layer, or the head, is at work: recomputed tensors, gradients of activations, logits."""

from __future__ import annotations

from ..annotations import Bytes, Choice, Count, Flag, Number
from ..arrays import jnp
from ..example_inputs import GPT_3_LAYER
from ..model.flops import FLASH, FULL, SELECTIVE
from ..registry import cost_model
from .activations import LayerActivations, Tokens, inside, outside
from .feed_forward_activations import Mixture
from .model_states import Sharding

_FP32 = 4


def gathered(tokens: Tokens) -> Bytes:
    """A hidden state of the whole sequence beside its part: what a column-parallel product reads."""
    split = (tokens.sequence_parallel > 0) & (tokens.tp > 1)
    return jnp.where(split, tokens.micro_batch_tokens * tokens.activation_width * tokens.hidden_size, 0.0)


@cost_model(
    formula=r"T a_w\left[\frac{h}{t'} + \frac{(1 + g) f}{t} + 2h\,[\text{sequence parallel}]\right]",
    source="definition: gradients of the output and of what enters the activation; the input and its gradient gathered",
    example=dict(**GPT_3_LAYER, intermediate_size=49152, gated_mlp=0, expect=251658240.0),
)
def dense_mlp_gradients(tokens: Tokens, intermediate_size: Count, gated_mlp: Flag) -> Bytes:
    """Gradients of activations in one dense feed-forward.

    Beyond what the backward pass frees. The peak is the backward of the activation function: its input's gradient is made while the input of the last
    product is freed for the gradient of that.
    """
    inner = inside(tokens, (1 + gated_mlp) * intermediate_size)
    return outside(tokens, tokens.hidden_size) + inner + 2 * gathered(tokens)


@cost_model(
    formula=r"[L_{moe} > 0]\,T a_w\left[\frac{h}{t'} + \frac{I k\,(h t_e + (1 + g) f_e)}{t}\right]",
    source="definition: gradients of the output, of its copies per expert and of what enters their activations",
    example=dict(
        micro_batch_tokens=4096, hidden_size=7168, tp=1, activation_width=2, num_experts=256, experts_per_token=8,
        num_shared_experts=1, moe_intermediate_size=2048, gated_mlp=1, expert_tp=1, num_moe_layers=58,
        expect=796917760.0,
    ),
)  # fmt: skip
def moe_mlp_gradients(tokens: Tokens, mixture: Mixture, num_moe_layers: Count) -> Bytes:
    """Gradients of activations in one mixture of experts.

    Beyond what the backward pass frees.
    """
    copies = mixture.experts_per_token * mixture.expert_imbalance
    inner = (1 + mixture.gated_mlp) * mixture.moe_intermediate_size
    visits = inside(tokens, copies * (tokens.hidden_size * mixture.expert_tp + inner))
    return jnp.where(num_moe_layers > 0, outside(tokens, tokens.hidden_size) + visits, 0.0)


@cost_model(
    formula=r"[\text{unfused}]\,2\,T\,a\,s\,a_w/t",
    source="dao-et-al-2022, sec. 2.2 (gradients of probabilities and of scores are materialised)",
    example=dict(
        micro_batch_tokens=2048, num_attention_heads=96, attended_tokens=2048, tp=1, activation_width=2,
        attention_kernel=0, expect=1610612736.0,
    ),
)  # fmt: skip
def attention_core_gradients(
    micro_batch_tokens: Count,
    num_attention_heads: Count,
    attended_tokens: Count,
    tp: Count,
    activation_width: Bytes,
    attention_kernel: Choice,
) -> Bytes:
    """Gradients of the scores of one attention layer."""
    scores = 2 * micro_batch_tokens * num_attention_heads * attended_tokens * activation_width / tp
    return jnp.where(attention_kernel == FLASH, 0.0, scores)


@cost_model(
    formula=r"A_{layer} \text{ with full, } A_{core} \text{ with selective recomputation, else } 0",
    source="chen-et-al-2016, sec. 4 (the segment being recomputed is held whole)",
    example=dict(
        mixer_activations=2390753280,
        dense_mlp_activations=478150656,
        moe_mlp_activations=0,
        checkpoint_activations=50331648,
        attention_core_activations=2013265920,
        recompute=2,
        num_layers=96,
        num_moe_layers=0,
        expect=2868903936.0,
    ),
)
def recompute_working_memory(
    parts: LayerActivations, attention_core_activations: Bytes, num_layers: Count, num_moe_layers: Count
) -> Bytes:
    """Activations of the one layer that is being recomputed.

    Or fetched from the host; of the larger kind of layer.
    """
    dense = jnp.where(num_moe_layers < num_layers, parts.dense_mlp_activations, 0.0)
    layer = parts.mixer_activations + jnp.maximum(dense, parts.moe_mlp_activations)
    again = parts.recompute_layer_share > 0
    core = jnp.where((parts.recompute == SELECTIVE) & again, attention_core_activations, 0.0)
    whole = jnp.where((parts.recompute == FULL) & again, layer, core)
    return whole + jnp.where((parts.recompute == FULL) & again, 0.0, parts.activation_offload * layer)


@cost_model(
    formula=r"A_{again} + \max(G_{mlp}, G_{moe}, G_{core})",
    source="definition: one layer at work; its feed-forward and its attention are so one after the other",
    example=dict(
        recompute_working_memory=0,
        dense_mlp_gradients=251658240,
        moe_mlp_gradients=0,
        attention_core_gradients=0,
        num_layers=96,
        num_moe_layers=0,
        expect=251658240.0,
    ),
)
def layer_working_memory(
    recompute_working_memory: Bytes,
    dense_mlp_gradients: Bytes,
    moe_mlp_gradients: Bytes,
    attention_core_gradients: Bytes,
    num_layers: Count,
    num_moe_layers: Count,
) -> Bytes:
    """Memory of the layer at work in the backward pass, beside what is stored."""
    dense = jnp.where(num_moe_layers < num_layers, dense_mlp_gradients, 0.0)
    feed_forward = jnp.maximum(dense, moe_mlp_gradients)
    return recompute_working_memory + jnp.maximum(feed_forward, attention_core_gradients)


@cost_model(
    formula=r"(1 + n_{mtp})\,T\,V\,(a_w + [\text{unfused}]\,4\,n_{fp32})/t",
    source="korthikanti-et-al-2022, sec. 4.3 (fp32 logits for the loss), beside the head's own output",
    example=dict(micro_batch_tokens=4096, vocab_size=128256, tp=8, activation_width=2, expect=656670720.0),
)
def logits_memory(
    micro_batch_tokens: Count,
    vocab_size: Count,
    tp: Count,
    activation_width: Bytes,
    fused_cross_entropy: Flag,
    loss_copies: Number,
    num_mtp_layers: Count,
) -> Bytes:
    """Logits of one micro-batch on the last stage.

    A fused loss keeps them as the head writes them and puts their gradient in the same place; otherwise there are
    `loss_copies` in fp32 beside them.
    """
    width = activation_width + (1 - fused_cross_entropy) * _FP32 * loss_copies
    return (1 + num_mtp_layers) * micro_batch_tokens * vocab_size * width / tp


@cost_model(
    formula=r"A_{logits} + T a_w\left(\frac{2h}{t'} + h\right) + (1 - \varphi)\,a_w\frac{hV}{t} + [\text{stage 3}]\,w\frac{hV}{t}",
    source="korthikanti-et-al-2022, sec. 4.3 (final norm, head and loss); rajbhandari-et-al-2020, sec. 5.3 (the gathered head)",
    example=dict(
        logits_memory=656670720,
        micro_batch_tokens=4096,
        hidden_size=4096,
        tp=8,
        activation_width=2,
        weight_width=2,
        head_parameters_per_gpu=65667072,
        shard_degree=16,
        expert_shard_degree=16,
        zero_stage=1,
        expect=863502336.0,
    ),
)
def head_working_memory(
    logits_memory: Bytes,
    tokens: Tokens,
    head_parameters_per_gpu: Count,
    frozen_share: Number,
    weight_width: Bytes,
    sharding: Sharding,
) -> Bytes:
    """Memory of the last stage while the head is at work, beside what is stored.

    Logits, the final norm's input and output, the gradient of the head's input, the head's weight gradient as the
    product gives it and, where weights are sharded, the gathered head.
    """
    states = outside(tokens, 2 * tokens.hidden_size) + gathered(tokens)
    gradient = tokens.micro_batch_tokens * tokens.activation_width * tokens.hidden_size
    fresh = (1 - frozen_share) * tokens.activation_width * head_parameters_per_gpu
    third = (sharding.zero_stage >= 3) & (sharding.shard_degree > 1)
    whole = jnp.where(third, weight_width * head_parameters_per_gpu, 0.0)
    return logits_memory + states + gradient + fresh + whole
