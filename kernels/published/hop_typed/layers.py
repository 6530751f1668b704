"""Sizes of one transformer block, as the hop-typed document counts them, and the layers as they are."""

from __future__ import annotations

from ...annotations import Bytes, Choice, Count
from ...arrays import jnp
from ...registry import cost_model
from .errata import ONE_BLOCK, UNGATED
from .inputs import ATTN

NAMESPACE = "hop_typed"


@cost_model(
    formula=r"2 d^2 + 2\,d_{kv}\,d",
    source="definition: document 001, cell 36",
    example=dict(d_model=4096, kv_dim=1024, expect=41943040),
)
def attn_elems(d_model: Count, kv_dim: Count) -> Count:
    """Parameters of the attention of one block."""
    return d_model * d_model + 2 * kv_dim * d_model + d_model * d_model


@cost_model(
    formula=r"2\,d_{ff}\,d",
    source="definition: document 001, cell 36",
    example=dict(d_model=4096, d_ff=14336, expect=117440512),
    errata=(UNGATED,),
)
def mlp_elems(d_model: Count, d_ff: Count) -> Count:
    """Parameters of the feed-forward of one block, without a gate."""
    return d_ff * d_model + d_model * d_ff


@cost_model(
    formula=r"e\,N_{attn}",
    source="definition: document 001, cell 36",
    example=dict(attn_elems=41943040, bytes_per_element=2, expect=83886080),
)
def attn_bytes(attn_elems: Count, bytes_per_element: Bytes) -> Bytes:
    """Gradients of the attention of one block."""
    return attn_elems * bytes_per_element


@cost_model(
    formula=r"e\,N_{mlp}",
    source="definition: document 001, cell 36",
    example=dict(mlp_elems=117440512, bytes_per_element=2, expect=234881024),
    errata=(UNGATED,),
)
def mlp_bytes(mlp_elems: Count, bytes_per_element: Bytes) -> Bytes:
    """Gradients of the feed-forward of one block, without a gate."""
    return mlp_elems * bytes_per_element


@cost_model(
    formula=r"s\,d\,e",
    source="definition: document 001, cell 36",
    example=dict(seq_len=2048, d_model=4096, bytes_per_element=2, expect=16777216),
)
def act_bytes(seq_len: Count, d_model: Count, bytes_per_element: Bytes) -> Bytes:
    """Activation that one block hands on."""
    return seq_len * d_model * bytes_per_element


@cost_model(
    formula=r"\text{ATTN: } B_{attn};\ \text{MLP: } B_{mlp}",
    source="definition: document 001, cell 36",
    example=dict(layer=1, attn_bytes=83886080, mlp_bytes=234881024, expect=234881024),
    errata=(UNGATED, ONE_BLOCK),
)
def layer_bytes(layer: Choice, attn_bytes: Bytes, mlp_bytes: Bytes) -> Bytes:
    """Gradients of one layer of one block."""
    return jnp.where(layer == ATTN, attn_bytes, mlp_bytes)


@cost_model(
    formula=r"e\,N_{attn} \text{ or } e\,N_{ffn} \text{ of the main models}",
    source="definition: elements times their width; the feed-forward has all its matrices",
    example=dict(
        layer=1, attention_weights=41943040, dense_mlp_weights=176160768, bytes_per_element=2, expect=352321536
    ),
)
def layer_bytes_corrected(
    layer: Choice, attention_weights: Count, dense_mlp_weights: Count, bytes_per_element: Bytes
) -> Bytes:
    """Gradients of one layer of one block, the gate of the feed-forward included."""
    return bytes_per_element * jnp.where(layer == ATTN, attention_weights, dense_mlp_weights)
