"""What somebody can make of a run directory who knows how kantor works, by kind; `hostile_runs` has what a broken disk,
and whoever does not know it, can."""

from hostile_checkpoints import CHECKPOINTS, unfinished
from hostile_configs import CONFIGURED
from hostile_files import CSV, FILES
from hostile_runs import OWNED, Change
from hostile_texts import WORDS


def of_attacks() -> dict[str, Change]:
    """All of them by kind and name."""
    found = {f"last.ckpt by design: {kind}": change for kind, change in CHECKPOINTS.items()}
    found |= {f"last.ckpt by design, gone on with: {kind}": unfinished(change) for kind, change in CHECKPOINTS.items()}
    found |= {f"config.yaml by design: {kind}": change for kind, change in CONFIGURED.items()}
    found |= {f"texts by design: {kind}": change for kind, change in WORDS.items()}
    found |= {f"files by design: {kind}": change for kind, change in FILES.items()}
    found |= {f"files by design, gone on with: {kind}": unfinished(change) for kind, change in FILES.items()}
    return found | {f"metrics.csv by design: {kind}": change for kind, change in CSV.items()}


DIRECTORIES = {
    "a command": "$(touch executed)", "another": "`touch executed`", "a third": "x; touch executed", "quotes": "a'b\"c",
    "spaces": "a  b", "an option": "--help", "a short one": "-m", "an equals sign": "a=b", "home": "~",
    "a comment": "#x", "percent": "%s%n", "braces": "{x}${y}", "a pattern": "[0-9]*?", "HTML": OWNED,
    "a new line": "a\nb",
    "escapes": "\x1b]0;x\x07", "long": "x" * 250, "latest": "latest", "markup": "[red]x[/red]", "comma": "a,b",
    "backslash": "a\\b", "of other letters": "é漢😀", "right to left": "\u202ex", "a colon": "a:b",
    "no UTF-8": "\udcff",
}  # fmt: skip
"""Names of a run's directory."""
