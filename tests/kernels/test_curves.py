"""Size curves of matrix products and collectives against plain Python, their limits, and their slopes."""

from __future__ import annotations

import itertools
import math

import jax
import jax.numpy as jnp
import pytest

from rooflax.kernels.machine import microbenchmarks
from rooflax.kernels.machine.network import Network, tiers_of
from rooflax.kernels.primitives import collectives
from rooflax.kernels.primitives.collectives import KINDS, RING, TREE, Tier
from rooflax.kernels.primitives.efficiency import fill_slowdown, product_time
from rooflax.kernels.primitives.matmul import MatmulRates
from rooflax.specs.vocabulary import Group, shipped

MEGABYTE = 1e6
COLLECTIVES = {
    "ring all-reduce": lambda message, tiers: collectives.all_reduce(message, tiers, RING),
    "tree all-reduce": lambda message, tiers: collectives.all_reduce(message, tiers, TREE),
    "fastest all-reduce": lambda message, tiers: collectives.all_reduce(message, tiers, collectives.BEST),
    "all-gather": collectives.all_gather,
    "all-to-all": collectives.all_to_all,
    "neighbour exchange": collectives.neighbour_exchange,
}
each_collective = pytest.mark.parametrize("name", COLLECTIVES)


pytestmark = pytest.mark.usefixtures("double_precision")


def tier(members: float, bandwidth: float = 100e9, latency: float = 0.0, **others: float) -> Tier:
    fields = dict(bandwidth=bandwidth, latency=latency, **others)
    return Tier(members=jnp.asarray(float(members)), **{name: jnp.asarray(value) for name, value in fields.items()})


def time(name: str, message: float, *tiers: Tier) -> float:
    return float(COLLECTIVES[name](jnp.asarray(message), tiers))


def network(**given: float) -> Network:
    """A network with the declared defaults where nothing is given."""
    leaves = {leaf.name: leaf for leaf in (*shipped().of_group(Group.NETWORK), *network_leaves())}
    return Network(
        *(jnp.asarray(given[name] if name in given else leaves[name].default_value) for name in Network._fields)
    )


def network_leaves() -> tuple:
    from rooflax.kernels.machine import network as module

    return getattr(module, "LEAVES", ())


H100 = dict(
    scale_up_size=8.0, scale_up_bandwidth=450e9, scale_up_latency=1e-6, scale_out_bandwidth=50e9,
    scale_out_latency=5e-6, link_efficiency=0.8,
)  # fmt: skip


# Matrix products.


def product(rows: float, columns: float, depth: float, *, half: float = 0.0, groups: float = 1.0, gap=0.0, best=0.0):
    rates = MatmulRates(jnp.asarray(700e12), jnp.asarray(3e12), jnp.asarray(half))
    named = dict(gemm_rows=rows, gemm_columns=columns, gemm_depth=depth, gemm_groups=groups, weight_width=2.0)
    named |= dict(activation_width=2.0, gemm_gap=gap, gemm_best_shape=best, gemm_best_gain=1.25)
    return microbenchmarks.gemm_time(rates=rates, **{name: jnp.asarray(float(value)) for name, value in named.items()})


@pytest.mark.parametrize(
    ("rows", "columns", "depth", "groups"), [(4096, 8192, 8192, 1), (1, 4096, 4096, 1), (37, 2048, 7168, 32)]
)
def test_product_against_plain_python(rows: int, columns: int, depth: int, groups: int) -> None:
    arithmetic = groups * 2 * rows * columns * depth / 700e12
    arithmetic *= 1 + 300**2 / (groups * rows * columns)
    moved = groups * 2 * (rows * depth + depth * columns + rows * columns)
    expected = math.sqrt(arithmetic**2 + (moved / 3e12) ** 2)
    assert float(product(rows, columns, depth, groups=groups, half=300)) == pytest.approx(expected, rel=1e-12)


def test_a_result_of_the_half_size_runs_at_half_the_rate() -> None:
    half = jnp.asarray(500.0)
    assert float(fill_slowdown(half * half, half)) == pytest.approx(2.0)
    assert float(fill_slowdown(jnp.asarray(1e12), half)) == pytest.approx(1.0, abs=1e-6)


