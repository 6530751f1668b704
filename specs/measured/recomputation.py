"""Activation recomputation and offload of a measured training row."""

from __future__ import annotations

import re
from collections.abc import Callable

from .cells import Part, Refused, Row, text
from .stacks import Habits

_UNKNOWN = ("unstated", "see config", "unknown")
_WHOLE_LAYERS = re.compile(r"whole blocks|selective layer|every \w+-?th")
_EVERY = re.compile(r"every (\d+)")
_WORDS = (
    ("rematerialization is on", "full"),
    ("seq-par only", "none"),
    ("norms", "none"),
    ("minimal", "selective"),
    ("selective", "selective"),
    ("none", "none"),
    ("full", "full"),
    ("custom", "full"),
    ("offload", "full"),
)
"""What a cell contains, the first that fits, and the option it stands for."""


def recomputation(row: Row, habits: Habits, field: Callable[[str], float]) -> Part:
    """Recomputation as stated, or the habit of the stack where it is not.

    `field` gives the dimensions of the model. Op-level selective checkpointing of torchtitan keeps attention and every
    second product, and computes the others again: the key and output projections and one half of the gate. Its cost is
    that of recomputing the same share of all layers. `minimal` of MaxText keeps all products. Policies that offload
    compute everything again that they do not offload; they are counted as full recomputation. Where whole layers are
    checkpointed and it is not said which, it is every second one. Recomputing norms costs next to nothing.
    """
    told = text(row, "act_recompute").lower()
    option = next((option for word, option in _WORDS if word in told), None)
    if not told or (option is None and any(word in told for word in _UNKNOWN)):
        return Part({"recompute": habits.recompute}, (f"recompute {habits.recompute}, which is not stated",))
    if "op sac" in told:
        share = repeated_share(field)
        words = f"recompute full on {share:.2f} of the layers for op-level selective checkpointing"
        return Part({"recompute": "full", "recompute_layer_share": share}, (words,))
    if _WHOLE_LAYERS.search(told):
        every = _EVERY.search(told)
        share = 1 / int(every[1]) if every else 0.5
        words = f"recompute full on {share:.2f} of the layers for {text(row, 'act_recompute')!r}"
        return Part({"recompute": "full", "recompute_layer_share": share}, (words,))
    if option is None:
        known = ", ".join(("none", "selective", "full", "minimal", "custom"))
        raise Refused(f"`act_recompute` is {text(row, 'act_recompute')!r}; one of {known} was expected")
    inputs: dict[str, object] = {"recompute": option}
    assumed: tuple[str, ...] = () if told == option else (f"recompute {option} for {text(row, 'act_recompute')!r}",)
    if "custom" in told and "offload" in told:
        inputs |= {"activation_offload": 1.0, "offload_overlap": 1.0}
        assumed += ("what the policy offloads travels behind the compute",)
    return Part(inputs, assumed)


def repeated_share(field: Callable[[str], float]) -> float:
    """Share of a layer's products that op-level selective checkpointing computes again.

    Every second product in the order query, key, value, output, gate, up, down; without a gate up and down are the
    fifth and sixth.
    """
    hidden, inner = field("hidden_size"), field("intermediate_size")
    queries = field("num_attention_heads") * field("head_dim")
    keys = field("num_key_value_heads") * field("head_dim")
    products = [queries, keys, keys, queries, *[inner] * (3 if field("gated_mlp") else 2)]
    return hidden * sum(products[1::2]) / (hidden * sum(products))
