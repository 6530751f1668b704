"""The model of a measured row: its own dimensions first, what they leave open from the catalog record of its name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ..catalog import Catalogs
from ..records import CatalogError, Record
from .cells import Part, Refused, Row, count, flag, number, text

DIMENSIONS = {
    "layers": "num_layers",
    "d_model": "hidden_size",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "d_ff": "intermediate_size",
    "vocab": "vocab_size",
    "n_experts": "num_experts",
    "top_k": "experts_per_token",
}
"""The column of each dimension and the input it states."""

_WIDTHS = ("hidden_size", "num_attention_heads", "intermediate_size")
_CUT = re.compile(r"(?<![-_ ])[-_ ]*(?:cut|proxy)[-_ ]*\d+l$", re.IGNORECASE)
_ASIDE = re.compile(r"\(.*?\)")
_HEAD_DIMS = (64, 128, 256)
_AGREES = 0.05
_GPT2_TOKENS = 50257
_MTP_RECIPES = {"deepseek-v3": "megatron-bridge"}
"""Models whose records leave their prediction modules out, and the framework whose recipe trains one."""
_GPT = ("qkv_bias", "attention_output_bias", "mlp_bias", "norm_bias", "tied_embeddings")


def architecture(row: Row, catalogs: Catalogs) -> Part:
    """The inputs that describe the model of a row. Raises Refused where it is described nowhere."""
    stated = _stated(row)
    record = _record(row, catalogs)
    if record is not None and _is_of(record, stated):
        return _from_record(row, record, stated)
    name = text(row, "model")
    missing = [column for column in ("layers", "d_model", "n_heads") if DIMENSIONS[column] not in stated]
    if missing:
        why = f"model {name!r} is in no catalog" if name else "no model is named"
        raise Refused(f"{why} and the row does not state {', '.join(f'`{column}`' for column in missing)}")
    return _from_dimensions(row, stated)


def _stated(row: Row) -> dict[str, int]:
    found = {leaf: count(row, column) for column, leaf in DIMENSIONS.items()}
    return {leaf: value for leaf, value in found.items() if value is not None}


def _record(row: Row, catalogs: Catalogs) -> Record | None:
    """The record of the model's name, also of one that is cut to fewer layers or has a remark in parentheses."""
    name = _ASIDE.sub("", text(row, "model")).strip()
    for candidate in dict.fromkeys((name, _CUT.sub("", name))):
        try:
            return catalogs.get("model", candidate) if candidate else None
        except CatalogError:
            continue
    return None


def _is_of(record: Record, stated: Mapping[str, int]) -> bool:
    """Whether the stated widths are those of the record, so that the rest of it describes the row too."""
    return all(stated.get(leaf, record.fields[leaf].value) == record.fields[leaf].value for leaf in _WIDTHS)


def _from_record(row: Row, record: Record, stated: Mapping[str, int]) -> Part:
    """The record under its name, and what the row states otherwise."""
    inputs: dict[str, object] = {"model": record.name}
    assumed = []
    inputs |= {leaf: value for leaf, value in stated.items() if _differs(record, leaf, value)}
    gated = flag(row, "gated_mlp")
    if gated is not None and _differs(record, "gated_mlp", gated):
        inputs["gated_mlp"] = gated
    dense = record.fields.get("num_dense_layers")
    if dense is not None and dense.value and "num_layers" in inputs:
        told = re.search(r"dense_layers=(\d+)", text(row, "notes"))
        inputs["num_dense_layers"] = int(told[1]) if told else min(int(dense.value), stated["num_layers"])
        if not told:
            assumed.append(f"{inputs['num_dense_layers']} leading dense layers, as {record.name} has")
    for part, whole in (("num_sliding_layers", "num_layers"), ("num_linear_layers", "num_layers")):
        known = record.fields.get(part)
        if known is not None and known.value and whole in inputs:
            share = known.value / record.fields[whole].value
            inputs[part] = round(share * stated[whole])
            assumed.append(f"{part} = {inputs[part]}, the share that {record.name} has")
    return Part(inputs, tuple(assumed)) | _multi_token(row, record, whole="num_layers" not in inputs)


def _differs(record: Record, leaf: str, value: float) -> bool:
    known = record.fields.get(leaf)
    return known is None or known.value != value


def _multi_token(row: Row, record: Record, *, whole: bool) -> Part:
    """Multi-token prediction: as the notes say, else where a recipe trains the whole model with it."""
    notes = text(row, "notes").lower()
    if "w/o mtp" in notes or "w/ mtp" in notes:
        return Part({"num_mtp_layers": int("w/ mtp" in notes)})
    recipe = _MTP_RECIPES.get(record.name)
    if whole and recipe is not None and recipe in text(row, "framework").lower():
        return Part({"num_mtp_layers": 1}, (f"one module of multi-token prediction, as {recipe} trains {record.name}",))
    return Part()


