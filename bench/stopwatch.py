"""How long a configuration's trainer takes for its steps, timed from outside."""

import tempfile
import time
from pathlib import Path

import pytorch_lightning as pl

from kantor.callbacks.clock import Clock
from kantor.callbacks.stopping import StopOnSignal
from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.engine.fit import make_logger, make_trainer, quiet_lightning
from kantor.engine.train import begin, resume
from kantor.numerics import numerics


class Stopwatch(pl.Callback):
    """Begins to count after the warm-up, and ends the training after so many steps, so that a run with its own budget,
    and what depends on that, can be timed in part.

    Args:
        warmup: steps that do not count.
        steps: those that do.
    """

    def __init__(self, warmup: int, steps: int) -> None:
        self.warmup, self.steps = warmup, steps
        self.began = 0.0

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx) -> None:
        if module.steps == self.warmup:
            self.began = time.perf_counter()
        trainer.should_stop = trainer.should_stop or module.steps >= self.warmup + self.steps


def seconds_of(configuration: Configuration, *, warmup: int, steps: int) -> float:
    """Seconds that so many steps take after the warm-up, callbacks and files included, and what training does at its
    end."""
    with tempfile.TemporaryDirectory() as place:
        watch = Stopwatch(warmup, steps)
        quiet_lightning()
        machine = configuration.trainer
        with numerics(threads=machine.threads, matmul_precision=machine.matmul_precision):
            run = assemble(configuration, Path(place))
            begin(run, code={})
            resume(run, code={})
            trainer = make_trainer(run, Clock(), StopOnSignal(), make_logger(run, 0))
            trainer.callbacks.append(watch)
            trainer.fit(run.model, datamodule=run.data)
        return time.perf_counter() - watch.began
