"""Document 004, both parts: the rules of the text, the plotted series, and everything that is printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rooflax.reports.documents import d004_serving, d004_training, serving_text, training_printed

# What the files hold or could hold that is not compared, and why.
NOT_COMPARED = {
    "kind, note": "they describe a row",
    "rule_input": "the rule in words",
    "titles and labels of figures 1 and 2": "those figures name published and corrected curves beside each other",
    "cell 0 of d004_stdout.txt": "it prints the version of NumPy, which is no formula",
}

CELLS = 15
BATCHES = (128, 256, 512, 1024)

Row = Mapping[str, str]


def compare_rules(path: Path, harness: Any) -> int:
    """The rules of the text: each by the quantity that stands for it."""
    rows = {row["case_id"]: row for row in harness.rows(path)}
    unknown = [case for case in rows if not case.startswith("mfu_") and case not in RULES]
    assert not unknown, f"{path.name}: no comparison for {', '.join(unknown)}"
    for case, row in rows.items():
        found = mfu_band(harness, row) if case.startswith("mfu_") else RULES[case](harness)
        expected = harness.number(row["expected"].partition(" (boundary")[0])
        assert harness.close(found, expected), f"{path.name}, case {case}: expected {expected!r}, found {found!r}"
    return len(rows)


def mfu_band(harness: Any, row: Row) -> str:
    """What the document calls a utilisation; a bound belongs to the band above it."""
    return harness.scalar("rules.mfu_band", {"rules.mfu": float(row["rule_input"])})["rules.mfu_band"]


def rule(quantity: str, scale: float = 1.0, **given: Any) -> Callable[[Any], float]:
    """A rule of the text as a quantity at a point."""

    def found(harness: Any) -> float:
        values = {f"rules.{name}": value for name, value in given.items()}
        return harness.scalar(f"rules.{quantity}", values)[f"rules.{quantity}"] * scale

    return found


def _shard(harness: Any) -> str:
    columns = rule("tp_shard_columns", matrix_columns=4096, tp_size=4)(harness)
    return f"4096x{columns:.0f}"


def _production(harness: Any) -> int:
    given = {"rules.params_b": 175, "rules.num_gpus": 1024}
    degrees = harness.scalar([f"rules.recommend_{part}" for part in ("tp", "pp", "dp", "total_gpus")], given)
    assert list(degrees.values())[:3] == [8, 4, 32]
    return int(degrees["rules.recommend_total_gpus"])


def _claim(harness: Any) -> str:
    """The speedups of the code, cut to the digits of the text, against which the document claims 1.5-2x."""
    size = len(BATCHES)
    case = {"params_b": 70, "prompt_len": 100, "gen_len": 50, "num_ppo_epochs": 4, "total_gpus": 256}
    given = {f"rules.{name}": [value] * size for name, value in case.items()} | {
        "rules.batch_size": list(BATCHES),
        "rules.rl_mode": ["async"] * size,
    }
    speedups = harness.arrays("rules.rl_speedup", given)["rules.rl_speedup"]
    cut = np.floor(speedups[BATCHES.index(512)] * 1e4) / 1e4
    return f"code gives {cut:.4f} at bs=512; avg {speedups.mean():.2f}"


def _links(harness: Any) -> dict[str, tuple[float, float]]:
    """What the document states of each interconnect, and the bandwidth of one direction, in GB/s."""
    names = ["rules.stated_gb_s", "rules.stated_gb_s_corrected"]
    return {
        link: tuple(harness.scalar(names, {"rules.interconnect": link}).values())
        for link in ("NVLink", "InfiniBand", "Ethernet")
    }


def _nvlink(harness: Any) -> str:
    _, right = _links(harness)["NVLink"]
    return f"A100 NVLink3 bidirectional; H100 NVLink4 is {2 * right:g} bidirectional/{right:g} per direction"


def _gpt_4(harness: Any) -> float:
    """The text's active parameters; the code adds the shared ones."""
    experts = {"shared_params_b": 100, "num_experts": 8, "expert_params_b": 220, "top_k": 1}
    assert rule("moe_active_params_b", **experts)(harness) == 320
    return rule("moe_active_params_b", **experts | {"shared_params_b": 0})(harness)


RULES: Mapping[str, Callable[[Any], Any]] = {
    "gpt3_ratio": rule("tokens_per_param", params_b=175, tokens_b=300),
    "chinchilla_ratio": rule("tokens_per_param", params_b=70, tokens_b=1400),
    "tp_shard": _shard,
    "prod_3d": _production,
    "gpt4_text_active": _gpt_4,
    "kv_per_token_70b": rule("kv_cache_per_token", num_layers=80, d_model=8192),
    "kv_per_token_70b_gqa": lambda harness: harness.scalar(
        "rules.kv_cache_per_token_corrected", {"rules.num_layers": 80, "num_key_value_heads": 8, "head_dim": 128}
    )["rules.kv_cache_per_token_corrected"],
    "decode_70b_h100_ms": rule("decode_per_token_ms", params_b=70, prompt_len=100, gen_len=50, batch_size=1),
    "prefill_70b_h100_100tok_ms": rule("prefill_ms", params_b=70, prompt_len=100, gen_len=50, batch_size=1),
    "ckpt_compute_overhead": lambda _: serving_text.RECOMPUTE_OVERHEAD,
    "rl_claim": _claim,
    "nvlink_gbs": _nvlink,
    "ib_gbs": lambda harness: f"Gb/s: {_links(harness)['InfiniBand'][1]:g} GB/s",
    "eth_gbs": lambda harness: "{:g}GbE: {:g} GB/s".format(*_links(harness)["Ethernet"]),
}


