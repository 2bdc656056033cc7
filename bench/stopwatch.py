"""How long a configuration's trainer takes for its steps, timed from outside."""

import tempfile
import time

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.stopping import StopOnSignal
from kantor.engine import assembly
from kantor.engine import fit as training
from kantor.runs.directory import RunDirectory


class Stopwatch(pl.Callback):
    """Seconds of the steps after the warm-up, whatever else the trainer does between them included; then it ends the
    training, so that a run with its own budget, and what depends on that, can be timed in part.

    Args:
        warmup: generator steps that do not count.
        steps: those that do.
    """

    def __init__(self, warmup: int, steps: int) -> None:
        self.warmup, self.steps = warmup, steps
        self.began = self.ended = 0.0

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if module.steps == self.warmup:
            self.began = time.perf_counter()
        self.ended = time.perf_counter()
        trainer.should_stop = trainer.should_stop or module.steps >= self.warmup + self.steps


def seconds_of(cfg, *, warmup: int, steps: int) -> float:
    """Seconds that so many generator steps take after the warm-up, callbacks and files included."""
    with tempfile.TemporaryDirectory() as place:
        watch = Stopwatch(warmup, steps)
        training.quiet_lightning()
        with assembly.numerics(cfg):
            parts = assembly.assemble(cfg)
            trainer = training.make_trainer(cfg, parts, RunDirectory(place), Clock(), StopOnSignal())
            trainer.callbacks.append(watch)
            trainer.fit(parts.model, datamodule=parts.data)
        return watch.seconds
