"""Pictures inside a page: PNG and GIF files as data URIs, so that the page needs nothing beside it."""

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from kantor.report import units
from kantor.runs.directory import RunDirectory
from kantor.runs.pictures import NoPicture, opened
from kantor.visible import visible

Thing = TypeVar("Thing")

FILM_FRAMES = 24
FILM_PIXELS = 320
TYPES = {"PNG": "image/png", "GIF": "image/gif"}


@dataclass(frozen=True)
class Picture:
    """A picture for an `<img>` (`uri`) or an inline chart (`svg`), with its alternative text and caption."""

    alt: str
    caption: str
    uri: str = ""
    svg: str = ""
    pixelated: bool = False
    is_plot: bool = False
    """Whether it is drawn on white, which a dark page turns."""


def data_uri(content: bytes, media_type: str) -> str:
    """`data:…;base64,…`"""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def embed(path: Path, alt: str, caption: str) -> Picture | None:
    """A file as it is. None when it is not there (a run may be writing it), is no picture, or larger than a page should
    carry."""
    try:
        with opened(path) as (image, content):
            return Picture(alt, caption, data_uri(content, TYPES[str(image.format)]), pixelated=image.width < 256)
    except NoPicture:
        return None


def chart(svg: str, alt: str, caption: str = "") -> Picture:
    """An inline chart that a screen reader announces by `alt`."""
    label = html.escape(visible(alt), quote=True)
    named = f'<svg role="img" aria-label="{label}"'
    return Picture(alt, caption, svg=re.sub(r"<svg\b", lambda _: named, svg, count=1))


def step_text(path: Path) -> str:
    """`step 500` for step_00000500.png, else the file's name."""
    step = step_of(path)
    return path.stem if step is None else f"step {units.count(step)}"


def step_of(path: Path) -> int | None:
    """500 of step_00000500.png."""
    step = re.fullmatch(r"step_(\d+)", path.stem)
    return None if step is None else int(step[1])


def evenly(things: Sequence[Thing], n: int) -> list[Thing]:
    """At most `n` of them, evenly spaced, the first and the last included."""
    if len(things) <= n:
        return list(things)
    return [things[round(i * (len(things) - 1) / (n - 1))] for i in range(n)]


def thumbnail(path: Path) -> Picture | None:
    """A picture of the filmstrip, shrunk. None when it cannot be read."""
    text = step_text(path)
    try:
        uri, pixelated = shrunk(path, path.stat(follow_symlinks=False).st_ctime_ns)  # which no copy preserves
    except (OSError, NoPicture):
        return None
    return Picture(f"Samples at {text}", text, uri, pixelated=pixelated)


@lru_cache(maxsize=256)  # a running page is written again and again, with one picture more each time
def shrunk(path: Path, modified: int) -> tuple[str, bool]:
    """The data URI of a small copy of a PNG as it was at the time `modified`, and whether to keep its pixels sharp.

    Raises:
        NoPicture: it is none, or one too large to open.
    """
    with opened(path) as (image, _):
        image.thumbnail((FILM_PIXELS, FILM_PIXELS))
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        return data_uri(buffer.getvalue(), "image/png"), max(image.size) < 256


def there(wanted: Iterable[Picture | None]) -> list[Picture]:
    """Those that can be shown."""
    return [picture for picture in wanted if picture is not None]


def filmstrip(samples: Path) -> list[Picture]:
    """Samples by step, oldest first."""
    return there(map(thumbnail, evenly(sorted(samples.glob("step_*.png")), FILM_FRAMES)))


def newest(run: RunDirectory) -> Path | None:
    """The newest picture of samples: the highest step, else the last by name."""
    paths = sorted(run.samples.glob("step_*.png")) or sorted(run.samples.glob("*.png"))
    return paths[-1] if paths else None


def hero(run: RunDirectory, who: str) -> list[Picture]:
    """The newest picture of samples, and their animation."""
    path = newest(run)
    still = None
    if path is not None:
        when = step_text(path) if step_of(path) is None else f"at {step_text(path)}"
        still = embed(path, f"Samples of {who}, {when}", f"Samples, {when}")
    animation = embed(run.samples / "samples.gif", f"Animation of samples of {who} during training", "During training")
    return there([still, animation])


def plots(pictures: Iterable[Picture], content: str) -> list[Picture]:
    """The pictures, said to be plots where the data are points."""
    return [replace(one, is_plot=content == "points") for one in pictures]
