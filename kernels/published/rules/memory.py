"""Memory of one GPU in training: parameters, gradients, optimizer, and activations as a multiple of the parameters."""

from __future__ import annotations

from typing import Annotated

from ...annotations import Array, Bytes, Count, Flag, Number, Unit
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

Gigabytes = Annotated[Array, Unit("GB")]

_UNDEFINED = "the document's code divides by the number of GPUs that share the model, which is 0"
_MASTER = Erratum(
    "I4.7",
    wrong="the optimizer has 8 B a parameter",
    right="12 B where the weights have 2 B: `rules.optimizer_gb_corrected`, `optimizer_memory`",
    why="Adam in mixed precision keeps the weights once more in fp32 (Rajbhandari et al. 2020, sec. 3.1)",
)
_MULTIPLE = Erratum(
    "I4.7",
    wrong="activations are 10 times (recomputed: 3 times) the parameters",
    right="they grow with batch and sequence: `rules.activation_bytes_korthikanti`, `activation_memory`",
    why="neither batch, sequence, data parallelism nor ZeRO stage enters; zero_stage 4 and -1 are accepted too",
)
_TWENTY = Erratum(
    "I4.8",
    wrong='"about 20 times the model size": this function gives 32 B a parameter, 18 B recomputed, another one 40 B',
    right="16 B or 18 B a parameter, then the activations: `memory_per_gpu`",
    why="20 times a 2-byte weight is 40 B; the three places of the document disagree with each other",
)
_LINEAR = Erratum(
    "S4.12",
    wrong="34 b s h L bytes as all activations of a transformer",
    right="s b h L (34 + 5 a s / h): `rules.activation_bytes_korthikanti`; 34 s b h L with selective recomputation",
    why="the scores grow with the square of the sequence unless they are recomputed or never stored",
)
_SAVED = Erratum(
    "S4.12",
    wrong='"memory saved: ~N/(C+1)"',
    right="what N/(C+1) layers occupy is what one segment still needs, beside C checkpoints; the rest is saved",
    why="with C checkpoints the backward pass rebuilds one of C + 1 segments at a time (Chen et al. 2016)",
)


def _shard(total: Number, tp: Count, pp: Count, dp: Count, stage: Count, from_stage: int) -> Number:
    """The part of `total` on one GPU, shared by the data parallel ones too from a ZeRO stage on."""
    return ratio(total, tp * pp * jnp.where(stage >= from_stage, dp, 1.0), jnp.nan)


@cost_model(
    formula=r"\frac{P\,w}{t\,p\,[z = 3: d]}",
    source="definition: document 004, section 6, calculate_memory_per_gpu (parameters)",
    example=dict(params_b=70, tp_size=8, pp_size=1, dp_size=8, zero_stage=3, dtype_bytes=2, expect=2.1875),
    undefined=_UNDEFINED,
)
def parameter_gb(
    params_b: Number, tp_size: Count, pp_size: Count, dp_size: Count, zero_stage: Count, dtype_bytes: Bytes
) -> Gigabytes:
    """Parameters on one GPU, as published."""
    total, stage = params_b * 1e9, jnp.round(zero_stage)
    sharded = jnp.where(stage == 3, stage, 0.0)
    return _shard(total, tp_size, pp_size, dp_size, sharded, 3) * dtype_bytes / 1e9


@cost_model(
    formula=r"\frac{P\,w}{t\,p\,[z \ge 2: d]}",
    source="definition: document 004, section 6, calculate_memory_per_gpu (gradients)",
    example=dict(params_b=70, tp_size=8, pp_size=1, dp_size=8, zero_stage=1, dtype_bytes=2, expect=17.5),
    undefined=_UNDEFINED,
)
def gradient_gb(
    params_b: Number, tp_size: Count, pp_size: Count, dp_size: Count, zero_stage: Count, dtype_bytes: Bytes
) -> Gigabytes:
    """Gradients on one GPU, as published."""
    per_gpu = _shard(params_b * 1e9, tp_size, pp_size, dp_size, jnp.round(zero_stage), 2)
    return per_gpu * dtype_bytes / 1e9


