"""Architecture of a transformer: the fields of a model record. Names follow Hugging Face `config.json`."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_count = partial(Leaf, unit="1", kind=Kind.COUNT, group=Group.MODEL)
_flag = partial(Leaf, unit="1", kind=Kind.FLAG, group=Group.MODEL, high=1)

LEAVES = (
    _count("hidden_size", label="Hidden size", low=1, aliases=("d_model", "n_embd")),
    _count("num_layers", label="Layers", low=1, aliases=("n_layers", "num_hidden_layers", "n_layer")),
    _count("num_attention_heads", label="Query heads", low=1, aliases=("n_heads", "n_head")),
    _count("num_key_value_heads", label="Key/value heads", low=1, aliases=("n_kv_heads", "num_kv_heads")),
    _count("head_dim", label="Head dimension", low=1, aliases=("d_head",)),
    _count("intermediate_size", label="Feed-forward size of a dense layer", low=1, aliases=("d_ff", "ffn_dim")),
    _count("vocab_size", label="Vocabulary", low=1, aliases=("n_vocab",)),
    _flag("gated_mlp", label="Gated feed-forward", aliases=("use_swiglu",), note="three matrices instead of two"),
    _flag("tied_embeddings", label="Tied embeddings", aliases=("tie_word_embeddings",)),
    _count("num_experts", label="Routed experts", low=1, default=1, reason="a dense model", aliases=("n_experts",)),
    _count(
        "experts_per_token",
        label="Routed experts per token",
        low=1,
        default=1,
        reason="a dense model",
        aliases=("num_experts_per_tok", "top_k"),
    ),
    _count("num_shared_experts", label="Shared experts", default=0, reason="a dense model"),
    _count(
        "moe_intermediate_size",
        label="Feed-forward size of one expert",
        default=0,
        reason="a dense model has no experts",
        note="shared experts are of this size too, `num_shared_experts` of them",
    ),
    _count(
        "num_dense_layers",
        label="Layers with a dense feed-forward, in a mixture-of-experts model",
        default=0,
        reason="every layer of a mixture is a mixture",
        note="counts leading dense layers and dense layers between mixtures alike; ignored when num_experts is 1",
    ),
    _count("q_lora_rank", label="MLA query rank", default=0, reason="no latent attention, or no query compression"),
    _count(
        "kv_lora_rank",
        label="MLA key/value rank",
        default=0,
        reason="no latent attention",
        note="above 0 the attention is multi-head latent (DeepSeek-V2) and num_key_value_heads is not read",
    ),
    _count("qk_nope_head_dim", label="MLA head dimension without position", default=0, reason="no latent attention"),
    _count("qk_rope_head_dim", label="MLA rotary head dimension", default=0, reason="no latent attention"),
    _count("v_head_dim", label="MLA value head dimension", default=0, reason="no latent attention"),
    _count(
        "sliding_window",
        label="Attention window of the sliding layers",
        default=0,
        reason="no sliding-window layers",
        note="tokens a query sees in each of the num_sliding_layers layers",
    ),
    _count("num_sliding_layers", label="Layers with a sliding window", default=0, reason="full attention everywhere"),
    _count(
        "num_position_embeddings",
        label="Learned positions",
        default=0,
        reason="rotary or relative positions hold no table",
    ),
    _flag(
        "qkv_bias", label="Biases of the query, key and value projections", default=0, reason="most models since 2022"
    ),
    _flag("attention_output_bias", label="Bias of the attention output", default=0, reason="most models since 2022"),
    _flag("mlp_bias", label="Biases of the feed-forward", default=0, reason="most models since 2022"),
    _flag("norm_bias", label="Norms with a bias (LayerNorm)", default=0, reason="RMSNorm has a scale only"),
    _count(
        "norms_per_layer",
        label="Norms of hidden size per layer",
        default=2,
        reason="before attention and before the feed-forward",
    ),
    _count(
        "num_mtp_layers",
        label="Multi-token prediction modules",
        default=0,
        reason="most models predict one token",
        note="each is one more layer, a projection of two hidden states to one, and one more pass through the head",
    ),
    _count(
        "num_linear_layers",
        label="Layers that mix by a linear recurrence instead of attention",
        default=0,
        reason="attention in every layer",
        note="state-space (Mamba-2) or linear attention; counted among num_layers",
    ),
    _count("linear_inner_size", label="Inner width of a linear layer", default=0, reason="no linear layers"),
    _count("linear_state_size", label="State size of a linear layer", default=0, reason="no linear layers"),
    _count("linear_num_heads", label="Heads of a linear layer", default=0, reason="no linear layers"),
    _count(
        "linear_num_groups",
        label="Groups that share the state's input and output maps",
        low=1,
        default=1,
        reason="one group, as Mamba-2 has by default",
    ),
    _count(
        "linear_chunk_size",
        label="Chunk of the linear recurrence, in tokens",
        low=1,
        default=256,
        reason="the chunk of the Mamba-2 kernels",
    ),
)
