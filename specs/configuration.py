"""How one Hugging Face configuration is read: its keys, and the rules that turn them into fields of a model record.

Keys go by their usual name or the older one of GPT-2, BLOOM and Falcon. A rule reads what one part of an architecture
needs (sliding layers, experts, unusual attention) and returns the fields it decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

_ALTERNATIVES = {
    "hidden_size": ("hidden_size", "n_embd", "n_embed"),
    "num_hidden_layers": ("num_hidden_layers", "n_layer"),
    "num_attention_heads": ("num_attention_heads", "n_head"),
    "max_position_embeddings": ("max_position_embeddings", "n_positions"),
    "num_kv_heads": ("num_kv_heads", "n_head_kv"),
    "num_experts_per_tok": ("num_experts_per_tok", "experts_per_token"),
}
REQUIRED = object()
_LARGEST = 10**15
"""Whole numbers beyond this are no dimensions, and no longer exact as floating-point numbers soon after."""


class Config:
    """The keys of one configuration; what is wrong and which defaults were taken is gathered while reading."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self.problems: list[str] = []
        self.defaults: list[str] = []

    def given(self, key: str) -> Any:
        """The value of `key` or of its older spelling; None where it is null or absent."""
        found = (self.table.get(name) for name in _ALTERNATIVES.get(key, (key,)))
        return next((value for value in found if value is not None), None)

    def has(self, key: str) -> bool:
        """Whether the key is written, be it as null."""
        return any(name in self.table for name in _ALTERNATIVES.get(key, (key,)))

    def count(self, key: str, default: Any = REQUIRED) -> int:
        """A whole number. A required key that is missing is a problem and reads as 1."""
        return self._read(key, default, int, "a whole number", 1)

    def flag(self, key: str, default: Any = REQUIRED) -> bool:
        """True or false. A required key that is missing is a problem and reads as False."""
        return self._read(key, default, bool, "true or false", False)

    def items(self, key: str) -> list[Any] | None:
        """A list, or None where the key is absent, null or an empty list."""
        return self._read(key, [], list, "a list", [], quiet=True) or None

    def _read(self, key: str, default: Any, kind: type, expected: str, instead: Any, quiet: bool = False) -> Any:
        value = self.given(key)
        if value is None and default is REQUIRED:
            self.problems.append(f"{key}: {'null' if self.has(key) else 'missing'}; {expected} was expected")
        elif value is None:
            if not quiet:
                self.defaults.append(f"{key} = {json.dumps(default)}")
            return default
        elif not isinstance(value, kind) or (kind is int and (isinstance(value, bool) or abs(value) > _LARGEST)):
            self.problems.append(f"{key}: {_shown(value)} was given; {expected} was expected")
        else:
            return value
        return instead


Values: TypeAlias = dict[str, int]
Rule: TypeAlias = Callable[["Config", Values], Values]


def _shown(value: Any) -> str:
    """A value as JSON, cut to a readable length."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def no_window(config: Config, values: Values) -> Values:
    """Full attention everywhere, unless `layer_types` says otherwise."""
    return _windows(config, values, 0, [False] * values["num_layers"])


def window_everywhere(default: int | None) -> Rule:
    """A window in all layers; null means none, and an absent key the class default."""

    def rule(config: Config, values: Values) -> Values:
        if config.given("sliding_window") is None and (config.has("sliding_window") or default is None):
            return no_window(config, values)
        return _windows(config, values, config.count("sliding_window", default), [True] * values["num_layers"])

    return rule


def window_all_but_every(period: int, default: int, period_key: str = "") -> Rule:
    """A window in all layers but every `period`-th, unless `layer_types` says which."""

    def rule(config: Config, values: Values) -> Values:
        every = period
        if period_key and config.items("layer_types") is None:
            every = max(config.count(period_key, period), 1)
        slides = [(layer + 1) % every != 0 for layer in range(values["num_layers"])]
        return _windows(config, values, config.count("sliding_window", default), slides)

    return rule


def qwen_window(config: Config, values: Values) -> Values:
    """Off unless `use_sliding_window`; then in the layers from `max_window_layers` on."""
    if not config.given("use_sliding_window"):
        return no_window(config, values)
    first = config.count("max_window_layers")
    slides = [layer >= first for layer in range(values["num_layers"])]
    return _windows(config, values, config.count("sliding_window"), slides)


def window_off(config: Config, values: Values) -> Values:
    """No window; `use_sliding_window: true` is refused, as the type's releases differ in what it means."""
    if config.given("use_sliding_window"):
        config.problems.append(
            "use_sliding_window: true was given; false was expected (which layers slide is not said)"
        )
    return no_window(config, values)


def llama4_chunks(config: Config, values: Values) -> Values:
    """Llama 4: the layers with rotary positions attend within chunks of `attention_chunk_size` tokens."""
    layers = range(values["num_layers"])
    rotary = config.items("no_rope_layers")
    if rotary is None:
        interval = max(config.count("no_rope_layer_interval", 4), 1)
        rotary = [(layer + 1) % interval != 0 for layer in layers]
    return _windows(config, values, config.count("attention_chunk_size", 8192), [bool(layer) for layer in rotary])


