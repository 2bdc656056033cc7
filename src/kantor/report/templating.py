"""Templates to text: one environment, escaping on, control characters visible, undefined names are errors."""

import functools
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from kantor.report import units
from kantor.report.palette import ON_BLACK, SERIES
from kantor.visible import visible_lines

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")


def _shown(value: object) -> object:
    """What a template prints, with `n = 1,024` and `p = 0.03` in one line; what it says is safe stays as it is."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return re.sub(r"\b([np]) ([=<]) (?=\d)", "\\1\N{NO-BREAK SPACE}\\2\N{NO-BREAK SPACE}", visible_lines(value))


@functools.cache
def _environment() -> "Environment":
    """Which keeps the templates that it has compiled: that takes longer than filling them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=units.count, yaml=partial(yaml.safe_dump, sort_keys=False, allow_unicode=True))
    return environment


def render(template: str, **values: object) -> str:
    """Fill a template of templates/. Everything is escaped unless the template says otherwise."""
    return _environment().get_template(template).render(palette=SERIES, palette_on_black=ON_BLACK, **values)
