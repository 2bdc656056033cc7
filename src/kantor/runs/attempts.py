"""status.json: the state of a run and its attempts, written by the parent process alone."""

import contextlib
import platform
import secrets
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kantor import user_code
from kantor.atomic import write_json
from kantor.causes import told
from kantor.errors import LeaseLost, UserError
from kantor.processes import if_lost
from kantor.runs.directory import LAYOUT, RunDirectory, now
from kantor.runs.owners import Owner
from kantor.runs.provenance import provenance
from kantor.version import __version__

if TYPE_CHECKING:
    from kantor.config.schema import Configuration, Trainer

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "torchmetrics",
    "torchvision",
    "numpy",
    "scipy",
    "POT",
    "hydra-core",
    "omegaconf",
)


class Attempt:
    """One try at a run: begun, then finished, interrupted, failed, or (found out by the next one) killed.

    Args:
        directory: whose status.json is written.
        status: as it is before.
        begin: what the attempts' list gets.

    Attributes:
        status: as it is written.
        over: whether its end is.
    """

    def __init__(self, directory: RunDirectory, status: dict[str, Any], begin: dict[str, Any]) -> None:
        self.directory, self.status = directory, status
        for earlier in status["attempts"]:
            if earlier["outcome"] is None:
                earlier.update(outcome="killed", to_step=_last_step(directory))
        self.over = False
        known = {"id": secrets.token_hex(8), "host": Owner.here().host}
        status["attempts"].append({**known, "started": now(), "ended": None, **begin, "to_step": None, "outcome": None})
        status.update(state="running", reason=None)
        write_json(directory.status_json, status)

    def ended(self, outcome: str, *, state: str, counters: dict[str, int], reason: str | None = None) -> dict[str, Any]:
        """What status.json will say when it has ended so."""
        *earlier, entry = self.status["attempts"]
        entry = {**entry, "ended": now(), "outcome": outcome, "to_step": counters["steps"]}
        return {**self.status, "state": state, "reason": reason, "counters": counters, "attempts": [*earlier, entry]}

    def fail(self, error: BaseException) -> None:
        """Write down what ended it badly, and how far it came as far as that can be read."""
        counters = {**self.status["counters"], "steps": self.status["attempts"][-1]["from_step"]}
        with contextlib.suppress(UserError):
            counters |= _logged(self.directory, counters)
        if isinstance(error, KeyboardInterrupt):
            self.end(self.ended("interrupted", state="running", counters=counters))
        else:
            reason = user_code.reason(error) if user_code.own_line(error) is not None else told(error)
            self.end(self.ended("failed", state="failed", counters=counters, reason=reason))

    def end(self, status: dict[str, Any]) -> None:
        """Write that it has ended; what is said to be finished has to be there."""
        write_json(self.directory.status_json, status)
        self.status, self.over = status, True


def new_status(counters: dict[str, int], *, steps: int | None, minutes: float | None) -> dict[str, Any]:
    """status.json before the first attempt.

    Args:
        counters: the model's, at zero.
        steps: the budget in training steps; None when it is in minutes.
        minutes: the budget in minutes; None when it is in steps.
    """
    return {
        "layout": LAYOUT,
        "state": "new",
        "reason": None,
        "budget": {"steps": steps, "minutes": minutes},
        "counters": counters,
        "cost": {"train_seconds": 0.0, "peak_memory_bytes": 0},
        "attempts": [],
    }


def is_pruned(status: Mapping[str, Any]) -> bool:
    """Whether a search has ended the run, as its status.json says; by whatever is not one, it goes on."""
    last = (status.get("attempts") or [{}])[-1]
    return status.get("state") == "running" and last.get("outcome") == "pruned"


@contextlib.contextmanager
def attempt(directory: RunDirectory, trainer: "Trainer", *, from_step: int) -> Iterator[Attempt]:
    """An attempt whose bad end is written down with its reason."""
    trying = Attempt(directory, directory.status(), {"from_step": from_step, **machine(trainer)})
    try:
        with if_lost(trying.fail):
            yield trying
    except LeaseLost:
        raise
    except BaseException as error:
        if not trying.over:
            with contextlib.suppress(OSError, UserError):  # the record is not worth hiding the error
                trying.fail(error)
        raise


def machine(trainer: "Trainer") -> dict[str, Any]:
    """What equal bits depend on besides the configuration: device, processes, threads, torch."""
    import torch

    device = torch.cuda.get_device_name() if trainer.accelerator == "gpu" else cpu_name()
    return {
        "device": f"{trainer.accelerator}: {device}",
        "processes": trainer.world,
        "threads": trainer.threads,
        "torch": str(torch.__version__),
    }


def machine_changes(directory: RunDirectory, trainer: "Trainer") -> list[tuple[str, object, object]]:
    """What differs from the attempt before: name, then, now."""
    attempts = directory.status()["attempts"]
    before, after = attempts[-1] if attempts else {}, machine(trainer)
    return [(name, before[name], value) for name, value in after.items() if name in before and before[name] != value]


def _logged(directory: RunDirectory, counters: Mapping[str, int]) -> dict[str, int]:
    """What a model had counted when it last logged; nothing where that is from before an attempt.

    Args:
        directory: of the run.
        counters: at the beginning of the attempt.

    Raises:
        UserError: metrics.csv is damaged.
    """
    columns = directory.metrics()
    last = {name: int(columns[name][-1] or 0) for name in counters if columns.get(name)}
    return last if last.get("steps", -1) >= counters["steps"] else {}


def _last_step(directory: RunDirectory) -> int:
    steps = directory.metrics().get("steps", [])
    return int(steps[-1] or 0) if steps else 0


def cpu_name() -> str:
    """What the processor calls itself."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def environment(
    configuration: "Configuration", *, config_hash: str, code: dict[str, str], fingerprint: str
) -> dict[str, Any]:
    """What environment.json says of a run: who made it and with what."""
    trainer = configuration.trainer
    return {
        "kantor": __version__,
        "experiment": configuration.experiment,
        "seed": configuration.seed,
        "config_hash": config_hash,
        "code": code,
        "processes": trainer.world,
        "precision": trainer.precision,
        "device": machine(trainer)["device"],
        "data": {"name": configuration.plain["data"]["name"], "fingerprint": fingerprint},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages(),
        "made_by": provenance(),
    }


def packages() -> dict[str, str]:
    """The versions of the packages that results may depend on, as far as they are installed."""
    return {name: version for name in PACKAGES if (version := _version(name)) is not None}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
