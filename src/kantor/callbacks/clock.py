"""What training costs: seconds without scores and pictures, and the peak of anonymous memory."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch

from kantor.runs.shapes import Shape, amount, count, record


class Clock(pl.Callback):
    """Counts training seconds over all attempts; callbacks that do something else wrap it in `paused()`."""

    kept: ClassVar[Shape] = record({"seconds": amount, "peak_memory_bytes": count})
    """The shape of its state in a checkpoint."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None
        self.peak_memory_bytes = 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._before + (time.perf_counter() - self._since if self._since is not None else 0.0)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is not training."""
        running = self._since is not None
        self._before, self._since = self.seconds, None
        try:
            yield
        finally:
            self._since = time.perf_counter() if running else None

    def look_at_memory(self) -> None:
        """Take note of the memory in use now."""
        now = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else anonymous_bytes()
        self.peak_memory_bytes = max(self.peak_memory_bytes, now)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start."""
        self._since = time.perf_counter()

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop."""
        self.look_at_memory()
        self._before, self._since = self.seconds, None

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        self.look_at_memory()
        return {"seconds": self.seconds, "peak_memory_bytes": self.peak_memory_bytes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._before = state_dict["seconds"]
        self.peak_memory_bytes = state_dict["peak_memory_bytes"]


def anonymous_bytes() -> int:
    """Resident anonymous memory of this process (Linux: RssAnon, which leaves mapped files out; elsewhere 0)."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
