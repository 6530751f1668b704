"""Time of a training run from 6ND, an assumed utilisation and the peak rate of the GPUs."""

from __future__ import annotations

from typing import Annotated

from ...annotations import Array, Category, Count, Flops, Hours, Number, Seconds, Unit
from ...arrays import jnp
from ...primitives.arithmetic import ratio
from ...registry import Erratum, cost_model

NAMESPACE = "rules"

TeraflopsPerSecond = Annotated[Array, Unit("TFLOP/s")]
Days = Annotated[Array, Unit("d")]

_GPU_DAYS = Erratum(
    "I4.6",
    wrong='the text calls FLOPs / (GPUs x rate x utilisation x 86400) "GPU days"',
    right="these are days on the clock; GPU-days are GPU-hours / 24, `rules.gpu_days`",
    why="the formula divides by the number of GPUs",
)
_BANDS = Erratum(
    "I4.6",
    wrong="the bands 40-50, 50-60 and 60+ % share 50 % and 60 %",
    right="the lower bound belongs to the band: 50 % is great, 60 % is excellent",
    why="a value belongs to one band",
)
_IDLE = Erratum(
    "S4.6",
    wrong="a utilisation above 1 and a negative number of GPUs are accepted",
    right="both are refused by `training_time_6nd`",
    why="no machine does more than its peak",
)


@cost_model(
    formula=r"6\,P\,10^9\,T\,10^9",
    source="definition: document 004, section 4, estimate_training_time; after kaplan-et-al-2020, sec. 2.1",
    example=dict(params_b=70, tokens_b=2000, expect=8.4e23),
)
def total_flops(params_b: Number, tokens_b: Number) -> Flops:
    """FLOPs of a training run, as published."""
    return 6 * params_b * 1e9 * tokens_b * 1e9


@cost_model(
    formula=r"n\,\pi\,\mathrm{MFU}",
    source="definition: document 004, section 4, estimate_training_time (effective_tflops, of the whole cluster)",
    example=dict(num_gpus=1024, gpu_tflops=990, mfu=0.5, expect=506880.0),
)
def effective_tflops(num_gpus: Count, gpu_tflops: TeraflopsPerSecond, mfu: Number) -> TeraflopsPerSecond:
    """Rate of all GPUs at the assumed utilisation, as published."""
    return num_gpus * (gpu_tflops * mfu)


@cost_model(
    formula=r"\frac{6\,P\,10^9\,T\,10^9}{n\,\pi\,\mathrm{MFU}\,10^{12}}",
    source="definition: document 004, section 4, estimate_training_time",
    example=dict(total_flops=8.4e23, effective_tflops=506880, expect=1657196.97),
    errata=(_IDLE,),
    undefined="the document's code divides by the rate of all GPUs, which is 0",
)
def training_seconds(total_flops: Flops, effective_tflops: TeraflopsPerSecond) -> Seconds:
    """Time of a training run, as published."""
    return ratio(total_flops, effective_tflops * 1e12, jnp.nan)


@cost_model(
    formula=r"t / 3600",
    source="definition: document 004, section 4, estimate_training_time",
    example=dict(training_seconds=3.6e6, expect=1000.0),
)
def training_hours(training_seconds: Seconds) -> Hours:
    """Hours of a training run, as published."""
    return training_seconds / 3600


@cost_model(
    formula=r"t_h / 24",
    source="definition: document 004, section 4, estimate_training_time",
    example=dict(training_hours=1000, expect=41.666667),
    errata=(_GPU_DAYS, _IDLE),
)
def training_days(training_hours: Hours) -> Days:
    """Days of a training run, as published."""
    return training_hours / 24


@cost_model(
    formula=r"n\,t / 3600",
    source="definition: document 004, section 4, estimate_training_time",
    example=dict(training_hours=1000, num_gpus=8, expect=8000.0),
)
def gpu_hours(training_hours: Hours, num_gpus: Count) -> Hours:
    """GPU-hours of a training run, as published."""
    return training_hours * num_gpus


@cost_model(
    formula=r"h_{GPU} / 24",
    source="definition: GPU-hours over 24",
    example=dict(gpu_hours=8000, expect=333.33333),
)
def gpu_days(gpu_hours: Hours) -> Days:
    """GPU-days of a training run."""
    return gpu_hours / 24


@cost_model(
    formula=r"0.4 \le \text{good} < 0.5 \le \text{great} < 0.6 \le \text{excellent}",
    source="definition: document 004, section 4 (typical utilisation)",
    example=dict(mfu=0.55, expect=2.0),
    errata=(_BANDS,),
)
def mfu_band(mfu: Number) -> Annotated[Array, Category(("below good", "good", "great", "excellent"))]:
    """What the document calls the utilisation."""
    great = jnp.where(mfu >= 0.6, 3.0, jnp.where(mfu >= 0.5, 2.0, 1.0))
    return jnp.where(mfu >= 0.4, great, 0.0)
