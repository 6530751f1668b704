"""Memory of a training run in the tool: weights, optimizer, gradients and activations under ZeRO and recomputation."""

from __future__ import annotations

from ...annotations import Bytes, Choice, Count
from ...arrays import jnp
from ...registry import Erratum, cost_model
from .inputs import RECOMPUTATIONS
from .operators import training_attention_activations, training_mlp_activations

NAMESPACE = "llm_analysis"
SELECTIVE, FULL = RECOMPUTATIONS.index("selective"), RECOMPUTATIONS.index("full")
_TRAINING = "definition: document 002, training of llm-analysis"


@cost_model(
    formula=r"\frac{12\,h^2 w}{t\,[d]_{Z=3}} \lfloor L / p \rfloor + \frac{h V}{t} w_e",
    source=_TRAINING + ", weight_memory_per_gpu",
    example=dict(
        hidden_size=4096,
        weight_width=2,
        node_tp=8,
        dp=32,
        zero_stage=0,
        layers_per_gpu=4,
        embedding_memory=32768000,
        expect=234094592,
    ),
)
def weight_memory(
    hidden_size: Count,
    weight_width: Bytes,
    node_tp: Count,
    dp: Count,
    zero_stage: Choice,
    layers_per_gpu: Count,
    embedding_memory: Bytes,
) -> Bytes:
    """Memory of the weights on one GPU in the tool's training."""
    shards = node_tp * jnp.where(zero_stage >= 3, dp, 1.0)
    return 12 * hidden_size**2 * weight_width / shards * layers_per_gpu + embedding_memory


@cost_model(
    formula=r"\frac{12\,h^2 \cdot 16}{t\,[d]_{Z \ge 1}} \lfloor L / p \rfloor",
    source=_TRAINING + ", optimizer_state_memory_per_gpu",
    example=dict(
        hidden_size=4096, optimizer_width=16, node_tp=8, dp=32, zero_stage=0, layers_per_gpu=4, expect=1610612736
    ),
    errata=(
        Erratum(
            "I2.13",
            wrong="16 B a parameter, of the layers alone",
            right="`optimizer_memory` of the main models: 12 B a parameter, the embedding included",
            why="A master copy, momentum and variance make 12 B; the gradient is counted a second time, and the "
            "embedding has an optimizer state too.",
        ),
    ),
)
def optimizer_memory(
    hidden_size: Count,
    optimizer_width: Bytes,
    node_tp: Count,
    dp: Count,
    zero_stage: Choice,
    layers_per_gpu: Count,
) -> Bytes:
    """Memory of the optimizer's states on one GPU in the tool."""
    shards = node_tp * jnp.where(zero_stage >= 1, dp, 1.0)
    return 12 * hidden_size**2 * optimizer_width / shards * layers_per_gpu


@cost_model(
    formula=r"\frac{12\,h^2 w}{t\,[d]_{Z \ge 2}} \lfloor L / p \rfloor",
    source=_TRAINING + ", gradient_memory_per_gpu",
    example=dict(hidden_size=4096, weight_width=2, node_tp=8, dp=32, zero_stage=0, layers_per_gpu=4, expect=201326592),
)
def gradient_memory(
    hidden_size: Count, weight_width: Bytes, node_tp: Count, dp: Count, zero_stage: Choice, layers_per_gpu: Count
) -> Bytes:
    """Memory of the gradients on one GPU in the tool."""
    shards = node_tp * jnp.where(zero_stage >= 2, dp, 1.0)
    return 12 * hidden_size**2 * weight_width / shards * layers_per_gpu


@cost_model(
    formula=r"C - M_w - M_o - M_g > 0",
    source=_TRAINING + ", memory_left",
    example=dict(
        hbm_capacity=80e9,
        weight_memory=234094592,
        optimizer_memory=1610612736,
        gradient_memory=201326592,
        expect=77953966080,
    ),
    undefined="weights, optimizer states and gradients are too large for the memory of one GPU",
)
def training_free_memory(
    hbm_capacity: Bytes, weight_memory: Bytes, optimizer_memory: Bytes, gradient_memory: Bytes
) -> Bytes:
    """Memory that the model's states leave on one GPU in the tool's training."""
    left = hbm_capacity - weight_memory - optimizer_memory - gradient_memory
    return jnp.where(left > 0, left, jnp.nan)


@cost_model(
    formula=r"L \left[\left(\frac{2}{s_p} + \frac{12}{t}\right) s h\,w_a + "
    r"\left[\frac{s h + a s^2}{s_p}\right]_{R = \text{none}} + \frac{s h}{s_p} + \frac{2\,s h\,w_n}{s_p}\right],\ "
    r"L\,s h\,w_a / t \text{ at } R = \text{full}",
    source=_TRAINING + ", activation_memory_bs1",
    example=dict(
        sequence=2048,
        hidden_size=4096,
        num_attention_heads=32,
        num_layers=32,
        node_tp=8,
        megatron_sp=8,
        activation_width=2,
        dropout_mask_width=1,
        training_norm_width=4,
        recompute=1,
        expect=1241513984,
    ),
    errata=(
        Erratum(
            "I2.10",
            wrong="attention scores are never stored in training, not even where nothing is recomputed",
            right="`activation_memory` of the main models, with `attention_kernel: unfused`",
            why="The test names the option itself (`activation_recomputation.SELECTIVE`), which is always true, "
            "instead of comparing with it.",
        ),
    ),
)
def sequence_activation_memory(
    sequence: Count,
    hidden_size: Count,
    num_attention_heads: Count,
    num_layers: Count,
    node_tp: Count,
    megatron_sp: Count,
    activation_width: Bytes,
    dropout_mask_width: Bytes,
    training_norm_width: Bytes,
    recompute: Choice,
) -> Bytes:
    """Memory of the activations of one sequence on one GPU in the tool.

    All layers are charged, not those of one stage: the first stage of a pipeline holds that many micro-batches.
    """
    selective = recompute == SELECTIVE
    attention = training_attention_activations(
        jnp.ones_like(sequence),
        sequence,
        hidden_size,
        num_attention_heads,
        node_tp,
        megatron_sp,
        activation_width,
        dropout_mask_width,
        selective,
    )
    mlp = training_mlp_activations(
        jnp.ones_like(sequence), sequence, hidden_size, node_tp, megatron_sp, activation_width, dropout_mask_width
    )
    norms = 2 * sequence * hidden_size / megatron_sp * training_norm_width
    whole = sequence * hidden_size * activation_width / node_tp
    return num_layers * jnp.where(recompute == FULL, whole, attention + mlp + norms)


@cost_model(
    formula=r"b\,M_{act,1}",
    source=_TRAINING + ", activation_memory_per_gpu",
    example=dict(micro_batch_size=50, sequence_activation_memory=1241513984, expect=62075699200),
)
def activation_memory(micro_batch_size: Count, sequence_activation_memory: Bytes) -> Bytes:
    """Memory of the activations on one GPU in the tool's training."""
    return micro_batch_size * sequence_activation_memory
