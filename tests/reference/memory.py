"""Peak memory of training in plain Python, stage by stage and tensor by tensor: the largest stage counts.

Choices come as the position of their option: recompute (none, selective, full), pipeline_schedule (1f1b, interleaved,
zero_bubble, dualpipe), cp_exchange (ring, all_to_all).
"""

from __future__ import annotations

from types import ModuleType


def tokens_of(c: dict[str, float]) -> float:
    """Tokens of one micro-batch on one GPU."""
    return c["micro_batch_size"] * c["seq_len"] / c["cp"]


def split_of(c: dict[str, float]) -> float:
    """Parts of the sequence outside the tensor parallel region."""
    return c["tp"] if c["sequence_parallel"] else 1


def expert_split_of(c: dict[str, float]) -> float:
    """Ranks that share one routed expert."""
    return c.get("expert_tp", c["tp"])


def mean_span(c: dict[str, float], architecture: ModuleType) -> float:
    """Tokens a query attends to without the causal mask, mean over layers."""
    spans = architecture.windows(c)
    return sum(c["seq_len"] if span is None else min(span, c["seq_len"]) for span in spans) / len(spans)


def activations(c: dict[str, float], architecture: ModuleType) -> dict[str, dict[str, float]]:
    """Bytes of one layer of one micro-batch by kind of layer, tensor by tensor.

    `kept` outside the attention core and `core` in it; `work`, gradients of activations in its backward pass.
    """
    tokens, tp, layers, full = tokens_of(c), c["tp"], int(c["num_layers"]), mean_span(c, architecture)
    a, h, width = c["num_attention_heads"], c["hidden_size"], c["activation_width"]
    flash = c["attention_kernel"] == 1
    scores = 4 * a if flash else a * full * (width + (1 + width if c["dropout"] else 0))
    adapted = c["lora_rank"] > 0
    source = 1 if adapted else 1 - c["frozen_share"]
    entry = 1 if adapted and c["adapts_feed_forward"] else 1 - c["frozen_share"]
    masks = 2 * h if c["dropout"] else 0

    latent = 2 * (c["q_lora_rank"] + c["kv_lora_rank"]) + c["qk_rope_head_dim"] if c["kv_lora_rank"] else 0
    heads = architecture.head_elements(c)
    if c["cp"] > 1 and c["cp_exchange"] == 1:
        heads += a * (c["v_head_dim"] if c["kv_lora_rank"] else c["head_dim"])
    attention = (source * h + latent, heads)
    d, maps = c["linear_inner_size"], c["linear_num_groups"] * c["linear_state_size"]
    linear = (source * h, 2 * d + 2 * maps + c["linear_num_heads"] + d + source * d)
    mixers = [linear] * int(c["num_linear_layers"]) + [attention] * (layers - int(c["num_linear_layers"]))
    mixed = [sum(part) / layers for part in zip(*mixers, strict=True)]
    core = tokens * scores / tp * (layers - c["num_linear_layers"]) / layers

    whole = 2 * tokens * h * width if c["sequence_parallel"] and tp > 1 else 0
    again = (architecture.matrices_of_feed_forward(c) - 1) * (1 / width if c["fp8_activation_input"] else 1)
    columns = architecture.matrices_of_feed_forward(c) - 1
    found = {}
    for kind in sorted(set(architecture.layer_kinds(c))):
        if kind == "moe":
            visits, f = c["experts_per_token"] * c["expert_imbalance"], c["moe_intermediate_size"]
            outer = entry * h + 4 * c["num_experts"] / width
            inner = entry * visits * h * expert_split_of(c) + (again + entry) * f * (visits + c["num_shared_experts"])
            work = tokens * width * (h / split_of(c) + visits * (h * expert_split_of(c) + columns * f) / tp)
        else:
            outer, inner = entry * h, (again + entry) * c["intermediate_size"]
            work = tokens * width * (h / split_of(c) + columns * c["intermediate_size"] / tp) + whole
        outside = width * (c["norms_per_layer"] * h + mixed[0] + outer) + masks
        kept = tokens * (outside / split_of(c) + width * (mixed[1] + inner) / tp)
        scores_work = 0 if flash else 2 * tokens * a * full * width / tp
        found[kind] = {"kept": kept, "core": core, "work": max(work, scores_work)}
    return found