def test_grouped_products_fill_the_chip_together() -> None:
    alone, together = product(64, 2048, 7168, half=500), product(64, 2048, 7168, half=500, groups=16)
    assert float(together) < 16 * float(alone)
    assert float(product(64, 2048, 7168, groups=16)) == pytest.approx(16 * float(product(64, 2048, 7168)))


def test_the_timer_adds_its_gap_and_a_search_finds_faster_shapes() -> None:
    plain = float(product(4096, 4096, 4096))
    assert float(product(4096, 4096, 4096, gap=5e-6)) == pytest.approx(plain + 5e-6)
    assert float(product(4096, 4096, 4096, best=1.0)) == pytest.approx(plain / 1.25)


@pytest.mark.parametrize("ratio", [1e-3, 0.5, 1.0, 2.0, 1e3])
def test_the_corner_of_the_roof_is_rounded(ratio: float) -> None:
    longer = max(1.0, ratio)
    found = float(product_time(jnp.asarray(1.0), jnp.asarray(ratio)))
    assert longer < found <= math.sqrt(2) * longer * (1 + 1e-12)


def test_slopes_stay_finite_where_nothing_is_left() -> None:
    slopes = jax.grad(product_time, argnums=(0, 1))(0.0, 0.0)
    assert [float(slope) for slope in slopes] == [0.0, 0.0]
    assert math.isfinite(float(jax.grad(lambda output: fill_slowdown(output, jnp.asarray(300.0)))(0.0)))


# Collectives on one tier.


@pytest.mark.parametrize("group", [2, 3, 8, 72])
def test_one_tier_is_the_textbook(group: int) -> None:
    message, link = 64 * MEGABYTE, tier(group, 100e9, 2e-6)
    ring = (group - 1) / group * message / 100e9 + (group - 1) * 2e-6
    tree = 2 * (group - 1) / group * message / (0.92 * 100e9) + 2 * math.log2(group) * 2e-6
    assert time("all-gather", message, link) == pytest.approx(ring)
    assert time("all-to-all", message, link) == pytest.approx(ring)
    assert time("ring all-reduce", message, link) == pytest.approx(2 * ring)
    assert time("tree all-reduce", message, link) == pytest.approx(tree)
    assert time("fastest all-reduce", message, link) == pytest.approx(min(2 * ring, tree))
    assert time("neighbour exchange", message, link) == pytest.approx(message / 100e9 + 2e-6)


def test_small_messages_take_the_tree_and_large_ones_the_ring() -> None:
    link = tier(64, 100e9, 2e-6)
    for message, faster in ((1e4, "tree all-reduce"), (1e11, "ring all-reduce")):
        assert time("fastest all-reduce", message, link) == time(faster, message, link)
    assert time("ring all-reduce", 1e4, link) > time("tree all-reduce", 1e4, link)


@pytest.mark.parametrize("name", ["ring all-reduce", "tree all-reduce", "all-gather", "all-to-all"])
def test_small_messages_run_at_half_the_bandwidth(name: str) -> None:
    plain, curved = tier(8), tier(8, half_message=16 * MEGABYTE)
    small, half, large = (time(name, size, curved) / time(name, size, plain) for size in (1e3, 16e6, 1e12))
    assert small == pytest.approx(2.0, rel=1e-3)
    assert half == pytest.approx(1.5)
    assert large == pytest.approx(1.0, rel=1e-3)


def test_a_send_has_the_whole_bandwidth_at_any_size() -> None:
    assert time("neighbour exchange", 1e3, tier(8, half_message=16e6, start=1e-3)) == pytest.approx(1e3 / 100e9)


@pytest.mark.parametrize("name", [name for name in COLLECTIVES if name != "neighbour exchange"])
def test_a_collective_starts_once(name: str) -> None:
    inner, outer = tier(8, start=30e-6), tier(4, 25e9, start=30e-6)
    plain = time(name, 1e7, inner._replace(start=0.0), outer._replace(start=0.0))
    assert time(name, 1e7, inner, outer) == pytest.approx(plain + 30e-6)