@cost_model(
    formula=r"\frac{2 \cdot 4\,P}{t\,p\,[z \ge 1: d]}",
    source="definition: document 004, section 6, calculate_memory_per_gpu (optimizer)",
    example=dict(params_b=70, tp_size=8, pp_size=1, dp_size=8, zero_stage=1, expect=8.75),
    errata=(_MASTER,),
    undefined=_UNDEFINED,
)
def optimizer_gb(params_b: Number, tp_size: Count, pp_size: Count, dp_size: Count, zero_stage: Count) -> Gigabytes:
    """Optimizer states on one GPU, as published."""
    return 2 * _shard(params_b * 1e9, tp_size, pp_size, dp_size, jnp.round(zero_stage), 1) * 4 / 1e9


@cost_model(
    formula=r"\frac{P}{t\,p}\,(10 \text{, recomputed } 3)\,w",
    source="definition: document 004, section 6, calculate_memory_per_gpu (activations)",
    example=dict(params_b=70, tp_size=8, pp_size=1, gradient_checkpointing=0, dtype_bytes=2, expect=175.0),
    errata=(_MULTIPLE,),
    undefined=_UNDEFINED,
)
def activation_gb(
    params_b: Number, tp_size: Count, pp_size: Count, gradient_checkpointing: Flag, dtype_bytes: Bytes
) -> Gigabytes:
    """Activations on one GPU, as published."""
    multiplier = 10 - 7 * gradient_checkpointing
    return ratio(params_b * 1e9, tp_size * pp_size, jnp.nan) * multiplier * dtype_bytes / 1e9


@cost_model(
    formula=r"M_w + M_g + M_o + M_a",
    source="definition: document 004, section 6, calculate_memory_per_gpu (total)",
    example=dict(parameter_gb=17.5, gradient_gb=17.5, optimizer_gb=8.75, activation_gb=175.0, expect=218.75),
    terms=("parameter_gb", "gradient_gb", "optimizer_gb", "activation_gb"),
    errata=(_TWENTY,),
)
def memory_gb(
    parameter_gb: Gigabytes, gradient_gb: Gigabytes, optimizer_gb: Gigabytes, activation_gb: Gigabytes
) -> Gigabytes:
    """Memory of one GPU, as published."""
    return parameter_gb + gradient_gb + optimizer_gb + activation_gb


@cost_model(
    formula=r"[M < C]",
    source="definition: document 004, section 6 (the last column of its table; a full GPU does not fit)",
    example=dict(memory_gb=218.75, gpu_memory_gb=80, expect=0.0),
)
def fits_gpu(memory_gb: Gigabytes, gpu_memory_gb: Gigabytes) -> Flag:
    """Whether the memory is below that of one GPU, as published."""
    return jnp.where(memory_gb < gpu_memory_gb, 1.0, 0.0)


@cost_model(
    formula=r"M_o\,(1.5 \text{ where } w = 2 \text{ B})",
    source="rajbhandari-et-al-2020, sec. 3.1 (fp32 weights beside the two moments in mixed precision)",
    example=dict(dtype_bytes=2, optimizer_gb=8.75, expect=13.125),
)
def optimizer_gb_corrected(optimizer_gb: Gigabytes, dtype_bytes: Bytes) -> Gigabytes:
    """Optimizer states on one GPU with fp32 weights in mixed precision, put right."""
    return optimizer_gb * jnp.where(jnp.round(dtype_bytes) == 2, 1.5, 1.0)