def layer_parameters(c: dict[str, float], architecture: ModuleType) -> dict[str, tuple[float, float]]:
    """Parameters of one layer on one GPU by kind of layer: without routed experts, and these."""
    h, tp, layers = c["hidden_size"], c["tp"], int(c["num_layers"])
    d, maps, heads = c["linear_inner_size"], c["linear_num_groups"] * c["linear_state_size"], c["linear_num_heads"]
    linear = h * (2 * d + 2 * maps + heads) + d * h, 4 * (d + 2 * maps) + (d + 2 * maps) + 3 * heads + d
    attention = architecture.attention_matrices(c), architecture.attention_biases(c)
    mixers = [linear] * int(c["num_linear_layers"]) + [attention] * (layers - int(c["num_linear_layers"]))
    matrices, vectors = (sum(part) / layers for part in zip(*mixers, strict=True))
    norm = h * (2 if c["norm_bias"] else 1)
    mixer = matrices / tp + vectors + c["norms_per_layer"] * norm
    found = {}
    for kind in set(architecture.layer_kinds(c)):
        if kind == "moe":
            shared = c["num_shared_experts"] * architecture.expert(c) / tp + h * c["num_experts"]
            found[kind] = mixer + shared, c["num_experts"] * architecture.expert(c) / (expert_split_of(c) * c["ep"])
        else:
            biases = h + c["intermediate_size"] * (2 if c["gated_mlp"] else 1) if c["mlp_bias"] else 0
            found[kind] = mixer + architecture.dense_mlp(c) / tp + biases, 0.0
    return found


def adapters(c: dict[str, float], architecture: ModuleType) -> float:
    """Elements of the adapters of one layer on one GPU, mean over layers, matrix by matrix."""
    r, h, a, layers = c["lora_rank"], c["hidden_size"], c["num_attention_heads"], int(c["num_layers"])
    if c["kv_lora_rank"]:
        query, rank = a * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]), c["q_lora_rank"]
        shapes = [(h, rank), (rank, query)] if rank else [(h, query)]
        shapes += [(h, c["kv_lora_rank"] + c["qk_rope_head_dim"])]
        shapes += [(c["kv_lora_rank"], a * (c["qk_nope_head_dim"] + c["v_head_dim"])), (a * c["v_head_dim"], h)]
    else:
        d, kv = c["head_dim"], c["num_key_value_heads"]
        shapes = [(h, a * d), (h, kv * d), (h, kv * d), (a * d, h)]
    d, maps = c["linear_inner_size"], c["linear_num_groups"] * c["linear_state_size"]
    linear = [(h, 2 * d + 2 * maps + c["linear_num_heads"]), (d, h)]
    mixers = [linear] * int(c["num_linear_layers"]) + [shapes] * (layers - int(c["num_linear_layers"]))
    total = sum(m + n for mixer in mixers for m, n in mixer) / c["tp"]
    for kind in architecture.layer_kinds(c) if c["adapts_feed_forward"] else []:
        f = c["moe_intermediate_size"] if kind == "moe" else c["intermediate_size"]
        one = architecture.matrices_of_feed_forward(c) * (h + f)
        many = c["num_shared_experts"] / c["tp"] + c["num_experts"] / (expert_split_of(c) * c["ep"])
        total += one * many if kind == "moe" else one / c["tp"]
    return r * total / layers