# Sums in the switches.


@pytest.mark.parametrize("group", [5, 6, 7, 8, 72])
def test_switches_that_add_up_speed_up_all_reduces_only(group: int) -> None:
    message, plain, adding = 1e10, tier(group), tier(group, reduces=1.0)
    expected = (group + 1) / group * message / (0.85 * 100e9)
    assert time("ring all-reduce", message, adding) == pytest.approx(expected)
    assert expected < time("ring all-reduce", message, plain)
    for name in ("all-gather", "all-to-all", "neighbour exchange"):
        assert time(name, message, adding) == time(name, message, plain)


@pytest.mark.parametrize("group", [2, 3])
def test_few_ranks_keep_the_ring(group: int) -> None:
    assert time("ring all-reduce", 1e10, tier(group, reduces=1.0)) == time("ring all-reduce", 1e10, tier(group))


def test_switches_that_add_up_answer_at_once() -> None:
    assert time("ring all-reduce", 1.0, tier(72, latency=1e-6, reduces=1.0)) == pytest.approx(2e-6, rel=1e-3)


# Several tiers.


def flat_ring(message: float, placed: list[tuple[int, float, float]]) -> float:
    """Time of one ring per port: the slowest tier carries, and every rank is passed once."""
    group = math.prod(members for members, _, _ in placed)
    carrying, waiting = [], 0.0
    for position, (members, bandwidth, latency) in enumerate(placed):
        ports = math.prod(inner for inner, _, _ in placed[:position])
        repeats = math.prod(outer for outer, _, _ in placed[position + 1 :])
        if members > 1:
            carrying.append((group - 1) / group * message / (ports * bandwidth))
        waiting += (members - 1) * repeats * latency
    return max(carrying, default=0.0) + waiting


@pytest.mark.parametrize("members", list(itertools.product((1, 2, 8), (1, 2, 16), (1, 3))))
def test_rings_over_tiers_against_plain_python(members: tuple[int, ...]) -> None:
    placed = list(zip(members, (450e9, 50e9, 12e9), (1e-6, 5e-6, 9e-6), strict=True))
    tiers = [tier(*link) for link in placed]
    assert time("all-gather", 1e9, *tiers) == pytest.approx(flat_ring(1e9, placed), abs=1e-15)
    assert time("ring all-reduce", 1e9, *tiers) == pytest.approx(2 * flat_ring(1e9, placed), abs=1e-15)


def test_ports_that_keep_up_make_nodes_as_fast_as_one() -> None:
    """Eight ports of 50 GB/s carry as much as one NVLink of 400: nothing is lost but the first hop."""
    node, nodes = time("all-gather", 1e10, tier(8, 400e9)), time("all-gather", 1e10, tier(8, 400e9), tier(4, 50e9))
    assert nodes / node == pytest.approx((31 / 32) / (7 / 8))


def test_tree_waits_for_the_depth_of_every_tier() -> None:
    found = time("tree all-reduce", 0.0, tier(8, latency=1e-6), tier(64, latency=5e-6))
    assert found == pytest.approx(2 * (3 * 1e-6 + 6 * 5e-6))


def test_all_to_all_sends_what_leaves_a_node_through_its_ports() -> None:
    node = tier(8, 1e15)
    assert time("all-to-all", 1e9, node, tier(4, 50e9)) == pytest.approx(24 / 32 * 1e9 / 50e9)
    assert time("all-to-all", 1e9, node, tier(4, 50e9), tier(2, 1e15)) == pytest.approx(56 / 64 * 1e9 / 50e9)


@each_collective
def test_a_group_of_one_is_free_with_finite_slopes(name: str) -> None:
    """Also where the tiers around it have the bandwidth of 1 B/s that stands for links nobody stated."""
    outside = [tier(1, 1.0, reduces=1.0, start=1e-5) for _ in range(3)]

    def with_members(members: jax.Array) -> jax.Array:
        inner = tier(1, 450e9, 1e-6, half_message=1e7, start=1e-5)._replace(members=members)
        return COLLECTIVES[name](jnp.asarray(1e9), (inner, *outside))

    assert float(with_members(jnp.asarray(1.0))) == 0.0
    assert math.isfinite(float(jax.grad(with_members)(1.0)))
    assert math.isfinite(float(jax.grad(lambda message: COLLECTIVES[name](message, (tier(8), *outside)))(0.0)))


