"""The health of a run: stopping before more harm is done, and saying what is wrong while there is time to try again."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

import pytorch_lightning as pl
import torch

from kantor.atomic import write_json
from kantor.callbacks.measurement import measured
from kantor.callbacks.record import mean_over_processes
from kantor.errors import NonFiniteError, require_positive
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.models.health import LOOKS, Check, History
from kantor.report.health import health_json
from kantor.runs.directory import RunDirectory
from kantor.runs.shapes import Shape, Unlike, anything, count, listed, mapped, maybe, record, text


class StopOnNonFinite(pl.Callback):
    """Stops the run at the first step with a NaN or infinity in its losses, before that step reaches a checkpoint."""

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look at the step's values.

        Raises:
            NonFiniteError: one is not finite; it and the step are named.
        """
        assert isinstance(pl_module, GenerativeModel)
        values = pl_module.values
        if bool(torch.stack(list(values.values())).isfinite().all()):
            return
        wrong = next(name for name, value in values.items() if not bool(value.isfinite()))
        raise NonFiniteError(
            f"{wrong} is {float(values[wrong])} at step {pl_module.steps}: training diverged; "
            "the last checkpoint is from before. Try a lower learning rate, or optimisation.gradient_clip_norm=1"
        )


def _look(value: object, place: str) -> None:
    """The shape of what was measured at one step."""
    mapped(anything)(value, place)
    assert isinstance(value, dict)
    for name, number in value.items():
        if not isinstance(number, float):
            raise Unlike(f"{place}.{name}", "a number")


def _looks(value: object, place: str) -> None:
    if not isinstance(value, tuple):
        raise Unlike(place, "the last measurements")
    listed(_look, most=LOOKS)(list(value), place)


class Health(pl.Callback):
    """Says each ailment once, when it is found, and when it has gone; both are kept in health.json.

    It acts after the measurements, in their rhythm, and changes nothing in the run. An ailment has gone when `LOOKS`
    looks in a row did not find it; should it come again, it is said again.

    Args:
        directory: whose health.json is written.
        checks: of the model, by name.
        every: steps between looks, as of the measurements.

    Attributes:
        findings: what was found so far, oldest first: step, check, message, and since when it has gone.
    """

    kept: ClassVar[Shape] = record(
        {
            "history": record({"first": _look, "highest": _look, "looks": _looks, "count": count}, closed=True),
            "findings": listed(record({"step": count, "check": text, "message": text, "gone": maybe(count)})),
            "silent": mapped(count),
        }
    )
    """The shape of its state in a checkpoint."""

    def __init__(self, directory: RunDirectory, *, checks: Mapping[str, Check], every: int) -> None:
        require_positive(every=every)
        self.directory, self.checks, self.every = directory, checks, every
        self.history = History({}, {}, (), 0)
        self.findings: list[dict[str, Any]] = []
        self.silent: dict[str, int] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take back from health.json what was found after the checkpoint that the run goes on from."""
        if trainer.is_global_zero and (self.findings or health_json(self.directory).is_file()):
            self._write()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look if it is time."""
        assert isinstance(pl_module, GenerativeModel)
        if not measured(trainer, pl_module, self.every):
            return
        self.history = self.history.then(mean_over_processes(trainer, pl_module.values))
        for check, find in self.checks.items():
            news = self._look(check, find(self.history), pl_module.steps)
            if news is not None and trainer.is_global_zero:
                say(f"at step {pl_module.steps:,}: {news}")
                self._write()

    def _look(self, check: str, message: str | None, step: int) -> str | None:
        """Take note of what a check says; what is new about it: that it was found, that it has gone, or nothing."""
        present = next((one for one in self.findings if one["check"] == check and one["gone"] is None), None)
        if message is not None:
            self.silent[check] = 0
            if present is None:
                self.findings.append({"step": step, "check": check, "message": message, "gone": None})
                return message
        elif present is not None:
            self.silent[check] += 1
            if self.silent[check] == LOOKS:
                present["gone"] = step
                return f"{check.replace('_', ' ')}: gone, it was found at step {present['step']:,}"
        return None

    def _write(self) -> None:
        write_json(health_json(self.directory), {"findings": self.findings})

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        findings = [dict(finding) for finding in self.findings]
        return {"history": asdict(self.history), "findings": findings, "silent": dict(self.silent)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.history = History(**state_dict["history"])
        self.findings = [dict(finding) for finding in state_dict["findings"]]
        self.silent = dict(state_dict["silent"])
