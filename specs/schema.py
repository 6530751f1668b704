"""The shape of a sweep spec: which keys there are and what they hold. Docstrings of fields are the help text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .documents import KeyPath
from .domains import shown
from .goals import check_goals
from .limits import MOST_PROBLEMS
from .vocabulary import Vocabulary, nearest

_PREFIX = "Value error, "
_EXPECTED = {
    "dict_type": "a mapping was expected",
    "model_type": "a mapping was expected",
    "tuple_type": "a list was expected",
    "string_type": "text was expected",
    "int_type": "a whole number was expected",
}


def _like(*examples: object) -> Any:
    """Examples of a key's value, which editors and the documentation show."""
    return Field(examples=list(examples))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Objective(_Part):
    """One quantity to make small or large."""

    minimize: Annotated[str | None, _like("step_time")] = None
    """The quantity to make small; give this or `maximize`."""
    maximize: Annotated[str | None, _like("predicted_mfu")] = None
    """The quantity to make large; give this or `minimize`."""

    @model_validator(mode="after")
    def _one_objective(self) -> Self:
        if (self.minimize is None) == (self.maximize is None):
            raise ValueError("give exactly one of `minimize` and `maximize`")
        return self

    @property
    def objective(self) -> str:
        """The quantity that is minimized or maximized."""
        return str(self.minimize if self.minimize is not None else self.maximize)


class Best(_Objective):
    """The best points along some axes, reduced while the sweep runs."""

    over: Annotated[tuple[str, ...], Field(min_length=1), _like(["tp", "micro_batch_size"])]
    """The axes to choose along; the others stay."""
    top: Annotated[int, Field(ge=1, strict=True), _like(3)] = 1
    """How many points to keep, the best first."""


