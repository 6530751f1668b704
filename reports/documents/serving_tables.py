"""Tables of the second part of document 004: recommendations, serving, learning, and the rules of the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .contract import Cell, Table
from .serving_text import (
    ADVICE,
    COMPONENTS,
    INSIGHTS,
    LATENCY,
    LEARNING,
    MODES,
    RECOMMENDATION,
    RULES,
    SERVING,
    TEXT_ONLY,
    branch_of,
    rationale,
)

if TYPE_CHECKING:
    import xarray as xr


def tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """Recommendations, latency, serving, reinforcement learning, and the document's rules and insights."""
    yield _recommendations(data[RECOMMENDATION])
    yield _latencies(data[LATENCY])
    yield _serving(data[SERVING])
    yield _learning(data[LEARNING])
    yield _components()
    yield _rules(data[ADVICE])
    yield _text_rules()
    yield _insights()


def _column(data: xr.Dataset, name: str, size: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(data[name].values, dtype=float), size)


def _degrees(tp: float, pp: float, dp: float, zero: float, recomputed: float) -> str:
    if np.isnan(tp):
        return ""
    kept = "recomputed" if recomputed else "kept"
    return f"{tp:.0f} x {pp:.0f} x {dp:.0f}, ZeRO-{zero:.0f}, activations {kept}"


def _recommendations(data: xr.Dataset) -> Table:
    size = data.sizes["cluster"]
    parts = ("tp", "pp", "dp", "zero_stage", "checkpointing")
    published = [_column(data, f"rules.recommend_{part}", size) for part in parts]
    right = [_column(data, f"rules.recommend_{part}_corrected", size) for part in parts]
    memory, memory_right = (_column(data, f"rules.recommend_memory_gb{end}", size) for end in ("", "_corrected"))
    rows: list[list[Cell]] = []
    for place in range(size):
        was, now = ([float(column[place]) for column in columns] for columns in (published, right))
        rows.append(
            [
                float(data["rules.params_b"][place]),
                int(data["rules.num_gpus"][place]),
                int(data["rules.gpus_per_node"][place]),
                _degrees(*was) or "ZeroDivisionError",
                _finite(memory[place]),
                _broken(data, place),
                _degrees(*now) or "nothing fits",
                _finite(memory_right[place]),
                rationale(branch_of(data, place), *map(int, was[:3])) if not np.isnan(was[0]) else "",
            ]
        )
    columns = [
        "Parameters [billions]",
        "GPUs",
        "GPUs per node",
        "TP x PP x DP as published",
        "Memory as published [GB]",
        "What fails",
        "TP x PP x DP put right",
        "Memory put right [GB]",
        "Rationale as published",
    ]
    note = (
        "Memory by the document's own function; put right with 12 B of optimizer states (I4.7). The first five rows "
        "are the document's examples. Put right: every GPU is used, TP is at most 8 and divides the node, the memory "
        "is below 80 GB; ZeRO-3 only where nothing else fits, then the fewest stages, then no recomputation, then the "
        "least TP."
    )
    return Table("004-recommended-parallelism", "Recommended parallel degrees", columns, rows, note)


def _finite(value: float) -> Cell:
    return None if np.isnan(value) else float(value)


def _broken(data: xr.Dataset, place: int) -> str:
    """What does not hold of a published recommendation."""
    if np.isnan(float(data["rules.recommend_tp"][place])):
        return "no recommendation (I4.12)"
    failing = {
        "rules.recommend_dp_ge_1": "no replica",
        "rules.recommend_uses_all_gpus": "idle GPUs",
        "rules.recommend_tp_within_node": "TP above 8",
        "rules.recommend_fits": "does not fit",
    }
    found = [text for name, text in failing.items() if not float(data[name][place])]
    return found[0] if found and found[0] == "no replica" else ", ".join(found)


def _latencies(data: xr.Dataset) -> Table:
    size = data.sizes["request"]
    names = (
        ("Prompt [tokens]", "rules.prompt_len", 1.0),
        ("Generated [tokens]", "rules.gen_len", 1.0),
        ("Batch", "rules.batch_size", 1.0),
        ("Prefill as published [ms]", "rules.prefill_ms", 1.0),
        ("Prefill put right [ms]", "rules.prefill_ms_corrected", 1.0),
        ("Decode as published [ms]", "rules.decode_total_ms", 1.0),
        ("Decode put right [ms]", "rules.decode_total_ms_corrected", 1.0),
        ("Latency as published [ms]", "rules.total_latency_ms", 1.0),
        ("Latency put right [ms]", "rules.total_latency_ms_corrected", 1.0),
        ("Tokens/s as published", "rules.inference_tokens_per_second", 1.0),
        ("Tokens/s put right", "rules.inference_tokens_per_second_corrected", 1.0),
        ("Cache as published [GB]", "rules.kv_cache_total_gb", 1.0),
        ("Cache, main models, 2 H100 [GB]", "kv_cache_memory", 2e-9),
        ("First token, main models, 2 H100 [ms]", "ttft", 1e3),
        ("Token, main models, 2 H100 [ms]", "tpot", 1e3),
    )
    columns = [np.asarray(_column(data, name, size)) * scale for _, name, scale in names]
    rows = [[float(column[place]) for column in columns] for place in range(size)]
    note = (
        "As published and put right at the peak rates of one H100, which does not hold the model (I4.3): put right "
        "reads the cache, never takes less than one read of the weights, and counts the first token to the prefill "
        "(I4.14). The main models run on two H100 with 8 key/value heads, attainable rates and communication."
    )
    title = "Latency of LLaMA-2-70B"
    return Table("004-inference-latency", title, [title for title, _, _ in names], rows, note)


