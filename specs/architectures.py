"""The Hugging Face model types this package reads, one line of conventions each.

Source: the configuration and modelling classes of transformers 4.57.1, `models/<model_type>/`. A default stands here
where it holds for every published model of the type, or where published configurations leave the key out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .configuration import (
    Rule,
    deepseek_mixture,
    falcon_attention,
    latent_attention,
    llama4_chunks,
    llama4_mixture,
    mixture_everywhere,
    no_window,
    nothing_more,
    qwen_mixture,
    qwen_window,
    window_all_but_every,
    window_everywhere,
    window_off,
)

Flag: TypeAlias = bool | tuple[str, bool]


@dataclass(frozen=True)
class Architecture:
    """What one `model_type` means: constants, names of keys with their defaults, and rules.

    A flag is a constant, or a key and its default. `feed_forward` is a key, or `4h`. `positions` is the number of rows
    that a table of learned positions has beyond the positions themselves, None where there is no table. `grouped` says
    whether the type knows key/value heads at all. `must` holds values that any other makes another architecture (a
    text stands for the field of that name). `outside` names parameters that no field describes.
    """

    gated: bool = True
    tied: bool = False
    norms: int = 2
    norm_bias: bool = False
    qkv_bias: Flag = ("attention_bias", False)
    output_bias: Flag = ("attention_bias", False)
    mlp_bias: Flag = False
    feed_forward: str = "intermediate_size"
    grouped: bool = True
    kv_required: bool = False
    head_dim: int = 0
    positions: int | None = None
    window: Rule = no_window
    mixture: Rule = nothing_more
    attention: Rule = nothing_more
    defaults: Mapping[str, int] = field(default_factory=dict)
    must: Mapping[str, Any] = field(default_factory=dict)
    outside: str = ""


_QK_NORMS = "query and key norms"
_ROUTER_BIASES = "correction biases of the router"
_BIASED = Architecture(
    gated=False, grouped=False, norm_bias=True, qkv_bias=True, output_bias=True, mlp_bias=True
)  # fmt: skip
_NO_ATTENTION_BIAS = Architecture(qkv_bias=False, output_bias=False)
_QWEN = Architecture(kv_required=True, window=qwen_window)
_GEMMA = Architecture(tied=True, kv_required=True, head_dim=256)
_DEEPSEEK = Architecture(mixture=deepseek_mixture, attention=latent_attention)
ARCHITECTURES: dict[str, Architecture] = {
    "bloom": replace(_BIASED, tied=True, feed_forward="4h", outside="a norm after the embeddings"),
    "cohere": Architecture(tied=True, norms=1, outside="query and key norms where use_qk_norm is true"),
    "cohere2": Architecture(tied=True, norms=1, window=window_all_but_every(4, 4096, "sliding_window_pattern")),
    "deepseek_v2": replace(_DEEPSEEK, mlp_bias=("mlp_bias", False)),
    "deepseek_v3": replace(_DEEPSEEK, outside=f"{_ROUTER_BIASES} and multi-token prediction layers"),
    "falcon": Architecture(
        gated=False, tied=True, norm_bias=True, qkv_bias=("bias", False), output_bias=("bias", False),
        mlp_bias=("bias", False), feed_forward="ffn_hidden_size", attention=falcon_attention,
    ),
    "gemma": _GEMMA,
    "gemma2": replace(_GEMMA, norms=4, window=window_all_but_every(2, 4096)),
    "gemma3_text": replace(
        _GEMMA, norms=4, window=window_all_but_every(6, 4096, "sliding_window_pattern"), outside=_QK_NORMS,
        defaults={"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4},
    ),
    "glm4_moe": Architecture(
        kv_required=True, output_bias=False, mixture=deepseek_mixture,
        outside=f"{_QK_NORMS}, {_ROUTER_BIASES} and multi-token prediction layers",
    ),
    "gpt2": replace(_BIASED, tied=True, feed_forward="n_inner", positions=0),
    "gpt_neox": replace(_BIASED, qkv_bias=("attention_bias", True), output_bias=("attention_bias", True)),
    "gpt_oss": Architecture(
        kv_required=True, head_dim=64, qkv_bias=("attention_bias", True), output_bias=("attention_bias", True),
        mlp_bias=True, window=window_all_but_every(2, 128), mixture=mixture_everywhere("num_local_experts"),
        outside="attention sinks and biases of the experts and the router",
    ),
    "gptj": replace(
        _BIASED, qkv_bias=False, output_bias=False, norms=1, feed_forward="n_inner",
        outside="a bias of the output head",
    ),
    "granite": Architecture(mlp_bias=("mlp_bias", False)),
    "llama": Architecture(mlp_bias=("mlp_bias", False)),
    "llama4_text": Architecture(window=llama4_chunks, mixture=llama4_mixture),
    "mistral": replace(_NO_ATTENTION_BIAS, kv_required=True, window=window_everywhere(4096)),
    "mixtral": replace(
        _NO_ATTENTION_BIAS, kv_required=True, window=window_everywhere(None),
        mixture=mixture_everywhere("num_local_experts"),
    ),
    "nemotron": Architecture(gated=False, norm_bias=True, mlp_bias=("mlp_bias", False)),
    "olmo2": Architecture(outside=_QK_NORMS),
    "olmo3": Architecture(window=window_all_but_every(4, 4096), outside=_QK_NORMS),
    "olmoe": Architecture(mixture=mixture_everywhere("num_experts"), outside=_QK_NORMS),
    "opt": replace(
        _BIASED, qkv_bias=("enable_bias", True), output_bias=("enable_bias", True), mlp_bias=("enable_bias", True),
        tied=True, feed_forward="ffn_dim", positions=2,
        must={
            "do_layer_norm_before": True, "layer_norm_elementwise_affine": True, "word_embed_proj_dim": "hidden_size",
        },
    ),
    "phi": replace(
        _BIASED, grouped=True, norms=1, must={"qk_layernorm": False}, outside="a bias of the output head"
    ),
    "phi3": replace(_NO_ATTENTION_BIAS, window=window_everywhere(None)),
    "qwen2": replace(_QWEN, qkv_bias=True, output_bias=False),
    "qwen2_moe": replace(
        _QWEN, qkv_bias=("qkv_bias", True), output_bias=False, window=window_off, mixture=qwen_mixture,
        outside="gates of the shared expert",
    ),
    "qwen3": replace(_QWEN, head_dim=128, outside=_QK_NORMS),
    "qwen3_moe": replace(_QWEN, window=window_off, mixture=qwen_mixture, outside=_QK_NORMS),
    "smollm3": Architecture(tied=True, mlp_bias=("mlp_bias", False), window=window_off),
    "starcoder2": replace(
        _BIASED, qkv_bias=("use_bias", True), output_bias=("use_bias", True), mlp_bias=("use_bias", True),
        tied=True, grouped=True, kv_required=True, window=window_everywhere(None),
    ),
}  # fmt: skip
ARCHITECTURES["kimi_k2"] = ARCHITECTURES["deepseek_v3"]
WRAPPED = {"gemma3": "gemma3_text", "llama4": "llama4_text", "mistral3": "mistral"}
