"""The shipped accelerators, networks and precisions: sources, published numbers, and relations that slips break."""

from __future__ import annotations

import math

import pytest

from rooflax.specs.catalog import CatalogError, open_catalogs
from rooflax.specs.leaves.precision import FORMATS

CATALOGS = open_catalogs()
HARDWARE, NETWORKS, PRECISIONS = (CATALOGS.names(catalog) for catalog in ("hardware", "network", "precision"))
SHIPPED = [
    (catalog, name)
    for catalog, names in (("hardware", HARDWARE), ("network", NETWORKS), ("precision", PRECISIONS))
    for name in names
]


def values(name: str, catalog: str = "hardware") -> dict[str, float]:
    return {leaf: field.value for leaf, field in CATALOGS.get(catalog, name).fields.items()}


def test_enough_is_shipped() -> None:
    assert len(HARDWARE) >= 40
    assert len(NETWORKS) >= 35
    assert len(PRECISIONS) >= 16


@pytest.mark.parametrize(("catalog", "name"), SHIPPED)
def test_every_shipped_record_cites_what_it_states(catalog: str, name: str) -> None:
    record = CATALOGS.get(catalog, name)
    assert record.fields
    assert {field.source for field in record.fields.values()} == set(record.sources), "each source is used"
    for source in record.sources.values():
        assert len(source.title) > 8
        assert source.url == "" or source.url.startswith("https://")


@pytest.mark.parametrize("catalog", ["hardware", "network", "precision", "model"])
def test_shipped_aliases_clash_with_nothing(catalog: str) -> None:
    with pytest.raises(CatalogError, match="unknown"):
        CATALOGS.get(catalog, "no-such-record-at-all")


@pytest.mark.parametrize("name", HARDWARE)
def test_every_accelerator_names_a_shipped_network(name: str) -> None:
    network = CATALOGS.get("hardware", name).network
    assert network is not None
    assert CATALOGS.get("network", network).name == network


@pytest.mark.parametrize(
    ("catalog", "name", "leaf", "published"),
    [
        ("hardware", "h100-sxm-80gb", "peak_flops_bf16", 989.4e12),
        ("hardware", "h100-sxm-80gb", "hbm_bandwidth", 3.35e12),
        ("hardware", "h100-sxm-80gb", "hbm_capacity", 81559 * 2**20),
        ("hardware", "a100-sxm-80gb", "hbm_bandwidth", 2.039e12),
        ("hardware", "a100-sxm-40gb", "peak_flops_bf16", 312e12),
        ("hardware", "v100-sxm2-32gb", "peak_flops_fp16", 125e12),
        ("hardware", "mi300x", "hbm_capacity", 206141652992),
        ("hardware", "mi250x", "hbm_capacity", 64 * 2**30),
        ("hardware", "tpu-v5p", "peak_flops_bf16", 459e12),
        ("hardware", "tpu-v5p", "hbm_bandwidth", 2.765e12),
        ("hardware", "gaudi3", "peak_flops_bf16", 1677e12),
        ("hardware", "trainium2", "peak_flops_fp8", 1299e12),
        ("hardware", "gb200-nvl72", "tdp", 1200),
        ("network", "dgx-a100", "scale_out_bandwidth", 25e9),
        ("network", "dgx-h100", "scale_out_bandwidth", 50e9),
        ("network", "aws-p4d-efa", "scale_out_bandwidth", 6.25e9),
        ("network", "gb200-nvl72", "scale_up_size", 72),
        ("network", "gaudi-2-roce", "scale_up_bandwidth", 262.5e9),
        ("network", "dgx-h100", "scale_out_latency", 2.7e-6),
        ("precision", "mxfp4", "weight_width", 4.25 / 8),
        ("precision", "nvfp4", "weight_width", 4.5 / 8),
    ],
)
def test_published_numbers(catalog: str, name: str, leaf: str, published: float) -> None:
    assert values(name, catalog)[leaf] == pytest.approx(published, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "bytes_per_parameter"), [("bf16-mixed", 18), ("fp16-mixed", 16), ("bf16-tpu", 12), ("fp32", 16)]
)
def test_bytes_per_parameter_in_training(name: str, bytes_per_parameter: float) -> None:
    widths = values(name, "precision")
    parts = ("weight_width", "gradient_width", "master_width", "optimizer_width")
    assert sum(widths[part] for part in parts) == bytes_per_parameter


@pytest.mark.parametrize("name", HARDWARE)
def test_narrower_formats_are_faster_by_two_or_a_note_says_why(name: str) -> None:
    record = CATALOGS.get("hardware", name)
    rates = values(name)
    for fast, slow in (("fp8", "bf16"), ("int8", "bf16"), ("bf16", "tf32")):
        pair = [f"peak_flops_{dtype}" for dtype in (fast, slow)]
        if set(pair) <= set(rates) and not 1.9 <= rates[pair[0]] / rates[pair[1]] <= 2.1:
            said = record.fields[pair[0]].note or fast in record.notes or slow in record.notes
            assert said, f"{fast} is {rates[pair[0]] / rates[pair[1]]:.3g} times {slow}"
        if set(pair) <= set(rates) and fast != "int8":
            assert rates[pair[0]] >= rates[pair[1]]
    if {"peak_flops_bf16", "peak_flops_fp16"} <= set(rates) and record.facts["vendor"] != "Intel":
        assert rates["peak_flops_bf16"] == rates["peak_flops_fp16"]


