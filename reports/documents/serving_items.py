"""The checklist of document 004 from S4.18 on: what was asked, what came of it, and what is wrong in the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Item
from .serving_text import COMPONENTS, INSIGHTS, LATENCY, LEARNING, RECOMMENDATION, RULES, SERVING, TEXT_ONLY

if TYPE_CHECKING:
    import xarray as xr

_SHOWN = {"rules.batch_size": 512}


def items(data: Mapping[str, xr.Dataset]) -> Iterator[Item]:
    """The items S4.18 to S4.27."""
    yield _recommendation(data[RECOMMENDATION])
    yield _latency(data[LATENCY])
    yield _serving(data[SERVING])
    yield from _learning(data[LEARNING])
    yield from _text(data[LEARNING])


def _recommendation(data: xr.Dataset) -> Item:
    parts = [data[f"rules.recommend_{part}"].values[:5] for part in ("tp", "pp", "dp")]
    right = [data[f"rules.recommend_{part}_corrected"].values[:5] for part in ("tp", "pp", "dp")]
    was, now = (
        "; ".join("-".join(f"{value:.0f}" for value in degrees) for degrees in zip(*columns, strict=True))
        for columns in (parts, right)
    )
    largest = data["rules.recommend_memory_gb"].values[4]
    return Item(
        "S4.18",
        "recommend_parallelism: TP, PP, DP, ZeRO stage, checkpointing and the reason",
        f"7B, 13B, 70B, 175B and 1700B as published {was}, as printed; put right {now}",
        f"I4.12: fewer GPUs than a node has give DP = 0 or an error, GPUs stay idle, TP can be 16, and 1.7T parameters "
        f"get {largest:.0f} GB a GPU. I4.8: the rule of 20 times the model is 40 B a parameter, the memory function "
        "counts 32 or 18. I4.17: ZeRO-2 is the sweet spot, the single node gets ZeRO-1",
        ("004-recommended-parallelism", "004-recommended-memory"),
    )


def _latency(data: xr.Dataset) -> Item:
    was, now = (data[f"rules.total_latency_ms{end}"].values for end in ("", "_corrected"))
    told = "; ".join(f"{value:.1f}" for value in was)
    return Item(
        "S4.19",
        "calculate_inference_latency: prefill, decode, throughput and key/value cache of four requests",
        f"latencies {told} ms, as printed; put right {'; '.join(f'{value:.1f}' for value in now)} ms",
        "I4.14: the cache is 8 times too large for grouped heads, its reads are left out, short prompts are not bound "
        "by memory, the first token is counted twice. I4.3: one GPU cannot hold the weights",
        ("004-inference-latency", "004-batching"),
    )


def _serving(data: xr.Dataset) -> Item:
    was, now = (
        ", ".join(f"{value:.0f}" for value in data[name].values)
        for name in ("rules.gpus_needed", "rules.serving_gpus_corrected")
    )
    met = "meet" if data["rules.serving_meets_target_corrected"].values.all() else "do not meet"
    return Item(
        "S4.20",
        "estimate_serving_gpus: GPUs for 10, 100 and 500 requests a second",
        f"{was} GPUs, as printed; put right {now}, which {met} the target",
        "I4.1: weights of 1.4e-7 GB instead of 140. I4.2: latency target, memory and batching have no effect. I4.3: "
        "GPUs come in replicas of two",
        ("004-serving-gpus", "004-serving-gpus-by-load"),
    )


def _learning(data: xr.Dataset) -> Iterator[Item]:
    shown = data.sel(_SHOWN)
    was, now = (
        "; ".join(f"{shown[name].sel({'rules.rl_mode': mode}).item():.1f}" for mode in ("sync", "async"))
        for name in ("rules.rl_iteration_ms", "rules.rl_iteration_ms_corrected")
    )
    speedups = data["rules.rl_speedup"].sel({"rules.rl_mode": "async"}).values
    wrong = (
        "I4.15: one GPU generates for all, so training hardly counts; text and code disagree on what overlaps; every "
        "mode but `sync` is async; the speedup of the result is a placeholder; the table of GPUs is not used"
    )
    yield Item(
        "S4.21",
        "estimate_rl_throughput: one iteration, synchronous and asynchronous",
        f"batch 512: {was} ms, as printed; put right {now} ms",
        wrong,
        ("004-rl-throughput", "004-rl-iteration"),
    )
    yield Item(
        "S4.22",
        "Figure 3: throughput and speedup over the batch",
        f"speedups {'; '.join(f'{value:.3f}' for value in speedups)}, {speedups.mean():.2f} on average, as printed",
        "I4.15: the text promises 1.5-2x",
        ("004-figure-3",),
    )


def _text(data: xr.Dataset) -> Iterator[Item]:
    gpus = sum(row[3] for row in COMPONENTS)
    yield Item(
        "S4.23",
        "Component tables: models of reinforcement learning and their GPUs",
        f"{len(COMPONENTS)} models, {gpus} GPUs when asynchronous",
        "I4.15: the code does not use the table",
        ("004-rl-components",),
    )
    yield Item(
        "S4.24",
        "Qualitative rules, to ask for and to test",
        f"{len(RULES)} conditions (`rooflax list constraints`), {len(TEXT_ONLY)} further rules as quantities",
        "I4.9, I4.11, I4.14 and I4.15 qualify some of them",
        ("004-rules-as-conditions", "004-rules-as-quantities"),
    )
    yield Item(
        "S4.25",
        "Key insights and takeaways, notes on serving",
        f"{len(INSIGHTS)} lines with a verdict; the cells print them byte for byte",
        "",
        ("004-key-insights", "004-printed-cells-11-to-15.txt"),
    )
    yield Item(
        "S4.26",
        "Deterministic",
        "no formula draws a number; two runs give equal bytes",
        "the document seeds NumPy with 42 and never draws a number",
    )
    names = [str(name) for name in data.data_vars if str(name).startswith("rules.rl_")]
    sizes = " x ".join(str(size) for size in data.sizes.values())
    yield Item(
        "S4.27",
        "Every function takes arrays",
        f"every `rules.` quantity is swept like any other: figure 3 is {len(names)} quantities over a grid of {sizes}",
        "I4.16: the document's type hints say `any` where `Any` is meant",
        ("004-figure-3", "004-recommended-memory", "004-batching"),
    )
