"""How far a piece of work is, counted and timed; shown as fits the place: a bar, or a line now and then."""

import time
from types import TracebackType

from kantor.progress_display import LINE_EVERY, Display, State, display_here
from kantor.visible import visible


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
        self.title, self.total, self.unit, self.shown = visible(title), total, unit, shown
        self.done = self._before = 0
        self._began_at = self._said_at = time.perf_counter()
        self._display: Display | None = None

    def __enter__(self) -> "ProgressBar":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Put it up."""
        if self.shown:
            self._display = display_here()
            self._display.start(State(title=self.title, done=self.done, total=self.total, unit=self.unit))

    def stop(self) -> None:
        """Take it down."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    @property
    def due(self) -> bool:
        """Whether it is time to show more."""
        wait = LINE_EVERY if self._display is None else self._display.every
        return self.shown and time.perf_counter() - self._said_at >= wait

    def begin(self, done: int) -> None:
        """So many were done before; they do not count in the rate."""
        self.done = self._before = done if self.total is None else min(done, self.total)
        self._began_at = time.perf_counter()

    def add(self, more: int) -> None:
        """So many more are done, by all processes together; shown when it is due, and at the end of a bar."""
        self.done += more
        if self.total is not None:
            self.done = min(self.done, self.total)
        if self.due or (self._display is not None and self._display.is_bar and self.done == self.total):
            self.show()

    def reach(self, done: int, total: int) -> None:
        """So many are done of so many, where these become known with the work."""
        if self.total is None:
            self.total = total
            self.begin(done)
        self.add(done - self.done)

    def show(self, *, speed: str | None = None, note: str = "") -> None:
        """Show it now, where it is up.

        Args:
            speed: in words; None for what is counted per second.
            note: stands at the end.
        """
        self._said_at = time.perf_counter()
        if self._display is None:
            return
        new, elapsed = self.done - self._before, max(self._said_at - self._began_at, 1e-9)
        self._display.show(
            State(
                title=self.title,
                done=self.done,
                total=self.total,
                unit=self.unit,
                speed=f"{new / elapsed:,.0f} {self.unit}/s" if speed is None else speed,
                left=None if self.total is None else (self.total - self.done) * elapsed / max(new, 1),
                note=note,
            )
        )
