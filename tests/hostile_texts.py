"""Texts of a run that a stranger wrote for those who read them: pages, tables, spreadsheets, terminals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile_configs import GENERATOR, configured
from hostile_runs import OWNED, Change, read

TEXTS: dict[str, str] = {
    "a path": "../../../outside/new",
    "a long path": "../" * 30 + "tmp/new",
    "HTML": OWNED,
    "a closing tag": f"</title></script></style>-->{OWNED}",
    "an attribute": f"\" onmouseover='owned()' {OWNED}",
    "a formula": '=HYPERLINK("http://x")',
    "TeX": "\\input{/etc/passwd}\\immediate\\write18{touch executed}",
    "mathematics": "$\\frac$ $\\x{",
    "a link": "[x](javascript:owned())",
    "markup": "[bold red]x[/] [link=http://x]y[/link]",
    "wide letters": "é" * 200,
    "right to left": "\u202eabc\u2066",
    "a percent": "%s %(x)s {0} {x!r}",
    "a template": "{{ 7*7 }}{% include 'x' %}",
    "nothing": "",
    "a space": " ",
    "escapes": "\x1b]8;;http://x\x07y\x1b]8;;\x07\x9b31m",
    "a zero byte": "\0",
    "a group": "\\g<1>\\1(?P<x>",
}


def each_card(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Every evaluation of a run, and its card."""
    for file in (run / "evaluations").glob("*.json"):
        one = json.loads(file.read_text())
        change(one)
        file.write_text(json.dumps(one))
    card = json.loads((run / "card.json").read_text())
    for one in card["evaluations"]:
        change(one)
    (run / "card.json").write_text(json.dumps(card))


def scored(text: str) -> Change:
    """Scores, settings and what is said of them, under another name."""

    def change(run: Path) -> None:
        def of(one: dict[str, Any]) -> None:
            first = next(iter(one["scores"]))
            of_it = one["scores"].pop(first)
            one["scores"][text] = {**of_it, "meaning": text, "covers": text, "source": text, "function": text}
            one["protocol"]["estimators"] |= {text: {text: text}}
            one["protocol"]["extractor"] = text
            one["sampling"] |= {"sampler": text, "weights": text, text: text}
            one["made_by"] = {"command": ["kantor", text], "kantor": {"version": text, "git": None}, "project": None}

        each_card(run, of)

    return change


def environment(text: str) -> Change:
    """What environment.json and status.json say of a run."""

    def change(run: Path) -> None:
        made = read(run, "environment.json")
        for chart in made["charts"]:
            chart |= {"title": text, "meaning": text, "good": text, "lines": {"train/critic_loss": text, text: text}}
            chart["mark"] = [1.0, text]
        made |= {"step": text, "device": text, "kantor": text, "code": {text: text}, text: text}
        made["parameters"] = {text: 3}
        (run / "environment.json").write_text(json.dumps(made))
        status = read(run, "status.json")
        status |= {"reason": text, "files": [text], "extends": text}
        for attempt in status["attempts"]:
            attempt |= {"device": text, "outcome": text, "started": text, "torch": text}
        status["counters"][text] = 3
        (run / "status.json").write_text(json.dumps(status))
        health = {"findings": [{"step": 3, "check": text, "message": text, "gone": None}]}
        (run / "health.json").write_text(json.dumps(health))

    return change


def columns(text: str) -> Change:
    """Columns of metrics.csv under other names."""

    def change(run: Path) -> None:
        first, *rows = (run / "metrics.csv").read_text().splitlines()
        quoted = text.replace('"', '""')
        names = [f'"val/{quoted}"', f'"train/{quoted}"', f'"train/{quoted}_loss"', f'"{quoted}"']
        lines = [f"{first},{','.join(names)}", *(f"{row},1,2,3,4" for row in rows)]
        (run / "metrics.csv").write_text("\n".join(lines) + "\n")

    return change


def set_in_config(text: str) -> Change:
    """A setting by which methods are named."""
    return configured((*GENERATOR, "activation"), text)


WORDS: dict[str, Change] = {
    f"{place}, {kind}": make(text)
    for place, make in {
        "scores": scored, "environment": environment, "columns": columns, "a setting": set_in_config,
    }.items()
    for kind, text in TEXTS.items()
}  # fmt: skip
