"""Golden rows of document 002: the 36 published runs of llm-analysis, and the tables, pies and text made of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rooflax.reports.documents import llama_runs
from rooflax.reports.documents.llama_names import INFERENCE_RESULTS, MEMORY, MODELS, PARTS, RECORDS, TRAINING_RESULTS
from rooflax.reproduce import dataset

NOT_COMPARED = {
    "repro_b7827c5": "the out_ column once more",
    "repro_HEAD_d841e40": "another revision of the tool, which the document does not show",
    "repro_HEAD_d841e40_ms": "another revision of the tool",
    "head_d841e40": "another revision of the tool",
    "abs_err": "the distance between two columns of the file",
    "repro_b7827c5_ms": "the out_ column once more",
    "published_matches": "whether two columns of the file agree; the printed one is compared itself",
    "lr": "the learning rate, which no model reads",
    "note": "a remark on the row",
    "split": "a label of the file's makers",
}
DIMENSIONS = ("hidden_size", "num_layers", "num_attention_heads", "vocab_size")
TRAINED = ("outputs_train", "outputs_train_ideal", "outputs_train_h100")
RECORD_OF: dict[str, str] = dict(zip(MODELS, RECORDS, strict=True))
SIZES: dict[str, str] = dict(zip(("7b", "13b", "30b", "65b"), MODELS, strict=True))


def q(name: str) -> str:
    return f"llm_analysis.{name}"


ECHOED = {
    "batch_size_per_gpu": "concurrency",
    "seq_len": "seq_len",
    "num_tokens_to_generate": "output_len",
    "tp_size": q("tp"),
    "pp_size": q("pp"),
    "sp_size": q("sp"),
    "global_batch_size": "global_batch_size",
    "total_num_gpus": "world_size",
    "total_num_tokens": "tokens",
    "flops_efficiency": q("flops_efficiency"),
    "hbm_memory_efficiency": q("hbm_memory_efficiency"),
}
"""What a summary of the tool repeats of its inputs."""


def dimensions(harness: Any, record: str) -> dict[str, float]:
    """The dimensions of a model, from the catalog."""
    fields = harness.bench.catalogs.get("model", record).fields
    return {name: fields[name].value for name in DIMENSIONS}


def factors(results: Mapping[str, str]) -> dict[str, tuple[str, float]]:
    """The quantity of each result, and the factor to the tool's unit: it gives rates in TFLOP/s."""
    return {name: (q(quantity), 1e-12 if name == "achived_flops" else 1.0) for name, quantity in results.items()}


