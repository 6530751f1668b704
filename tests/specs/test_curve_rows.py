"""Measured matrix products and collectives as cases: inputs, targets, and refusals word for word."""

from __future__ import annotations

import math

import pytest

from rooflax.specs.catalog import Catalogs, open_catalogs
from rooflax.specs.measured.collective_rows import collective_rows
from rooflax.specs.measured.gemm_rows import gemm_rows
from rooflax.specs.measured.rows import MeasuredRow, Target

PRODUCT = dict(
    id="p-1", source_family="bench", confidence="high", op="gemm", gpu="H100-SXM-80GB", dtype="bf16",
    batch_or_groups="", m="4096", n="8192", k="1024", time_us="150", achieved_tflops="458.1", notes="",
)  # fmt: skip
RING = dict(
    id="c-1", source_family="bench", confidence="high", collective="all_reduce", gpu="A100-SXM-80GB", n_gpus="8",
    n_nodes="1", gpus_per_node="8", intra_link="NVSwitch", inter_link="", algo="", size_bytes="1048576", time_us="92.8",
    algbw_gbs="11.3",
)  # fmt: skip


@pytest.fixture(scope="module")
def catalogs() -> Catalogs:
    return open_catalogs()


@pytest.fixture
def product(catalogs: Catalogs):
    def of(**changes: str) -> MeasuredRow:
        (row,) = gemm_rows("products.csv", [PRODUCT | changes], catalogs)
        return row

    return of


@pytest.fixture
def collective(catalogs: Catalogs):
    def of(**changes: str) -> MeasuredRow:
        (row,) = collective_rows("rings.csv", [RING | changes], catalogs)
        return row

    return of


# Matrix products.


def test_a_timed_product_is_a_time_with_its_rate_beside(product) -> None:
    row = product()
    assert (row.file, row.id, row.family, row.confidence) == ("products.csv", "p-1", "bench", "high")
    assert row.refused == ""
    assert row.targets == (
        Target("gemm_time", 150 * 1e-6, "s"),
        Target("gemm_rate", 458.1 * 1e12, "FLOP/s", primary=False, rate=True),
    )
    assert row.inputs == dict(
        hardware="h100-sxm-80gb", matmul_format="bf16", weight_width=2.0, activation_width=2.0, gemm_rows=4096,
        gemm_columns=8192, gemm_depth=1024, gemm_groups=1, gemm_best_shape=False, flop_energy=0.0,
    )  # fmt: skip


def test_a_product_without_a_time_is_a_rate(product) -> None:
    assert product(time_us="").targets == (Target("gemm_rate", 458.1 * 1e12, "FLOP/s", rate=True),)


def test_groups_and_best_shapes_are_told(product) -> None:
    row = product(batch_or_groups="32", notes="Best shape found; mean of 100 iters")
    assert (row.inputs["gemm_groups"], row.inputs["gemm_best_shape"]) == (32, True)


@pytest.mark.parametrize(
    ("dtype", "name", "width"),
    [("fp16", "fp16", 2), ("FP8_e4m3", "fp8", 1), ("nvfp4", "fp4", 0.5), ("int8", "int8", 1), ("tf32", "tf32", 4)],
)
def test_formats(product, dtype: str, name: str, width: float) -> None:
    inputs = product(dtype=dtype).inputs
    assert (inputs["matmul_format"], inputs["weight_width"], inputs["activation_width"]) == (name, width, width)


def test_a_narrow_result_is_an_assumption(product) -> None:
    assert product(dtype="fp8").assumed == ("a result as wide as the operands, which is not stated",)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (dict(m=""), "`m` is not stated"),
        (dict(k="1.5"), "`k` is 1.5; a whole number of at least 1 was expected"),
        (dict(gpu=""), "`gpu` is not stated"),
        (dict(dtype="posit"), "`dtype` is 'posit'; one of fp4, int4, fp8, int8, bf16, fp16, tf32, fp32 was expected"),
        (dict(time_us="", achieved_tflops=""), "neither `time_us` nor `achieved_tflops` is stated"),
        (dict(time_us="fast"), "`time_us` is 'fast'; a number was expected"),
    ],
)
def test_refused_products(product, changes: dict[str, str], refusal: str) -> None:
    row = product(**changes)
    assert (row.refused, row.inputs, row.assumed) == (refusal, {}, ())
    assert row.primary.quantity == "gemm_time"


def test_a_refused_product_keeps_what_was_measured(product) -> None:
    assert product(m="").primary.value == pytest.approx(150e-6)
    assert math.isnan(product(time_us="", achieved_tflops="").primary.value)


# Collectives.


def test_a_collective_on_one_node(collective) -> None:
    row = collective()
    assert row.refused == ""
    assert row.targets == (Target("collective_time", 92.8 * 1e-6, "s"),)
    assert row.inputs == dict(
        collective="all_reduce", collective_message=1048576.0, collective_group=8, network="dgx-a100",
        all_reduce_algorithm="best",
    )  # fmt: skip


def test_the_rate_stands_for_a_time_that_is_not_stated(collective) -> None:
    assert collective(time_us="").primary.value == pytest.approx(1048576 / 11.3e9)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("all_gather", "all_gather"),
        ("reduce_scatter", "reduce_scatter"),
        ("send_recv", "send_receive"),
        ("alltoall", "all_to_all"),
    ],
)
def test_kinds(collective, told: str, kind: str) -> None:
    assert collective(collective=told).inputs["collective"] == kind


