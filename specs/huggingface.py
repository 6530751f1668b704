"""Model records read from a Hugging Face `config.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .architectures import ARCHITECTURES, WRAPPED, Architecture, Flag
from .configuration import REQUIRED, Config, Values
from .limits import LONGEST_NAME
from .record_files import read_text
from .records import CatalogError, Field, Record, Source
from .scalars import printable
from .text_files import parse_json
from .vocabulary import shipped

_MOST_LAYERS = 10_000
_INSTEAD = "Write the model as a record instead: a YAML file such as `rooflax show llama-2-7b` prints."


def record_from_config(path: Path) -> Record:
    """The model record a local Hugging Face `config.json` describes.

    Every field has the file as its source. The notes name each default that was taken and the parameters that no
    field describes. Raises CatalogError, with the keys, where the file is no configuration of a known transformer.
    """
    path = Path(path)
    table = _loaded(path)
    name = path.parent.name if path.stem == "config" and path.parent.name else path.stem
    kind, inner, notes = _unwrapped(path, table)
    config = Config(inner)
    values = _values(config, ARCHITECTURES[kind])
    _check(path, config, values)
    if config.defaults:
        notes.append(
            f"Not in the file, taken from the defaults of {kind}: {', '.join(dict.fromkeys(config.defaults))}."
        )
    if ARCHITECTURES[kind].outside:
        notes.append(f"Parameters that no field describes: {ARCHITECTURES[kind].outside}.")
    return Record(
        catalog="model",
        name=name,
        title=printable(str(table.get("_name_or_path") or name)[:LONGEST_NAME]),
        confidence="high",
        fields={leaf: Field(float(value), str(value), "config") for leaf, value in values.items()},
        facts={"model_type": kind},
        sources={"config": Source("config", f"Hugging Face configuration {path.name} of {name}")},
        notes=" ".join(notes),
        path=str(path),
    )


def _loaded(path: Path) -> Mapping[str, Any]:
    try:
        table = parse_json(read_text(path))
    except json.JSONDecodeError as error:
        raise CatalogError(f"{path}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}") from None
    except ValueError as error:
        raise CatalogError(f"{path}: cannot be read as JSON text: {error}") from None
    if not isinstance(table, Mapping):
        raise CatalogError(f"{path}: a Hugging Face configuration is a JSON object with `model_type`")
    return table


def _unwrapped(path: Path, table: Mapping[str, Any]) -> tuple[str, Mapping[str, Any], list[str]]:
    """The model type and keys of the language model, which multimodal configurations hold in `text_config`."""
    kind, notes = table.get("model_type"), list[str]()
    if isinstance(table.get("quantization_config"), Mapping):
        method = table["quantization_config"].get("quant_method", "a quantized format")
        raise CatalogError(
            f"{path}: quantization_config: the weights are stored as {method}, which a model record does not hold. "
            "Remove this key and choose the widths with `precision`."
        )
    if isinstance(kind, str) and kind in WRAPPED:
        inner = table.get("text_config")
        if not isinstance(inner, Mapping):
            raise CatalogError(f"{path}: text_config: missing; the language model of {kind!r} was expected there")
        notes.append("The language model only: vision and projector parameters are not counted.")
        kind, table = inner.get("model_type", WRAPPED[kind]), inner
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        what = "missing" if kind is None else f"{json.dumps(kind)} is not known"
        raise CatalogError(
            f"{path}: model_type: {what}; one of {', '.join(sorted(ARCHITECTURES))} was expected. {_INSTEAD}"
        )
    return kind, table, notes


def _values(config: Config, kind: Architecture) -> Values:
    """The leaves a configuration of the given type holds."""

    def count(key: str) -> int:
        return config.count(key, kind.defaults.get(key, REQUIRED))

    def flag(rule: Flag) -> int:
        return int(rule if isinstance(rule, bool) else config.flag(*rule))

    hidden, heads, layers = count("hidden_size"), count("num_attention_heads"), count("num_hidden_layers")
    if layers > _MOST_LAYERS:
        config.problems.append(f"num_hidden_layers: {layers} was given; at most {_MOST_LAYERS} were expected")
        layers = 1
    values = {
        "hidden_size": hidden,
        "num_layers": layers,
        "num_attention_heads": heads,
        "vocab_size": count("vocab_size"),
        "intermediate_size": _feed_forward(config, kind, hidden),
        "gated_mlp": int(kind.gated),
        "tied_embeddings": flag(("tie_word_embeddings", kind.tied)),
        "qkv_bias": flag(kind.qkv_bias),
        "attention_output_bias": flag(kind.output_bias),
        "mlp_bias": flag(kind.mlp_bias),
        "norm_bias": int(kind.norm_bias),
        "norms_per_layer": kind.norms,
    }
    if kind.positions is not None:
        values["num_position_embeddings"] = count("max_position_embeddings") + kind.positions
    values |= kind.attention(config, values)
    if "num_key_value_heads" not in values:
        values["num_key_value_heads"] = _key_value_heads(config, kind, heads)
    if "head_dim" not in values:
        values["head_dim"] = _head_dim(config, kind, hidden, heads)
    for key, wanted in kind.must.items():
        expected = values[wanted] if isinstance(wanted, str) else wanted
        if config.given(key) not in (None, expected):
            given = json.dumps(config.given(key))
            config.problems.append(f"{key}: {given} was given; {json.dumps(expected)} was expected")
    return values | kind.window(config, values) | kind.mixture(config, values)


def _feed_forward(config: Config, kind: Architecture, hidden: int) -> int:
    if kind.feed_forward in ("intermediate_size", "ffn_dim"):
        return config.count(kind.feed_forward)
    if kind.feed_forward == "4h" or config.given(kind.feed_forward) is None:
        config.defaults.append(f"feed-forward size = 4 x hidden_size = {4 * hidden}")
        return 4 * hidden
    return config.count(kind.feed_forward)


def _key_value_heads(config: Config, kind: Architecture, heads: int) -> int:
    key = "num_key_value_heads"
    if config.given(key) is not None or (kind.kv_required and not config.has(key)):
        return config.count(key, kind.defaults.get(key, REQUIRED))
    if kind.grouped:
        config.defaults.append(f"{key} = num_attention_heads = {heads}")
    return heads


def _head_dim(config: Config, kind: Architecture, hidden: int, heads: int) -> int:
    if config.given("head_dim") is not None or (kind.head_dim and not config.has("head_dim")):
        return config.count("head_dim", kind.head_dim)
    if config.problems:
        return 1
    if heads < 1 or hidden % heads:
        config.problems.append(f"head_dim: missing, and hidden_size {hidden} is no multiple of {heads} heads")
        return 1
    return hidden // heads


def _check(path: Path, config: Config, values: Values) -> None:
    """All problems of the file in one error, with values outside their domain."""
    if not config.problems:
        leaves = shipped()
        for name, value in values.items():
            if not leaves[name].admits(value):
                config.problems.append(f"{name}: {value} was read; {leaves[name].domain()} was expected")
    if config.problems:
        count = "1 problem" if len(config.problems) == 1 else f"{len(config.problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in dict.fromkeys(config.problems))
        raise CatalogError(f"{count} in {path}\n{lines}\n{_INSTEAD}")
