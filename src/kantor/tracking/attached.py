"""A sink attached to a training as one of Lightning's loggers; and pictures for loggers of anybody's."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from kantor.errors import UserError, command
from kantor.messages import say
from kantor.processes import given_rank
from kantor.runs.directory import RunDirectory
from kantor.tracking.addresses import without_secrets
from kantor.tracking.fold import Fold, publish
from kantor.tracking.sink import Sink


class Attached(Logger):
    """Hands a sink what the run's files have at the beginning, and then each row and picture as it is written.

    A tracker that fails does not end a training: that is said once, and `kantor track` gives it the rest.

    Args:
        run: that is trained.
        sink: what gets it, once it is begun; let go of by whoever ends the run.
        step: where this attempt begins.
    """

    def __init__(self, run: RunDirectory, sink: Sink, *, step: int) -> None:
        super().__init__()
        self._run, self._sink, self._step = run, sink, step
        self._fold: Fold | None = None

    @property
    def name(self) -> str:
        """Of the sink."""
        return self._sink.name

    @property
    def version(self) -> str:
        """There is one."""
        return ""

    def begin(self) -> None:
        """Give the sink what there is of the run.

        Raises:
            UserError: a file of the run is damaged.
        """
        fold = self._fold = Fold(self._run, self._sink, reached=self._step)
        self._guarded(fold.begin)
        if self._fold is not None:
            self._guarded(fold.replay)

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is read from the run's file."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """A row of metrics.csv."""
        if self._fold is not None:
            self._guarded(partial(self._fold.row, metrics))

    def log_picture(self, name: str, path: Path, step: int) -> None:
        """A picture that lies in the run directory."""
        if self._fold is not None:
            self._guarded(partial(self._fold.picture, name, step, path))

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # whatever a tracker's client raises
            self._fold = None
            say(untracked(self._run, self._sink, error))


@contextlib.contextmanager
def attached(run: RunDirectory, sink: Sink | None, *, step: int, last: bool) -> Iterator[Attached | None]:
    """A sink attached to a training, on rank 0; None without one, and on other ranks.

    Args:
        run: that is trained.
        sink: the tracker, if there is one.
        step: where this attempt begins.
        last: whether nobody else in this process uses the sink afterwards; it lets go of the run then.

    Raises:
        UserError: a file of the run is damaged.
    """
    if sink is None or given_rank() > 0:
        yield None
        return
    logger = Attached(run, sink, step=step)
    try:
        logger.begin()
        yield logger
    finally:
        if last:
            try:
                sink.end("running")
            except Exception as error:
                say(untracked(run, sink, error))


def tell(run: RunDirectory, sink: Sink | None) -> None:
    """Give the tracker, if there is one, what a training does not: scores, and how it ended. One that fails is said; it
    spoils no run."""
    if sink is None:
        return
    try:
        publish(run, sink)
    except Exception as error:  # whatever a tracker's client raises
        say(untracked(run, sink, error))


def untracked(run: RunDirectory, sink: Sink, error: Exception) -> str:
    """The sentence on a tracker that failed."""
    first = without_secrets(str(error)).partition("\n")[0] or type(error).__name__
    again = command("track", str(run.path), f"to={sink.name}")
    return f"{run.path}: {sink.name} got no more ({first}); nothing is lost: {again} gives it the rest"


def log_picture(logger: Logger, name: str, path: Path, *, counters: Mapping[str, int]) -> None:
    """Hand a picture to a logger that shows pictures; others get none.

    Args:
        logger: of any kind; called on rank 0.
        name: what the picture is called.
        path: of its file, PNG.
        counters: `steps` and the model's others.

    Raises:
        UserError: the file is no picture any more.
    """
    if isinstance(logger, Attached):
        logger.log_picture(name, path, counters["steps"])
    elif isinstance(logger, TensorBoardLogger | WandbLogger):  # of a trainer that is not kantor's
        try:
            with Image.open(path, formats=["PNG"]) as opened:
                picture = opened.convert("RGB")
        except OSError as error:
            raise UserError(f"{path} was written, and cannot be read: {error}") from error
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_image(name, np.asarray(picture), counters["steps"], dataformats="HWC")
        else:
            import wandb

            logger.experiment.log({**counters, "trainer/global_step": counters["steps"], name: wandb.Image(picture)})
