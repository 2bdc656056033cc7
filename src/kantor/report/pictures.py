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

Thing = TypeVar("Thing")

MAX_BYTES = 24 * 2**20  # of one embedded file; a larger one is named instead, the page must open on a phone
FILM_FRAMES = 24
FILM_PIXELS = 320
TYPES = {".png": "image/png", ".gif": "image/gif"}


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
    """A file as it is. None when it is not there (a run may be writing it) or larger than a page should carry."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if not content or len(content) > MAX_BYTES:
        return None
    return Picture(alt, caption, data_uri(content, TYPES[path.suffix]), pixelated=small(content))


def small(content: bytes) -> bool:
    """Whether a PNG or GIF is so small that enlarging it should keep its pixels sharp."""
    if content[:4] == b"\x89PNG":
        return int.from_bytes(content[16:20], "big") < 256
    return content[:3] == b"GIF" and int.from_bytes(content[6:8], "little") < 256


def chart(svg: str, alt: str, caption: str = "") -> Picture:
    """An inline chart that a screen reader announces by `alt`."""
    label = html.escape(alt, quote=True)
    return Picture(alt, caption, svg=re.sub(r"<svg\b", f'<svg role="img" aria-label="{label}"', svg, count=1))


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
        uri, pixelated = shrunk(path, path.stat().st_ctime_ns)  # which no copy preserves
    except (OSError, ValueError):
        return None
    return Picture(f"Samples at {text}", text, uri, pixelated=pixelated)


@lru_cache(maxsize=256)  # a running page is written again and again, with one picture more each time
def shrunk(path: Path, modified: int) -> tuple[str, bool]:
    """The data URI of a small copy of a PNG as it was at the time `modified`, and whether to keep its pixels sharp.

    Raises:
        OSError, ValueError: it is no picture, or one too large to open.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.thumbnail((FILM_PIXELS, FILM_PIXELS))
            buffer = io.BytesIO()
            image.save(buffer, format="PNG")
            return data_uri(buffer.getvalue(), "image/png"), max(image.size) < 256
    except Image.DecompressionBombError as error:
        raise ValueError(f"{path} has too many pixels") from error


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
