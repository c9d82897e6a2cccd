"""Where a cluster is: a Dask scheduler that runs already, or jobs that SLURM is asked for."""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError, Document, load_document, nearest
from simulator.config.resources import find_file

if TYPE_CHECKING:
    from distributed import Client

CONNECT_S = 10.0
"""How long a scheduler may take to answer."""
WORKERS_S = 60.0
"""How long a scheduler may be without a worker before a sweep gives up."""
INTERNAL = {"self", "scheduler", "name", "job_cls", "loop", "asynchronous", "security"}
"""Arguments of dask-jobqueue that are no setting of a job."""


class Cluster(ABC):
    """A way to a scheduler. name, advice, where: for messages.

    patience_s: how long it may be without workers; None: for ever, where they wait in a queue.
    """

    name: str
    advice: str
    where: str
    patience_s: float | None = WORKERS_S

    @abstractmethod
    def connect(self) -> Client:
        """A client of the scheduler. Raises CyclelabError if there is none."""

    def close(self) -> None:  # noqa: B027
        """Give back what was taken."""

    def threads(self, client: Client) -> int:
        """Threads of all workers that there are now; raises CyclelabError without scheduler."""
        try:
            return sum(client.nthreads().values())
        except (OSError, TimeoutError, RuntimeError, ValueError):
            raise self.gone() from None

    def gone(self) -> CyclelabError:
        """The error for a scheduler that does not answer any more."""
        return CyclelabError(
            f"the scheduler {self.name} is gone; what came of points so far is stored: run again "
            "to go on"
        )


class SchedulerCluster(Cluster):
    """A scheduler that runs already, `tcp://host:8786`, or the file that it wrote for clients."""

    def __init__(self, address: str) -> None:
        require("distributed")
        self.name = address
        self.address = address
        self.advice = f"dask worker {address}"
        self.where = f"on the workers of {address}"

    def connect(self) -> Client:
        """Connect, as the Dask configuration says (TLS)."""
        from distributed import Client

        if self.address.endswith(".json"):
            where = {"scheduler_file": str(find_file(self.address))}
            self.advice = f"dask worker --scheduler-file {self.address}"
        else:
            where = {"address": self.address}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions of packages differ: ours are compared
                return Client(**where, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CyclelabError(f"no Dask scheduler answers at {self.address}: {reason}") from None


class SlurmCluster(Cluster):
    """Jobs of SLURM, each with workers, for as long as a sweep runs.

    given: a YAML file, or what it would hold: the arguments of dask-jobqueue's SLURMCluster.
    workers: how many are asked for.
    """

    patience_s = None
    advice = "squeue shows the jobs"

    def __init__(self, given: str | Path | Mapping[str, Any], workers: int | None) -> None:
        require("dask_jobqueue")
        if isinstance(given, Mapping):
            self.document = Document.from_data(given, "slurm")
        else:
            self.document = load_document(find_file(given))
        if workers is None:
            raise CyclelabError("SLURM: say with --workers how many workers are asked for")
        self.workers = workers
        self.name = "of SLURM's jobs"
        self.where = f"on {workers:,} workers in jobs of SLURM, as soon as there are some"
        self._check()

    def _check(self) -> None:
        """Raise ConfigError for what SLURMCluster would not take."""
        known = slurm_settings()
        for key in self.document.data:
            if key not in known:
                hint = nearest(key, known)
                raise self.document.error(
                    (key,), f"unknown key {key!r} of a SLURM cluster", nearest=hint
                )
        for key in ("cores", "memory"):
            if key not in self.document.data:
                raise self.document.error(
                    (), f"missing key {key!r}: what one job is given (cores: 8, memory: 16GB)"
                )

    def connect(self) -> Client:
        """Start a scheduler here, and ask for workers."""
        from dask_jobqueue import SLURMCluster
        from distributed import Client

        options = {"scheduler_options": {"dashboard_address": ":0"}, **self.document.data}
        try:
            self.cluster = SLURMCluster(**options)
            self.cluster.scale(self.workers)
            return Client(self.cluster, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
            raise self.document.error((), f"SLURM cannot be used so: {error}") from None

    def close(self) -> None:
        """Cancel the jobs, and end the scheduler."""
        if hasattr(self, "cluster"):
            self.cluster.close()


def cluster_of(
    scheduler: str | None, slurm: str | Path | Mapping[str, Any] | None, workers: int | None
) -> Cluster | None:
    """The cluster that options ask for, None for this machine; raises CyclelabError."""
    if scheduler is not None and slurm is not None:
        raise CyclelabError("a sweep runs by a scheduler or by SLURM: expected one of the two")
    if slurm is not None:
        return SlurmCluster(slurm, workers)
    if scheduler is None:
        return None
    if workers is not None:
        raise CyclelabError(
            "--workers counts processes of this machine: those of a scheduler are as many as came "
            "to it"
        )
    return SchedulerCluster(scheduler)


def slurm_settings() -> set[str]:
    """Keys that dask-jobqueue takes for a SLURM cluster."""
    from dask_jobqueue import SLURMCluster
    from dask_jobqueue.core import Job
    from dask_jobqueue.slurm import SLURMJob

    found: set[str] = set()
    for kind in (SLURMCluster, SLURMJob, Job):
        parameters = inspect.signature(kind.__init__).parameters.values()
        found |= {each.name for each in parameters if each.kind is not each.VAR_KEYWORD}
    return found - INTERNAL


def require(module: str) -> None:
    """Raise CyclelabError, with what to install, if a package of the extra is missing."""
    try:
        __import__(module)
    except ImportError as error:
        raise CyclelabError(
            f"sweeps on a cluster need Dask ({error}): pip install 'cyclelab[cluster]'"
        ) from None
