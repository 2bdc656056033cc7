"""Quantities as people read them: numbers with the digits their interval allows, durations, memory, counts."""

import math
import re
from collections.abc import Mapping

from kantor.visible import visible

MISSING = "-"


MOST_DECIMALS = 6
"""Numbers that need more are written as powers of ten."""
SMALLEST = 1e-300
"""A half-width that is one."""


def places(half_width: float) -> int:
    """The decimal place down to which a number with this half-width of its interval is known; before the point below 0.

    One digit of the half-width, two when its first digit is 1 or 2 (the Particle Data Group's rule, simplified).
    """
    exponent = math.floor(math.log10(half_width))
    first = int(half_width / 10.0**exponent + 1e-9)
    return -exponent + (1 if first < 3 else 0)


def number(value: float | None, half_width: float | None = None) -> str:
    """`value` to the decimals of `half_width`; without one to four significant digits. None: a dash."""
    if value is None or not math.isfinite(value):
        return MISSING
    if half_width is not None and SMALLEST < half_width < math.inf:
        digits = max(places(half_width), 0)
        rounded = round(value, digits) + 0.0  # no -0.000
        if digits <= MOST_DECIMALS:
            return f"{rounded:.{digits}f}"
        return f"{rounded:.{digits + math.floor(math.log10(abs(rounded)))}e}" if rounded else "0"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.4g}"


def interval(low: float | None, high: float | None) -> str:
    """`[low, high]` to the decimals of its half-width, or a dash."""
    if low is None or high is None:
        return MISSING
    half_width = (high - low) / 2
    return f"[{number(low, half_width)}, {number(high, half_width)}]"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `42 s`, `3 min 12 s`, `2 h 05 min`, `3 d 4 h`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def memory(size: float | None) -> str:
    """Bytes as MiB, or GiB from 10 GiB on."""
    if size is None:
        return MISSING
    mebibytes = size / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 10 * 1024 else f"{mebibytes / 1024:,.1f} GiB"


def count(value: float | None) -> str:
    """A count with thousands separated."""
    return MISSING if value is None else f"{round(value):,}"


def counted(value: float | None, what: str) -> str:
    """`1 draw`, `10 draws`."""
    return f"{count(value)} {what}{'' if value == 1 else 's'}"


def short_count(value: float) -> str:
    """A count for an axis: `0`, `500`, `250k`, `1.5M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def plain(value: object) -> str:
    """A value of a configuration or protocol in one line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else visible(str(value))


def words(name: str, own: Mapping[str, str] | None = None) -> str:
    """What is logged or counted, as people say it: `reconstruction loss`, and `real samples seen` for `images_seen`.

    Args:
        name: `train/reconstruction_loss`.
        own: a model's words in place of others.
    """
    spoken = name.split("/", 1)[-1]
    return "real samples seen" if spoken == "images_seen" else reworded(spoken.replace("_", " "), own or {})


def reworded(text: str, own: Mapping[str, str]) -> str:
    """A text with a model's words in place of others, but for those in names of settings such as `critic.lr`."""
    known = sorted(filter(None, own), key=len, reverse=True)
    if not known:
        return text
    pattern = rf"(?<![\w.=/])(?:{'|'.join(map(re.escape, known))})(?![\w.=/])"
    return re.sub(pattern, lambda found: own[found[0]], text)
