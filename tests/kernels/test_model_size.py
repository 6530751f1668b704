"""Parameter counts beyond attention models: state-space layers, prediction modules, adapters."""

from __future__ import annotations

import pytest
from quantity_values import value

from rooflax.kernels.discovery import shipped_registry

REGISTRY = shipped_registry()
MAMBA_2 = dict(
    hidden_size=2560, num_layers=64, num_linear_layers=64, num_attention_heads=1, num_key_value_heads=1, head_dim=1,
    intermediate_size=0, vocab_size=50288, gated_mlp=0, tied_embeddings=1, norms_per_layer=1, linear_inner_size=5120,
    linear_state_size=128, linear_num_heads=80,
)  # fmt: skip
DEEPSEEK_V3 = dict(
    hidden_size=7168, num_layers=61, num_attention_heads=128, num_key_value_heads=128, head_dim=192,
    intermediate_size=18432, vocab_size=129280, gated_mlp=1, tied_embeddings=0, num_experts=256, experts_per_token=8,
    num_shared_experts=1, moe_intermediate_size=2048, num_dense_layers=3, q_lora_rank=1536, kv_lora_rank=512,
    qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip
GPT_3 = dict(
    hidden_size=12288, num_layers=96, num_attention_heads=96, num_key_value_heads=96, head_dim=128,
    intermediate_size=49152, vocab_size=50257, gated_mlp=0, tied_embeddings=1,
)  # fmt: skip


pytestmark = pytest.mark.usefixtures("double_precision")


def test_parameters_of_mamba_2() -> None:
    """Dao and Gu 2024, sec. 9.2: 2.7B. By hand: 64 layers of two projections, convolution, scalars and two norms."""
    assert value("num_parameters", **MAMBA_2) == pytest.approx(2.7e9, rel=2e-3)
    layer = 2560 * (2 * 5120 + 2 * 128 + 80) + 5120 * 2560 + (5120 + 256) * 5 + 3 * 80 + 5120 + 2560
    assert value("num_parameters", **MAMBA_2) == 64 * layer + 50288 * 2560 + 2560


def test_linear_layers_stand_in_for_attention() -> None:
    given = DEEPSEEK_V3 | dict(linear_inner_size=14336, linear_state_size=128, linear_num_heads=224)
    none, some = (value("num_parameters", **given, num_linear_layers=n) for n in (0, 40))
    attention = value("attention_weights", **given) + value("attention_vectors", **given)
    linear = value("linear_mixer_weights", **given) + value("linear_mixer_vectors", **given)
    assert some - none == pytest.approx(40 * (linear - attention), rel=1e-12)


def test_prediction_module_of_deepseek_v3() -> None:
    """The model card tells 671B of main model and 14B of the module, which repeats embedding and head."""
    module = value("mtp_parameters", **DEEPSEEK_V3, num_mtp_layers=1)
    assert module + 2 * 129280 * 7168 == pytest.approx(14e9, rel=0.04)
    assert value("num_parameters", **DEEPSEEK_V3, num_mtp_layers=1) == value("num_parameters", **DEEPSEEK_V3)
    assert value("mtp_parameters", **DEEPSEEK_V3) == 0


# Hu et al. 2021, table 5: GPT-3 with rank 2 on queries, keys, values and output has 18M trainable parameters.
def test_adapters_of_gpt_3() -> None:
    given = GPT_3 | dict(lora_rank=2, frozen_share=1, adapts_feed_forward=0)
    assert value("lora_parameters", **given) == 18_874_368
    assert value("num_trained_parameters", **given) == 18_874_368
    everywhere = value("lora_parameters", **given | dict(adapts_feed_forward=1))
    assert everywhere - 18_874_368 == 96 * 2 * 2 * (12288 + 49152)


def test_adapters_of_latent_attention_and_experts() -> None:
    """Five matrices of latent attention one by one; every routed and shared expert has three."""
    given = DEEPSEEK_V3 | dict(lora_rank=8)
    shapes = [(7168, 1536), (1536, 128 * 192), (7168, 576), (512, 128 * 256), (128 * 128, 7168)]
    assert value("attention_adapter_parameters", **given) == 8 * sum(rows + columns for rows, columns in shapes)
    experts = 58 * 257 * 3 * 8 * (7168 + 2048) + 3 * 3 * 8 * (7168 + 18432)
    attention = 61 * value("attention_adapter_parameters", **given)
    assert value("lora_parameters", **given) == pytest.approx(attention + experts, rel=1e-12)


def test_frozen_share_leaves_the_rest_to_train() -> None:
    total = value("num_parameters", **GPT_3)
    assert value("num_trained_parameters", **GPT_3) == total
    assert value("num_trained_parameters", **GPT_3, frozen_share=0.25) == pytest.approx(0.75 * total, rel=1e-12)
