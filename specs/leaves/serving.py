"""A fleet that serves requests: arrivals, lengths, batching, goals."""

from functools import partial

from ..vocabulary import Group, Kind, Leaf

_leaf = partial(Leaf, kind=Kind.CONTINUOUS, group=Group.SERVING)


def _lengths(which: str, words: str) -> tuple[Leaf, ...]:
    return (
        _leaf(
            f"{which}_len_cv",
            "1",
            label=f"Standard deviation of {words} lengths over their mean",
            default=0.0,
            reason="all alike, as benchmarks of fixed lengths have them",
            note="lognormal lengths; follows from the median and the 95th percentile where these are given",
        ),
        _leaf(f"{which}_len_median", "1", label=f"Median {words} length in tokens", low=1),
        _leaf(f"{which}_len_p95", "1", label=f"Length in tokens that 95 % of {words}s stay below", low=1),
    )


LEAVES = (
    *_lengths("prompt", "prompt"),
    *_lengths("output", "output"),
    Leaf(
        "batching",
        "1",
        Kind.CHOICE,
        "How prefills and decode steps share the replicas",
        Group.SERVING,
        options=("separate", "chunked", "disaggregated"),
        default="chunked",
        reason="what vLLM V1 always does (docs: Optimization and Tuning)",
        note="separate: a prefill interrupts decoding; chunked: pieces of prompts ride along with decode steps; "
        "disaggregated: prompts are read by replicas of their own",
    ),
    _leaf("request_rate", "1/s", label="Requests per second that arrive at the whole service", above=True),
    Leaf(
        "serving_replicas",
        "1",
        Kind.COUNT,
        "Replicas of the service",
        Group.SERVING,
        low=1,
        note="the decoding ones where prompts are read elsewhere; `target_utilisation` may be given instead",
    ),
    _leaf("target_utilisation", "1", label="Utilisation that replicas are provided for", above=True, high=1),
    Leaf(
        "request_routing",
        "1",
        Kind.CHOICE,
        "How requests find a replica",
        Group.SERVING,
        options=("random", "shared"),
        default="random",
        reason="each replica then has a Poisson stream of its own; a balancer that sees the queues only shortens them",
        note="shared: one queue for all replicas",
    ),
    _leaf(
        "ttft_percentile",
        "1",
        label="Share of requests whose first token must come in time",
        low=0.9,
        high=0.9999,
        default=0.99,
        reason="MLPerf Inference holds its server scenario at the 99th percentile",
    ),
    _leaf("ttft_goal", "s", label="Longest time to first token that is acceptable", above=True),
    _leaf("tpot_goal", "s", label="Longest time per output token that is acceptable", above=True),
    _leaf("latency_goal", "s", label="Longest mean time of a request that is acceptable", above=True),
    Leaf(
        "kv_transfer_tier",
        "1",
        Kind.CHOICE,
        "Network between prefill and decode replicas",
        Group.SERVING,
        options=("scale_up", "scale_out"),
        default="scale_out",
        reason="prefill and decode machines of their own, joined by the cluster's network (Patel et al. 2024)",
    ),
    _leaf(
        "kv_transfer_overlap",
        "1",
        label="Share of the cache transfer hidden behind the prefill",
        high=1,
        default=0.0,
        reason="nothing is hidden unless said: an upper bound; sending layer by layer hides most of it",
    ),
)
