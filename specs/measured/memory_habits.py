"""What the memory of a run depends on and its time does not, where rows do not state it: the habits of software stacks.

Each is a fact about the stack's code. None is fitted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .cells import Part, Row, text

_IN_PLACE, _KEPT, _DISTRIBUTED, _COMPILED = 1.0, 3.0, 4.0, 0.5
"""Copies of the logits in fp32 at the peak of an unfused loss. Megatron turns the logits into probabilities, and these
into their gradient, in place (core/tensor_parallel/cross_entropy.py). torch.nn.functional.cross_entropy holds the
log-probabilities and two gradients; over tensor parallel ranks (torch/distributed/tensor/parallel/loss.py) the
probabilities too. Compiled, it makes the gradient in 16 bits beside the logits: half a copy."""
_TORCH = ("torchtitan", "composer-fsdp")
_COMPILES_LOSS = 202502
"""Month from which torchtitan compiles its loss with the model; before, that was switched off."""


def memory_habits(row: Row, inputs: Mapping[str, object], known: Mapping[str, float]) -> Part:
    """Inputs that only memory reads; `inputs` are those of the layout, `known` the dimensions of the model."""
    stack, tp = str(inputs.get("software_stack", "")), int(str(inputs.get("tp", 1)))
    part = _loss(row, stack, tp) | _adapters(row, inputs) | _states(row)
    return part | _checkpoints(row, known)


def _loss(row: Row, stack: str, tp: int) -> Part:
    """How the loss treats the logits."""
    notes = text(row, "notes").lower()
    if "cross-entropy fusion on" in notes:
        return Part({"fused_cross_entropy": True})
    if stack not in _TORCH:
        return Part({"loss_copies": _IN_PLACE}) if stack.startswith(("megatron", "deepspeed")) else Part()
    month = max(map(int, re.findall(r"20\d{4}(?!\d)", text(row, "source"))), default=0)
    if "compile" in notes and month >= _COMPILES_LOSS:
        return Part({"loss_copies": _COMPILED}, ("a compiled loss, as torchtitan has since 2025",))
    return Part({"loss_copies": _DISTRIBUTED if tp > 1 else _KEPT})


def _adapters(row: Row, inputs: Mapping[str, object]) -> Part:
    """LoRA: a frozen base in 8 bits where the notes say so.

    NVIDIA's configurations for MLPerf keep what enters the activation function in fp8 where the sequence is not split.
    """
    notes = text(row, "notes").lower()
    if "lora" not in notes:
        return Part()
    part = Part()
    if "frozen base in fp8" not in notes or "fp8" not in text(row, "precision").lower():
        return part
    part |= Part({"weight_width": 1}, ("frozen weights in fp8",))
    if "mlperf" in notes and inputs.get("cp") == 1:
        part |= Part({"fp8_activation_input": True}, ("inputs of the activation function in fp8, as FP8_ACT=1 says",))
    return part


def _states(row: Row) -> Part:
    """Bytes per parameter that the row's own words state."""
    return Part({"gradient_width": 4}) if "18 b/param" in text(row, "kind").lower() else Part()


def _checkpoints(row: Row, known: Mapping[str, float]) -> Part:
    """Op-level checkpointing by what it keeps."""
    part = Part()
    if "op sac" in text(row, "act_recompute").lower():
        share = dropped_share(known)
        words = f"recompute full on {share:.2f} of the layers for what op-level selective checkpointing drops"
        part |= Part({"recompute": "full", "recompute_layer_share": share}, (words,))
    return part


def dropped_share(known: Mapping[str, float]) -> float:
    """Share of what a layer would keep beyond its input that op-level selective checkpointing drops.

    It keeps the input, the attention output and the results of every second product, in the order query, key, value,
    output, gate, up, down.
    """
    hidden, inner = known["hidden_size"], known["intermediate_size"]
    queries, keys = (known[heads] * known["head_dim"] for heads in ("num_attention_heads", "num_key_value_heads"))
    gated = known.get("gated_mlp", 0.0) > 0
    results = [queries, keys, keys, hidden, *[inner] * (2 if gated else 1), hidden]
    kept = hidden + queries + sum(results[::2])
    whole = 4 * hidden + 2 * (queries + keys) + (3 if gated else 2) * inner
    return (whole - kept) / (whole - hidden)
