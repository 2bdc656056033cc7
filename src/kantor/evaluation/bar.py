"""How far an evaluation is: a bar with rate and time left; without a terminal, a line now and then."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY = 15.0  # seconds between lines where there is no terminal


class Bar:
    """Shows pictures done of all, on stderr, from the process that was told to.

    Args:
        title: what is done to them.
        total: how many there are.
        shown: whether this process shows it.
    """

    def __init__(self, title: str, total: int, *, shown: bool) -> None:
        self.title, self.total, self.shown = title, total, shown
        self.done = self._before = 0
        self._console = Console(stderr=True)
        self._began_at = self._said_at = time.perf_counter()
        self._progress: Progress | None = None

    def __enter__(self) -> "Bar":
        if self.shown and self._console.is_terminal:
            self._progress = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
                console=self._console,
                refresh_per_second=2,
            )
            self._task = self._progress.add_task(self.title, total=self.total, speed="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, done: int) -> None:
        """So many were done before; they do not count in the rate."""
        self.done = self._before = min(done, self.total)
        self._began_at = time.perf_counter()

    def add(self, more: int) -> None:
        """So many more are done, by all processes together."""
        self.done = min(self.done + more, self.total)
        now = time.perf_counter()
        new, elapsed = self.done - self._before, max(now - self._began_at, 1e-9)
        if self._progress is not None:
            self._progress.update(self._task, completed=self.done, speed=f"{new / elapsed:,.0f} pictures/s")
        elif self.shown and now - self._said_at >= LINE_EVERY:
            self._said_at = now
            left = (self.total - self.done) * elapsed / max(new, 1)
            pace = f"{new / elapsed:,.0f} pictures/s, {left:.0f} s left"
            line = f"{self.title}: {self.done:,}/{self.total:,} pictures, {pace}"
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