def _serving(data: xr.Dataset) -> Table:
    size = data.sizes["load"]
    names = (
        ("Users", "rules.num_users"),
        ("Requests/s", "rules.total_rps"),
        ("Requests/s of a GPU as published", "rules.requests_per_gpu"),
        ("GPUs as published", "rules.gpus_needed"),
        ("GPUs of a replica", "rules.gpus_per_replica"),
        ("Requests at a time by memory", "rules.max_concurrent_by_memory"),
        ("GPUs put right", "rules.serving_gpus_corrected"),
        ("Latency as published [ms]", "rules.single_request_latency_ms"),
        ("Latency in a full batch [ms]", "rules.serving_latency_ms_corrected"),
        ("Weights as published [GB]", "rules.model_memory_gb"),
        ("Weights put right [GB]", "rules.model_memory_gb_corrected"),
    )
    columns = [_column(data, name, size) for _, name in names]
    rows: list[list[Cell]] = []
    for place in range(size):
        meets = bool(float(data["rules.serving_meets_target_corrected"]))
        rows.append([*(float(column[place]) for column in columns), "yes" if meets else "no"])
    note = (
        "The target is 1000 ms. The document never uses it, nor the memory (I4.1, I4.2); a "
        "single request on the smallest replica already takes longer. Put right assumes that the "
        "requests of a batch start together; continuous batching lets them come and go."
    )
    heads = [*(title for title, _ in names), "Target met"]
    return Table("004-serving-gpus", "GPUs that serve LLaMA-2-70B", heads, rows, note)


def _learning(data: xr.Dataset) -> Table:
    names = {
        "Generate as published [ms]": "rules.rl_generate_ms",
        "Score as published [ms]": "rules.rl_score_ms",
        "Train [ms]": "rules.rl_train_ms",
        "Iteration as published [ms]": "rules.rl_iteration_ms",
        "Samples/s as published": "rules.rl_samples_per_second",
        "Speedup as published": "rules.rl_speedup",
        "Iteration by the text [ms]": "rules.rl_text_iteration_ms",
        "Generate put right [ms]": "rules.rl_generate_ms_corrected",
        "Score put right [ms]": "rules.rl_score_ms_corrected",
        "Iteration put right [ms]": "rules.rl_iteration_ms_corrected",
    }
    right = data["rules.rl_iteration_ms_corrected"]
    rows: list[list[Cell]] = []
    for batch in data["rules.batch_size"].values:
        for mode, title in MODES.items():
            here: dict[str, Any] = {"rules.batch_size": batch, "rules.rl_mode": mode}
            speedup = right.sel(here | {"rules.rl_mode": "sync"}) / right.sel(here)
            rows.append([title, int(batch), *(float(data[n].sel(here)) for n in names.values()), float(speedup)])
    note = (
        "As published one GPU generates and scores the whole batch; put right all GPUs of that side do, in replicas of "
        "two (I4.15). Training takes 50 % of the peak in both. The text promises 1.5-2x."
    )
    columns = ["Mode", "Batch", *names, "Speedup put right"]
    return Table("004-rl-throughput", "Reinforcement learning of a 70B model on 256 H100", columns, rows, note)


def _components() -> Table:
    rows = [[name, role, sync, parallel, then] for name, role, sync, parallel, then in COMPONENTS]
    columns = ["Model", "Role", "GPUs, synchronous", "GPUs, asynchronous", "Asynchronous GPUs do"]
    note = "The code uses none of these numbers: it trains on all GPUs or on half of them (I4.15)."
    return Table("004-rl-components", "Models of reinforcement learning and their GPUs", columns, rows, note)


def _rules(data: xr.Dataset) -> Table:
    rows: list[list[Cell]] = []
    for text, name, erratum in RULES:
        follows, breaks = (float(value) for value in _column(data, name, 2))
        rows.append([text, name, _margin(data, name, follows), _margin(data, name, breaks), erratum])
    columns = ["Rule", "Condition", "A layout that follows it", "One that does not", "Qualified by"]
    note = "`where: [rules.tp_within_node]` in a spec keeps the points where a condition holds."
    return Table("004-rules-as-conditions", "Rules of the text as conditions", columns, rows, note)


def _margin(data: xr.Dataset, name: str, value: float) -> str:
    unit = str(data[name].attrs["units"])
    return f"{'holds' if value >= 0 else 'fails'} by {abs(value):.4g} {'' if unit == '1' else unit}".rstrip()


def _text_rules() -> Table:
    columns = ["Rule", "What stands for it"]
    return Table("004-rules-as-quantities", "Further rules of the text", columns, [list(row) for row in TEXT_ONLY])


def _insights() -> Table:
    rows = [[cell, text, verdict] for cell, (text, verdict) in INSIGHTS.items()]
    return Table("004-key-insights", "Key insights and takeaways", ["Cell", "Line", "Verdict"], rows)