@cost_model(
    formula=r"M_w + M_g + M_o + M_a",
    source="definition: the published terms with the optimizer put right; the activations stay a multiple",
    example=dict(
        parameter_gb=17.5, gradient_gb=17.5, optimizer_gb_corrected=13.125, activation_gb=175.0, expect=223.125
    ),
    terms=("parameter_gb", "gradient_gb", "optimizer_gb_corrected", "activation_gb"),
)
def memory_gb_corrected(
    parameter_gb: Gigabytes, gradient_gb: Gigabytes, optimizer_gb_corrected: Gigabytes, activation_gb: Gigabytes
) -> Gigabytes:
    """Memory of one GPU with fp32 weights in mixed precision, put right."""
    return parameter_gb + gradient_gb + optimizer_gb_corrected + activation_gb


@cost_model(
    formula=r"[M < C]",
    source="definition: the published test on the memory put right",
    example=dict(memory_gb_corrected=223.125, gpu_memory_gb=80, expect=0.0),
)
def fits_gpu_corrected(memory_gb_corrected: Gigabytes, gpu_memory_gb: Gigabytes) -> Flag:
    """Whether the memory is below that of one GPU, put right."""
    return jnp.where(memory_gb_corrected < gpu_memory_gb, 1.0, 0.0)


@cost_model(
    formula=r"34\,b\,s\,h\,L",
    source="definition: document 004, section 6 (comment of calculate_memory_per_gpu)",
    example=dict(batch_size=1, seq_len=2048, d_model=8192, num_layers=80, expect=45634027520.0),
    errata=(_LINEAR,),
)
def activation_bytes_text(batch_size: Count, seq_len: Count, d_model: Count, num_layers: Count) -> Bytes:
    """Activations of a batch by the document's text."""
    return 34 * batch_size * seq_len * d_model * num_layers


@cost_model(
    formula=r"s\,b\,h\,L\,\left(34 + 5\,\frac{a\,s}{h}\right)",
    source="korthikanti-et-al-2022, sec. 4.1 (fp16, dropout, no flash attention)",
    example=dict(batch_size=1, seq_len=2048, d_model=8192, num_layers=80, num_heads=64, expect=153008209920.0),
)
def activation_bytes_korthikanti(
    batch_size: Count, seq_len: Count, d_model: Count, num_layers: Count, num_heads: Count
) -> Bytes:
    """Activations of a batch, all of them stored, put right."""
    return seq_len * batch_size * num_layers * (34 * d_model + 5 * num_heads * seq_len)


@cost_model(
    formula=r"34\,s\,b\,h\,L",
    source="korthikanti-et-al-2022, sec. 5 (selective recomputation, one GPU)",
    example=dict(batch_size=1, seq_len=2048, d_model=8192, num_layers=80, expect=45634027520.0),
)
def activation_bytes_selective(batch_size: Count, seq_len: Count, d_model: Count, num_layers: Count) -> Bytes:
    """Activations of a batch, the attention core recomputed."""
    return 34 * seq_len * batch_size * d_model * num_layers


@cost_model(
    formula=r"2\,s\,b\,h\,L",
    source="korthikanti-et-al-2022, sec. 5 (full recomputation keeps each layer's input)",
    example=dict(batch_size=1, seq_len=2048, d_model=8192, num_layers=80, expect=2684354560.0),
)
def activation_bytes_full_recompute(batch_size: Count, seq_len: Count, d_model: Count, num_layers: Count) -> Bytes:
    """Activations of a batch, every layer recomputed."""
    return 2 * seq_len * batch_size * d_model * num_layers


@cost_model(
    formula=r"N / (C + 1)",
    source="definition: document 004, section 6 (memory saved by gradient checkpointing; N layers, C checkpoints)",
    example=dict(num_layers=80, num_checkpoints=7, expect=10.0),
    errata=(_SAVED,),
    undefined="minus one checkpoint would be divided by",
)
def checkpointed_layers(num_layers: Count, num_checkpoints: Count) -> Count:
    """Layers of activations in one segment between checkpoints."""
    return ratio(num_layers, num_checkpoints + 1, jnp.nan)
