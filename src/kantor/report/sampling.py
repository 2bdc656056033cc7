"""How samples were drawn, as cards have it: with which weights, by which sampler with which settings.

A card has every setting. Tables and titles have those that change something, in one cell.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kantor.report import units

FIRST = ("weights", "checkpoint", "sampler", "nfe")
"""What is known of every sampling."""

SETTING = "sampler."
SETTINGS = "settings"

NEUTRAL: Mapping[str, Any] = {
    "clip": False, "eta": 0, "churn": 0, "churn_from": 0, "churn_noise": 1, "guidance": 1,
}  # fmt: skip
"""Values with which a sampler does what it would do without such a setting; null is one of each."""

OF_CHURN = ("churn_from", "churn_to", "churn_noise")
"""What says nothing where there is no churn."""

DIGITS = 10
"""Of a digest."""

Sampling = Mapping[str, Any]


def settings(sampling: Sampling) -> dict[str, Any]:
    """Those of the sampler that change something, by name."""
    given = {key.removeprefix(SETTING): value for key, value in sampling.items() if key.startswith(SETTING)}
    idle = () if given.get("churn") else OF_CHURN
    return {
        name: str(value)[:DIGITS] if name.endswith("digest") else value
        for name, value in given.items()
        if value is not None and name not in idle and not (name in NEUTRAL and value == NEUTRAL[name])
    }


def settings_text(sampling: Sampling) -> str:
    """`steps 50, grid trailing`, or `none`."""
    return _listed(settings(sampling)) or "none"


def text(sampling: Sampling) -> str:
    """`ema, last, heun, nfe 19, sampler.steps 10`: weights, checkpoint and sampler, then what else is said."""
    names = [units.plain(sampling[key]) for key in FIRST[:3] if sampling.get(key) is not None]
    others = {key: sampling[key] for key in ("nfe", *_others([sampling])) if sampling.get(key) is not None}
    own = {f"{SETTING}{name}": value for name, value in settings(sampling).items()}
    return ", ".join([*names, *filter(None, [_listed({**others, **own})])]) or units.MISSING


def columns(samplings: Sequence[Sampling]) -> list[str]:
    """What a table says of how samples were drawn."""
    first = [key for key in FIRST if any(key in one for one in samplings)]
    return [*first, *([SETTINGS] if any(map(settings, samplings)) else []), *_others(samplings)]


def cells(sampling: Sampling, columns: Sequence[str]) -> list[str]:
    """One row of them."""
    return [settings_text(sampling) if column == SETTINGS else _cell(sampling.get(column)) for column in columns]


def keys(samplings: Sequence[Sampling]) -> list[str]:
    """All that is said of some sampling, what is said of every one first."""
    said = dict.fromkeys(key for one in samplings for key in one)
    return [key for key in dict.fromkeys([*FIRST, *said]) if key in said]


def _others(samplings: Sequence[Sampling]) -> list[str]:
    return [key for key in keys(samplings) if key not in FIRST and not key.startswith(SETTING)]


def _cell(value: object) -> str:
    if isinstance(value, dict):  # how another sampling was done
        inner = {key: one for key, one in value.items() if not key.startswith(SETTING)}
        return _listed({**inner, **settings(value)}) or units.MISSING
    return units.MISSING if value is None else units.plain(value)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_cell(value)}" for name, value in values.items())
