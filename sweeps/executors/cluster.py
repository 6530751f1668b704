"""A dask.distributed cluster: the same tasks in many processes, started here or reached at an address.

A task may run twice, or begin on a worker that dies, so what it does must be idempotent. Results come back in the order
in which tasks end. Nothing here knows what a task does.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ...specs.problems import RooflaxError
from ..versions import difference
from .task import Task, tasks_of

if TYPE_CHECKING:
    from dask.distributed import Client

Found = TypeVar("Found")
CONNECT_SECONDS = 30
# Dask also logs, with tracebacks, what its exceptions tell.
_NO_LOGS = logging.CRITICAL + 1
MOST_PROCESSES = 1024
_LOOPBACK = "127.0.0.1"
_ADDRESS = re.compile(r"((tcp|tls|wss?)://)?([\w.-]+|\[[\da-fA-F:.]+\]):(\d{1,5})")
_log = logging.getLogger(__name__)


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
            from dask.distributed import Client
            from distributed.utils import silence_logging_cmgr
        except ImportError:
            raise RooflaxError(
                "--executor dask: dask is not installed; pip install 'rooflax[dask]', or use --executor local"
            ) from None
        _refuse_without_certificates(self.address)
        with silence_logging_cmgr(_NO_LOGS), self._scheduler() as scheduler:
            if self.address is not None:
                _log.warning("waiting up to %d s for the scheduler at %s", CONNECT_SECONDS, self.address)
            try:
                found = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError) as error:
                raise ClusterError(
                    f"--executor dask={self.address}: no scheduler answers there "
                    f"({str(error) or type(error).__name__}); start one with `dask scheduler`, or name a number of "
                    "processes on this machine, dask=4"
                ) from error
            with found:
                yield found

    @contextmanager
    def _scheduler(self) -> Iterator[Any]:
        """The address, or a cluster of processes with one thread each."""
        if self.address is not None:
            yield self.address
            return
        import dask.config
        from dask.distributed import Client, LocalCluster

        # Its pages, too, are for this machine alone, on whatever port is free.
        page = f"{_LOOPBACK}:0"
        own: dict[str, Any] = {"host": _LOOPBACK, "dashboard_address": page, "worker_dashboard_address": page}
        own |= {"n_workers": self.workers or os.cpu_count() or 1, "threads_per_worker": 1}
        with (
            dask.config.set({"distributed.nanny.pre-spawn-environ.NPROC": "1"}),  # XLA takes as many threads
            LocalCluster(**own, silence_logs=_NO_LOGS) as cluster,
        ):
            with Client(cluster, set_as_default=False) as client:
                client.run(_ignore_interrupts)
            yield cluster


def _refuse_without_certificates(address: str | None) -> None:
    """Raises RooflaxError for an address that dask would only reach with certificates that nobody gave it."""
    import dask.config

    if address and address.startswith(("tls:", "wss:")) and not dask.config.get("distributed.comm.tls.client.cert"):
        raise RooflaxError(
            f"--executor dask={address}: dask has no certificate for it; give its configuration one, "
            "distributed.comm.tls.client.cert"
        )


def cluster_of(executor: str) -> Cluster | None:
    """The cluster that `--executor` names: none for `local`, `dask`, `dask=4` processes, or `dask=tcp://host:port`.

    Raises RooflaxError for anything else.
    """
    kind, _, told = executor.partition("=")
    if executor == "local":
        return None
    named = told.isdecimal() or _ADDRESS.fullmatch(told)
    if kind != "dask" or (executor != "dask" and not named):
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
        run, tasks = uuid.uuid4().hex[:8], tasks_of(blocks, stored, _workers(client))
        futures = {client.submit(work, task, key=f"{task}-{run}", pure=False): task for task in tasks}
        try:
            for future in as_completed(list(futures), loop=client.loop):
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
        if clause := difference(own, theirs):
            raise RooflaxError(f"worker {worker} {clause}; install the same versions everywhere")


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


def _ignore_interrupts() -> None:
    """An interrupt of the terminal reaches all its processes; it is for the one that the user started."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