def stages_of(c: dict[str, float], architecture: ModuleType) -> list[list[str]]:
    """The kinds of the layers of every stage; dense layers that are half of all or more alternate evenly."""
    kinds, pp = architecture.layer_kinds(c), int(c["pp"])
    first = int(c.get("first_stage_layers", len(kinds) // pp))
    last = int(c.get("last_stage_layers", len(kinds) - first if pp == 2 else len(kinds) // pp))
    between = (len(kinds) - first - last) // (pp - 2) if pp > 2 else 0
    depths = [len(kinds)] if pp == 1 else [first, *[between] * (pp - 2), last]
    return [kinds[sum(depths[:stage]) : sum(depths[: stage + 1])] for stage in range(pp)]


def in_flight(c: dict[str, float], stage: int, micro_batches: float) -> float:
    """Micro-batches a stage holds: the most forward passes before which a backward pass must come."""
    pp, vpp, schedule = int(c["pp"]), int(c["vpp"]), int(c["pipeline_schedule"])
    if schedule == 3:
        return min(micro_batches, pp + 1)
    if schedule == 2:
        return min(micro_batches, pp)
    if vpp > 1:
        return min(micro_batches, (2 * (pp - stage - 1) + (vpp - 1) * pp + 1) / vpp)
    return min(micro_batches, pp - stage)


class Chunk:
    """Layers that lie together: parameters on one GPU, what one micro-batch keeps, and whether the head is there."""

    def __init__(self, shared: float, experts: float, stored: float, layers: float, has_head: bool) -> None:
        self.shared, self.experts, self.stored = shared, experts, stored
        self.layers, self.has_head = layers, has_head

    def beside(self, other: Chunk, tied_head: float) -> Chunk:
        """Two chunks on one rank, each fed half of the micro-batches; a tied head is held once."""
        twice = tied_head if self.has_head != other.has_head else 0.0
        return Chunk(
            self.shared + other.shared - twice,
            self.experts + other.experts,
            (self.stored + other.stored) / 2,
            self.layers + other.layers,
            self.has_head or other.has_head,
        )


def kept_and_working(c: dict[str, float], architecture: ModuleType) -> tuple[dict[str, float], float]:
    """What a layer of each kind keeps of one micro-batch, and what the layer at work needs beside that."""
    tensors, kinds = activations(c, architecture), architecture.layer_kinds(c)
    option, share = int(c["recompute"]), c["recompute_layer_share"]
    checkpoint = tokens_of(c) * c["hidden_size"] * c["activation_width"] / split_of(c)
    kept, whole = {}, {}
    for kind, tensor in tensors.items():
        whole[kind] = tensor["kept"] + tensor["core"] * (1 - (share if option == 1 else 0))
        left = share * checkpoint + (1 - share) * whole[kind] if option == 2 else whole[kind]
        kept[kind] = left * (1 - c["activation_offload"])
    again = max(whole.values()) * (1 if option == 2 and share else c["activation_offload"])
    if option == 1 and share:
        # The core of one attention layer, not the mean over layers that mix otherwise.
        core = next(iter(tensors.values()))["core"]
        again += core * len(kinds) / (len(kinds) - c["num_linear_layers"]) if core else 0
    return kept, again + max(tensor["work"] for tensor in tensors.values())


def head_at_work(c: dict[str, float], head: float, gathered: bool) -> float:
    """Logits, states around the final norm, the weight gradient and, where sharded, the gathered weights."""
    width, tokens, h, tp = c["activation_width"], tokens_of(c), c["hidden_size"], c["tp"]
    copies = 0 if c["fused_cross_entropy"] else c["loss_copies"]
    logits = (1 + c["num_mtp_layers"]) * tokens * c["vocab_size"] * (width + 4 * copies) / tp
    states = tokens * width * h * (2 / split_of(c) + 1 + (1 if c["sequence_parallel"] and tp > 1 else 0))
    return logits + states + (1 - c["frozen_share"]) * width * head + (c["weight_width"] * head if gathered else 0)


def chunks_of(c: dict[str, float], architecture: ModuleType, kept: dict[str, float]) -> list[Chunk]:
    """The stages, each with its ends: embeddings, head, final norm and modules that predict further tokens."""
    kinds, tp, pp, h = architecture.layer_kinds(c), c["tp"], int(c["pp"]), c["hidden_size"]
    parameters, modules = layer_parameters(c, architecture), int(c["num_mtp_layers"])
    kind, norm = "moe" if "moe" in kinds else "dense", h * (2 if c["norm_bias"] else 1)
    embedding, head = (c["vocab_size"] + c["num_position_embeddings"]) * h / tp, c["vocab_size"] * h / tp
    found = []
    for place, layers in enumerate(stages_of(c, architecture)):
        if 2 * kinds.count("dense") < len(kinds):
            counts = {name: layers.count(name) for name in parameters}
        else:
            counts = {name: len(layers) * kinds.count(name) / len(kinds) for name in parameters}
        chunk = Chunk(
            sum(counts[name] * parameters[name][0] for name in counts),
            sum(counts[name] * parameters[name][1] for name in counts),
            sum(counts[name] * kept[name] for name in counts),
            len(layers),
            place == pp - 1,
        )
        chunk.shared += embedding if place == 0 else 0
        if chunk.has_head:
            chunk.shared += norm + modules * (parameters[kind][0] + 2 * h * h / tp + 3 * norm)
            chunk.shared += head if pp > 1 or not c["tied_embeddings"] else 0
            chunk.shared += embedding if modules and pp > 1 and c["pipeline_schedule"] != 3 else 0
            chunk.experts += modules * parameters[kind][1]
            joined = 4 * tokens_of(c) * h * c["activation_width"] / split_of(c)
            chunk.stored += modules * (kept[kind] + joined)
        found.append(chunk)
    if c["pipeline_schedule"] != 3:
        return found
    tied = head if c["tied_embeddings"] else 0
    return [chunk.beside(other, tied) for chunk, other in zip(found, reversed(found), strict=True)]


def states_of(
    c: dict[str, float], chunk: Chunk, architecture: ModuleType, ranks: float, expert_ranks: float
) -> tuple[float, float]:
    """Weights, gradients and optimizer states of a chunk, and the parameters its GPU updates."""
    parameters, stage, share = layer_parameters(c, architecture), int(c["zero_stage"]), 1 - c["frozen_share"]
    largest, routed = (max(pair[part] for pair in parameters.values()) for part in (0, 1))
    adapter = chunk.layers * adapters(c, architecture)

    def sharded(from_stage: int, shared: float, experts: float) -> float:
        return shared / ranks + experts / expert_ranks if stage >= from_stage else shared + experts

    whole = [1 if stage == 3 and n > 1 else c["weight_offload"] for n in (ranks, expert_ranks)]
    weights = (1 - c["weight_offload"]) * sharded(3, chunk.shared + adapter, chunk.experts)
    weights += min(2, chunk.layers) * (whole[0] * largest + whole[1] * routed)
    trained = share * chunk.shared + adapter, share * chunk.experts
    fresh = share * (largest + (routed if stage >= 2 else 0))
    bucket = c["gradient_width"] if stage >= 2 and ranks > 1 else 0
    gradients = c["gradient_width"] * sharded(2, *trained) + (c["activation_width"] + bucket) * fresh
    updated = sharded(1, *trained)
    moments = (1 - c["optimizer_offload"]) * (c["optimizer_width"] + c["master_width"]) * updated
    return c["weight_width"] * weights + gradients + moments, updated


def peak_memory(c: dict[str, float], architecture: ModuleType, micro_batches: float) -> dict[str, float]:
    """Memory of every stage added up separately; the largest one counts."""
    ranks = c["world_size"] // (c["tp"] * c["pp"] * c["dp_replicate"])
    expert_ranks = max(ranks * c["tp"] // (c["ep"] * expert_split_of(c)), 1)
    kept, at_work = kept_and_working(c, architecture)
    head = c["vocab_size"] * c["hidden_size"] / c["tp"]
    output = head_at_work(c, head, c["zero_stage"] == 3 and ranks > 1)
    totals = []
    for place, chunk in enumerate(chunks_of(c, architecture, kept)):
        states, updated = states_of(c, chunk, architecture, ranks, expert_ranks)
        flying = in_flight(c, place, micro_batches) * chunk.stored
        allocated = states + flying + max(at_work, output if chunk.has_head else 0)
        totals.append((allocated, chunk.shared, chunk.experts, updated, chunk.layers))
    allocated, shared, experts, updated, layers = max(totals)
    return {
        "total": allocated * (1 + c["fragmentation_share"]) + c["overhead_memory"],
        "allocated": allocated,
        "first": totals[0][0],
        "last": totals[-1][0],
        "shared": shared,
        "experts": experts,
        "updated": updated,
        "adapters": layers * adapters(c, architecture),
    }