def _windows(config: Config, values: Values, window: int, slides: list[bool]) -> Values:
    """The sliding layers by the type's pattern, or by `layer_types`; a window as long as the context is none."""
    types = config.items("layer_types")
    if types is not None:
        known = ("full_attention", "sliding_attention", "chunked_attention")
        for other in sorted({str(kind) for kind in types} - set(known)):
            config.problems.append(
                f"layer_types: {json.dumps(other)} was given; one of {', '.join(known)} was expected"
            )
        slides = [kind in known[1:] for kind in types]
    if len(slides) != values["num_layers"]:
        config.problems.append(f"layer_types: {len(slides)} layers listed; {values['num_layers']} were expected")
    if types is not None and any(slides) and window == 0:
        window = config.count("sliding_window")
    context = config.given("max_position_embeddings")
    if isinstance(context, int) and window >= context > 1:
        return {}
    return {"sliding_window": window, "num_sliding_layers": sum(slides)} if any(slides) else {}


def _experts(config: Config, number: str, size: str, dense: int = 0, shared: int = 0) -> Values:
    return {
        "num_experts": config.count(number),
        "experts_per_token": config.count("num_experts_per_tok"),
        "num_shared_experts": shared,
        "moe_intermediate_size": config.count(size),
        "num_dense_layers": dense,
    }


def nothing_more(_config: Config, _values: Values) -> Values:
    """A part that is as usual: no experts, or grouped-query attention."""
    return {}


def mixture_everywhere(number: str) -> Rule:
    """A mixture in every layer, each expert of `intermediate_size`."""
    return lambda config, _values: _experts(config, number, "intermediate_size")


def qwen_mixture(config: Config, values: Values) -> Values:
    """A mixture every `decoder_sparse_step` layers except `mlp_only_layers`; the shared expert may be wider."""
    step = max(config.count("decoder_sparse_step", 1), 1)
    without = config.items("mlp_only_layers") or []
    dense = sum(layer in without or (layer + 1) % step != 0 for layer in range(values["num_layers"]))
    found = _experts(config, "num_experts", "moe_intermediate_size", dense)
    if config.has("shared_expert_intermediate_size"):
        wide, narrow = config.count("shared_expert_intermediate_size"), found["moe_intermediate_size"]
        if narrow < 1 or wide % narrow:
            config.problems.append(
                f"shared_expert_intermediate_size: {wide} was given; a multiple of moe_intermediate_size "
                f"({narrow}) was expected"
            )
        found["num_shared_experts"] = wide // max(narrow, 1)
    return found


def deepseek_mixture(config: Config, values: Values) -> Values:
    """Dense layers first, then a mixture every `moe_layer_freq` layers."""
    first, every = config.count("first_k_dense_replace"), max(config.count("moe_layer_freq", 1), 1)
    dense = sum(layer < first or layer % every != 0 for layer in range(values["num_layers"]))
    shared = config.count("n_shared_experts", 0)
    return _experts(config, "n_routed_experts", "moe_intermediate_size", dense, shared)


def llama4_mixture(config: Config, values: Values) -> Values:
    """A mixture with one shared expert every `interleave_moe_layer_step` layers; dense layers have their own size."""
    mixtures = config.items("moe_layers")
    if mixtures is None:
        step = max(config.count("interleave_moe_layer_step"), 1)
        mixtures = list(range(step - 1, values["num_layers"], step))
    found = _experts(config, "num_local_experts", "intermediate_size", values["num_layers"] - len(mixtures), shared=1)
    return found | {"intermediate_size": config.count("intermediate_size_mlp")}


def latent_attention(config: Config, values: Values) -> Values:
    """Multi-head latent attention; the head dimension is that of queries and keys, both parts together."""
    if config.given("attention_bias"):
        config.problems.append("attention_bias: true was given; false was expected with latent attention")
    nope, rope = config.count("qk_nope_head_dim"), config.count("qk_rope_head_dim")
    return {
        "q_lora_rank": 0 if config.given("q_lora_rank") is None else config.count("q_lora_rank"),
        "kv_lora_rank": config.count("kv_lora_rank"),
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": config.count("v_head_dim"),
        "head_dim": nope + rope,
        "num_key_value_heads": values["num_attention_heads"],
    }


def falcon_attention(config: Config, values: Values) -> Values:
    """The multi-query flags of Falcon, and one norm where attention and feed-forward share it."""
    heads = values["num_attention_heads"]
    if config.flag("new_decoder_architecture", False):
        norms = config.count("num_ln_in_parallel_attn", 2)
        return {"num_key_value_heads": config.count("num_kv_heads"), "norms_per_layer": norms}
    shared = 1 if config.flag("multi_query", True) else heads
    return {"num_key_value_heads": shared, "norms_per_layer": 1 if config.flag("parallel_attn", True) else 2}