def compare_figures(path: Path, harness: Any) -> int:
    """The curves, points and bars of all six panels, and the words of the third figure."""
    chinchilla, training, learning = json.loads(path.read_text(encoding="utf-8"))
    compared = figure_1(harness, *chinchilla) + figure_2(harness, *training) + figure_3(harness, *learning)
    wrong = [f"{what}: expected {expected!r}, found {found!r}" for what, expected, found in compared
             if not harness.close(found, expected)]  # fmt: skip
    assert not wrong, f"{path.name}: {len(wrong)} mismatches\n  " + "\n  ".join(wrong[:5])
    return len(compared)


Compared = list[tuple[str, Any, Any]]


def curve(harness: Any, what: str, expected: Sequence[float], quantity: str, given: Mapping[str, Any]) -> Compared:
    """One plotted series beside a quantity along its x."""
    size = len(expected)
    inputs = {name: value if isinstance(value, list) else [value] * size for name, value in given.items()}
    found = harness.arrays(f"rules.{quantity}", {f"rules.{name}": column for name, column in inputs.items()})
    values = found[f"rules.{quantity}"]
    return [(f"{what}[{n}]", *pair) for n, pair in enumerate(zip(expected, map(float, values), strict=True))]


def figure_1(harness: Any, tokens: Any, compute: Any) -> Compared:
    """Chinchilla: tokens with the line of equal tokens and five models, and the compute."""
    optimal, equal = tokens["lines"]
    found = curve(harness, "optimal", optimal["y"], "optimal_tokens_b", {"params_b": optimal["x"]})
    found += curve(harness, "1x", equal["y"], "equal_tokens_b", {"params_b": equal["x"]})
    sizes, marked = (list(column) for column in zip(*tokens["scatter"], strict=True))
    found += curve(harness, "model", marked, "optimal_tokens_b", {"params_b": sizes})
    found.append(("annotations", ", ".join(tokens["annotations"]), ", ".join(training_printed.NAMED)))
    (budget,) = compute["lines"]
    found += curve(harness, "budget", budget["y"], "optimal_compute_budget", {"params_b": budget["x"]})
    return found


def figure_2(harness: Any, gpus: Any, utilisation: Any) -> Compared:
    """Training days over GPUs for two of them, and over utilisation."""
    run = {"params_b": 70, "tokens_b": 2000}
    found = []
    for line, tflops in zip(gpus["lines"], (312, 990), strict=True):
        days = {**run, "num_gpus": [int(n) for n in line["x"]], "gpu_tflops": tflops, "mfu": 0.5}
        found += curve(harness, line["label"], line["y"], "training_days", days)
    (line,) = utilisation["lines"]
    mfu = {**run, "num_gpus": 1024, "gpu_tflops": 990, "mfu": [value / 100 for value in line["x"]]}
    return found + curve(harness, "mfu", line["y"], "training_days", mfu)


def figure_3(harness: Any, throughput: Any, speedup: Any) -> Compared:
    """Throughput of both modes and their ratio over the batch, with the words of the panels."""
    batches = [int(text) for text in throughput["xticklabels"]]
    case = {"params_b": 70, "prompt_len": 100, "gen_len": 50, "num_ppo_epochs": 4, "total_gpus": 256}
    found: Compared = []
    for bar, mode in zip(throughput["bars"], ("sync", "async"), strict=True):
        given = {**case, "batch_size": batches, "rl_mode": mode}
        found += curve(harness, bar["label"], bar["height"], "rl_samples_per_second", given)
    line, baseline = speedup["lines"]
    given = {**case, "batch_size": [int(x) for x in line["x"]], "rl_mode": "async"}
    found += curve(harness, "speedup", line["y"], "rl_speedup", given)
    given = {**case, "batch_size": batches[:2], "rl_mode": "sync"}
    found += curve(harness, baseline["label"], baseline["y"], "rl_speedup", given)
    for panel, drawn in zip((throughput, speedup), d004_serving.PANELS, strict=True):
        found += [(f"{key}", panel[key], drawn[key]) for key in ("title", "xlabel", "ylabel", "xscale", "yscale")]
    return found


def compare_output(path: Path, harness: Any) -> int:
    """Everything the document prints, byte for byte; how many lines that is."""
    from rooflax.reproduce import dataset

    specs = dict.fromkeys((*d004_training.SPECS, *d004_serving.SPECS))
    data = {name: dataset(harness.bench, name) for name in specs}
    cells = dict(d004_training.printed(data)) | dict(d004_serving.printed(data))
    named = [f"cell {number}" for number in range(1, CELLS + 1)]
    assert set(cells) <= set(named)
    expected = path.read_text(encoding="utf-8")
    first = expected.index("--- cell 1 ---")
    found = "\n".join(f"--- {cell} ---\n{cells.get(cell, '')}" for cell in named)
    wanted, given = expected[first:].splitlines(), found.splitlines()
    for number, pair in enumerate(zip(wanted, given, strict=False), start=1):
        assert pair[0] == pair[1], f"{path.name}, line {number}: expected {pair[0]!r}, found {pair[1]!r}"
    assert found == expected[first:], f"{path.name}: {len(given)} lines for {len(wanted)}"
    return len(wanted)


FILES = {
    "d004_text_rules.csv": compare_rules,
    "d004_figs.json": compare_figures,
    "d004_stdout.txt": compare_output,
}
