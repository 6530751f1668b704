"""The checklist of document 004 on training: what came of each item, and the erratum that goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .contract import Item, errata_of

if TYPE_CHECKING:
    import xarray as xr

DAY = 86400.0


def training_items(data: Mapping[str, xr.Dataset]) -> Iterator[Item]:
    """Items S4.1 to S4.17."""
    yield from _scaling(data["documents/004-scaling-models"], data["documents/004-mixtures"])
    yield from _time(data["documents/004-training-time"])
    yield from _flops(data["documents/004-transformer-flops"], data["documents/004-rule-6n"])
    yield from _memory(data["documents/004-memory"], data["documents/004-activations"])
    yield from _communication(
        data["documents/004-collectives"], data["documents/004-tensor-parallel"], data["documents/004-zero"]
    )


def errata(data: xr.Dataset, *names: str) -> str:
    """The known errors of quantities as one text, each once."""
    found = [known for name in names for known in errata_of(name, data[name].attrs)]
    return " ".join(dict.fromkeys(f"{known.number}: {known.wrong}. Right: {known.right}." for known in found))


def _at(data: xr.Dataset, name: str, **places: int) -> float:
    return float(data[name].isel(places))


def _scaling(models: xr.Dataset, mixtures: xr.Dataset) -> Iterator[Item]:
    tokens = [_at(models, "rules.optimal_tokens_b", named=place) for place in range(5)]
    budget = [_at(models, "rules.optimal_compute_budget", named=place) for place in range(5)]
    ratio = models["rules.tokens_per_param"]
    gpt_3 = float(ratio.isel(named=0).sel({"rules.tokens_b": 300}))
    llama = float(ratio.isel(named=4).sel({"rules.tokens_b": 2000}))
    yield Item("S4.1", "Compute-optimal tokens", f"20 tokens a parameter: {tokens[0]:,.0f}B tokens for GPT-3.")
    yield Item("S4.2", "Compute budget", f"6ND: {budget[0]:,.0f} ZFLOP for GPT-3, {budget[1]:,.0f} for Chinchilla.")
    yield Item(
        "S4.3",
        "Table of five models, and the tokens two of them were trained on",
        f"All numbers as printed; GPT-3 {gpt_3:.1f}, LLaMA-2-70B {llama:.1f} tokens a parameter.",
        see=("chinchilla-models", "chinchilla-ratios"),
    )
    yield Item(
        "S4.4",
        "Figure 1: tokens and compute against parameters",
        "50 points from 1B to 1000B, the line of one token a parameter, five models named.",
        see=("chinchilla-scaling", "chinchilla-curve"),
    )
    share = [_at(mixtures, "rules.moe_compute_efficiency", mixture=place) for place in range(3)]
    yield Item(
        "S4.5",
        "Mixtures of experts: total, active, share, optimal tokens",
        "Active shares " + ", ".join(f"{value:.1%}" for value in share) + ", as printed.",
        errata(mixtures, "rules.moe_total_params_b", "rules.moe_compute_efficiency"),
        ("mixtures", "mixtures-counted"),
    )


def _time(data: xr.Dataset) -> Iterator[Item]:
    a100, h100 = (data.isel(card=card, utilisation=2, gpus=3) for card in (0, 1))
    days = [float(one["rules.training_days"]) for one in (a100, h100)]
    right = [float(one["dp_training_time_6nd"]) / DAY for one in (a100, h100)]
    yield Item(
        "S4.6",
        "Training time and GPU-hours of LLaMA-2-70B",
        f"1024 GPUs: {days[0]:.1f} days on A100, {days[1]:.1f} on H100; with data parallel communication "
        f"{right[0]:.1f} and {right[1]:.1f}.",
        errata(data, "rules.training_seconds", "rules.training_days"),
        ("training-time",),
    )
    yield Item(
        "S4.7",
        "Figure 2: days against GPUs and against utilisation",
        "Both panels, with the main model beside them: communication bends the straight line.",
        see=("training-days", "training-time"),
    )
    yield Item(
        "S4.8",
        "Utilisation bands and GPU specifications",
        "40 % good, 50 % great, 60 % excellent, each from its lower bound; 312, 990, 990 TFLOP/s and 80, 80, 141 GB.",
        errata(data, "rules.mfu_band", "rules.stated_tflops"),
        ("utilisation", "gpus"),
    )


def _flops(tokens: xr.Dataset, rule: xr.Dataset) -> Iterator[Item]:
    step, flagged = (_at(tokens, "rules.step_total", **{"rules.include_attention_compute": place}) for place in (0, 1))
    right = _at(tokens, "rules.step_total_corrected", causal_attention_counted=0)
    yield Item(
        "S4.9",
        "FLOPs of a transformer, layer by layer",
        f"GPT-3: {step:,.0f} a token and step; with the flag {flagged:.3g}, put right {right:.4g}.",
        errata(tokens, "rules.fwd_per_layer", "rules.step_total_text"),
        ("token-flops",),
    )
    ratios = [_at(rule, "rules.rule_6n_ratio", named=place) for place in range(3)]
    yield Item(
        "S4.10",
        "Check of the 6N rule",
        "Ratios " + ", ".join(f"{value:.2f}" for value in ratios) + ", text as printed.",
        see=("rule-6n",),
    )


def _memory(layouts: xr.Dataset, lengths: xr.Dataset) -> Iterator[Item]:
    total = [_at(layouts, "rules.memory_gb", layout=place) for place in range(6)]
    main = [_at(layouts, "memory_per_gpu", layout=place) / 1e9 for place in range(6)]
    yield Item(
        "S4.11",
        "Memory of one GPU in six layouts",
        f"As published {', '.join(f'{value:.1f}' for value in total)} GB, none below 80; the main model "
        f"{', '.join(f'{value:.0f}' for value in main)} GB, the last three fit.",
        errata(layouts, "rules.optimizer_gb", "rules.activation_gb", "rules.memory_gb"),
        ("memory", "memory-parts", "memory-by-layout"),
    )
    flops = lengths["executed_flops_per_token"].isel(lengths=3)
    extra = float(flops.isel(recompute=2) / flops.isel(recompute=0)) - 1
    segment = float(lengths["rules.checkpointed_layers"])
    yield Item(
        "S4.12",
        "Activation formula of the text; what checkpointing saves and costs",
        "34 b s h L is what selective recomputation leaves. Full recomputation adds "
        f"{extra:.0%} FLOPs (the text: 33 to 100 %); 7 checkpoints of 80 layers leave segments of {segment:.0f}.",
        errata(lengths, "rules.activation_bytes_text", "rules.checkpointed_layers"),
        ("activations", "activations-by-length"),
    )


def _communication(collectives: xr.Dataset, tensor: xr.Dataset, zero: xr.Dataset) -> Iterator[Item]:
    yield Item(
        "S4.13",
        "Bytes moved in five collective operations",
        "2 S, (n-1)/n S, (n-1)/n S, S and S as published, for 1 to 512 ranks.",
        errata(collectives, "rules.collective_gb"),
        ("collectives",),
    )
    message = _at(collectives, "rules.communication_ms", **{"rules.algorithm": 0})
    yield Item(
        "S4.14",
        "Time of a message",
        f"Latency plus size over bandwidth: 1 GB at 400 GB/s in {message} ms.",
        errata(collectives, "rules.communication_ms"),
        ("message-times",),
    )
    yield Item(
        "S4.15",
        "Interconnects",
        "600, 400 and 100 GB/s with 1, 2 and 10 us as published; 450, 50 and 12.5 GB/s in one direction.",
        errata(tensor, "rules.stated_gb_s"),
        ("networks",),
    )
    layer = [_at(tensor, "rules.tp_layer_ms", link=link, shards=3) for link in (0, 1)]
    right = [_at(tensor, "rules.tp_layer_ms_corrected", link=link, shards=3) for link in (3, 4)]
    yield Item(
        "S4.16",
        "Tensor parallel communication of a layer",
        f"{layer[0]:.2f} ms on NVLink and {layer[1]:.2f} on InfiniBand as published; put right {right[0]:.2f} and "
        f"{right[1]:.2f}, {right[1] / right[0]:.0f} times apart instead of {layer[1] / layer[0]:.1f}.",
        errata(tensor, "rules.tp_all_reduce_ms", "rules.tp_layer_gb"),
        ("tensor-parallel", "tensor-parallel-time"),
    )
    stated = zero.sel({"rules.bandwidth_gb_s": 400})
    totals = [_at(stated, "rules.zero_comm_ms", stage=stage) for stage in (1, 2, 3)]
    yield Item(
        "S4.17",
        "Data parallel communication by ZeRO stage",
        f"{', '.join(f'{value:.2f}' for value in totals)} ms for stages 1 to 3 as published; put right the volumes are "
        "2 : 2 : 3.",
        errata(zero, "rules.zero_comm_ms", "rules.zero_message_gb"),
        ("zero-traffic", "zero-volumes"),
    )
