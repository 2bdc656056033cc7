"""Where a score comes from: data, samples, features, formula, interval, and what would change it, in words."""

import ast
import importlib.util
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kantor.errors import UserError, nearest
from kantor.metrics.intervals import LEAST_DRAWS
from kantor.report import units
from kantor.report.cards import Evaluation, Score, flatten
from kantor.report.readings import readings
from kantor.report.summary import Summary
from kantor.visible import visible

OTHER = "other samples: 95 of 100 times within 1.4 half-widths of this"
"""Two such means differ by the root of 2 times what one is off."""
TOLD_ELSEWHERE = ("name", "fingerprint")
"""Of the data, what their own sentence tells."""


@dataclass(frozen=True)
class Explanation:
    """A score explained: a heading, and titled paragraphs."""

    heading: str
    rows: list[tuple[str, str]]


def explained(summary: Summary, name: str | None, evaluation: str | None) -> Explanation:
    """Where one score of a run comes from.

    Args:
        summary: of the run, or of somebody's samples.
        name: of the score; None for the primary one, or the first where that has not been made.
        evaluation: the name of the one that made it; None for the last that has it.

    Raises:
        UserError: there is no such score, or no such evaluation.
    """
    one, score = found(summary, name, evaluation)
    others = [other for other in one.scores if other != score.name]
    rows = [
        ("what it is", f"{score.meaning}; {score.goal}. Good: {score.good}. Suspicious: {score.suspicious}."),
        ("reading", readings(one)[score.name]),
        ("real data", real_data(one, (summary.environment.get("data") or {}).get("fingerprint"))),
        ("samples", samples(one)),
        ("features", features(one)),
        ("formula", formula(one, score)),
        ("value", value(score)),
        ("interval", interval(one, score)),
        ("real data score", floor(score)),
        ("would change it", changes(one, score)),
        ("made by", made_by(one)),
        ("protocol", f"{score.protocol_hash}; only scores of equal hash are compared"),
        ("others here", ", ".join(others)),
    ]
    heading = f"{score.name} of {summary.run.path}, by evaluation {one.title}: {score.text}"
    return Explanation(heading, [(title, text) for title, text in rows if text])


def found(summary: Summary, name: str | None, evaluation: str | None) -> tuple[Evaluation, Score]:
    """The evaluation and the score that are asked for."""
    run, made = summary.run.path, summary.evaluations
    if not made:
        raise UserError(f"{run} has no scores yet: {summary.way_to_scores}")
    names = list(dict.fromkeys(one.name for one in made))
    if evaluation is not None and evaluation not in names:
        raise UserError(f"evaluation={evaluation}: {run} was not scored by it; expected {' or '.join(names)}")
    asked = [one for one in made if evaluation in (None, one.name)]
    known = list(dict.fromkeys(score for one in asked for score in one.scores))
    if name is None:
        name = summary.primary_name if summary.primary_name in known else known[0]
    if name not in known:
        raise UserError(f"{name}: {run} has no such score{nearest(name, known)}; expected one of {', '.join(known)}")
    one = next(one for one in reversed(asked) if name in one.scores)
    return one, one.scores[name]


def real_data(one: Evaluation, of_run: str | None) -> str:
    """Which real data, and which part of them; the run knows the fingerprint of data that are drawn by formula."""
    data, protocol = one.protocol.get("data") or {}, one.protocol
    fingerprint = data.get("fingerprint", of_run)
    identity = "" if fingerprint is None else f", fingerprint {fingerprint}"
    rest = settings({key: entry for key, entry in data.items() if key not in TOLD_ELSEWHERE})
    which = f"{data.get('name')}{identity}{f' ({rest})' if rest else ''}"
    return f"{which}: {units.count(protocol.get('n_real'))} are the reference; {settings(protocol.get('split') or {})}"


def samples(one: Evaluation) -> str:
    """Who drew how many."""
    draw, n = one.draw, units.count(one.protocol.get("n_generated"))
    drawn = f"{units.counted(draw.get('draws'), 'draw')} of {n}"
    if one.sampling.get("sampler") == "file":
        return f"{drawn}, dealt out at random from {one.sampling.get('checkpoint')}; their SHA-256 is {one.digest}"
    step = "" if one.at_step is None else f" at step {units.count(one.at_step)}"
    return (
        f"{drawn} by {one.sampling_text}, of the weights{step} (SHA-256 {one.digest}); "
        f'chunk c of {draw.get("chunk")} is drawn from the key ({draw.get("seed")}, "evaluate", c)'
    )


def features(one: Evaluation) -> str:
    """What the scores see of a sample."""
    extractor = one.protocol.get("extractor")
    if extractor == "identity":
        return "points as they are"
    return f"of extractor {extractor}" if isinstance(extractor, str) else f"of extractor {settings(extractor or {})}"


def formula(one: Evaluation, score: Score) -> str:
    """How it is computed, where that stands, and who wrote it down."""
    how = settings((one.protocol.get("estimators") or {}).get(score.name) or {})
    return f"{score.source}; computed by {place(score.function)}{f', with {how}' if how else ''}"