class Pareto(_Part):
    """The points that no other beats in every objective, gathered while the sweep runs."""

    objectives: Annotated[tuple[str, ...], _like(["step_time:min", "predicted_mfu:max"])]
    """Two or three quantities, each with its direction: `step_time:min`, `predicted_mfu:max`."""
    over: Annotated[Annotated[tuple[str, ...], Field(min_length=1)] | None, _like(["tp", "micro_batch_size"])] = None
    """The axes to choose along, all by default; there is one frontier for each point of the others."""

    @field_validator("objectives")
    @classmethod
    def _two_or_three(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        check_goals(found)
        return found


class Optimize(_Objective):
    """The best values of continuous inputs, found in every cell of the axes under the conditions of `where`."""

    over: Annotated[dict[str, Any], Field(min_length=1), _like({"hbm_bandwidth": {"min": "1 TB/s", "max": "8 TB/s"}})]
    """The inputs left free, each with its range, such as `hbm_bandwidth: {min: 1 TB/s, max: 8 TB/s}`."""


class Gradient(_Part):
    """The quantities that move, and the inputs that move them."""

    of: Annotated[tuple[str, ...], Field(min_length=1), _like(["step_time"])]
    """The quantities whose derivatives are kept."""
    wrt: Annotated[tuple[str, ...], Field(min_length=1), _like(["hbm_bandwidth", "scale_out_bandwidth"])]
    """Continuous inputs, or quantities that are given a value."""


class Gradients(_Part):
    """Derivatives beside the results, at every point of the grid."""

    derivative: Annotated[Gradient | None, _like({"of": ["step_time"], "wrt": ["hbm_bandwidth"]})] = None
    """How much the quantities change per unit of the inputs."""
    elasticity: Annotated[Gradient | None, _like({"of": ["step_time"], "wrt": ["hbm_bandwidth"]})] = None
    """How much they change in relation, per relative change of the inputs."""

    @model_validator(mode="after")
    def _one_list_of_inputs(self) -> Gradients:
        if self.derivative is None and self.elasticity is None:
            raise ValueError("give `derivative`, `elasticity` or both")
        if self.derivative and self.elasticity and self.derivative.wrt != self.elasticity.wrt:
            raise ValueError("`derivative` and `elasticity` lie along one list of inputs; give both the same `wrt`")
        return self


class Store(_Part):
    """Where results go and in which precision they are computed and kept."""

    path: Annotated[str | None, _like("runs/mine.zarr", "s3://bucket/mine.zarr")] = None
    """The zarr store, relative to the working directory."""
    dtype: Annotated[Literal["float32", "float64"], _like("float64")] = "float32"
    """The floating-point type of the computation and of the stored values."""
    mantissa_bits: Annotated[Annotated[int, Field(ge=1, le=52, strict=True)] | None, _like(12)] = None
    """Stored values are rounded to so many bits behind the leading one, which makes files smaller: 12 keep them within
    0.012 %. Best points and frontiers are chosen and kept before the rounding."""

    @model_validator(mode="after")
    def _fewer_bits_than_there_are(self) -> Self:
        own = {"float32": 23, "float64": 52}[self.dtype]
        if self.mantissa_bits is not None and self.mantissa_bits > own:
            raise ValueError(f"{self.dtype} has {own} mantissa bits; {self.mantissa_bits} cannot be kept")
        return self


class SweepSpec(_Part):
    """A sweep: which inputs vary and how, which are fixed, and what is asked."""

    title: Annotated[str, _like("Which layout trains Llama-3-8B fastest on 64 GPUs?")]
    """One line that says what the sweep is about; pictures and pages carry it."""
    description: Annotated[str | None, _like("Every layout of a model, against the bandwidth between nodes.")] = None
    """Free text: the question, and what to look at."""
    axes: Annotated[
        dict[str, Any], _like({"hardware": ["a100-sxm-80gb", "h100-sxm-80gb"], "tp": {"pow2": [1, 8]}})
    ] = {}
    """The inputs that vary, each a list or a grid form; their order is the order of the dimensions, but the longest is
    put last where the last is short, which is quicker."""
    fixed: Annotated[dict[str, Any], _like({"model": "llama-3-8b", "world_size": 64, "gpu_hour_price": "2.5 $/h"})] = {}
    """The inputs of one value; numbers may carry units, such as `25 GB/s`, and distributions, such as `0.42 ± 0.03`."""
    outputs: Annotated[tuple[str, ...], Field(min_length=1), _like(["step_time", "memory_per_gpu", "binding"])]
    """The quantities to compute and keep."""
    where: Annotated[tuple[str, ...], _like(["fits_memory", "memory_per_gpu < 70 GiB"])] = ()
    """Conditions that points must meet: constraints by name, or comparisons such as `memory_per_gpu < 70 GiB`."""
    best: Annotated[Best | None, _like({"minimize": "step_time", "over": ["tp"]})] = None
    """The best points along some axes, beside the whole grid."""
    pareto: Annotated[Pareto | None, _like({"objectives": ["step_time:min", "memory_per_gpu:min"]})] = None
    """The points between which two or three objectives decide, beside the whole grid."""
    optimize: Annotated[
        Optimize | None,
        _like({"minimize": "training_cost", "over": {"hbm_capacity": {"min": "24 GB", "max": "288 GB"}}}),
    ] = None
    """The best values of continuous inputs in every cell of the axes; `rooflax optimize` answers it."""
    gradients: Annotated[Gradients | None, _like({"elasticity": {"of": ["step_time"], "wrt": ["hbm_bandwidth"]}})] = (
        None
    )
    """Derivatives or elasticities beside the results."""
    store: Annotated[Store, _like({"path": "runs/mine.zarr", "mantissa_bits": 12})] = Store()
    """Where results go and in which precision they are computed."""
    catalog: Annotated[tuple[str, ...], _like(["my-records"])] = ()
    """Folders of further catalog records, relative to this file; a record here wins over a shipped one of its name."""


def check_shape(data: Mapping[str, Any]) -> tuple[SweepSpec | None, list[tuple[KeyPath, str, bool]]]:
    """The spec, or None and what is wrong with its shape: path, message, and whether the key is what is wrong."""
    try:
        return SweepSpec.model_validate(dict(data)), []
    except ValidationError as error:
        return None, [_problem(dict(found)) for found in error.errors(include_url=False)[:MOST_PROBLEMS]]


def _problem(error: dict[str, Any]) -> tuple[KeyPath, str, bool]:
    path, kind = tuple(error["loc"]), error["type"]
    if kind in ("extra_forbidden", "missing"):
        part, key = _part(path[:-1]), str(path[-1])
        return path, _unknown_key(key, part) if kind == "extra_forbidden" else _missing(key, part), True
    return path, _wrong_value(kind, error), kind == "value_error"


def _wrong_value(kind: str, error: dict[str, Any]) -> str:
    found, context = shown(error["input"]), error.get("ctx", {})
    if kind == "too_short":
        return "at least one name was expected"
    if kind == "literal_error":
        return f"{found} is not one of {context['expected'].replace(chr(39), '')}"
    if kind == "greater_than_equal":
        return f"{found} is not at least {context['ge']}"
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, found {found}"
    message = error["msg"].removeprefix(_PREFIX)
    return message[:1].lower() + message[1:]


def _missing(key: str, part: type[BaseModel]) -> str:
    described = part.model_fields[key].description or ""
    return f"missing: {described[:1].lower()}{described[1:]}"


def _part(path: KeyPath) -> type[BaseModel]:
    if not path:
        return SweepSpec
    root, *inside = path
    if root == "gradients" and inside:
        return Gradient
    parts: dict[str, type[BaseModel]] = {
        "best": Best,
        "pareto": Pareto,
        "optimize": Optimize,
        "gradients": Gradients,
        "store": Store,
    }
    return parts.get(str(root), SweepSpec)


def _unknown_key(key: str, part: type[BaseModel]) -> str:
    found = nearest(key, part.model_fields)
    return "unknown key; " + (f"did you mean `{found}`?" if found else f"the keys are {', '.join(part.model_fields)}")


def schema(vocabulary: Vocabulary | None = None, quantities: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON schema (Draft 2020-12) of a spec over the inputs of `vocabulary` (the shipped ones by default).

    `quantities` maps the computed quantities to their units; where given, they too may be pinned, and outputs are
    only these. Without it any name passes there.
    """
    from .editors import json_schema

    return json_schema(vocabulary, quantities)
