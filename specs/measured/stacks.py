"""The software stack of a measured row, and the habits of a stack where a row does not state its own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..catalog import Catalogs
from ..records import CatalogError
from .cells import Part, Row, text


@dataclass(frozen=True, slots=True)
class Habits:
    """What runs of a stack do unless they say otherwise.

    `recompute` is its default activation recomputation, `zero_stage` its default sharding, `sequence_parallel` whether
    it splits what tensor parallelism does not. `flash` tells fused attention kernels, `dropout` training with dropout,
    `precision` what it trains in. `splits_batch` is set where a pipeline cuts a local batch into as many micro-batches
    as it has stages, `narrow_gradients` where gradients are kept and reduced in 16 bits (grad_reduce_in_fp32 = False).
    """

    recompute: str = "none"
    zero_stage: str = "1"
    sequence_parallel: bool = True
    flash: bool = True
    dropout: bool = False
    precision: str = "bf16-mixed"
    splits_batch: bool = False
    narrow_gradients: bool = False


_CLASSIC = Habits(zero_stage="0", sequence_parallel=False, flash=False, dropout=True, precision="fp16-mixed")
HABITS = {
    "megatron-lm": _CLASSIC,
    "deepspeed-zero": _CLASSIC,
    "megatron-core": Habits(),
    "nemo": Habits(narrow_gradients=True),
    "composer-fsdp": Habits(zero_stage="3"),
    "torchtitan": Habits(zero_stage="3", splits_batch=True),
    "maxtext-gpu": Habits(recompute="full", zero_stage="3"),
    "maxtext-tpu": Habits(recompute="full", zero_stage="3"),
}
"""Megatron-LM up to 2023 and Megatron-DeepSpeed train GPT in fp16 with dropout, without sequence parallelism, a
distributed optimizer or fused attention, unless an option asks for them (megatron/arguments.py; `--use-flash-attn` is
one). MaxText recomputes everything unless a `remat_policy` is chosen."""

_PATTERNS = (
    (r"deepspeed-(inference|mii)|sgl(ang)?-jax", ""),
    (r"llm-?foundry|composer", "composer-fsdp"),
    (r"torch ?titan", "torchtitan"),
    (r"megatron[- ]deepspeed", "megatron-lm"),
    (r"megascale", "megatron-core"),
    (r"megatron[- ]lm.*20(19|2[0-3])", "megatron-lm"),
    (r"nemo|megatron[- ]bridge", "nemo"),
    (r"megatron|mcore", "megatron-core"),
    (r"deepspeed", "deepspeed-zero"),
    (r"faster ?transformer", "fastertransformer"),
    (r"gpt-?fast", "gpt-fast"),
    (r"(tensorrt|trt)-?llm v?0\.[0-6]\b", "tensorrt-llm-0.5"),
    (r"tensorrt|trt-?llm", "tensorrt-llm"),
    (r"vllm.*rocm", "vllm-rocm-2024"),
    (r"vllm", "vllm"),
    (r"sglang", "sglang"),
)


def stack_of(row: Row, catalogs: Catalogs) -> str:
    """The name of the software stack that a row's `framework` stands for; empty where none is known."""
    told = text(row, "framework")
    if not told:
        return ""
    if "maxtext" in told.lower():
        return "maxtext-tpu" if "tpu" in text(row, "gpu").lower() else "maxtext-gpu"
    for pattern, stack in _PATTERNS:
        if re.search(pattern, told.lower()):
            return stack
    try:
        return catalogs.get("software_stack", told).name
    except CatalogError:
        return ""


def software(row: Row, catalogs: Catalogs) -> Part:
    """The software stack, the kernels it runs and its gradients' width where those differ from the defaults."""
    name = stack_of(row, catalogs)
    habits = HABITS.get(name, Habits())
    inputs: dict[str, object] = {"attention_kernel": "flash" if habits.flash else "unfused", "dropout": habits.dropout}
    assumed = []
    if not habits.flash:
        assumed.append("unfused attention and dropout, as Megatron-LM up to 2023 and DeepSpeed have unless asked")
    if name:
        inputs["software_stack"] = name
    else:
        told = text(row, "framework")
        assumed.append(f"no software stack: {f'{told!r} is none of the catalog' if told else 'none is stated'}")
    if "mp_mode=pure" in text(row, "notes").lower():
        inputs["gradient_width"] = 2
    if habits.narrow_gradients and "18 b/param" not in text(row, "kind").lower():
        inputs["gradient_width"] = 2
        assumed.append("gradients kept and reduced in 16 bits, as the performance recipes of NeMo do")
    return Part(inputs, tuple(assumed))