def place(function: str) -> str:
    """`kantor.metrics.frechet.frechet_distance (FILE:LINE)`; the name alone where its code is not here. A run directory
    says what the function is called, so that nothing is imported to find it."""
    for module, name in splits(function):
        file = source(module)
        if file is not None:
            line = line_of(file, name.partition(".")[0])
            return f"{function} ({file}{'' if line is None else f':{line}'})"
    return function


def source(module: str) -> Path | None:
    """The file of a module; None where there is none."""
    package, *inner = module.split(".")
    if not all(part.isidentifier() for part in (package, *inner)):
        return None
    try:
        spec = importlib.util.find_spec(package)  # of a package that lies in no other: nothing is imported
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not inner:
        return Path(spec.origin) if spec.origin is not None and Path(spec.origin).is_file() else None
    files = [Path(root, *inner).with_suffix(".py") for root in spec.submodule_search_locations or ()]
    files += [file.with_suffix("") / "__init__.py" for file in files]
    return next((file for file in files if file.is_file()), None)


def splits(dotted: str) -> Iterator[tuple[str, str]]:
    """A dotted name as module and rest, the longest module first."""
    parts = dotted.split(".")
    return ((".".join(parts[:end]), ".".join(parts[end:])) for end in range(len(parts) - 1, 0, -1))


def line_of(file: Path, name: str) -> int | None:
    """Where a module defines a name; None where it does not, or cannot be read."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    return defined[0].lineno if defined else None


def value(score: Score) -> str:
    """The number, and those of the draws that it is the mean of."""
    if score.value is None:
        return f"none: {score.reason or 'no reason given'}"
    each = ", ".join(units.number(value, score.half_width) for value in score.values)
    return f"{score.value:.10g}, the mean over draws: {each}" if len(score.values) > 1 else f"{score.value:.10g}"


def interval(one: Evaluation, score: Score) -> str:
    """How it was made, and what it covers."""
    draws = one.draw.get("draws") or 0
    if not score.has_interval:
        return "" if score.value is None else f"none: {score.reason or 'no reason given'}"
    how = (
        f"mean ± t·s/√R over R = {draws} fresh draws"
        if draws >= LEAST_DRAWS
        else "from within each draw, by a jackknife or a standard error (docs/statistics.md)"
    )
    return (
        f"{score.interval_text}, {how}: in 95 of 100 repetitions it holds what such samples score on average against "
        "this reference. Another reference and another training seed are not covered"
    )


def floor(score: Score) -> str:
    """What real data score."""
    if score.floor is None or score.floor.value is None:
        return "not measured"
    each = ", ".join(units.number(value, score.floor.half_width) for value in score.floor.values)
    return (
        f"{score.floor.text}: {units.counted(len(score.floor.values), 'draw')} of {units.count(score.floor.n)} real "
        f"samples ({score.floor.kind}) against the same reference, by the same formula: {each}"
    )


def changes(one: Evaluation, score: Score) -> str:
    """What would give another number, and what would change nothing."""
    draws, half, n = one.draw.get("draws") or 0, score.longer_side, units.count(one.protocol.get("n_generated"))
    from_file = one.sampling.get("sampler") == "file"
    sentences = [
        "Another number, comparable with this: other samples"
        if from_file
        else f"Another number, comparable with this: evaluation.seed ({OTHER if half else 'other samples'}), the "
        "training seed and every setting of the training, evaluation.weights, evaluation.checkpoint, the sampler",
        f"A number that is not comparable: evaluation.n (now {n}), the data, the extractor, a setting of the formula",
        "Nothing: trainer.devices, and which other scores are made",
    ]
    if half is not None and draws >= LEAST_DRAWS:
        more = units.number(half / 2, half / 2)
        sentences.insert(1, f"A narrower interval: evaluation.draws={4 * draws} would make ± {more} of it")
    return ". ".join(sentences)


def made_by(one: Evaluation) -> str:
    """The command, and the code that ran."""
    if not one.made_by:
        return ""
    command, kantor = shlex.join(one.made_by["command"]), one.made_by["kantor"]
    code = f"kantor {kantor['version']}" + (f" at {commit(kantor['git'])}" if kantor["git"] else "")
    project = f", in a project at {commit(one.made_by['project'])}" if one.made_by["project"] else ""
    return f"`{command}`, {code}{project}"


def commit(git: dict[str, object]) -> str:
    """A commit in words."""
    return f"commit {str(git['commit'])[:10]}{' with changes' if git['dirty'] else ''}"


def settings(values: dict[str, object]) -> str:
    """Nested settings in one line."""
    return ", ".join(f"{key} {units.plain(entry)}" for key, entry in flatten(values).items() if entry not in ({}, ""))


def print_explanation(explanation: Explanation) -> None:
    """On the terminal: titles to the left, paragraphs that wrap to the right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for title, text in explanation.rows:
        grid.add_row(Text(title, style="bold"), Text(visible(text)))
    out = Console(highlight=False, width=None)
    out.print(Text(visible(explanation.heading), style="bold"))
    out.print(grid)
