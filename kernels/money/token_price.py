"""What one token costs to serve."""

from __future__ import annotations

from ..annotations import DollarsPerHour, DollarsPerToken, PerSecond
from ..registry import cost_model


@cost_model(
    formula=r"\frac{c}{3600\,r_{GPU}}",
    source="definition: all cost is charged to the output tokens; multiply by 1e6 for the usual price list",
    example=dict(output_tokens_per_second_per_gpu=284.25, gpu_hour_price=2.5, expect=2.443077e-6),
)
def cost_per_output_token(
    output_tokens_per_second_per_gpu: PerSecond, gpu_hour_price: DollarsPerHour
) -> DollarsPerToken:
    """Cost of one output token with static batches."""
    return gpu_hour_price / 3600 / output_tokens_per_second_per_gpu
