"""Where progress is shown: a bar on a terminal or below a notebook's cell; elsewhere a line now and then, on stderr."""

import html
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

REFRESH = 0.5  # seconds: a bar costs less than a thousandth of a step
LINE_EVERY = 15.0  # seconds between lines where there is no bar


@dataclass(frozen=True, kw_only=True)
class State:
    """How far a piece of work is.

    Attributes:
        title: of the work.
        done: so many.
        total: of so many; None where nobody knows.
        unit: what is counted, in the plural.
        speed: in words; empty before anything is done.
        left: seconds to the end, where they are known.
        note: stands at the end.
    """

    title: str
    done: int
    total: int | None
    unit: str
    speed: str = ""
    left: float | None = None
    note: str = ""

    @property
    def line(self) -> str:
        """`drawing: 350/1,000 pictures, 10 pictures/s, 65 s left  w1 0.25`."""
        whole = "" if self.total is None else f"/{self.total:,}"
        left = "" if self.left is None else f"{self.left:.0f} s left"
        counted = f"{self.title}: {self.done:,}{whole} {self.unit}"
        return f"{', '.join(part for part in (counted, self.speed, left) if part)}  {self.note}".rstrip()


class Display(ABC):
    """One way of showing progress."""

    every: ClassVar[float] = REFRESH
    """Seconds between two states that are shown."""

    is_bar: ClassVar[bool] = True
    """Whether it stands there from the beginning to the end, so that the end has to be shown."""

    @abstractmethod
    def start(self, state: State) -> None:
        """Put it up."""

    @abstractmethod
    def show(self, state: State) -> None:
        """Show it now."""

    def stop(self) -> None:  # noqa: B027  most have nothing to take down
        """Take it down."""


class Lines(Display):
    """A line now and then, where nothing can be written over."""

    every = LINE_EVERY
    is_bar = False

    def __init__(self, console: Console) -> None:
        self._console = console

    def start(self, state: State) -> None:
        """Nothing is said before something is done."""

    def show(self, state: State) -> None:
        """One line."""
        self._console.print(state.line, soft_wrap=True, highlight=False, markup=False)


class Terminal(Display):
    """A bar with rate and time left."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("[cyan]{task.fields[note]}"),
            console=console,
            refresh_per_second=2,
        )

    def start(self, state: State) -> None:
        """Put the bar up."""
        self._task = self.progress.add_task(state.title, total=state.total, completed=state.done, speed="", note="")
        self.progress.start()

    def show(self, state: State) -> None:
        """Move it."""
        self.progress.update(
            self._task, total=state.total, completed=state.done, speed=state.speed, note=state.note
        )  # fmt: skip

    def stop(self) -> None:
        """Take it down."""
        self.progress.stop()


class Notebook(Display):
    """A bar below the cell, which the page of the notebook draws; what is stored is its last state."""

    def start(self, state: State) -> None:
        """Put the bar up."""
        from IPython.display import display

        self._handle = display(notebook_bar(state), raw=True, display_id=True)

    def show(self, state: State) -> None:
        """Move it."""
        self._handle.update(notebook_bar(state), raw=True)


def notebook_bar(state: State) -> dict[str, Any]:
    """A state as a notebook shows it, by kind of content: HTML, and text where there is none."""
    reached = "" if state.total is None else f' value="{state.done}" max="{state.total}"'
    bar = f'<progress{reached} style="width: 20em; vertical-align: middle"></progress>'
    return {"text/plain": state.line, "text/html": f"{bar} <code>{html.escape(state.line)}</code>"}


def display_here() -> Display:
    """What fits where this process writes."""
    console = Console(stderr=True)
    if console.is_jupyter:
        return Notebook()
    return Terminal(console) if console.is_terminal else Lines(console)
