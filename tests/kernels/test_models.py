"""Every cost model by its declaration: example, units, slopes, broadcasting, sources; a new model is tested at once."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping

import jax
import numpy as np
import pytest

from rooflax.kernels.discovery import shipped_registry
from rooflax.kernels.registry import Quantity
from rooflax.specs.bibliography import bibliography, cited
from rooflax.specs.units import BASES, conversion
from rooflax.specs.vocabulary import Kind

REGISTRY = shipped_registry()
STAND_INS = [model for models in REGISTRY.stand_ins.values() for model in models]
MODELS = [*REGISTRY.quantities.values(), *STAND_INS]
NAMES = [model.function.__name__ for model in MODELS]
every_model = pytest.mark.parametrize("model", MODELS, ids=NAMES)

# A second point for the gradients and the batches: the branches that a dense model at its defaults never takes.
MIXTURE = dict(
    num_experts=64,
    experts_per_token=6,
    num_shared_experts=2,
    moe_intermediate_size=1536,
    num_dense_layers=1,
    q_lora_rank=1536,
    kv_lora_rank=512,
    qk_nope_head_dim=128,
    qk_rope_head_dim=64,
    v_head_dim=128,
    sliding_window=1000,
    num_sliding_layers=10,
    num_position_embeddings=2048,
    qkv_bias=1,
    attention_output_bias=1,
    mlp_bias=1,
    norm_bias=1,
    sequence_parallel=0,
    zero_stage=3,
    recompute=1,
    attention_kernel=0,
    dropout=1,
    vpp=2,
)

# Two floating-point operations are a multiply-add: where counts become FLOP, or a time at a rate, nothing rescales it.
COUNTS_OPERATIONS = {
    "attention_flops_per_pair",
    "chinchilla_rule_parameters",
    "decode_expert_flops",
    "decode_feed_forward_time",
    "decode_flops",
    "decode_flops_per_pair",
    "decode_head_time",
    "decode_projection_time",
    "dense_feed_forward_flops",
    "dense_feed_forward_time",
    "dense_hbm_bound_time",
    "dense_input_gradient_time",
    "dense_weight_gradient_time",
    "executed_flops_per_token",
    "forward_flops_per_token",
    "gemm_flops",
    "gemm_time",
    "lifetime_inference_flops",
    "lifetime_optimal_compute",
    "lifetime_saving",
    "linear_input_gradient_time",
    "linear_projection_flops",
    "linear_projection_time",
    "linear_scan_flops_per_token",
    "linear_weight_gradient_time",
    "lm_head_backward_time",
    "lm_head_flops",
    "lm_head_forward_time",
    "loss_penalty",
    "mixed_product_time",
    "model_flops_per_token",
    "mtp_time",
    "optimal_loss",
    "optimal_parameters",
    "optimal_tokens",
    "prefill_expert_flops",
    "prefill_feed_forward_time",
    "prefill_flops",
    "prefill_head_time",
    "prefill_projection_time",
    "projection_flops",
    "projection_hbm_bound_time",
    "projection_input_gradient_time",
    "projection_time",
    "projection_weight_gradient_time",
    "routed_feed_forward_flops",
    "routed_feed_forward_time",
    "routed_hbm_bound_time",
    "routed_input_gradient_time",
    "routed_weight_gradient_time",
    "shared_feed_forward_flops",
    "shared_feed_forward_time",
    "shared_hbm_bound_time",
    "shared_input_gradient_time",
    "shared_weight_gradient_time",
    "step_time_6nd",
    "target_loss_compute",
    "training_flops_6nd",
}
# Numbers whose width no input states: fp32 logits and softmax statistics, one-byte dropout masks.
FIXED_WIDTHS = {
    "attention_core_activations",
    "cast_traffic",
    "loss_traffic",
    "softmax_traffic",
    "linear_state_bytes",
    "logits_memory",
    "logits_per_sequence",
    "dense_mlp_activations",
    "mixer_activations",
    "moe_mlp_activations",
}
# Rates that people quote for a year, whatever the unit of time.
CALENDAR = {"interest_rate"}


pytestmark = pytest.mark.usefixtures("double_precision")


def example(model: Quantity) -> dict[str, float]:
    """The worked example, with the declared default of every leaf that it leaves out."""
    given = model.example
    return {
        name: float(given[name]) if name in given else REGISTRY.vocabulary[name].default_value for name in model.reads
    }


def expected(model: Quantity) -> float:
    return float(model.example["expect"])


def is_switch(name: str) -> bool:
    """Whether a parameter selects a branch, so that a slope along it means nothing."""
    leaf = REGISTRY.vocabulary.get(name)
    return leaf is not None and leaf.kind in (Kind.FLAG, Kind.CHOICE)


def around(values: Mapping[str, float], seed: int) -> dict[str, float]:
    """Values near the given ones, off the whole numbers on which kinks lie; switches stay."""
    draw = np.random.default_rng(seed)
    return {
        name: value if is_switch(name) else domain(name, value * draw.uniform(0.85, 1.15))
        for name, value in values.items()
    }


def domain(name: str, value: float) -> float:
    """The value, reflected into the domain of its leaf where it lies outside."""
    leaf = REGISTRY.vocabulary.get(name)
    if leaf is None or leaf.low <= value <= leaf.high:
        return value
    bound = leaf.low if value < leaf.low else leaf.high
    return 2.0 * bound - value


def points(model: Quantity) -> list[dict[str, float]]:
    """Two points of general position: near the example, and near it with the rare branches switched on."""
    rare = {name: float(value) for name, value in MIXTURE.items() if name in model.reads}
    return [around(example(model), 7), around(example(model) | rare, 11)]


@every_model
def test_worked_example(model: Quantity) -> None:
    assert float(model(example(model))) == pytest.approx(expected(model), rel=model.example.get("rel", 1e-4))


@every_model
def test_jit_equals_eager(model: Quantity) -> None:
    for point in points(model):
        assert float(jax.jit(model.__call__)(point)) == pytest.approx(float(model(point)), rel=1e-12, abs=1e-300)


@every_model
def test_batch_equals_loop(model: Quantity) -> None:
    draw = np.random.default_rng(3)
    columns: dict[str, np.ndarray] = {}
    for position, name in enumerate(model.reads):
        low, high = (point[name] for point in points(model))
        size = (3, 1) if position % 2 else (1, 4)
        leaf = REGISTRY.vocabulary.get(name)
        if leaf is not None and leaf.kind is Kind.CHOICE:
            columns[name] = draw.integers(0, len(leaf.options), size).astype(float)
        elif is_switch(name):
            columns[name] = draw.integers(0, 2, size).astype(float)
        else:
            columns[name] = np.where(draw.random(size) < 0.5, low, high)
    batch = np.broadcast_to(np.asarray(model(columns)), (3, 4))
    rows = {name: np.broadcast_to(column, (3, 4)) for name, column in columns.items()}
    for index in np.ndindex(3, 4):
        one = float(model({name: row[index] for name, row in rows.items()}))
        assert math.isfinite(one)
        assert batch[index] == pytest.approx(one, rel=1e-12, abs=1e-300)


@every_model
def test_slopes_are_finite_on_the_example(model: Quantity) -> None:
    values = example(model)
    smooth = {name: value for name, value in values.items() if not is_switch(name)}
    slopes = jax.grad(lambda moved: model(values | moved))(smooth)
    assert {name: slope for name, slope in slopes.items() if not math.isfinite(slope)} == {}


@every_model
def test_slope_equals_finite_difference(model: Quantity) -> None:
    for point in points(model):
        smooth = {name: value for name, value in point.items() if not is_switch(name) and value != 0}
        slopes = jax.grad(lambda moved, point=point: model(point | moved))(smooth)
        here = abs(float(model(point)))
        for name, value in smooth.items():
            step = 1e-6 * value
            above, below = (float(model(point | {name: value + sign * step})) for sign in (1, -1))
            change, predicted = (above - below) / 2e-6, float(slopes[name]) * value
            assert predicted == pytest.approx(change, rel=1e-5, abs=1e-8 * here + 1e-300), name


def exponents(unit: str) -> dict[str, int]:
    return conversion(unit)[1]


def rescaled_by(model: Quantity, factors: Mapping[str, float], point: int = 0) -> tuple[float, float]:
    """The result when every base unit is multiplied by its factor, and what its own unit says it must be."""
    values = points(model)[point]

    def factor(unit: str) -> float:
        return math.prod(factors.get(base, 1.0) ** power for base, power in exponents(unit).items())

    moved = {name: value * factor(REGISTRY.unit(name)) for name, value in values.items()}
    return float(model(moved)), float(model(values)) * factor(model.unit)


# A published formula carries the constants of its document as they are printed: bytes, rates and prices of one machine.
@pytest.mark.parametrize("model", [model for model in MODELS if not model.namespace], ids=lambda model: model.name)
def test_result_scales_with_its_unit(model: Quantity) -> None:
    draw = np.random.default_rng(5)
    factors = {base: float(draw.uniform(0.3, 3.0)) for base in BASES}
    if model.name in COUNTS_OPERATIONS:
        del factors["FLOP"]
    if model.name in FIXED_WIDTHS:
        del factors["B"]
    if model.name in CALENDAR:
        del factors["s"]
    found, wanted = rescaled_by(model, factors)
    assert found == pytest.approx(wanted, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(("base", "exempt"), [("FLOP", COUNTS_OPERATIONS), ("B", FIXED_WIDTHS), ("s", CALENDAR)])
def test_exemptions_from_scaling_are_needed(base: str, exempt: set[str]) -> None:
    for name in exempt:
        pairs = [rescaled_by(REGISTRY.quantities[name], {base: 2.0}, point) for point in (0, 1)]
        apart = [found for found, wanted in pairs if found != pytest.approx(wanted, rel=1e-9)]
        assert apart, f"{name} scales with {base} after all"


@every_model
def test_source_is_in_the_bibliography(model: Quantity) -> None:
    keys = cited(model.declared.source)
    assert keys or model.declared.source.startswith("definition: ")
    assert [key for key in keys if key not in bibliography()] == []


@pytest.mark.parametrize("model", [model for model in MODELS if model.declared.terms], ids=lambda model: model.name)
def test_terms_add_up(model: Quantity) -> None:
    for point in points(model):
        assert float(model(point)) == pytest.approx(math.fsum(point[term] for term in model.terms), rel=1e-12)


@every_model
def test_numpy_and_jax_agree(model: Quantity) -> None:
    for point in points(model):
        with np.errstate(all="ignore"):
            found = model({name: np.float64(number) for name, number in point.items()})
        wanted = model({name: jax.numpy.float64(number) for name, number in point.items()})
        assert not isinstance(found, jax.Array)
        assert isinstance(wanted, jax.Array)
        assert float(found) == pytest.approx(float(wanted), rel=1e-12, abs=1e-300)


@every_model
def test_single_precision_holds_five_digits(model: Quantity) -> None:
    wanted = float(model(example(model)))
    with jax.enable_x64(False):
        found = model({name: jax.numpy.float32(value) for name, value in example(model).items()})
    assert found.dtype == np.float32
    assert float(found) == pytest.approx(wanted, rel=1e-5, abs=1e-30)


@every_model
def test_label_fits_an_axis(model: Quantity) -> None:
    assert model.label[0].isupper()
    assert not model.label.endswith(".")
    assert "\n" not in model.label
    assert len(model.label) <= 76


@every_model
def test_formula_is_balanced(model: Quantity) -> None:
    formula = model.declared.formula
    assert formula.count("{") == formula.count("}")
    assert formula.count(r"\left") == formula.count(r"\right")


def test_no_model_branches_on_values() -> None:
    for model in MODELS:
        source = inspect.getsource(model.function)
        assert " if " not in source.split('"""')[-1], f"{model.name} branches in Python"
