"""Parameters of a whole transformer: layers, tables, prediction modules and adapters."""

from __future__ import annotations

from ..annotations import Count, Flag, Number
from ..arrays import jnp
from ..registry import cost_model


@cost_model(
    formula=r"E\,W_e\,L_{moe}",
    source="definition: routed experts of all layers; shared experts are counted with the rest",
    example=dict(num_experts=8, expert_weights=176160768, num_moe_layers=32, expect=45097156608.0),
)
def routed_expert_parameters(num_experts: Count, expert_weights: Count, num_moe_layers: Count) -> Count:
    """Parameters of all routed experts."""
    return num_experts * expert_weights * num_moe_layers


@cost_model(
    formula=r"\left[(L - L_{lin})\,W_{attn} + L_{lin}\,W_{lin}\right]/L",
    source="definition: mean over all layers, those of attention and those of a linear recurrence",
    example=dict(attention_weights=4.0, linear_mixer_weights=6.0, num_layers=64, num_linear_layers=48, expect=5.5),
)
def mixer_weights(
    attention_weights: Count, linear_mixer_weights: Count, num_layers: Count, num_linear_layers: Count
) -> Count:
    """Matrix elements that mix tokens in one layer, mean over layers."""
    return attention_weights + num_linear_layers / num_layers * (linear_mixer_weights - attention_weights)


@cost_model(
    formula=r"\left[(L - L_{lin})\,v_{attn} + L_{lin}\,v_{lin}\right]/L + n\,h\,(1 + b_n)",
    source="definition: mean over all layers, with the layer's norms",
    example=dict(
        attention_vectors=0,
        linear_mixer_vectors=0,
        num_layers=80,
        hidden_size=8192,
        norms_per_layer=2,
        expect=16384.0,
    ),
)
def mixer_vectors(
    attention_vectors: Count,
    linear_mixer_vectors: Count,
    num_layers: Count,
    num_linear_layers: Count,
    hidden_size: Count,
    norms_per_layer: Count,
    norm_bias: Flag,
) -> Count:
    """Norms of one layer and vectors of what mixes its tokens, mean over layers."""
    mixer = attention_vectors + num_linear_layers / num_layers * (linear_mixer_vectors - attention_vectors)
    return mixer + norms_per_layer * hidden_size * (1 + norm_bias)


@cost_model(
    formula=r"b_{mlp}\,(h + (1 + g)\,f)",
    source="definition: one bias element per output of a projection",
    example=dict(hidden_size=4096, intermediate_size=16384, gated_mlp=0, mlp_bias=1, expect=20480.0),
)
def dense_mlp_vectors(hidden_size: Count, intermediate_size: Count, gated_mlp: Flag, mlp_bias: Flag) -> Count:
    """Biases of one dense feed-forward."""
    return mlp_bias * (hidden_size + (1 + gated_mlp) * intermediate_size)


@cost_model(
    formula=r"L\,W_{mix} + (L - L_{moe})\,W_{mlp} + L_{moe}\,(E_s W_e + h E)",
    source="definition: the matrices every token passes, and the router",
    example=dict(
        hidden_size=8192,
        num_layers=80,
        num_moe_layers=0,
        mixer_weights=150994944,
        dense_mlp_weights=704643072,
        expert_weights=0,
        expect=68451041280.0,
    ),
)
def shared_layer_weights(
    hidden_size: Count,
    num_layers: Count,
    num_moe_layers: Count,
    mixer_weights: Count,
    dense_mlp_weights: Count,
    expert_weights: Count,
    num_experts: Count,
    num_shared_experts: Count,
) -> Count:
    """Matrix elements of all layers except routed experts."""
    mixture = num_shared_experts * expert_weights + hidden_size * num_experts
    return num_layers * mixer_weights + (num_layers - num_moe_layers) * dense_mlp_weights + num_moe_layers * mixture


@cost_model(
    formula=r"L\,v_{mix} + (L - L_{moe})\,v_{mlp} + h(1+b_n)",
    source="definition: norm scales and biases, with the norm before the head",
    example=dict(
        hidden_size=8192, num_layers=80, num_moe_layers=0, mixer_vectors=16384, dense_mlp_vectors=0, expect=1318912.0
    ),
)
def layer_vectors(
    hidden_size: Count,
    num_layers: Count,
    num_moe_layers: Count,
    mixer_vectors: Count,
    dense_mlp_vectors: Count,
    norm_bias: Flag,
) -> Count:
    """Norm scales and biases of all layers and of the final norm."""
    final = hidden_size * (1 + norm_bias)
    return num_layers * mixer_vectors + (num_layers - num_moe_layers) * dense_mlp_vectors + final


