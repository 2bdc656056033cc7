"""A tracker beside a training: as one of Lightning's loggers while it goes on, and at its end."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger

from kantor.messages import say
from kantor.processes import given_rank
from kantor.runs.directory import RunDirectory
from kantor.tracking.fold import Fold, publish
from kantor.tracking.sink import Sink, untracked


class Tracker:
    """A sink as a training speaks to it. One that fails costs a line, however often it fails, and ends no training:
    `kantor track` gives it the rest.

    Args:
        run: that is trained.
        sink: what gets it.

    Attributes:
        absent: whether it failed when the run was begun there; it is not spoken to any more then.
    """

    def __init__(self, run: RunDirectory, sink: Sink) -> None:
        self.run, self.sink = run, sink
        self.absent = self._failed = False

    def guarded(self, act: Callable[[], object]) -> bool:
        """Whether an act came through; a failure is said, once."""
        try:
            act()
        except Exception as error:  # whatever a tracker's client raises
            if not self._failed:
                say(untracked(self.run, self.sink, error))
            self._failed = True
            return False
        return True

    def tell(self) -> None:
        """Give it what a training does not: scores, and how it ended."""
        if not self.absent:
            self.guarded(partial(publish, self.run, self.sink))


class Attached(Logger):
    """Hands a tracker what the run's files have at the beginning, and then each row and picture as it is written.

    Args:
        tracker: what gets it; let go of by whoever ends the run.
        step: where this attempt begins.
    """

    def __init__(self, tracker: Tracker, *, step: int) -> None:
        super().__init__()
        self._tracker, self._step = tracker, step
        self._fold: Fold | None = None

    @property
    def name(self) -> str:
        """Of the sink."""
        return self._tracker.sink.name

    @property
    def version(self) -> str:
        """There is one."""
        return ""

    def begin(self) -> None:
        """Give the tracker what there is of the run.

        Raises:
            UserError: a file of the run is damaged.
        """
        fold = Fold(self._tracker.run, self._tracker.sink, reached=self._step)
        self._tracker.absent = not self._tracker.guarded(fold.begin)
        if not self._tracker.absent and self._tracker.guarded(fold.replay):
            self._fold = fold

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration is read from the run's file."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """A row of metrics.csv."""
        if self._fold is not None and not self._tracker.guarded(partial(self._fold.row, metrics)):
            self._fold = None

    def log_picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """A picture that lies in the run directory."""
        if self._fold is not None and not self._tracker.guarded(partial(self._fold.picture, name, counters, path)):
            self._fold = None


@contextlib.contextmanager
def attached(tracker: Tracker | None, *, step: int, last: bool) -> Iterator[Attached | None]:
    """A tracker attached to a training, on rank 0; None without one, and on other ranks.

    Args:
        tracker: if there is one.
        step: where this attempt begins.
        last: whether nobody else in this process uses it afterwards; its sink lets go of the run then.

    Raises:
        UserError: a file of the run is damaged.
    """
    if tracker is None or given_rank() > 0:
        yield None
        return
    logger = Attached(tracker, step=step)
    try:
        logger.begin()
        yield logger
    finally:
        if last:
            tracker.guarded(partial(tracker.sink.end, "running"))


def log_picture(loggers: Iterable[Logger], name: str, path: Path, *, counters: Mapping[str, int]) -> None:
    """Hand a picture to the tracker among a trainer's loggers; called on rank 0.

    Args:
        loggers: of the trainer.
        name: what the picture is called.
        path: of its file, PNG.
        counters: `steps`, `images_seen` and the model's others, when it was drawn.
    """
    for logger in loggers:
        if isinstance(logger, Attached):
            logger.log_picture(name, counters, path)
