"""What the second part of document 004 prints and says: its cells byte for byte, its insights, its rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr

RECOMMENDATION, LATENCY, SERVING, LEARNING, ADVICE = (
    f"documents/004-{name}" for name in ("recommendation", "latency", "serving", "reinforcement", "advice")
)

RECOMPUTE_OVERHEAD = "0.33..1.00"

MODES = {"sync": "Synchronous", "async": "Asynchronous"}
PRINTED_CASES = ("LLaMA-2-7B", "LLaMA-2-13B", "LLaMA-2-70B", "GPT-3-175B", "GPT-4-1.7T (MoE)")
_REQUESTS = ("Short prompt, short gen", "Long prompt, short gen", "Short prompt, long gen", "Batched (bs=8)")
_LOADS = ("Low load", "Medium load", "High load")
_SHOWN_BATCH = 512

INSIGHTS: Mapping[int, tuple[str, str]] = {
    3: (
        "MoE models have high total params but low active params, making them compute-efficient but memory-intensive.",
        "holds",
    ),
    5: (
        "Doubling GPUs halves training time (perfect scaling). In practice, communication overhead limits scaling "
        "efficiency.",
        "holds of the formula, which sees no communication; `training_time` of the main models does",
    ),
    9: (
        "TP requires fast interconnect (NVLink/InfiniBand). Use TP within a node, not across nodes!",
        "holds, though the document's own InfiniBand of 400 GB/s is only 1.5 times slower than its NVLink (I4.9)",
    ),
    12: (
        "Decode is memory-bound. Time per token ≈ constant. Prefill can be batched efficiently, decode is limited by "
        "KV cache memory.",
        "holds at small batch and context; the cache and, at large batch, arithmetic make it grow (I4.14)",
    ),
    14: (
        "Async training can provide significant speedup by overlapping generation and training, at the cost of more "
        "complexity and GPUs.",
        "holds of small batches; the 1.5-2x of the summary is reached neither as published nor put right (I4.15)",
    ),
}
"""The "Key Insight" and "Key Takeaway" lines by the cell that prints them, and what becomes of them."""

SERVING_NOTES = (
    "Continuous batching (vLLM, TGI)",
    "PagedAttention for efficient KV cache management",
    "Request queuing and load balancing",
)

COMPONENTS = (
    ("Policy", "the model being trained", 256, 128, "training only"),
    ("Reference", "frozen copy for the KL penalty", 0, 64, "generation only"),
    ("Reward", "scores generated outputs", 0, 32, "scoring only"),
    ("Critic", "value function estimator (PPO)", 0, 32, "value estimation"),
)
"""Model, role, GPUs when synchronous, GPUs when asynchronous and what they do then: 256 in all."""

RULES: tuple[tuple[str, str, str], ...] = (
    ("Tensor parallelism within a node, up to 8 GPUs", "rules.tp_within_node", ""),
    ("Tensor parallelism of 2, 4 or 8", "rules.tp_is_typical", ""),
    ("Pipelines of 2, 4 or 8 stages across nodes", "rules.pp_is_typical", ""),
    ("Pipelines need micro-batches against the bubble", "rules.pipeline_is_filled", ""),
    ("ZeRO-1 is always safe, ZeRO-2 the default, ZeRO-3 is to be avoided", "rules.avoids_zero_3", "I4.11"),
    ("Checkpointing only where memory is short", "rules.recomputes_for_memory", ""),
    ("Context parallelism above 100k tokens", "rules.context_parallel_for_long", ""),
    ("3D parallelism: TP x PP x DP is every GPU, 8 x 4 x 32 = 1024", "rules.uses_3d_parallelism", ""),
    ("NVLink is faster than InfiniBand, that faster than Ethernet", "rules.links_in_order", "I4.9"),
    ("Prefill is compute-bound", "rules.prefill_is_compute_bound", "I4.14"),
    ("Decode is memory-bound", "rules.decode_is_memory_bound", "I4.14"),
    ("Async has the higher throughput", "rules.async_is_faster", "I4.15"),
    ("Async is 1.5-2x faster", "rules.async_speedup_as_claimed", "I4.15"),
)
"""The rules of the text, the condition that stands for each, and the erratum that qualifies it."""

TEXT_ONLY = (
    ("Tensor parallelism: 2 all-reduces per layer, after attention and after the MLP", "rules.tp_layer_gb"),
    ("Expert parallelism: all-to-all for token routing", "rules.collective_gb"),
    ("Context parallelism: all-gather for attention", "rules.collective_gb"),
    ("20 tokens per parameter, on active parameters of a mixture of experts", "rules.moe_optimal_tokens_b"),
    ("Memory is about 20 times the model", "rules.memory_20x_gb"),
    ("A 4096 x 4096 matrix with TP = 4: 4096 x 1024 on each GPU", "rules.tp_shard_columns"),
    ("32 layers with PP = 4: 8 on each GPU", "rules.pp_stage_layers"),
    ("Checkpointing saves about N / (C + 1) and costs 33 to 100 % of compute", "rules.memory_saved_share"),
    ("Sync for small scale, debugging and deterministic results; async for production", "rules.rl_mode"),
)
"""Rules of the text that are no condition, and the quantity or input that stands for each."""


def rationale(branch: str, tp: int, pp: int, dp: int) -> str:
    """Why the document recommends its degrees, in its own words."""
    if branch == "data_parallel":
        return "Model fits on single GPU, use pure DP with ZeRO-2"
    if branch == "single_node":
        return f"Single node, use TP={tp} within node"
    return f"Multi-node 3D parallelism: TP={tp} (within node), PP={pp} (across nodes), DP={dp}"


def branch_of(data: xr.Dataset, place: int) -> str:
    """The branch of the recommendation at one cluster."""
    codes = data["rules.recommend_branch"]
    return str(codes.attrs["flag_meanings"]).split()[int(codes[place])]


def printed(data: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, str]]:
    """The cells from the eleventh on and what they print, by the name of the cell: "cell 11" and so on."""
    yield "cell 11", _recommendations(data[RECOMMENDATION])
    yield "cell 12", _latencies(data[LATENCY])
    yield "cell 13", _loads(data[SERVING])
    yield "cell 14", _learning(data[LEARNING])
    yield "cell 15", _average(data[LEARNING])


def _title(text: str, width: int) -> str:
    return f"{text}\n{'=' * width}\n"


def _at(data: xr.Dataset, name: str, place: int) -> Any:
    values = data[name].values
    return values[place] if values.ndim else values[()]


def _recommendations(data: xr.Dataset) -> str:
    text = _title("Parallelism Recommendations:", 80)
    for place, model in enumerate(PRINTED_CASES):
        tp, pp, dp, zero, recomputed = (
            int(_at(data, f"rules.recommend_{part}", place))
            for part in ("tp", "pp", "dp", "zero_stage", "checkpointing")
        )
        text += f"\n{model} on {_at(data, 'rules.num_gpus', place):.0f} GPUs:\n"
        text += f"  TP = {tp}, PP = {pp}, DP = {dp}\n"
        text += f"  ZeRO-{zero}, Gradient Checkpointing = {bool(recomputed)}\n"
        text += f"  Rationale: {rationale(branch_of(data, place), tp, pp, dp)}\n"
    return text


def _latencies(data: xr.Dataset) -> str:
    text = _title("Inference Latency for LLaMA-2-70B on H100:", 70)
    lines = (
        ("Prefill time:       ", "rules.prefill_ms", "6.1f", "ms"),
        ("Decode per token:   ", "rules.decode_per_token_ms", "6.1f", "ms"),
        ("Total decode time:  ", "rules.decode_total_ms", "6.1f", "ms"),
        ("Total latency:      ", "rules.total_latency_ms", "6.1f", "ms"),
        ("Throughput:         ", "rules.inference_tokens_per_second", "6.1f", "tokens/s"),
        ("KV cache per seq:   ", "rules.kv_cache_per_seq_gb", "6.2f", "GB"),
        ("KV cache total:     ", "rules.kv_cache_total_gb", "6.2f", "GB"),
    )
    for place, name in enumerate(_REQUESTS):
        prompt, generated, batch = (
            int(_at(data, f"rules.{part}", place)) for part in ("prompt_len", "gen_len", "batch_size")
        )
        text += f"\n{name}:\n  Prompt: {prompt} tokens, Generate: {generated} tokens, Batch: {batch}\n"
        for label, quantity, digits, unit in lines:
            text += f"  {label} {_at(data, quantity, place):{digits}} {unit}\n"
    return text + (
        "\nKey Insight: Decode is memory-bound. Time per token ≈ constant.\n"
        "Prefill can be batched efficiently, decode is limited by KV cache memory.\n"
    )


def _loads(data: xr.Dataset) -> str:
    text = _title("GPU Requirements for Serving LLaMA-2-70B:", 70)
    for place, name in enumerate(_LOADS):
        users, each = (_at(data, f"rules.{part}", place) for part in ("num_users", "requests_per_second_per_user"))
        text += f"\n{name}:\n  Users: {users:,.0f}, RPS per user: {float(each)}\n"
        text += f"  Total RPS: {_at(data, 'rules.total_rps', place):.1f}\n"
        text += f"  Requests per GPU: {_at(data, 'rules.requests_per_gpu', place):.2f}\n"
        text += f"  GPUs needed: {_at(data, 'rules.gpus_needed', place):.0f}\n"
        text += f"  Single request latency: {_at(data, 'rules.single_request_latency_ms', place):.1f} ms\n"
    notes = "".join(f"  - {note}\n" for note in SERVING_NOTES)
    return f"{text}\nNote: This is a simplified estimate. Real serving systems use:\n{notes}"


def _learning(data: xr.Dataset) -> str:
    shown = data.sel({"rules.batch_size": _SHOWN_BATCH})
    text = _title("RL Training Throughput Comparison:", 70)
    text += f"Configuration: 70B params, batch={_SHOWN_BATCH}, 256 GPUs\n\n"
    for mode, title in MODES.items():
        one, note = shown.sel({"rules.rl_mode": mode}), " (parallel)" if mode == "async" else ""
        text += f"{title} Training:\n"
        for label, part in (("Generation", "generate"), ("Scoring", "score"), ("Training", "train")):
            text += f"  {f'{label} time:':<17} {one[f'rules.rl_{part}_ms'].item():7.1f} ms{note}\n"
        text += f"  Total time:       {one['rules.rl_iteration_ms'].item():7.1f} ms\n"
        text += f"  Throughput:       {one['rules.rl_samples_per_second'].item():7.1f} samples/s\n"
        text += f"                    {one['rules.rl_tokens_per_second'].item():7.1f} tokens/s\n\n"
    speedup = shown["rules.rl_speedup"].sel({"rules.rl_mode": "async"}).item()
    return text + (
        f"Speedup (async vs sync): {speedup:.2f}x\n\n"
        "Key Insight: Async training can provide significant speedup by overlapping\n"
        "generation and training, at the cost of more complexity and GPUs.\n"
    )


def _average(data: xr.Dataset) -> str:
    speedups = data["rules.rl_speedup"].sel({"rules.rl_mode": "async"}).values
    return (
        f"Average speedup: {math.fsum(speedups) / len(speedups):.2f}x\n\n"
        "Async training is particularly beneficial for RL where generation\n"
        "and training can be done in parallel on different GPU sets.\n"
    )
