"""What the cells of document 004 print on training, word for word, from the published quantities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

NAMED = ("GPT-3", "Chinchilla", "LLaMA-2-7B", "LLaMA-2-13B", "LLaMA-2-70B")
MIXTURES = ("GPT-4 (rumored)", "Mixtral-8x7B", "Switch-C (Google)")
CARDS = ("A100", "H100")
LAYOUTS = (
    "Baseline (no parallelism)",
    "TP=8",
    "TP=8 + Gradient Checkpointing",
    "TP=8 + ZeRO-1",
    "TP=8 + ZeRO-2",
    "TP=8 + ZeRO-3",
)
COLLECTIVES = ("AllReduce", "ReduceScatter", "AllGather + ReduceScatter")


def rule_6n_text(params_b: str, d_model: str, num_layers: str, detailed: float, simple: float, ratio: float) -> str:
    """What verify_6n_rule prints; the inputs as they are written."""
    return (
        f"Model: {params_b}B params, d_model={d_model}, layers={num_layers}\n"
        f"Detailed calculation: {detailed:,.0f} FLOPs\n"
        f"Simple rule (6N):     {simple:,.0f} FLOPs\n"
        f"Ratio: {ratio:.2f}\n"
        "\n"
    )


def printed(data: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, str]]:
    """The cells that print something on training, by the name of the cell: "cell 1" and so on."""
    yield "cell 1", _scaling(data["documents/004-scaling-models"])
    yield "cell 3", _mixtures(data["documents/004-mixtures"])
    yield "cell 4", _training_time(data["documents/004-training-time"])
    yield (
        "cell 5",
        "Key Takeaway: Doubling GPUs halves training time (perfect scaling).\n"
        "In practice, communication overhead limits scaling efficiency.\n",
    )
    yield "cell 6", _transformer_flops(data["documents/004-transformer-flops"])
    yield "cell 7", _rule_6n(data["documents/004-rule-6n"])
    yield "cell 8", _memory(data["documents/004-memory"])
    yield "cell 9", _tensor_parallel(data["documents/004-tensor-parallel"])
    yield "cell 10", _zero(data["documents/004-zero"])


def whole(value: Any) -> str:
    """A whole number as Python writes an int."""
    return f"{float(value):.0f}"


def _scaling(data: xr.Dataset) -> str:
    lines = ["Model Training Token Requirements (Chinchilla Optimal):", "=" * 70]
    for place, name in enumerate(NAMED):
        one = data.isel(named=place)
        params, tokens, compute = (
            float(one[key]) for key in ("rules.params_b", "rules.optimal_tokens_b", "rules.optimal_compute_budget")
        )
        lines.append(f"{name:20s}: {params:6.0f}B params -> {tokens:7.0f}B tokens ({compute:6.2f} ZettaFLOPs)")
    ratio = data["rules.tokens_per_param"]
    gpt_3 = float(ratio.isel(named=0).sel({"rules.tokens_b": 300}))
    llama = float(ratio.isel(named=4).sel({"rules.tokens_b": 2000}))
    lines += [
        "",
        f"GPT-3 was trained on 300B tokens = {gpt_3:.1f}x ratio (undertrained!)",
        f"LLaMA-2-70B trained on 2000B tokens = {llama:.1f}x ratio (overtrained for quality)",
    ]
    return _text(lines)


def _mixtures(data: xr.Dataset) -> str:
    lines = ["MoE Model Analysis:", "=" * 90]
    lines += [f"{'Model':<25} {'Total':<12} {'Active':<12} {'Efficiency':<12} {'Optimal Tokens'}", "=" * 90]
    for place, name in enumerate(MIXTURES):
        one = data.isel(mixture=place)
        total, active, share, tokens = (
            float(one[f"rules.moe_{key}"])
            for key in ("total_params_b", "active_params_b", "compute_efficiency", "optimal_tokens_b")
        )
        lines.append(
            f"{name:<25} {total:>8.0f}B     {active:>8.0f}B     {share * 100:>8.1f}%     {tokens:>8.0f}B tokens"
        )
    return _text(
        [
            *lines,
            "",
            "Key Insight: MoE models have high total params but low active params,",
            "making them compute-efficient but memory-intensive.",
        ]
    )


def _training_time(data: xr.Dataset) -> str:
    lines = ["Training Time Estimation for LLaMA-2-70B:", "=" * 70]
    half = data.isel(utilisation=2)
    for card, name in enumerate(CARDS):
        for place in (2, 3, 4):
            one = half.isel(card=card, gpus=place)
            days, hours, rate = (
                float(one[f"rules.{key}"]) for key in ("training_days", "gpu_hours", "effective_tflops")
            )
            count = int(one["rules.num_gpus"])
            lines.append(f"{name} x {count:4d}: {days:6.1f} days ({hours:8,.0f} GPU-hours, {rate:7,.0f} TFLOPS)")
        lines.append("")
    return _text(lines)


def _transformer_flops(data: xr.Dataset) -> str:
    plain = data.isel({"rules.include_attention_compute": 0})
    layer, forward, backward, step, back_ratio, step_ratio = (
        float(plain[f"rules.{key}"])
        for key in (
            "fwd_per_layer",
            "fwd_total",
            "bwd_total",
            "step_total",
            "bwd_to_fwd_ratio",
            "step_to_fwd_ratio",
        )
    )
    return _text(
        [
            "FLOPs Analysis for GPT-3 Style Model:",
            "=" * 60,
            "Model: d_model=12288, layers=96",
            "",
            f"FWD per layer: {layer:,.0f} FLOPs",
            f"FWD total:     {forward:,.0f} FLOPs",
            f"BWD total:     {backward:,.0f} FLOPs",
            f"Full step:     {step:,.0f} FLOPs",
            "",
            f"BWD / FWD ratio: {back_ratio:.1f}x",
            f"Step / FWD ratio: {step_ratio:.1f}x",
            "",
            "This matches the rule: BWD = 2×FWD, Total = 3×FWD",
        ]
    )


def _rule_6n(data: xr.Dataset) -> str:
    cases = []
    for place in range(data.sizes["named"]):
        one = data.isel(named=place)
        params, width, layers = (whole(one[f"rules.{key}"]) for key in ("params_b", "d_model", "num_layers"))
        counts = (float(one[f"rules.{key}"]) for key in ("verified_flops", "simple_flops", "rule_6n_ratio"))
        cases.append(rule_6n_text(params, width, layers, *counts))
    head = _text(["Verification of 6N Rule:", "=" * 60])
    return head + "".join(cases) + "The 6N rule is a good approximation for training FLOPs!\n"


def _memory(data: xr.Dataset) -> str:
    lines = ["Memory Requirements for 70B Parameter Model:", "=" * 80]
    lines += [f"{'Configuration':<40} {'Total Memory':<15} {'Per GPU (80GB fit?)'}", "=" * 80]
    for place, name in enumerate(LAYOUTS):
        one = data.isel(layout=place)
        fits = "✓ Yes" if float(one["rules.fits_gpu"]) else "✗ No"
        lines.append(f"{name:<40} {float(one['rules.memory_gb']):>10.1f} GB     {fits}")
    return _text(
        [
            *lines,
            "",
            "Note: These are rough estimates. Actual memory usage varies with batch size,",
            "sequence length, and implementation details.",
        ]
    )


def _tensor_parallel(data: xr.Dataset) -> str:
    lines = ["Tensor Parallel Communication Analysis:", "=" * 70]
    for place, name in enumerate(("NVLink", "InfiniBand")):
        one = data.isel(link=place, shards=3)
        each, layer, moved = (float(one[f"rules.tp_{key}"]) for key in ("all_reduce_ms", "layer_ms", "layer_gb"))
        lines += [
            "",
            f"{name} ({whole(one['rules.bandwidth_gb_s'])} GB/s):",
            f"  Attention AllReduce: {each:.2f} ms",
            f"  MLP AllReduce:       {each:.2f} ms",
            f"  Total per layer:     {layer:.2f} ms",
            f"  Bytes per layer:     {moved:.3f} GB",
        ]
    return _text(
        [
            *lines,
            "",
            "Key Insight: TP requires fast interconnect (NVLink/InfiniBand).",
            "Use TP within a node, not across nodes!",
        ]
    )


def _zero(data: xr.Dataset) -> str:
    lines = ["FSDP/ZeRO Communication Analysis:", "=" * 70]
    stated = data.sel({"rules.bandwidth_gb_s": 400})
    for stage in (1, 2, 3):
        one = stated.isel(stage=stage)
        total, layer, gather = (
            float(one[f"rules.zero_{key}"]) for key in ("comm_ms", "layer_ms", "all_gather_layer_ms")
        )
        lines += ["", f"ZeRO-{stage} ({COLLECTIVES[int(one['rules.zero_collective'])]}):"]
        if stage < 3:
            lines += [f"  Total communication: {total:.2f} ms", f"  Per layer:           {layer:.2f} ms"]
        else:
            lines += [
                f"  AllGather per layer:       {gather:.2f} ms",
                f"  ReduceScatter per layer:   {gather:.2f} ms",
                f"  Total per layer:           {layer:.2f} ms",
                f"  Total for all layers:      {total:.2f} ms",
            ]
    return _text(
        [
            *lines,
            "",
            "Why ZeRO-3 is rarely used:",
            "  - High communication overhead (AllGather + ReduceScatter per layer)",
            "  - 2× communication per layer vs ZeRO-2",
            "  - Better to use TP or PP for large models",
        ]
    )


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
