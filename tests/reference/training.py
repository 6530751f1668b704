"""One training step in plain Python: its time, term by term, and the memory of the worst stage.

Choices come as the position of their option: recompute (none, selective, full), pipeline_schedule (1f1b, interleaved,
zero_bubble, dualpipe), cp_exchange (ring, all_to_all), expert_dispatch (all_to_all, deduplicated).
"""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path
from types import ModuleType


def sibling(name: str) -> ModuleType:
    """Another file of this folder."""
    spec = importlib.util.spec_from_file_location(f"reference_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def ranks_of(c: dict[str, float]) -> int:
    """Data parallel ranks."""
    return int(c["world_size"]) // int(c["tp"] * c["pp"] * c["cp"])


def visible(c: dict[str, float], share: float, communication: float, behind: float, *, slows: bool = True) -> float:
    """Communication that stays visible, with what its hidden part costs the work beside it."""
    hidden = share * min(communication, behind)
    return communication - hidden + (c["comm_slowdown"] * hidden if slows else 0)


def depths_of(c: dict[str, float]) -> tuple[float, float]:
    """Layers of the deepest stage and of the last."""
    layers, pp = c["num_layers"], int(c["pp"])
    first = c.get("first_stage_layers", layers / pp)
    last = c.get("last_stage_layers", layers - first if pp == 2 else layers / pp)
    between = [(layers - first - last) / (pp - 2)] if pp > 2 else []
    return max(first, last, *between), last


def step(c: dict[str, float], architecture: ModuleType, network: ModuleType) -> dict[str, float]:
    """`step_time` and its terms, `tokens_per_second` and `memory_per_gpu`."""
    times, memory = sibling("layers"), sibling("memory")
    depth, last = depths_of(c)
    micro_batches = c["global_batch_size"] / c["micro_batch_size"] / ranks_of(c)
    t = times.layers(c, architecture)
    trained = 1 - c["frozen_share"]
    weights = trained * (t["mix_weight"] + t["ffn_weight"])
    forward = t["mix_forward"] + t["ffn_forward"] + t["vec_forward"]
    backward = t["mix_input"] + t["ffn_input"] + t["vec_backward"] + weights
    again = c["recompute_layer_share"] * (0.0, t["core"], forward)[int(c["recompute"])]
    link = layer_communication(c, architecture, network)
    exposed = exposed_in_a_layer(c, link, t, forward + backward + again)

    peak = memory.peak_memory(c, architecture, micro_batches)
    device = forward + backward + again + math.fsum(exposed.values())
    layer = {
        "attention_time": t["mix_forward"] + t["mix_input"] + trained * t["mix_weight"],
        "feed_forward_time": t["ffn_forward"] + t["ffn_input"] + trained * t["ffn_weight"],
        "vector_time": t["vec_forward"] + t["vec_backward"],
        "recompute_time": again,
        "launch_time": max(0.0, issued(c, architecture) - device),
    } | {f"exposed_{kind}_comm_time": time for kind, time in exposed.items()}
    terms = {name: micro_batches * depth * time for name, time in layer.items()}
    behind = depth * (forward + backward)
    terms["exposed_pp_comm_time"] = micro_batches * visible(c, c["pp_overlap"], link["pp"], behind)
    moved = transfers(c, architecture, memory, peak, depth) / c["host_bandwidth"]
    terms["offload_time"] = micro_batches * visible(c, c["offload_overlap"], moved, behind, slows=False)
    stage = math.fsum(terms.values())

    head = times.head(c, "forward") + times.head(c, "input") + trained * times.head(c, "weight")
    joined = [times.product(c, times.tokens_of(c), 2 * c["hidden_size"], c["hidden_size"] / c["tp"], kind=kind)
              for kind in ("forward", "input", "weight")]  # fmt: skip
    further = c["num_mtp_layers"] * (forward + backward + head + joined[0] + joined[1] + trained * joined[2])
    reduced = gradient_communication(c, network, peak, depth, micro_batches)
    passes = micro_batches if c["zero_stage"] == 3 else 1
    terms |= {
        "lm_head_time": max(0.0, micro_batches * (head + further) - stage * (depth - last) / depth),
        "exposed_dp_comm_time": visible(c, c["dp_overlap"], reduced, passes * depth * (forward + backward + again)),
        "pipeline_bubble_time": bubble(c, stage / micro_batches, depth * backward, depth * weights, micro_batches),
        "optimizer_time": peak["updated"] * optimizer_bytes(c) / times.bandwidth_of(c),
        "optimizer_offload_time": c["optimizer_offload"] * peak["updated"]
        * (c["gradient_width"] + c["weight_width"]) / c["host_bandwidth"],
        "step_overhead": c["step_overhead"],
    }  # fmt: skip
    whole = math.fsum(terms.values())
    del terms["step_overhead"]
    rate = c["global_batch_size"] * c["seq_len"] / whole
    return terms | {
        "stage_time": stage,
        "step_time": whole,
        "tokens_per_second": rate,
        "tokens_per_second_per_gpu": rate / c["world_size"],
        "memory_per_gpu": peak["total"],
    }


def bubble(c: dict[str, float], one: float, backward: float, weights: float, micro_batches: float) -> float:
    """Fill and drain of the pipeline; `one` is a micro-batch on a stage, of it `backward`, of that `weights`."""
    pp, schedule = c["pp"], int(c["pipeline_schedule"])
    if schedule == 3:
        return max(0.0, pp / 2 - 1) * max(0.0, one + backward - 3 * weights)
    if schedule == 2:
        return (pp - 1) * max(0.0, (one - backward) + (backward - weights) - weights)
    return (pp - 1) * one / c["vpp"]


def issued(c: dict[str, float], architecture: ModuleType) -> float:
    """Host time to issue one layer, mean over layers; a layer of experts has five times as many kernels."""
    kinds = architecture.layer_kinds(c)
    kernels = sum(5 if kind == "moe" else 1 for kind in kinds) / len(kinds)
    passes = 1 + 2 + (c["recompute_layer_share"] if c["recompute"] == 2 else 0)
    return kernels * passes * c["launch_overhead"]


def optimizer_bytes(c: dict[str, float]) -> float:
    """Bytes the optimizer moves on the device per parameter."""
    on_device = 1 - c["optimizer_offload"]
    states = 2 * c["optimizer_width"] + 2 * c["master_width"]
    return (
        c["gradient_width"] + c["gradient_norm_passes"] * c["gradient_width"] + on_device * states + c["weight_width"]
    )


def transfers(
    c: dict[str, float], architecture: ModuleType, memory: ModuleType, peak: dict[str, float], depth: float
) -> float:
    """Bytes to and from the host in one micro-batch: activations out and back, weights in twice."""
    on_device = c | {"activation_offload": 0.0}
    kept, _ = memory.kept_and_working(on_device, architecture)
    kinds = architecture.layer_kinds(c)
    activations = depth * sum(kept[kind] for kind in kinds) / len(kinds)
    ranks = ranks_of(c) * c["cp"] / c["dp_replicate"]
    expert_ranks = max(1, ranks * c["tp"] / (c["ep"] * memory.expert_split_of(c)))
    shared, experts = peak["shared"] + peak["adapters"], peak["experts"]
    held = shared / ranks + experts / expert_ranks if c["zero_stage"] == 3 else shared + experts
    return 2 * c["activation_offload"] * activations + 2 * c["weight_offload"] * held * c["weight_width"]


def exposed_in_a_layer(
    c: dict[str, float], link: dict[str, float], t: dict[str, float], work: float
) -> dict[str, float]:
    """Visible communication of one layer and micro-batch; a ring hides behind the attention core only."""
    passes = 1 + (2.5 if c["attention_kernel"] == 1 else 2) + (c["recompute_layer_share"] if c["recompute"] else 0)
    ep_overlap = 1 if c["pipeline_schedule"] == 3 else c["ep_overlap"]
    return {
        "tp": visible(c, c["tp_overlap"], link["tp"], work),
        "cp": visible(c, c["cp_overlap"], link["cp"], passes * t["core"]),
        "ep": visible(c, ep_overlap, link["ep"], work),
    }


def layer_communication(c: dict[str, float], architecture: ModuleType, network: ModuleType) -> dict[str, float]:
    """Communication of one layer and micro-batch by kind, mean over layers; of the pipeline, of one micro-batch."""
    times = sibling("layers")
    tp, pp, cp, ep, dp = (*(int(c[name]) for name in ("tp", "pp", "cp", "ep")), ranks_of(c))
    tokens, width, kinds = times.tokens_of(c), c["activation_width"], architecture.layer_kinds(c)
    repeated = c["recompute_layer_share"]
    full, some = (repeated if c["recompute"] == 2 else 0), (repeated if c["recompute"] else 0)
    states, near = tokens * c["hidden_size"] * width, network.tiers(c, tp, 1)
    if c["sequence_parallel"]:  # an all-gather before and a reduce-scatter behind each of two regions
        region, backward = 2 * network.all_gather(states, near), 1.5
    else:
        region, backward = network.all_reduce(states, near, int(c["all_reduce_algorithm"])), 1.0
    total = 0.0
    for kind in kinds:
        regions = 1 if kind == "moe" and times.expert_split_of(c) < tp else 2
        total += regions * (1 + backward + full) * region
    split = int(times.expert_split_of(c))
    placed = network.tiers(c, ep, split)
    if c["expert_dispatch"] == 1:
        placed = network.deduplicated(placed, c["experts_per_token"])
    copies = tokens / times.split_of(c) * c["experts_per_token"] * c["hidden_size"]
    there = network.all_to_all(copies * c.get("dispatch_width", width), placed)
    back = network.all_to_all(copies * width, placed)
    attention = (c["num_layers"] - c["num_linear_layers"]) / c["num_layers"]
    return {
        "tp": total / len(kinds),
        "cp": attention * key_value_exchange(c, architecture, network, tokens * width / tp, some),
        "ep": c["expert_imbalance"] * (2 + full) * (there + back) * kinds.count("moe") / len(kinds),
        "pp": 2 * c["vpp"] * network.hop(states / tp, network.tiers(c, pp, tp * cp * dp)),
    }


def key_value_exchange(
    c: dict[str, float], architecture: ModuleType, network: ModuleType, element: float, again: float
) -> float:
    """Context parallel communication of one attention layer; `element` are the bytes of one element of each token."""
    cp, placed = int(c["cp"]), network.tiers(c, int(c["cp"]), int(c["tp"]))
    if c["cp_exchange"] == 1:
        return (1 + 1 + again) * network.all_to_all(element * architecture.head_elements(c), placed)
    if c["kv_lora_rank"]:
        sent = c["num_attention_heads"] * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"] + c["v_head_dim"])
    else:
        sent = 2 * c["num_key_value_heads"] * c["head_dim"]
    return sum((3 + again) * network.hop(element * sent, placed) for _ in range(cp - 1))


def gradient_communication(
    c: dict[str, float], network: ModuleType, peak: dict[str, float], depth: float, micro_batches: float
) -> float:
    """Reductions of gradients and gathers of parameters of one step, one collective after the other."""
    tp, cp, ep, stage = (int(c[name]) for name in ("tp", "cp", "ep", "zero_stage"))
    replicas, split = int(c["dp_replicate"]), int(c.get("expert_tp", tp))
    shards, expert_shards = ranks_of(c) // replicas * cp, max(ranks_of(c) // replicas * cp * tp // (ep * split), 1)
    over, experts_over = network.tiers(c, shards, tp), network.tiers(c, expert_shards, split * ep)
    pieces, trained = (depth if stage == 3 else 1), 1 - c["frozen_share"]

    def sharded(shared: float, experts: float) -> float:
        one = network.all_gather(shared / pieces, over)
        return pieces * (one + (network.all_gather(experts / pieces, experts_over) if experts else 0.0))

    width = c.get("reduce_width", c["gradient_width"])
    gradients = width * (trained * peak["shared"] + peak["adapters"]), width * trained * peak["experts"]
    reduce = sharded(*gradients)
    if replicas > 1:
        part = gradients[0] / shards + gradients[1] / expert_shards
        between = network.tiers(c, replicas, tp * shards)
        reduce += network.all_reduce(part, between, int(c["all_reduce_algorithm"]))
    changed = c["weight_width"] * (1 if stage == 3 else trained)
    gather = sharded(changed * peak["shared"], changed * peak["experts"])
    if stage == 3:
        return micro_batches * (gather + gather + reduce)
    return reduce + (reduce if stage == 0 else gather)