@pytest.mark.parametrize(
    ("algo", "size", "reduces", "algorithm"),
    [
        ("Ring", "1e9", False, "ring"),
        ("Tree", "1e9", False, "tree"),
        ("Ring (NVLS off)", "1e9", False, "ring"),
        ("NVLS", "1e9", True, "best"),
        ("NVLSTree", "1e9", True, "best"),
        ("Ring LL <=1MiB; NVLS >=2MiB", "1048576", False, "best"),
        ("Ring LL <=1MiB; NVLS >=2MiB", "2097152", True, "best"),
    ],
)
def test_algorithms(collective, algo: str, size: str, reduces: bool, algorithm: str) -> None:
    inputs = collective(algo=algo, size_bytes=size).inputs
    assert (inputs["scale_up_reduces"], inputs["all_reduce_algorithm"]) == (reduces, algorithm)


def test_the_library_chooses_where_nothing_is_told(collective) -> None:
    inputs = collective(algo="auto").inputs
    assert inputs["all_reduce_algorithm"] == "best"
    assert "scale_up_reduces" not in inputs


@pytest.mark.parametrize(
    ("link", "bandwidth"),
    [
        ("EFA v3 3200 Gb/s per node (50 GB/s per GPU)", 50e9),
        ("3200 Gb/s per node", 50e9),
        ("NDR, 12.5 GB/s per GPU", 12.5e9),
    ],
)
def test_nodes_and_what_joins_them(collective, link: str, bandwidth: float) -> None:
    inputs = collective(n_gpus="32", n_nodes="4", inter_link=link).inputs
    assert (inputs["scale_up_size"], inputs["scale_out_bandwidth"]) == (8, bandwidth)


def test_the_bandwidth_of_the_record_is_an_assumption(collective) -> None:
    row = collective(n_gpus="16", n_nodes="2", inter_link="InfiniBand")
    assert "scale_out_bandwidth" not in row.inputs
    assert row.assumed == ("the bandwidth between nodes of dgx-a100",)


def test_links_name_other_networks_than_the_chip(collective) -> None:
    assert (
        collective(n_gpus="32", n_nodes="4", inter_link="EFA v3 3200 Gb/s per node").inputs["network"] == "aws-p5en-efa"
    )
    pair = collective(n_gpus="2", intra_link="pairwise NVLink bridge node (4 GPU)")
    assert (pair.inputs["network"], pair.assumed) == ("nvlink-3-bridge-pair", ())
    pairs = collective(n_gpus="4", intra_link="pairwise NVLink bridge node (4 GPU)")
    assert pairs.inputs["scale_out_oversubscription"] == 2.0
    assert pairs.assumed == (
        "one slot's bandwidth for both GPUs of a pair: pairs meet on one path between the sockets",
    )


def test_a_stated_link_wins_over_the_record(collective) -> None:
    assert collective(intra_link="NVLink3+NVSwitch (250 GB/s uni)").inputs["scale_up_bandwidth"] == 250e9


@pytest.mark.parametrize(("gpus", "bandwidth"), [("2", 25e9), ("3", 50e9), ("4", 100e9), ("8", 150e9)])
def test_rings_in_a_cube_mesh_use_some_of_its_links(collective, gpus: str, bandwidth: float) -> None:
    assert collective(gpu="V100-SXM2", n_gpus=gpus).inputs["scale_up_bandwidth"] == bandwidth


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (dict(collective="gossip"), "`collective` is 'gossip'; one of all_reduce, all_gather, reduce_scatter, "
                                    "all_to_all, alltoall, send_recv, sendrecv was expected"),
        (dict(size_bytes="", time_us="9"), "`size_bytes` is not stated"),
        (dict(time_us="", algbw_gbs=""), "neither `time_us` nor `algbw_gbs` is stated"),
        (dict(n_gpus=""), "`n_gpus` is not stated"),
        (dict(algo="butterfly"), "`algo` is 'butterfly'; ring, tree, nvls or auto was expected"),
        (dict(n_gpus="16", n_nodes="2"), "`inter_link` does not state what joins the nodes"),
        (dict(n_gpus="16", n_nodes="2", inter_link="slow fabric (unstated)"),
         "`inter_link` does not state what joins the nodes"),
        (dict(n_gpus="9", n_nodes="2"), "9 GPUs do not fill 2 nodes evenly"),
        (dict(gpu="V100-SXM2", n_gpus="5"),
         "a ring over 5 of the 8 GPUs of a DGX-1 uses a number of links that is not known"),
    ],
)  # fmt: skip
def test_refused_collectives(collective, changes: dict[str, str], refusal: str) -> None:
    row = collective(**changes)
    assert (row.refused, row.inputs, row.assumed) == (refusal, {}, ())
    assert row.primary.quantity == "collective_time"


def test_rows_without_a_family_are_called_by_their_file(catalogs: Catalogs) -> None:
    (product,) = gemm_rows("my-products.csv", [PRODUCT | {"source_family": ""}], catalogs)
    (ring,) = collective_rows("my-rings.csv", [RING | {"source_family": ""}], catalogs)
    assert (product.family, ring.family) == ("my-products", "my-rings")