@pytest.mark.parametrize("name", [name for name in COLLECTIVES if name != "neighbour exchange"])
def test_a_second_node_enters_gradually(name: str) -> None:
    """A group that has just outgrown its node costs no jump, so a relaxed degree has a slope there."""
    inner = tier(8, 450e9)
    alone = time(name, 1e9, inner, tier(1, 1e9))
    assert time(name, 1e9, inner, tier(1 + 1e-9, 1e9)) == pytest.approx(alone, rel=1e-6)


# What is sent.


@pytest.mark.parametrize("members", [(8, 1, 1), (8, 4, 1), (1, 4, 1), (2, 3, 5)])
def test_sent_bytes_against_a_walk_round_the_ring(members: tuple[int, ...]) -> None:
    """Every rank sends to the next one; on a ring over all ranks the hops between domains are counted one by one."""
    tiers, group = [tier(number) for number in members], math.prod(members)
    hops = [0, 0, 0]
    for rank in range(group):
        here, there, size = rank, (rank + 1) % group, 1
        for level, number in enumerate(members):
            size *= number
            if here // size == there // size:
                hops[level] += 1
                break
    for kind, passes in ((0, 2), (1, 1), (2, 1)):
        expected = [passes * (group - 1) / group * 1e9 * count / group for count in hops]
        found = [float(amount) for amount in collectives.sent(jnp.asarray(1e9), tuple(tiers), kind)]
        assert found == pytest.approx(expected, abs=1e-3)


def test_sent_bytes_of_an_all_to_all_go_to_every_peer() -> None:
    found = collectives.sent(jnp.asarray(32e6), (tier(8), tier(4)), KINDS.index("all_to_all"))
    assert [float(amount) for amount in found] == pytest.approx([7e6, 24e6])


def test_switches_that_add_up_are_sent_less() -> None:
    plain, adding = (collectives.sent(jnp.asarray(8e6), (tier(8, reduces=flag),), 0) for flag in (0.0, 1.0))
    assert float(plain[0]) == pytest.approx(14e6)
    assert float(adding[0]) == pytest.approx(9e6)


# The network record.


def test_tiers_carry_what_the_network_says() -> None:
    found = tiers_of(
        network(
            **H100, scale_up_half_message=1e7, scale_up_reduces=1.0, scale_out_half_message=2e7,
            scale_out_oversubscription=2.0, collective_overhead=3e-5,
        ),
        jnp.asarray(32.0),
        jnp.asarray(1.0),
    )  # fmt: skip
    inner, outer, *rest = ([float(value) for value in each] for each in found)
    assert inner == pytest.approx([8, 360e9, 1e-6, 1e7, 1, 3e-5])
    assert outer == pytest.approx([4, 20e9, 5e-6, 2e7, 0, 3e-5])
    assert [each[0] for each in rest] == [1, 1]


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_one_collective_is_what_the_training_step_calls(kind: int) -> None:
    given = network(**H100, scale_up_half_message=1e7, scale_up_reduces=1.0, collective_overhead=3e-5)
    message, group, stride = jnp.asarray(1e8), jnp.asarray(16.0), jnp.asarray(2.0)
    calls = (
        lambda tiers: collectives.all_reduce(message, tiers, TREE),
        lambda tiers: collectives.all_gather(message, tiers),
        lambda tiers: collectives.all_gather(message, tiers),
        lambda tiers: collectives.all_to_all(message, tiers),
        lambda tiers: collectives.neighbour_exchange(message, tiers),
    )
    found = microbenchmarks.collective_time(jnp.asarray(float(kind)), message, group, stride, jnp.asarray(TREE), given)
    assert float(found) == float(calls[kind](tiers_of(given, group, stride)))
