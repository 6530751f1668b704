"""The tables of document 004 on scaling rules, training time and FLOPs, published beside corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from .contract import Cell, Table
from .training_printed import CARDS, MIXTURES, NAMED

if TYPE_CHECKING:
    import xarray as xr

BANDS = ("below good", "good", "great", "excellent")
GPUS = ("A100", "H100", "H200")
DAY = 86400.0


def training_tables(data: Mapping[str, xr.Dataset]) -> Iterator[Table]:
    """Tables of scaling, mixtures, training time and FLOPs, in the order of the document."""
    yield _named_models(data["documents/004-scaling-models"])
    yield _trained_tokens(data["documents/004-scaling-models"])
    yield _curve(data["documents/004-scaling"])
    yield _mixtures(data["documents/004-mixtures"])
    yield _counted_mixtures(data["documents/004-mixtures"])
    yield _training_time(data["documents/004-training-time"])
    yield _utilisation(data["documents/004-training-time"])
    yield _gpus(data["documents/004-training-time"])
    yield _token_flops(data["documents/004-transformer-flops"])
    yield _rule_6n(data["documents/004-rule-6n"])


def values(data: xr.Dataset, name: str, scale: float = 1.0) -> list[float]:
    """A variable along its one dimension."""
    return [float(value) * scale for value in data[name].values.ravel()]


def rows_of(*columns: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """The rows of a table given by its columns."""
    return list(zip(*columns, strict=True))


def _named_models(data: xr.Dataset) -> Table:
    return Table(
        "chinchilla-models",
        "Compute-optimal tokens of five models",
        (
            "Model",
            "Parameters [1e9], as published",
            "Tokens [1e9], as published",
            "Compute [ZFLOP], as published",
            "Parameters [1e9], put right",
            "Tokens [1e9], put right",
            "Compute [ZFLOP], put right",
        ),
        rows_of(
            NAMED,
            values(data, "rules.params_b"),
            values(data, "rules.optimal_tokens_b"),
            values(data, "rules.optimal_compute_budget"),
            values(data, "num_active_parameters", 1e-9),
            values(data, "tokens", 1e-9),
            values(data, "training_flops_6nd", 1e-21),
        ),
        "The rule is the same on both sides. Put right, the parameters are counted from the record instead of read off "
        "the name; Chinchilla's 70B include matrices of relative positions that no field of a record describes.",
    )


def _trained_tokens(data: xr.Dataset) -> Table:
    ratio = data["rules.tokens_per_param"]
    cases = (("GPT-3", 0, 300), ("Chinchilla", 1, 1400), ("LLaMA-2-70B", 4, 2000))
    rows = [
        (name, tokens, float(ratio.isel(named=place).sel({"rules.tokens_b": tokens}))) for name, place, tokens in cases
    ]
    columns = ("Model", "Trained tokens [1e9]", "Tokens per parameter, as published")
    return Table("chinchilla-ratios", "Tokens per parameter that models were trained on", columns, rows)


def _curve(data: xr.Dataset) -> Table:
    return Table(
        "chinchilla-curve",
        "Figure 1 in numbers",
        ("Parameters [1e9]", "Tokens at 20 to 1 [1e9]", "Tokens at 1 to 1 [1e9]", "Compute [ZFLOP]"),
        rows_of(
            values(data, "rules.params_b"),
            values(data, "rules.optimal_tokens_b"),
            values(data, "rules.equal_tokens_b"),
            values(data, "rules.optimal_compute_budget"),
        ),
    )


def _mixtures(data: xr.Dataset) -> Table:
    return Table(
        "mixtures",
        "Mixtures of experts, as published",
        ("Model", "Parameters [1e9]", "Active parameters [1e9]", "Active share", "Optimal tokens [1e9]"),
        rows_of(
            MIXTURES,
            values(data, "rules.moe_total_params_b"),
            values(data, "rules.moe_active_params_b"),
            values(data, "rules.moe_compute_efficiency"),
            values(data, "rules.moe_optimal_tokens_b"),
        ),
        "The document's text gives GPT-4 1.7T parameters with 220B active, its code 1860B and 320B.",
    )


def _counted_mixtures(data: xr.Dataset) -> Table:
    total, active = values(data, "num_parameters"), values(data, "num_active_parameters")
    return Table(
        "mixtures-counted",
        "Mixtures of experts, counted from their records",
        ("Model", "Parameters [1e9]", "Active parameters [1e9]", "Active share", "Optimal tokens [1e9]"),
        rows_of(
            [str(name) for name in data["model"].values],
            [count / 1e9 for count in total],
            [count / 1e9 for count in active],
            [part / whole for part, whole in zip(active, total, strict=True)],
            values(data, "tokens", 1e-9),
        ),
        "The main models: the experts are the feed-forward layers alone, so Mixtral 8x7B has 46.7B, not 61B.",
    )


def _training_time(data: xr.Dataset) -> Table:
    half = data.isel(utilisation=2)
    rows: list[tuple[Cell, ...]] = []
    for card, name in enumerate(CARDS):
        for place in range(data.sizes["gpus"]):
            one = half.isel(card=card, gpus=place)
            rows.append(
                (
                    name,
                    int(one["rules.num_gpus"]),
                    float(one["rules.training_days"]),
                    float(one["rules.gpu_hours"]),
                    float(one["rules.effective_tflops"]),
                    float(one["rules.gpu_days"]),
                    float(one["training_time_6nd"]) / DAY,
                    float(one["dp_training_time_6nd"]) / DAY,
                    float(one["dp_mfu_6nd"]),
                )
            )
    columns = (
        "GPU",
        "GPUs",
        "Days, as published",
        "GPU-hours, as published",
        "Rate [TFLOP/s], as published",
        "GPU-days",
        "Days, 6ND put right",
        "Days, with data parallel communication",
        "Utilisation left",
    )
    note = (
        "70B parameters, 2T tokens, 50 % utilisation. Put right: the record's parameters and the data sheet's peak. "
        "The last two columns add the gradient all-reduce of plain data parallelism, half of it hidden, at 4M tokens a "
        "batch."
    )
    return Table("training-time", "Training time of LLaMA-2-70B", columns, rows, note)


def _utilisation(data: xr.Dataset) -> Table:
    one = data.isel(card=1, gpus=3)
    return Table(
        "utilisation",
        "Training time over utilisation, 1024 H100",
        ("Utilisation", "The document calls it", "Days, as published", "Days, 6ND put right"),
        rows_of(
            values(data, "rules.mfu"),
            [BANDS[int(code)] for code in data["rules.mfu_band"].values],
            values(one, "rules.training_days"),
            values(one, "training_time_6nd", 1 / DAY),
        ),
        "A band begins at its lower bound: 50 % is great, 60 % is excellent.",
    )


def _gpus(data: xr.Dataset) -> Table:
    peaks: dict[str, float] = dict(zip(CARDS, values(data, "peak_flops", 1e-12), strict=True))
    return Table(
        "gpus",
        "GPUs of the document",
        ("GPU", "Peak [TFLOP/s], as published", "Memory [GB], as published", "Peak [TFLOP/s], data sheet"),
        rows_of(
            GPUS,
            values(data, "rules.stated_tflops"),
            values(data, "rules.stated_gb"),
            [peaks.get(name, peaks["H100"]) for name in GPUS],
        ),
        "Dense bf16. H200 has the compute of H100.",
    )


def _token_flops(data: xr.Dataset) -> Table:
    plain, flagged = (data.isel({"rules.include_attention_compute": place}) for place in (0, 1))
    full, causal = (data.isel(causal_attention_counted=place) for place in (0, 1))
    rows: list[tuple[Cell, ...]] = [
        (label, float(plain[f"rules.{name}"]), float(flagged[f"rules.{name}"]), right_full, right_causal)
        for label, name, right_full, right_causal in (
            (
                "Forward, one layer",
                "fwd_per_layer",
                float(full["rules.fwd_per_layer_corrected"]),
                float(causal["rules.fwd_per_layer_corrected"]),
            ),
            ("Forward", "fwd_total", *(float(one["rules.step_total_corrected"]) / 3 for one in (full, causal))),
            ("Backward", "bwd_total", *(float(one["rules.step_total_corrected"]) * 2 / 3 for one in (full, causal))),
            ("Step", "step_total", *(float(one["rules.step_total_corrected"]) for one in (full, causal))),
        )
    ]
    rows += [
        ("Step, 72 d² L", float(data["rules.step_total_text"]), None, None, None),
        ("Step, main model", None, None, *(float(one["model_flops_per_token"]) for one in (full, causal))),
    ]
    columns = (
        "FLOPs per token of GPT-3",
        "As published",
        "As published, attention included",
        "Put right, full square",
        "Put right, causal half",
    )
    return Table("token-flops", "FLOPs of one token of GPT-3 at 2048 tokens of context", columns, rows)


def _rule_6n(data: xr.Dataset) -> Table:
    simple = values(data, "rules.simple_flops")
    main = values(data, "model_flops_per_token")
    exact = [6 * count for count in values(data, "num_parameters")]
    return Table(
        "rule-6n",
        "The 6N rule against FLOPs counted in detail",
        (
            "Model",
            "Detailed [FLOP], as published",
            "6N [FLOP], as published",
            "Ratio, as published",
            "Main model at 2048 tokens [FLOP]",
            "Ratio to 6N of the record",
        ),
        rows_of(
            ("LLaMA-7B", "LLaMA-70B", "GPT-3"),
            values(data, "rules.verified_flops"),
            simple,
            values(data, "rules.rule_6n_ratio"),
            main,
            [counted / rule for counted, rule in zip(main, exact, strict=True)],
        ),
        "The document counts four square projections and an ungated feed-forward of four times the width for all; "
        "the records have grouped keys and gated feed-forward layers, and the main model counts attention.",
    )