@cost_model(
    formula=r"W_{shared} + W_{routed} + v + (V+P)h + [\text{untied}]\,hV",
    source="definition: every stored parameter once; prediction modules and adapters are counted apart",
    example=dict(
        shared_layer_weights=68451041280,
        routed_expert_parameters=0,
        layer_vectors=1318912,
        embedding_parameters=262144000,
        lm_head_weights=262144000,
        tied_embeddings=0,
        expect=68976648192.0,
    ),
)
def num_parameters(
    shared_layer_weights: Count,
    routed_expert_parameters: Count,
    layer_vectors: Count,
    embedding_parameters: Count,
    lm_head_weights: Count,
    tied_embeddings: Flag,
) -> Count:
    """Parameters.

    Without multi-token prediction modules, which published totals leave out, and without adapters.
    """
    return (
        shared_layer_weights
        + routed_expert_parameters
        + layer_vectors
        + embedding_parameters
        + (1 - tied_embeddings) * lm_head_weights
    )


@cost_model(
    formula=r"N - L_{moe}\,(E - k)\,W_e",
    source="jiang-et-al-2024, sec. 2.1 (active parameters: the experts a token is routed to)",
    example=dict(
        num_parameters=46702792704,
        num_moe_layers=32,
        num_experts=8,
        experts_per_token=2,
        expert_weights=176160768,
        expect=12879925248.0,
    ),
)
def num_active_parameters(
    num_parameters: Count,
    num_moe_layers: Count,
    num_experts: Count,
    experts_per_token: Count,
    expert_weights: Count,
) -> Count:
    """Parameters one token uses."""
    return num_parameters - num_moe_layers * (num_experts - experts_per_token) * expert_weights


@cost_model(
    when_given="num_parameters",
    formula=r"N",
    source="definition: a model given by its size alone is dense",
    example=dict(num_parameters=70e9, expect=70e9),
)
def num_active_parameters_(num_parameters: Count) -> Count:
    """Parameters one token uses, of a dense model given by its size alone."""
    return num_parameters


@cost_model(
    formula=r"W_{shared} + L_{moe}\,k\,W_e + hV",
    source="chowdhery-et-al-2022, app. B (without the input embedding, which multiplies nothing)",
    example=dict(
        shared_layer_weights=68451041280,
        num_moe_layers=0,
        experts_per_token=1,
        expert_weights=0,
        lm_head_weights=262144000,
        expect=68713185280.0,
    ),
)
def num_matmul_parameters(
    shared_layer_weights: Count,
    num_moe_layers: Count,
    experts_per_token: Count,
    expert_weights: Count,
    lm_head_weights: Count,
) -> Count:
    """Matrix elements that multiply each token."""
    return shared_layer_weights + num_moe_layers * experts_per_token * expert_weights + lm_head_weights


@cost_model(
    formula=r"n_{mtp}\left(W_{mix} + v_{mix} + W_{ffn} + 2h^2 + 3h(1+b_n)\right)",
    source="deepseek-v3-2024, sec. 2.2 (a layer and a projection of two hidden states; embedding and head are shared)",
    example=dict(
        num_mtp_layers=1,
        hidden_size=7168,
        num_moe_layers=58,
        mixer_weights=187105280,
        mixer_vectors=16384,
        dense_mlp_weights=396361728,
        dense_mlp_vectors=0,
        expert_weights=44040192,
        num_experts=256,
        num_shared_experts=1,
        expect=11610068992.0,
    ),
)
def mtp_parameters(
    num_mtp_layers: Count,
    hidden_size: Count,
    num_moe_layers: Count,
    mixer_weights: Count,
    mixer_vectors: Count,
    dense_mlp_weights: Count,
    dense_mlp_vectors: Count,
    expert_weights: Count,
    num_experts: Count,
    num_shared_experts: Count,
    norm_bias: Flag,
) -> Count:
    """Parameters of the multi-token prediction modules.

    Their layer is a mixture where the model has any. Both inputs of the projection and the output have a norm.
    """
    mixture = (num_experts + num_shared_experts) * expert_weights + hidden_size * num_experts
    feed_forward = jnp.where(num_moe_layers > 0, mixture, dense_mlp_weights + dense_mlp_vectors)
    joining = 2 * hidden_size**2 + 3 * hidden_size * (1 + norm_bias)
    return num_mtp_layers * (mixer_weights + mixer_vectors + feed_forward + joining)


@cost_model(
    formula=r"(1 - \varphi)\,(N + N_{mtp}) + N_{lora}",
    source="hu-et-al-2021, sec. 4.2 (only the adapters are trained); definition: frozen matrices have no gradient",
    example=dict(
        num_parameters=68976648192, mtp_parameters=0, lora_parameters=44564480, frozen_share=1, expect=44564480.0
    ),
)
def num_trained_parameters(
    num_parameters: Count, mtp_parameters: Count, lora_parameters: Count, frozen_share: Number
) -> Count:
    """Parameters that have gradients and optimizer states."""
    return (1 - frozen_share) * (num_parameters + mtp_parameters) + lora_parameters