def _from_dimensions(row: Row, stated: Mapping[str, int]) -> Part:
    """A model that only its dimensions describe."""
    inputs: dict[str, object] = dict(stated)
    assumed = []
    hidden, heads = stated["hidden_size"], stated["num_attention_heads"]
    key_values = stated.get("num_key_value_heads", heads)
    inputs["num_key_value_heads"] = key_values
    if "intermediate_size" not in stated:
        inputs["intermediate_size"] = 4 * hidden
        assumed.append(f"d_ff = {4 * hidden}, four times d_model")
    if "vocab_size" not in stated:
        vocab = padded_vocabulary(count(row, "tp") or 1)
        inputs["vocab_size"] = vocab
        assumed.append(f"vocab = {vocab}, the tokens of GPT-2 padded to a multiple of 128 tp")
    inputs |= _mixture(stated)
    gated, head_dim = _chosen(row, inputs, assumed)
    inputs |= {"gated_mlp": gated, "head_dim": head_dim}
    if not gated and key_values == heads and inputs["intermediate_size"] == 4 * hidden:
        inputs |= dict.fromkeys(_GPT, True)
        positions = count(row, "seq_len")
        inputs |= {"num_position_embeddings": positions} if positions else {}
        assumed.append("a GPT block: biases, LayerNorm, learned positions, tied embeddings")
    else:
        inputs["tied_embeddings"] = False
        assumed.append("no biases, RMSNorm, untied embeddings")
    return Part(inputs, tuple(assumed))


def padded_vocabulary(tp: int) -> int:
    """The vocabulary of GPT-2 as Megatron pads it: to a multiple of 128 on every tensor parallel rank."""
    return math.ceil(_GPT2_TOKENS / (128 * tp)) * 128 * tp


def _mixture(stated: Mapping[str, int]) -> dict[str, object]:
    """The experts of a mixture: `d_ff` is the width of one."""
    if stated.get("num_experts", 1) <= 1:
        return {}
    if "experts_per_token" not in stated:
        raise Refused("the row states `n_experts` but not `top_k`")
    if "intermediate_size" not in stated:
        raise Refused("the row states `n_experts` but not `d_ff`, the width of one")
    return {"moe_intermediate_size": stated["intermediate_size"]}


def _chosen(row: Row, inputs: Mapping[str, object], assumed: list[str]) -> tuple[bool, int]:
    """Whether the feed-forward is gated, and the head dimension: what is stated, or else usual.

    Usual is d_model / n_heads, and no gate where d_ff is four times d_model. Where `params_b` tells that this is
    wrong, the first other reading that agrees with it is taken.
    """
    hidden, heads = int(str(inputs["hidden_size"])), int(str(inputs["num_attention_heads"]))
    told, width = flag(row, "gated_mlp"), count(row, "head_dim")
    usual = inputs["intermediate_size"] != 4 * hidden
    gates = (told,) if told is not None else (usual, not usual)
    plain = max(hidden // heads, 1)
    widths = (width,) if width is not None else tuple(dict.fromkeys((plain, *_HEAD_DIMS)))
    readings = [(gated, head_dim) for head_dim in widths for gated in gates]
    gated, head_dim = readings[0]
    parameters, positions = number(row, "params_b"), count(row, "seq_len") or 0
    if parameters:
        off = [abs(math.log(_parameters(inputs, *reading, positions) / (parameters * 1e9))) for reading in readings]
        best = next((place for place, error in enumerate(off) if error < _AGREES), off.index(min(off)))
        gated, head_dim = readings[best]
    if told is None:
        assumed.append(f"{'a gated' if gated else 'an ungated'} feed-forward")
    if head_dim not in (width, plain):
        assumed.append(f"head_dim = {head_dim}, by the number of parameters")
    return gated, head_dim


def _parameters(inputs: Mapping[str, object], gated: bool, head_dim: int, positions: int) -> float:
    """Roughly the parameters of a model, to tell one reading of its dimensions from another.

    A gated one has untied embeddings, any other tied ones and a table of positions.
    """

    def of(name: str, default: int = 1) -> int:
        return int(str(inputs.get(name, default)))

    hidden = of("hidden_size")
    attention = 2 * hidden * head_dim * (of("num_attention_heads") + of("num_key_value_heads"))
    feed_forward = (2 + gated) * hidden * of("intermediate_size") * of("num_experts")
    tables = of("vocab_size") * (2 if gated else 1) + (0 if gated else positions)
    return of("num_layers") * (attention + feed_forward) + tables * hidden