@pytest.mark.parametrize("name", HARDWARE)
def test_magnitudes_are_those_of_accelerators(name: str) -> None:
    fields = values(name)
    assert 15e9 <= fields["hbm_capacity"] <= 320e9
    assert 0.3e12 <= fields["hbm_bandwidth"] <= 25e12
    # A whole memory is read in 5 to 100 ms on every part built so far.
    assert 0.005 <= fields["hbm_capacity"] / fields["hbm_bandwidth"] <= 0.1
    peak = max(fields.get(f"peak_flops_{dtype}", 0.0) for dtype in ("bf16", "fp16", "fp32"))
    assert 3e13 <= peak <= 4.1e15
    # FLOP per byte of 16-bit products: the ridge of the roofline.
    assert 35 <= peak / fields["hbm_bandwidth"] <= 620
    assert 60 <= fields.get("tdp", 500) <= 1500
    assert fields.get("idle_power", 0) < fields.get("tdp", math.inf)


@pytest.mark.parametrize(
    ("slower", "faster"),
    [
        ("v100-sxm2-32gb", "a100-sxm-40gb"),
        ("a100-sxm-40gb", "a100-sxm-80gb"),
        ("a100-sxm-80gb", "h100-sxm-80gb"),
        ("h100-pcie-80gb", "h100-nvl-94gb"),
        ("h100-sxm-80gb", "h200-sxm-141gb"),
        ("h200-sxm-141gb", "b200-sxm-180gb"),
        ("b200-sxm-180gb", "gb200-nvl72"),
        ("mi210", "mi300x"),
        ("mi300x", "mi325x"),
        ("mi325x", "mi350x"),
        ("mi350x", "mi355x"),
        ("tpu-v4", "tpu-v5p"),
        ("tpu-v5e", "tpu-v6e"),
        ("tpu-v5p", "tpu-v7x-ironwood"),
        ("gaudi2", "gaudi3"),
        ("trainium1", "trainium2"),
    ],
)
def test_successors_are_no_slower_and_hold_no_less(slower: str, faster: str) -> None:
    old, new = values(slower), values(faster)
    shared = {"peak_flops_fp16", "peak_flops_bf16", "hbm_bandwidth", "hbm_capacity"} & set(old) & set(new)
    assert len(shared) >= 3
    # Drivers of newer parts keep back up to 1 % more of the same nominal memory.
    assert all(new[leaf] >= 0.99 * old[leaf] for leaf in shared)
    assert any(new[leaf] > old[leaf] for leaf in shared)


LINKS = {"NVLink 2": (6, 25e9), "NVLink 3": (12, 25e9), "NVLink 4": (18, 25e9), "NVLink 5": (18, 50e9)}


@pytest.mark.parametrize("name", NETWORKS)
def test_nvlink_is_links_times_their_one_way_rate(name: str) -> None:
    record = CATALOGS.get("network", name)
    generation = record.facts.get("scale_up")
    if generation not in LINKS or name == "hgx-h800":
        assert not str(generation).startswith("NVLink") or name in {
            "hgx-h800",
            "vera-rubin-nvl72",
            "nvlink-3-bridge-pair",
            "nvlink-4-bridge-pair",
        }
        return
    links, rate = LINKS[generation]
    assert record.fields["scale_up_bandwidth"].value == links * rate


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_slow_down_outwards(name: str) -> None:
    fields = values(name, "network")
    tiers = [fields.get(f"{tier}_bandwidth") for tier in ("scale_up", "scale_out", "tier2")]
    known = [rate for rate in tiers if rate is not None]
    assert known == sorted(known, reverse=True)
    assert all(1e9 <= rate <= 2e12 for rate in known)
    delays = [fields[f"{tier}_latency"] for tier in ("scale_up", "scale_out", "tier2") if f"{tier}_latency" in fields]
    assert delays == sorted(delays)
    assert all(1e-7 <= delay <= 1e-4 for delay in delays)
    assert fields["scale_up_size"] >= 2


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_leaves_open_is_said(name: str) -> None:
    record = CATALOGS.get("network", name)
    for leaf in ("scale_up_bandwidth", "scale_up_latency", "scale_out_bandwidth", "scale_out_latency"):
        if leaf not in record.fields:
            assert "give " in record.notes or "No bandwidth" in record.notes, leaf


@pytest.mark.parametrize("name", PRECISIONS)
def test_precisions_state_every_width_and_the_wider_format(name: str) -> None:
    record = CATALOGS.get("precision", name)
    widths = values(name, "precision")
    needed = {"weight_width", "activation_width", "gradient_width", "master_width", "optimizer_width", "kv_width"}
    assert needed | {"matmul_format"} <= set(widths)
    if widths["optimizer_width"] == 0:
        assert "Inference only" in record.notes
    match = name if name[0] == "w" else None
    if match:
        weight, activation = (int(part) for part in match[1:].split("e")[0].split("a"))
        assert (widths["weight_width"], widths["activation_width"]) == (weight / 8, activation / 8)
        assert widths["kv_width"] == widths["activation_width"]
        expected = {16: "bf16", 8: "int8", 4: "int4"}[max(weight, activation)]
        assert FORMATS[int(widths["matmul_format"])] == expected
