"""The fold: the files of a run directory, handed to a sink in the order of their steps.

While a run is trained its rows and pictures are handed on as they are written; everything else is the same.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from kantor.messages import say
from kantor.plain_files import is_plain
from kantor.runs.directory import RunDirectory
from kantor.runs.metric_rows import number
from kantor.runs.pictures import NoPicture, opened
from kantor.tracking.about import About, about, sheets
from kantor.tracking.sink import Sink

SAMPLES = "pictures/samples"
ANIMATION = "pictures/animation"


class Fold:
    """One run on its way into one sink.

    Args:
        run: begun.
        sink: what gets it.
        reached: a step that is known to be reached, where the files do not tell.

    Raises:
        UserError: a file of the run is damaged.
    """

    def __init__(self, run: RunDirectory, sink: Sink, *, reached: int = 0) -> None:
        self.run, self.sink = run, sink
        self.about: About = about(run, reached=reached)

    def begin(self) -> None:
        """The tracker is spoken to for the first time.

        Raises:
            UserError: it refuses.
        """
        self.sink.begin(self.about)

    def row(self, row: Mapping[str, float | None]) -> None:
        """A row of metrics.csv; cells without a number are left out."""
        there = {name: value for name, value in row.items() if value is not None and math.isfinite(value)}
        counters = {name: int(there.pop(name)) for name in self.about.counters if name in there}
        self.sink.row(counters, there)

    def picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """A picture that was drawn; what is none is named and left out, for anybody may have sent the run."""
        try:
            with opened(path) as (image, _):
                image.load()
        except NoPicture as error:
            say(f"left out: {error}")
            return
        self.sink.picture(name, counters, path)

    def replay(self) -> None:
        """The rows, and the pictures that are kept of every step."""
        pictures = deque(sheets(self.run))
        for cells in self.run.metric_rows():
            row = {name: number(cell) for name, cell in cells.items()}
            while pictures and pictures[0][0] < int(cells["steps"]):
                self._sheet(*pictures.popleft())
            self.row(row)
        for step, path in pictures:
            self._sheet(step, path)

    def conclude(self) -> None:
        """What there is once of a run: the latest of each figure, the animation, the card."""
        for name, path in self._latest():
            self.picture(name, self._counters(self.about.reached), path)
        if is_plain(self.run.card_json):
            files = (self.run.card_json, self.run.report_html, self.run.config_yaml)
            self.sink.card(self.run.card(), {path.name: path for path in files if is_plain(path)})

    def _sheet(self, step: int, path: Path) -> None:
        self.picture(SAMPLES, self._counters(step), path)

    def _counters(self, step: int) -> dict[str, int]:
        """At a step; between two rows in proportion, beyond the last as there."""
        there = self._counted
        return {name: round(float(np.interp(step, there["steps"], there[name]))) for name in there} | {"steps": step}

    @cached_property
    def _counted(self) -> dict[str, list[float]]:
        """The counters of the rows, after those of the beginning."""
        metrics = self.run.metrics() or {"steps": []}
        return {name: [0.0, *(one or 0.0 for one in metrics[name])] for name in self.about.counters if name in metrics}

    def _latest(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.run.figures.glob("*.png")):
            if is_plain(path):
                yield f"pictures/{path.stem}", path
        animation = self.run.samples / "samples.gif"
        if is_plain(animation):
            yield ANIMATION, animation


def publish(run: RunDirectory, sink: Sink) -> None:
    """Give a tracker all that it does not have of a run.

    Args:
        run: begun; whoever calls holds it, or nobody writes to it.
        sink: the tracker; it has let go of the run afterwards, whatever happens.

    Raises:
        UserError: a file of the run is damaged, or the tracker refuses.
    """
    state = "running"
    try:
        fold = Fold(run, sink)
        fold.begin()
        fold.replay()
        fold.conclude()
        state = run.status()["state"]
    finally:
        sink.end(state)
