"""Cost models that fits are tried on: cheap to compile, and every input tells."""

from rooflax.kernels.annotations import Bytes, BytesPerSecond, Flops, FlopsPerSecond, Number, PerSecond, Seconds
from rooflax.kernels.registry import cost_model
from rooflax.specs.vocabulary import Group, Kind, Leaf

LEAVES = (
    Leaf("toy_flops", "FLOP", Kind.CONTINUOUS, "Work of a toy", Group.TRAINING),
    Leaf("toy_bytes", "B", Kind.CONTINUOUS, "Traffic of a toy", Group.TRAINING),
    Leaf("toy_exchange", "s", Kind.CONTINUOUS, "Communication of a toy", Group.TRAINING, default=0.0, reason="alone"),
)


@cost_model(
    formula="F/(PEK) + Q/(BH) + (1 - w) c",
    source="definition: a product, a copy and an exchange, one after another",
    example=dict(
        toy_flops=1e15,
        toy_bytes=2e12,
        toy_exchange=2,
        peak_flops_bf16=1e15,
        hbm_bandwidth=2e12,
        compute_efficiency=0.5,
        hbm_efficiency=0.8,
        kernel_efficiency=0.5,
        tp_overlap=0.25,
        expect=6.75,
    ),
)
def toy_time(
    toy_flops: Flops,
    toy_bytes: Bytes,
    toy_exchange: Seconds,
    peak_flops_bf16: FlopsPerSecond,
    hbm_bandwidth: BytesPerSecond,
    compute_efficiency: Number,
    hbm_efficiency: Number,
    kernel_efficiency: Number,
    tp_overlap: Number,
) -> Seconds:
    """Time of a toy."""
    product = toy_flops / (peak_flops_bf16 * compute_efficiency * kernel_efficiency)
    return product + toy_bytes / (hbm_bandwidth * hbm_efficiency) + (1 - tp_overlap) * toy_exchange


@cost_model(formula="1/t", source="definition: how often a toy runs", example=dict(toy_time=4.0, expect=0.25))
def toy_rate(toy_time: Seconds) -> PerSecond:
    """Rate of a toy."""
    return 1 / toy_time
