"""A dask.distributed cluster: the same tasks in many processes, started here or reached at an address.

A task may run twice, or begin on a worker that dies, so what it does must be idempotent. Results come back in the order
in which tasks end. Nothing here knows what a task does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ...specs.problems import RooflaxError
from ..compilation import cache_compilations, cache_folder
from .task import Task, tasks_of

if TYPE_CHECKING:
    from dask.distributed import Client

Found = TypeVar("Found")
CONNECT_SECONDS = 30
MOST_PROCESSES = 1024
_LOOPBACK = "127.0.0.1"


class ClusterError(RooflaxError):
    """A cluster that cannot be reached or lost a task: not a mistake in the input (exit code 1)."""

    exit_code = 1


@dataclass(frozen=True)
class Cluster:
    """A cluster to compute on: one at `address`, or one of `workers` processes on this machine."""

    address: str | None = None
    workers: int | None = None

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of the cluster; a cluster started here ends with it.

        Raises RooflaxError where dask is not installed, ClusterError where nobody answers at the address.
        """
        try:
            from dask.distributed import Client, LocalCluster
        except ImportError:
            raise RooflaxError(
                "--executor dask: dask is not installed; pip install 'rooflax[dask]', or use --executor local"
            ) from None
        if self.address is not None:
            with _connected(Client, self.address) as client:
                yield client
            return
        count = self.workers or os.cpu_count() or 1
        # No dashboard: it would listen on every interface of the machine.
        local: dict[str, Any] = {"host": _LOOPBACK, "dashboard_address": None, "worker_dashboard_address": None}
        with (
            _one_thread_each(),
            LocalCluster(n_workers=count, threads_per_worker=1, **local) as cluster,
            Client(cluster) as client,
        ):
            client.run(_use_compilations)
            yield client


def cluster_of(executor: str) -> Cluster | None:
    """The cluster that `--executor` names: none for `local`, `dask`, `dask=4` processes, or `dask=tcp://host:port`.

    Raises RooflaxError for anything else.
    """
    kind, _, told = executor.partition("=")
    if executor == "local":
        return None
    if kind != "dask" or (executor != "dask" and not told):
        raise RooflaxError(
            f"--executor {executor}: local, dask, dask=4 (processes) or dask=tcp://HOST:8786 (a scheduler) was expected"
        )
    if not told.isdecimal():
        return Cluster(address=told or None)
    if not 1 <= int(told) <= MOST_PROCESSES:
        raise RooflaxError(f"--executor {executor}: 1 to {MOST_PROCESSES} processes were expected")
    return Cluster(workers=int(told))


def computed(
    cluster: Cluster,
    work: Callable[[Task], Found],
    blocks: Sequence[int],
    stored: Collection[int],
    versions: Callable[[], Mapping[str, str]],
) -> Iterator[Found]:
    """What `work` returns for tasks that cover `blocks`, as they end; those in `stored` need no writing.

    `work` and `versions` travel to the workers by pickling. Raises RooflaxError before anything is computed where a
    worker has other `versions` than this process, and ClusterError where a task was lost with several workers. When the
    caller stops early, tasks that have not begun are dropped.
    """
    from dask.distributed import as_completed

    with cluster.client() as client:
        _refuse_others(client, versions)
        futures = {client.submit(work, task, pure=False): task for task in tasks_of(blocks, stored, _workers(client))}
        try:
            for future in as_completed(list(futures)):
                yield _result(future, futures.pop(future))
        finally:
            client.cancel(list(futures), force=True)


def _workers(client: Client) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _refuse_others(client: Client, versions: Callable[[], Mapping[str, str]]) -> None:
    """Raises RooflaxError where a worker would compute with other code than this process."""
    client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    own, found = versions(), cast("dict[str, Any]", client.run(versions, on_error="return"))
    for worker, theirs in found.items():
        if isinstance(theirs, BaseException):
            raise RooflaxError(
                f"worker {worker} cannot run rooflax: {type(theirs).__name__}: {theirs}; install it there"
            )
        if theirs != own:
            raise RooflaxError(f"worker {worker} {difference(own, theirs)}; install the same versions everywhere")


def difference(own: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """How the versions of another process differ, as a clause."""
    differing = [name for name in own if theirs.get(name) != own[name]]
    return "has " + ", ".join(f"{name} {theirs.get(name, 'unknown')} (here {own[name]})" for name in differing)


def _result(future: Any, task: Task) -> Any:
    from dask.distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise ClusterError(
            f"{task}: lost with {error.allowed_failures + 1} workers, one after the "
            "other: they may lack memory; finished blocks are kept, and the same command resumes"
        ) from error
    except CancelledError as error:
        raise ClusterError(
            f"the cluster dropped {task}; finished blocks are kept, and the same command resumes"
        ) from error


@contextmanager
def _connected(client: type[Client], address: str) -> Iterator[Client]:
    try:
        connected = client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"--executor dask={address}: no scheduler answers there ({str(error) or type(error).__name__}); start one "
            "with `dask scheduler`, or name a number of processes on this machine, dask=4"
        ) from error
    with connected:
        yield connected


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """XLA takes one thread in worker processes started inside, since there is a worker for each core."""
    import dask.config

    with dask.config.set({"distributed.nanny.pre-spawn-environ.NPROC": "1"}):
        yield


def _use_compilations() -> None:
    cache_compilations(cache_folder())
