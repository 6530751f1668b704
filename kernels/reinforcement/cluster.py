"""The GPUs of a run: those that generate and those that train.

The layout of a training replica is that of the graph (`tp`, `pp`, ...). Where generation has another one, its replica
size, rate and step time are given; see decision 41.
"""

from __future__ import annotations

from ..annotations import Choice, Count, Number
from ..arrays import jnp
from ..primitives.arithmetic import remainder
from ..registry import constraint, cost_model

DISAGGREGATED = 1
"""Position of `disaggregated` among the options of placement."""


@cost_model(
    when_given="cluster_size",
    formula=r"n \text{ colocated, else } \max(1, (1-\varphi)\,n)",
    source="definition: the GPUs that do not generate train; colocated, all do both",
    example=dict(cluster_size=128, placement=1, generation_share=0.25, expect=96.0),
)
def world_size(cluster_size: Count, placement: Choice, generation_share: Number) -> Count:
    """GPUs that train, of a run with reinforcement."""
    training = jnp.maximum((1 - generation_share) * cluster_size, 1.0)
    return jnp.where(placement == DISAGGREGATED, training, cluster_size)


@cost_model(
    when_given="world_size",
    formula=r"n_t \text{ colocated, else } \frac{n_t}{1-\varphi}",
    source="definition: the GPUs that train, and those that generate beside them",
    example=dict(world_size=96, placement=1, generation_share=0.25, expect=128.0),
)
def cluster_size(world_size: Count, placement: Choice, generation_share: Number) -> Count:
    """GPUs of a run, from those that train.

    With nobody left to train the cluster has no size; a share of 0.999 stands for all larger ones.
    """
    training_share = jnp.maximum(1 - generation_share, 1e-3)
    return jnp.where(placement == DISAGGREGATED, world_size / training_share, world_size)


@cost_model(
    formula=r"n \text{ colocated, else } \max(1, \varphi\,n)",
    source="definition: colocated, every GPU generates and trains in turn",
    example=dict(cluster_size=128, placement=1, generation_share=0.25, expect=32.0),
)
def generation_gpus(cluster_size: Count, placement: Choice, generation_share: Number) -> Count:
    """GPUs that generate."""
    generating = jnp.maximum(generation_share * cluster_size, 1.0)
    return jnp.where(placement == DISAGGREGATED, generating, cluster_size)


@cost_model(
    formula=r"t\,p",
    source="definition: generation has the layout of the graph unless another one is given",
    example=dict(replica_size=8, expect=8.0),
)
def generation_replica_size(replica_size: Count) -> Count:
    """GPUs of one generating replica.

    Give it together with `generation_tokens_per_second_per_gpu` and `tail_step_time` where generation has a layout or a
    precision of its own.
    """
    return replica_size


@constraint(
    legal=True,
    message="{generation_gpus} generating and {world_size} training GPUs are not the {cluster_size} of the run",
    formula=r"-|n_g\,[\text{disaggregated}] + n_t - n|",
    source="definition: every GPU generates or trains; colocated, both",
    example=dict(generation_gpus=32, world_size=64, cluster_size=128, placement=1, expect=-32.0),
)
def fills_cluster(generation_gpus: Count, world_size: Count, cluster_size: Count, placement: Choice) -> Count:
    """Whether generating and training GPUs are those of the run."""
    gap = jnp.abs(jnp.where(placement == DISAGGREGATED, generation_gpus, 0.0) + world_size - cluster_size)
    return -jnp.where(gap > 1e-6 * cluster_size, gap, 0.0)


@constraint(
    legal=True,
    message="{generation_gpus} generating GPUs are not whole replicas of {generation_replica_size}",
    formula=r"-(n_g \bmod r)",
    source="definition: a replica is generated on or it is not there",
    example=dict(generation_gpus=30, generation_replica_size=8, expect=-6.0),
)
def fills_generation_replicas(generation_gpus: Count, generation_replica_size: Count) -> Count:
    """Whether the generating GPUs form whole replicas."""
    return -remainder(generation_gpus, generation_replica_size)
