"""Parallel degrees, sharding, pipeline and batch of a measured training row."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .cells import Part, Refused, Row, count, flag, number, required, text
from .stacks import Habits

_SCHEDULES = ("1f1b", "interleav", "zero", "zb", "dual", "gpipe", "vschedule", "none")
_FREE_MEMORY = 55e9
"""Bytes that activations and trained states need beside frozen weights in 8 bits: where the splits of a fine-tuning
benchmark are published, tensor parallelism is the smallest degree that leaves this much."""


@dataclass(frozen=True, slots=True)
class Degrees:
    """The parallel degrees of a run, `dp` included, and the words for those that were assumed."""

    gpus: int
    tp: int
    pp: int
    cp: int
    ep: int
    dp: int
    assumed: tuple[str, ...] = ()


def degrees(row: Row, capacity: float, parameters: float) -> Degrees:
    """The degrees as stated; those left empty from the batch columns, and 1 where these tell nothing.

    `capacity` is the memory of a GPU in bytes. The data parallel degree follows from the others; a stated one must
    agree.
    """
    gpus = required(row, "n_gpus")
    tp, pp, cp = (count(row, name) for name in ("tp", "pp", "cp"))
    fixed = (tp or 1) * (pp or 1) * (cp or 1)
    assumed: tuple[str, ...] = ()
    data = count(row, "dp") or (_data_parallel(row) if None in (tp, cp) else None)
    left = gpus / (fixed * data) if data else 1.0
    if data and left > 1 and left == int(left) and None in (tp, cp):
        tp, cp = _shared_out(row, int(left), tp, cp, capacity, parameters)
        assumed = (f"tp = {tp}, cp = {cp}: the batch leaves {int(left)} GPUs a replica and their split is not stated",)
    found = Degrees(gpus, tp or 1, pp or 1, cp or 1, count(row, "ep") or 1, 1, assumed)
    ranks = found.tp * found.pp * found.cp
    if gpus % ranks:
        raise Refused(f"{gpus} GPUs are not a multiple of tp x pp x cp = {found.tp} x {found.pp} x {found.cp}")
    stated = count(row, "dp")
    if stated is not None and stated * ranks != gpus:
        words = f"tp x pp x cp x dp = {found.tp} x {found.pp} x {found.cp} x {stated}"
        raise Refused(f"{words} is not the {gpus} GPUs of `n_gpus`")
    return Degrees(gpus, found.tp, found.pp, found.cp, found.ep, gpus // ranks, assumed)


def _data_parallel(row: Row) -> int | None:
    """The data parallel degree that global batch, micro-batch and accumulation imply.

    Without accumulation there are at most as many ranks as micro-batches.
    """
    batch, steps = number(row, "global_batch_seqs"), number(row, "grad_accum")
    micro = number(row, "micro_batch_seqs") or 1
    if not batch or not (steps or batch < micro * (number(row, "n_gpus") or 0)):
        return None
    ranks = batch / ((steps or 1) * micro)
    return int(ranks) if ranks >= 1 and ranks == int(ranks) else None


def _shared_out(
    row: Row, left: int, tp: int | None, cp: int | None, capacity: float, parameters: float
) -> tuple[int | None, int | None]:
    """The degree `left` over, given to those of tensor and context parallelism that are not stated."""
    if tp is not None:
        return tp, left
    if cp is not None:
        return left, cp
    domain = count(row, "gpus_per_node") or 8
    powers = [size for size in (1, 2, 4, 8) if left % size == 0 and size <= domain]
    tp = next((size for size in powers if capacity - parameters / size >= _FREE_MEMORY), powers[-1])
    return tp, left // tp


def splits(row: Row, habits: Habits, found: Degrees, layers: int) -> Part:
    """World, degrees, sharding and pipeline."""
    inputs: dict[str, object] = {
        "world_size": found.gpus,
        "tp": found.tp,
        "pp": found.pp,
        "cp": found.cp,
        "ep": found.ep,
    }
    parallel = flag(row, "seq_parallel")
    inputs["sequence_parallel"] = habits.sequence_parallel if parallel is None else parallel
    if "cp=a2a" in text(row, "notes").lower() or "a2a" in text(row, "cp_exchange").lower():
        inputs["cp_exchange"] = "all_to_all"
    return Part(inputs, found.assumed) | _sharding(row, habits, found) | _pipeline(row, found, layers)


def _sharding(row: Row, habits: Habits, found: Degrees) -> Part:
    """ZeRO stage, and replicas where shards do not span all data parallel ranks."""
    told = text(row, "sharding").lower()
    if not told:
        assumed = () if found.dp == 1 else (f"ZeRO stage {habits.zero_stage}, which is not stated",)
        return Part({"zero_stage": habits.zero_stage}, assumed)
    stage = re.search(r"zero-?([0-3])", told)
    if stage is None and "fsdp" not in told and not told.startswith(("none", "ddp")):
        raise Refused(f"`sharding` is {text(row, 'sharding')!r}; one of zero1, zero2, zero3, none was expected")
    option = stage[1] if stage else "3" if "fsdp" in told else "0"
    if option == "3" and habits.splits_batch and found.pp > 1:
        words = "ZeRO stage 1 for FSDP with a pipeline, which keeps gathered weights and whole gradients between passes"
        return Part({"zero_stage": "1"}, (words,)) | _replicas(row, told, found)
    return Part({"zero_stage": option}) | _replicas(row, told, found)


def _replicas(row: Row, told: str, found: Degrees) -> Part:
    domain = count(row, "gpus_per_node")
    if "between slices" in told and domain and found.gpus > domain:
        return Part({"dp_replicate": _divisor(found.dp, found.gpus // domain)})
    sizes = re.search(r"(?:fsdp=(?=\d+\+dp)|groups of )(\d+)", told)
    if sizes:
        largest = re.search(r"fsdp=\d+\.\.(\d+)", told)
        if found.dp > int((largest or sizes)[1]):
            return Part({"dp_replicate": _divisor(found.dp, found.dp // int(sizes[1]))})
    if "hsdp" in told:
        return Part({}, ("dp_replicate = 1: how many replicas the hybrid sharding has is not stated",))
    return Part()


def _divisor(whole: int, wanted: int) -> int:
    """The largest divisor of `whole` that is at most `wanted`."""
    return max(size for size in range(1, max(wanted, 1) + 1) if whole % size == 0)


def _pipeline(row: Row, found: Degrees, layers: int) -> Part:
    """Virtual stages, schedule, and the depths of the first and last stage where stages are uneven."""
    told, virtual = text(row, "pipeline_schedule").lower(), count(row, "vp")
    assumed = []
    per_stage = math.ceil(layers / found.pp)
    if virtual is None and "interleaved" in told and found.pp > 1:
        virtual = next((size for size in range(2, per_stage + 1) if per_stage % size == 0), 1)
        assumed.append(f"vpp = {virtual}: an interleaved schedule whose virtual stages are not stated")
    virtual = virtual if virtual and found.pp > 1 else 1
    schedule = "interleaved" if virtual > 1 else "1f1b"
    if told and not any(word in told for word in _SCHEDULES):
        found_word = text(row, "pipeline_schedule")
        known = "1f1b, interleaved, zero_bubble, dualpipe"
        raise Refused(f"`pipeline_schedule` is {found_word!r}; one of {known} was expected")
    for word, name in (("zero", "zero_bubble"), ("dual", "dualpipe")):
        schedule = name if word in told else schedule
    part = Part({"vpp": virtual, "pipeline_schedule": schedule}, tuple(assumed))
    return part | _uneven(found.pp, per_stage, layers)


def _uneven(pp: int, per_stage: int, layers: int) -> Part:
    """The first and last stage where layers do not divide.

    Two layers short, embedding and head each count as one (the accounting of Megatron-Core); otherwise the last stage,
    which has the head, is the shallow one.
    """
    short = pp * per_stage - layers
    if pp == 1 or short == 0:
        return Part()
    first, last = (per_stage - 1, per_stage - 1) if short == 2 else (per_stage, per_stage - short)
    if last < 1 or first < 1:
        return Part({}, (f"{layers} layers on {pp} stages of equal depth",))
    words = f"stages of {first}, {per_stage} and {last} layers, first, middle and last"
    return Part({"first_stage_layers": first, "last_stage_layers": last}, (words,))


def batch(row: Row, habits: Habits, found: Degrees) -> Part:
    """Sequence length, global batch and micro-batch.

    Where a row's global batch is not micro-batch times accumulation times `dp`, global batch and accumulation decide:
    MaxText states the batch of one chip.
    """
    length = required(row, "seq_len")
    whole, micro, steps = (number(row, name) for name in ("global_batch_seqs", "micro_batch_seqs", "grad_accum"))
    if not whole:
        if not micro:
            raise Refused("`global_batch_seqs` is not stated, nor are `micro_batch_seqs` and `grad_accum`")
        whole = micro * (steps or 1) * found.dp
    assumed = []
    if steps and whole / (found.dp * steps) != micro:
        micro = whole / (found.dp * steps)
    elif not micro and habits.splits_batch and found.pp > 1:
        micro = whole / (found.dp * found.pp)
        assumed.append(f"micro-batch {micro:g}: a local batch cut into as many as the {found.pp} stages")
    if not micro:
        micro = 1
        assumed.append("micro-batch 1, which is not stated")
    if micro != int(micro) or micro < 1:
        raise Refused(f"a global batch of {whole:g} does not divide into dp = {found.dp} ranks of whole sequences")
    inputs = {"seq_len": length, "global_batch_size": int(whole), "micro_batch_size": int(micro)}
    return Part(inputs, tuple(assumed))