def columns_of(inputs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Inputs by name, one entry a row."""
    names = dict.fromkeys(name for row in inputs for name in row)
    return {name: [row.get(name) for row in inputs] for name in names}


def echo(harness: Any, name: str) -> float:
    """The declared default of an input that the tool's results repeat."""
    return harness.bench.registry.vocabulary[name].default_value


def run_inputs(harness: Any, config: str) -> dict[str, Any]:
    """The inputs of one published run, "outputs_train_h100|LLaMA-7B"."""
    folder, model = config.split("|")
    ideal = "ideal" in folder
    training = folder.startswith("outputs_train")
    dtype = folder.rpartition("_")[2] if folder.startswith("outputs_infer_ideal_") else "w16a16e16"
    common = {
        **dimensions(harness, RECORD_OF[model]),
        q("gpu"): "h100-sxm-80gb" if folder.endswith("h100") else "a100-sxm-80gb",
        q("dtype"): dtype,
        q("flops_efficiency"): 1.0 if ideal else (0.5 if training else 0.7),
        q("hbm_memory_efficiency"): 1.0 if ideal else 0.9,
    }
    if not training:
        alone = model != "LLaMA-65B" or dtype != "w16a16e16"
        run = {"concurrency": 1, "prompt_len": 512, "output_len": 32, q("tp"): 1 if alone else 2, q("pp"): 1}
        return common | run
    return common | {
        "tokens": 1.0e12 if model in ("LLaMA-7B", "LLaMA-13B") else 1.4e12,
        "world_size": 2048,
        "global_batch_size": 4000000,
        "seq_len": 2048,
        q("recompute"): "selective",
        q("tp"): 8,
        q("pp"): 8,
        q("sp"): 8,
    }


def run_values(harness: Any, configs: Sequence[str]) -> dict[str, dict[str, float]]:
    """Everything the tool's summaries of some published runs hold, by run and the tool's name."""
    found: dict[str, dict[str, float]] = {}
    for training in (True, False):
        chosen = [config for config in dict.fromkeys(configs) if config.startswith("outputs_train") is training]
        if not chosen:
            continue
        results = factors(TRAINING_RESULTS if training else INFERENCE_RESULTS)
        extra = [q("gpu_hours_three_forwards"), q("gpu_hours_model_flops"), q("num_steps")] if training else []
        given = [run_inputs(harness, config) for config in chosen]
        names = [*dict.fromkeys(name for name, _ in results.values()), *extra]
        arrays = harness.arrays(names, columns_of(given))
        for position, config in enumerate(chosen):
            assert arrays["status"][position] == 0, f"{config} has status {arrays['status'][position]}"
            repeated = {name: given[position][leaf] for name, leaf in ECHOED.items() if leaf in given[position]}
            if not training:
                repeated |= {"seq_len": 512, "layernorm_dtype_bytes": echo(harness, q("inference_norm_width"))}
            values = {name: float(arrays[one][position]) * factor for name, (one, factor) in results.items()}
            found[config] = repeated | values | {name: float(arrays[name][position]) for name in extra}
    return found


def tidy(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    values = run_values(harness, [row["config"] for row in rows])
    found = [values[row["config"]][row["metric"]] for row in rows]
    return harness.check(path, rows, {"published": found})


def breakdown(path: Path, harness: Any) -> int:
    """Every number of the runs' summaries, and where the reports write such a run, its whole summary and file name."""
    runs = json.loads(path.read_text(encoding="utf-8"))
    whole_summaries(path, harness, runs)
    values = run_values(harness, list(runs))
    rows = [
        {"case_id": f"{config}|{name}", "published": repr(value), "repro": repr(run["repro_b7827c5"][name])}
        for config, run in runs.items()
        for name, value in run["published"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    found = [values[row["case_id"].rpartition("|")[0]][row["case_id"].rpartition("|")[2]] for row in rows]
    return harness.check(path, rows, {"published": found, "repro": found})


def whole_summaries(path: Path, harness: Any, runs: Mapping[str, Any]) -> None:
    """The summaries that are written from the shipped specs: names in order, texts, numbers, and the files' name."""
    data = {spec: dataset(harness.bench, spec) for spec in (llama_runs.TRAINING, llama_runs.INFERENCE)}
    written = {run.name: run for run in llama_runs.runs(data)}
    assert set(runs) <= set(written), f"{path.name}: {set(runs) - set(written)} are no runs of the specs"
    for name, run in runs.items():
        assert run["file"].endswith(f"/{written[name].stem}-summary.json"), f"{run['file']}: {written[name].stem}"
        found = written[name].summary
        assert list(found) == list(run["published"]), f"{name}: {list(found)}"
        for key, expected in run["published"].items():
            assert type(found[key]) is type(expected) or expected == 0, (
                f"{name}, {key}: {found[key]!r} for {expected!r}"
            )
            assert harness.close(found[key], expected), f"{name}, {key}: expected {expected!r}, found {found[key]!r}"


def pies(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    values = run_values(harness, [row["config"] for row in rows])
    parts, shares = [], []
    for row in rows:
        run = values[row["config"]]
        if row["component"] in MEMORY:
            members = [run[f"{part}_memory_per_gpu"] for part in MEMORY]
            value = run[f"{row['component']}_memory_per_gpu"]
        else:
            prefix = "decode_" if row["config"].startswith("outputs_infer") else ""
            members = [run[f"{prefix}latency_fwd_{part}"] for part in PARTS]
            value = run[f"{prefix}latency_fwd_{row['component']}"]
        parts.append(value)
        shares.append(100 * value / math.fsum(members))
    memory = [row["component"] in MEMORY for row in rows]
    columns = {
        "out_seconds": [None if is_memory else value for value, is_memory in zip(parts, memory, strict=True)],
        "out_bytes": [value if is_memory else None for value, is_memory in zip(parts, memory, strict=True)],
        "out_share_pct": shares,
    }
    compared = harness.check(path, rows, columns)
    for row, share in zip(rows, shares, strict=True):
        label, consistent = row["label_pct_read_from_image"], row["label_consistent_within_1pt"]
        if label and consistent:
            assert (abs(share - float(label)) <= 1) is (consistent == "True"), f"{row['case_id']}: {share} for {label}"
    return compared


def gpu_hours(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    models = [row["case_id"] for row in rows]
    runs = run_values(harness, [f"{folder}|{model}" for folder in TRAINED for model in models])
    plain, ideal, h100 = ([runs[f"{folder}|{model}"] for model in models] for folder in TRAINED)
    paper = harness.column(rows, "paper_gpu_hours")
    rates = harness.arrays(
        [q("tokens_per_second_per_gpu"), q("reported_tokens_per_second_per_gpu")],
        columns_of([run_inputs(harness, f"outputs_train|{model}") for model in models])
        | {q("reported_gpu_hours"): paper},
    )
    hours = [run["gpu_hours"] for run in plain]
    columns = {
        "out_gpu_hours_exact": hours,
        # The document compares what it prints, hours cut to whole ones.
        "out_diff_pct": [100 * (math.floor(h) / p - 1) for h, p in zip(hours, paper, strict=True)],
        "published_llm_analysis_gpu_hours": [math.floor(hour) for hour in hours],
        "published_diff_pct": [round(100 * (math.floor(h) / p - 1), 2) for h, p in zip(hours, paper, strict=True)],
        "out_gpu_hours_ideal": [run["gpu_hours"] for run in ideal],
        "out_gpu_hours_h100": [run["gpu_hours"] for run in h100],
        "out_h100_reduction_pct": [
            100 * (1 - b["gpu_hours"] / a["gpu_hours"]) for a, b in zip(plain, h100, strict=True)
        ],
        "paper_tokens": [run["total_num_tokens"] for run in plain],
        "out_tokens_per_s_per_gpu": rates[q("tokens_per_second_per_gpu")],
        "out_paper_tokens_per_s_per_gpu": rates[q("reported_tokens_per_second_per_gpu")],
        "out_num_iters": [run[q("num_steps")] for run in plain],
        "phys_flops_only_6nd_gpu_hours": [run[q("gpu_hours_model_flops")] for run in plain],
        "phys_3fwd_gpu_hours": [run[q("gpu_hours_three_forwards")] for run in plain],
    }
    return harness.check(path, rows, columns)


def latencies(path: Path, harness: Any, phase: Callable[[Mapping[str, str]], str]) -> int:
    """A table of milliseconds, exact and as printed."""
    rows = harness.rows(path)
    values = run_values(harness, [row["config"] for row in rows])
    exact = [1000 * values[row["config"]][f"{phase(row)}_latency"] for row in rows]
    printed = [round(value, 2) for value in exact]
    columns = {
        "out_ms_exact": exact,
        "published_ms": printed,
        "tp_size": [values[r["config"]]["tp_size"] for r in rows],
    }
    return harness.check(path, rows, columns)


def latency_table(path: Path, harness: Any) -> int:
    return latencies(path, harness, lambda row: row["column"].rpartition("_")[2])


def quantization_table(path: Path, harness: Any) -> int:
    return latencies(path, harness, lambda row: row["phase"])


def paper_table_2(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    fields = [harness.bench.catalogs.get("model", RECORD_OF[row["model"]]) for row in rows]
    runs = [run_inputs(harness, f"outputs_train|{row['model']}") for row in rows]
    columns = {
        "dim": [record.fields["hidden_size"].value for record in fields],
        "heads": [record.fields["num_attention_heads"].value for record in fields],
        "layers": [record.fields["num_layers"].value for record in fields],
        "params_b": [record.facts["published_parameters"] / 1e9 for record in fields],
        "tokens": [run["tokens"] for run in runs],
        "batch_tokens": [float(run["global_batch_size"]) for run in runs],
    }
    return harness.check(path, rows, columns)


def text_rules(path: Path, harness: Any) -> int:
    rows = harness.rows(path)
    configs = [f"{folder}|{model}" for folder in TRAINED for model in MODELS]
    runs = run_values(harness, configs)
    found = [text_rule(harness, runs, *row["case_id"].split("|")) for row in rows]
    return harness.check(path, rows, {"out": found})


def text_rule(harness: Any, runs: Mapping[str, Any], rule: str, what: str = "", part: str = "") -> float:
    """The value of one statement of the text."""
    if rule == "gemm_tflops":
        return float(harness.scalar(q("gemm_rate"), {q("dtype"): what})[q("gemm_rate")]) / 1e12
    if rule == "hbm_text":
        return float(harness.scalar(q("hbm_bandwidth"), {})[q("hbm_bandwidth")]) / 1e9
    if rule == "paper_tput_65b":
        name = q("reported_tokens_per_second_per_gpu")
        return harness.scalar(name, {"tokens": 1.4e12, q("reported_gpu_hours"): 1022362})[name]
    if rule == "w16_65b_needs_2gpus":
        name = q("inference_weight_memory")
        return harness.scalar(name, {"model": "llama-1-65b", q("tp"): 1})[name] / 1e9
    plain, ideal, h100 = (runs[f"{folder}|{SIZES[what]}"] for folder in TRAINED)

    def share(run: Mapping[str, float], part: str) -> float:
        return 100 * run[f"latency_fwd_{part}"] / run["latency_fwd"]

    return {
        "ideal_half": lambda: ideal["gpu_hours"] / plain["gpu_hours"],
        "h100_reduction": lambda: 1 - h100["gpu_hours"] / plain["gpu_hours"],
        "ideal_share_delta": lambda: share(ideal, part) - share(plain, part),
        "h100_tp_share_delta": lambda: share(h100, "tp_comm") - share(plain, "tp_comm"),
        "breakdown_vs_total": lambda: 3 * plain["latency_fwd"] / plain["latency_per_micro_batch"],
    }[rule]()


def printed_shares(path: Path, harness: Any) -> int:
    """The printed lines: shares of the pies, what they sum to, and GPU-hours of three kinds of runs."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    values = run_values(
        harness, [f"{folder}|{model}" for folder in (*TRAINED, "outputs_infer_ideal") for model in MODELS]
    )
    for line in lines:
        printed_line(values, line)
    return len(lines)


def printed_line(values: Mapping[str, Mapping[str, float]], line: str) -> None:
    head, _, rest = line.partition("[")
    inside, _, tail = rest.partition("]")
    words, numbers = head.split(), [float(item.strip(" '")) for item in inside.split(",")]
    if len(words) == 2:
        prefix = "decode_" if words[0].startswith("outputs_infer") else ""
        run = values[f"{words[0]}|{SIZES[words[1]]}"]
        parts = [run[f"{prefix}latency_fwd_{part}"] for part in PARTS]
        whole = run[f"{prefix}latency" if prefix else "latency_fwd"]
        kv = run.get("kv_cache_latency", 0.0)
        shown = [round(100 * part / math.fsum(parts), 2) for part in parts]
        after = [float(text) for text in (tail.split()[1], tail.split()[3])]
        expected = [math.fsum(parts) / whole, 100 * kv / whole]
    else:
        runs = [values[f"{folder}|{SIZES[words[0]]}"] for folder in TRAINED]
        after = [float(text) for text in tail.split()]
        plain, ideal, h100 = (run["gpu_hours"] for run in runs)
        if len(numbers) == len(MEMORY):
            parts = [runs[0][f"{part}_memory_per_gpu"] for part in MEMORY]
            shown, expected = [round(100 * part / math.fsum(parts), 2) for part in parts], [math.fsum(parts) / 1e9]
        else:
            steps, batch = runs[0][q("num_steps")], runs[0]["batch_size_per_gpu"]
            exact = runs[0]["total_num_tokens"] / (4000000 * 2048)
            ratio = 3 * runs[0]["latency_fwd"] / runs[0]["latency_per_micro_batch"]
            shown, expected = [plain, ideal, h100], [ideal / plain, 1 - h100 / plain, ratio, steps, exact, batch]
    pairs = zip([*numbers, *after], [*shown, *expected], strict=True)
    assert all(math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) for a, b in pairs), f"{line}: found {shown}, {expected}"


FILES: dict[str, Callable[[Path, Any], int]] = {
    "d002_breakdown.json": breakdown,
    "d002_llama_paper_table2.csv": paper_table_2,
    "d002_outputs_tidy.csv": tidy,
    "d002_pie_shares.csv": pies,
    "d002_shares_stdout.txt": printed_shares,
    "d002_table_gpu_hours.csv": gpu_hours,
    "d002_table_latency.csv": latency_table,
    "d002_table_quantization.csv": quantization_table,
    "d002_text_rules.csv": text_rules,
}
