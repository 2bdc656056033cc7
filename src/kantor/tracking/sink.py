"""A sink: a tracker, as the fold over a run's files sees it.

What a sink has it does not take twice. It asks the tracker, or reads what lies there, when it begins; so a run can be
given to it again and again, after a kill too, and by whoever.
"""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from kantor.errors import UserError, command
from kantor.runs.directory import RunDirectory
from kantor.tracking.about import About
from kantor.tracking.addresses import without_secrets


@runtime_checkable
class Sink(Protocol):
    """A tracker.

    Attributes:
        name: as `logger=` and `to=` have it.
    """

    name: ClassVar[str]

    @property
    def awaited(self) -> bool:
        """Whether the tracker itself has started this process, and waits for a run that may be finished already."""

    def check(self) -> None:
        """Check that it can be had here; nothing is imported or written.

        Raises:
            UserError: its package is not installed.
        """

    def begin(self, about: About) -> None:
        """Begin a run there, or go on with it; where it is begun, it may have reached further.

        Raises:
            UserError: the tracker refuses.
        """

    def row(self, counters: Mapping[str, int], values: Mapping[str, float]) -> None:
        """The values of a step; `steps` and `images_seen` are among the counters. Steps ascend."""

    def picture(self, name: str, counters: Mapping[str, int], path: Path) -> None:
        """A PNG or GIF file, of a step, after its row if it has one."""

    def card(self, card: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """The scores, and the files that belong to them: card, page, configuration."""

    def end(self, state: str) -> None:
        """Have all of it written, and let go of the run; `state` as in status.json. Nothing where none is begun."""


def as_sink(made: object) -> Sink:
    """What a configuration of the group `logger` has made.

    Raises:
        UserError: it is no tracker.
    """
    if not isinstance(made, Sink):
        raise UserError(
            f"logger: {type(made).__name__} is no tracker: expected a name and the methods check, begin, row, picture, "
            "card and end, see kantor.tracking.sink"
        )
    return made


def untracked(run: RunDirectory, sink: Sink, error: Exception) -> str:
    """The sentence on a tracker that failed."""
    first = without_secrets(str(error)).partition("\n")[0] or type(error).__name__
    again = command("track", str(run.path), f"to={sink.name}")
    return f"{run.path}: {sink.name} got no more ({first}); nothing is lost: {again} gives it the rest"


def check_package(name: str, package: str) -> None:
    """Check that a sink's package is there, without importing it.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{name} needs the package {package}: pip install {package}")


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def scores(card: Mapping[str, Any]) -> dict[str, float]:
    """The values of a card as `score/EVALUATION/NAME`, with `/low` and `/high` where there is an interval; of two
    evaluations of one name, those of the later one."""
    found: dict[str, float] = {}
    for evaluation in card["evaluations"]:
        for name, score in evaluation["scores"].items():
            key = f"score/{evaluation['name']}/{name}"
            parts = {key: score["value"], f"{key}/low": score.get("low"), f"{key}/high": score.get("high")}
            found |= {part: value for part, value in parts.items() if value is not None}
    return found
