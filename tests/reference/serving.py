"""One decode step of a serving replica in plain Python."""

from __future__ import annotations

from types import ModuleType


def decode_step(c: dict[str, float], architecture: ModuleType, network: ModuleType) -> float:
    """Time of one decode step: dense matrices, routed experts and attention one after the other, then communication."""
    tp, pp = int(c["tp"]), int(c["pp"])
    batch = max(c["concurrency"] / pp, 1)
    rate = tp * c["peak_flops_bf16"] * c["compute_efficiency"]
    bandwidth = tp * c["hbm_bandwidth"] * c["hbm_efficiency"]
    kinds, spans = architecture.layer_kinds(c), architecture.windows(c)
    matrices, vectors, _ = architecture.layer_parameters(c)
    head = c["hidden_size"] * c["vocab_size"]

    dense = max(
        2 * batch * (matrices + head) / rate,
        (c["weight_width"] * (matrices + vectors) + c["embedding_width"] * head) / bandwidth,
    )
    mixtures, one = kinds.count("moe"), architecture.expert(c)
    share = c["experts_per_token"] / c["num_experts"]
    touched = c["num_experts"] * (1 - (1 - share) ** batch)
    experts = max(
        2 * batch * mixtures * c["experts_per_token"] * one / rate,
        c["weight_width"] * mixtures * touched * one / bandwidth,
    )

    # The steps of an output attend to prompt + 1, ..., prompt + output - 1 tokens; a window is applied to their mean.
    steps = range(1, int(c["output_len"])) or [0.5]
    context = c["prompt_len"] + sum(steps) / len(steps)
    seen = sum(context if span is None else min(context, span) for span in spans)
    if c["kv_lora_rank"]:
        pair = 2 * c["num_attention_heads"] * (c["kv_lora_rank"] + c["qk_rope_head_dim"] + c["kv_lora_rank"])
        cached, copies = c["kv_lora_rank"] + c["qk_rope_head_dim"], tp
    else:
        pair = 4 * c["num_attention_heads"] * c["head_dim"]
        cached = 2 * c["num_key_value_heads"] * c["head_dim"]
        copies = max(1, tp / c["num_key_value_heads"])
    attention = max(batch * seen * pair / rate, batch * seen * cached * c["kv_width"] * copies / bandwidth)

    message = batch * c["hidden_size"] * c["activation_width"]
    reduce = network.all_reduce(message, network.tiers(c, tp, 1), network.RING)
    hops = (pp - 1) * network.hop(message, network.tiers(c, pp, tp))
    return dense + experts + attention + 2 * len(kinds) * reduce + hops
