"""Names of document 002: the models, and each result of its tool with the quantity that it is."""

from __future__ import annotations

from collections.abc import Mapping

MODELS = ("LLaMA-7B", "LLaMA-13B", "LLaMA-33B", "LLaMA-65B")
TOOL_MODELS = tuple(f"decapoda-research_llama-{size}-hf" for size in ("7b", "13b", "30b", "65b"))
RECORDS = ("llama-1-7b", "llama-1-13b", "llama-1-33b", "llama-1-65b")
PARTS = ("attn", "mlp", "layernorm", "tp_comm", "input_embedding", "output_embedding_loss")
MEMORY = {
    "weight": "weight_memory",
    "gradient": "gradient_memory",
    "optimizer_state": "optimizer_memory",
    "activation": "activation_memory",
}


def time_part(part: str) -> str:
    """The quantity's name of a part of the forward pass, without the phase."""
    return f"{part.removesuffix('_loss')}_time"


TRAINING_RESULTS: Mapping[str, str] = {
    "batch_size_per_gpu": "micro_batch_size",
    "max_batch_size_per_gpu": "max_micro_batch_size",
    "gradient_accumulation_steps": "num_micro_batches",
    "dp_size": "dp",
    "num_params_total": "num_parameters",
    "achived_flops": "gemm_rate",
    "num_flops_total_per_micro_batch": "micro_batch_flops",
    **{f"{part}_memory_per_gpu": quantity for part, quantity in MEMORY.items()},
    "activation_memory_bs1": "sequence_activation_memory",
    "latency_per_micro_batch": "micro_batch_time",
    "latency_fwd": "forward_time",
    **{f"latency_fwd_{part}": f"forward_{time_part(part)}" for part in PARTS},
    "latency_per_iter": "step_time",
    "total_training_latency": "training_time",
    "gpu_hours": "gpu_hours",
}
"""Results of training in the tool's summary, by the tool's names; `achived_flops` is in TFLOP/s there."""

_PHASE_RESULTS = {
    "max_batch_size_per_gpu": "max_batch_size",
    "activation_memory_per_gpu": "activation_memory",
    "num_flops_fwd_total": "flops",
    "latency": "time",
    **{f"latency_fwd_{part}": time_part(part) for part in PARTS},
}
INFERENCE_RESULTS: Mapping[str, str] = {
    "kv_cache_memory_per_gpu": "kv_cache_memory",
    "kv_cache_latency": "kv_cache_time",
    "embedding_memory_per_gpu": "embedding_memory",
    "weight_memory_per_gpu": "inference_weight_memory",
    **{
        f"{phase}_{name}": f"{phase}_{quantity}"
        for phase in ("prefill", "decode")
        for name, quantity in _PHASE_RESULTS.items()
    },
    "total_decode_latency": "generation_time",
    "total_latency": "request_time",
    "total_per_token_latency": "time_per_output_token",
}
"""Results of inference in the tool's summary, by the tool's names."""
