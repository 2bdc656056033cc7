"""How far a piece of work is: on a terminal a bar with rate and time left; elsewhere a line now and then; on stderr."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

REFRESH = 0.5  # seconds: the bar costs less than a thousandth of a step
LINE_EVERY = 15.0  # seconds between lines where there is no terminal


class ProgressBar:
    """Shows what is done of all, from the process that was told to.

    Args:
        title: of the work.
        total: how many there are; None where nobody knows.
        unit: what is counted, in the plural.
        shown: whether this process shows it.

    Attributes:
        done: so many.
    """

    def __init__(self, title: str, total: int | None, *, unit: str, shown: bool = True) -> None:
        self.title, self.total, self.unit, self.shown = title, total, unit, shown
        self.done = self._before = 0
        self._console = Console(stderr=True)
        self._began_at = self._said_at = time.perf_counter()
        self._progress: Progress | None = None

    def __enter__(self) -> "ProgressBar":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Put the bar up, where there is a terminal."""
        if self.shown and self._console.is_terminal:
            self._progress = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                TextColumn("[cyan]{task.fields[note]}"),
                console=self._console,
                refresh_per_second=2,
            )
            self._task = self._progress.add_task(
                self.title, total=self.total, completed=self.done, speed="", note=""
            )  # fmt: skip
            self._progress.start()

    def stop(self) -> None:
        """Take it down."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    @property
    def due(self) -> bool:
        """Whether it is time to show more."""
        wait = REFRESH if self._progress is not None else LINE_EVERY
        return self.shown and time.perf_counter() - self._said_at >= wait

    def begin(self, done: int) -> None:
        """So many were done before; they do not count in the rate."""
        self.done = self._before = done if self.total is None else min(done, self.total)
        self._began_at = time.perf_counter()

    def add(self, more: int) -> None:
        """So many more are done, by all processes together; shown when it is due, and on a terminal at the end."""
        self.done += more
        if self.total is not None:
            self.done = min(self.done, self.total)
        if self.due or (self._progress is not None and self.done == self.total):
            self.show()

    def reach(self, done: int, total: int) -> None:
        """So many are done of so many, where these become known with the work."""
        if self.total is None:
            self.total = total
            self.begin(done)
        self.add(done - self.done)

    def show(self, *, speed: str | None = None, note: str = "") -> None:
        """Show it now.

        Args:
            speed: in words; None for what is counted per second.
            note: stands at the end.
        """
        self._said_at = time.perf_counter()
        new, elapsed = self.done - self._before, max(self._said_at - self._began_at, 1e-9)
        speed = f"{new / elapsed:,.0f} {self.unit}/s" if speed is None else speed
        if self._progress is not None:
            self._progress.update(self._task, total=self.total, completed=self.done, speed=speed, note=note)
        elif self.shown:
            whole, left = "", ""
            if self.total is not None:
                whole, left = f"/{self.total:,}", f", {(self.total - self.done) * elapsed / max(new, 1):.0f} s left"
            line = f"{self.title}: {self.done:,}{whole} {self.unit}, {speed}{left}  {note}".rstrip()
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
