"""Parameters of the model as the tool counts them, and the bytes of its embedding."""

from __future__ import annotations

from ...annotations import Bytes, Count
from ...registry import Erratum, constraint, cost_model

NAMESPACE = "llm_analysis"


@cost_model(
    formula=r"12\,h^2 L + h V",
    source="definition: document 002, get_num_params_total of llm-analysis at revision b7827c5",
    example=dict(hidden_size=4096, num_layers=32, vocab_size=32000, expect=6573522944),
    errata=(
        Erratum(
            "I2.9",
            wrong="an ungated feed-forward layer of width 4h and one embedding: 6.57, 12.75, 32.11 and 64.69 billion",
            right="`num_parameters` of llama-1-7b, -13b, -33b and -65b: 6.74, 13.02, 32.53 and 65.29 billion",
            why="LLaMA has three matrices of width 2/3 4h (SwiGLU) and does not share its two embeddings.",
        ),
    ),
)
def num_parameters(hidden_size: Count, num_layers: Count, vocab_size: Count) -> Count:
    """Parameters of the model as the tool counts them."""
    return 12 * hidden_size**2 * num_layers + hidden_size * vocab_size


@cost_model(
    formula=r"\frac{h V}{t}\,w_e",
    source="definition: document 002, get_memory_embedding of llm-analysis",
    example=dict(hidden_size=8192, vocab_size=32000, node_tp=2, embedding_width=2, expect=262144000),
)
def embedding_memory(hidden_size: Count, vocab_size: Count, node_tp: Count, embedding_width: Bytes) -> Bytes:
    """Memory of the embedding on one GPU in the tool."""
    return hidden_size * vocab_size / node_tp * embedding_width


@constraint(
    message="{tokens} tokens are fewer than 20 for each of the {num_parameters} parameters",
    formula=r"D - 20\,N \ge 0",
    source="hoffmann-et-al-2022, table 3 (about 20 tokens per parameter); document 002 warns",
    example=dict(tokens=1.4e12, num_parameters=64686653440, expect=1.4e12 - 20 * 64686653440),
)
def trains_enough(tokens: Count, num_parameters: Count) -> Count:
    """Training tokens beyond the compute-optimal number, as the tool counts."""
    return tokens - 20 * num_parameters
