"""The figures of a comparison, one colour a method in all of them: scores with their spread, and over training."""

from collections.abc import Sequence

import numpy as np

from kantor.report import glossary, units
from kantor.report.comparison import Comparison, Round
from kantor.report.curves import Curve, draw, floor_marks, known
from kantor.report.figures import Drawing, Metrics, columns_with_values
from kantor.report.intervals import dot_intervals
from kantor.report.methods import Method
from kantor.report.palette import SERIES
from kantor.report.tuning import MIDDLE

X = "images_seen"
"""Methods may take unlike numbers of samples for a step, so that steps would favour one."""
DRAWN = len(SERIES)
"""Methods in a figure of scores, the best of them: as many as there are colours. Tables have all."""
CURVES = 12
"""Methods in a figure of curves, of which more cannot be told apart by eye."""
END_LABELS, END_LETTERS = 6, 16
"""Up to so many methods with names so short stand at the ends of their curves; others in a legend. Of more methods the
means stand alone: each seed is a ring in the figure of its score."""


def score_drawings(comparison: Comparison, one: Round) -> list[Drawing]:
    """A round's scores, in the order of the card."""
    several = len({each.name for each in comparison.rounds}) < len(comparison.rounds)
    where = f"{one.name}-{one.protocol_hash[:6]}" if several else one.name
    drawings = []
    for name in one.score_names:
        scores = [(in_figure(method), one.of(method, name)) for method in comparison.methods[:DRAWN]]
        figure = dot_intervals(scores, one.example(name), units.words(name))
        if figure is not None:
            said = "; ".join(f"{label} {score.text}" for label, score in scores)
            alt = f"{name}, each training seed, mean and 95% interval: {said}"
            caption = f"{glossary.sentence(one.example(name))}{left_out(comparison, DRAWN)}".strip()
            drawings.append(Drawing(f"{where}-{name}", alt, figure, caption))
    return drawings


def left_out(comparison: Comparison, drawn: int) -> str:
    """How many methods a figure leaves out, where it does."""
    count = len(comparison.methods)
    return f" The first {drawn} of {units.count(count)} methods." if count > drawn else ""


def in_figure(method: Method) -> str:
    """A method's name, with its seeds where one of them is lost."""
    return f"{method.label} ({method.seeds_text})" if method.lost else method.label


def curve_drawings(comparison: Comparison) -> list[Drawing]:
    """Each score that runs of at least one method logged while training: faint each seed of a few methods, on top their
    mean."""
    drawn = comparison.methods[:CURVES]
    logged = [
        one.summary.metrics for one in comparison.contestants[: sum(len(one.runs) + len(one.copies) for one in drawn)]
    ]
    present = [set(columns_with_values(metrics, "val/", X)) for metrics in logged]
    reach = max((float(x) for metrics in logged for x in metrics.get(X, []) if x is not None), default=None)
    labels = [method.label for method in drawn]
    at_ends = len(labels) <= END_LABELS and max(map(len, labels)) <= END_LETTERS
    drawings = []
    for column in dict.fromkeys(name for metrics in logged for name in columns_with_values(metrics, "val/", X)):
        curves: list[Curve] = []
        named: list[tuple[str, int]] = []
        for place, method in enumerate(drawn):
            runs = [logged[run] for run in method.runs if column in present[run]]
            if runs:
                whole = of_method(runs, column, place, labels[place] if at_ends else "")
                curves += whole if len(drawn) <= END_LABELS else whole[-1:]
                named.append((labels[place], place % len(SERIES)))
        score = column.removeprefix("val/")
        marks = floor_marks(comparison.main.example(score).floor) if score in comparison.main.score_names else []
        figure = draw(
            f"{units.words(column)} while training", curves, over=units.words(X), reach=reach, marks=marks,
            legend=[] if at_ends else named,
        )  # fmt: skip
        if figure is not None:  # a repeat of a seed may have logged what the method's runs have not
            alt = f"{score} of each method over {units.words(X)}"
            drawings.append(Drawing(f"training-{score}", alt, figure, left_out(comparison, CURVES).strip()))
    return drawings


def tuning_drawings(comparison: Comparison) -> list[Drawing]:
    """What the best of so many trials of each search scores: the mean, and a band for the middle of searches."""
    studies, example = comparison.studies, comparison.main.example(comparison.primary)
    distance = "Distances to its target. " if example.better == "target" else ""
    curves = []
    for place, study in enumerate(studies):
        trials, (low, high) = range(1, len(study.values) + 1), (study.quantile(share).tolist() for share in MIDDLE)
        curves.append(Curve("", list(trials), study.expected().tolist(), series=place, band=(low, high)))
    figure = draw(
        f"{units.words(comparison.primary)}, best of k trials", curves, over="trials k",
        reach=max((len(one.values) for one in studies), default=0),
        legend=[(study.label, place) for place, study in enumerate(studies)],
    )  # fmt: skip
    if figure is None:
        return []
    said = "; ".join(f"{one.label}, best {units.number(one.values[-1])}" for one in studies)
    caption = (
        f"{distance}What the best of k trials scores on average, whatever the order they are tried in; shaded: the "
        f"middle {MIDDLE[1] - MIDDLE[0]:.0%} of searches. Still moving at its right end, it says that more would help."
    )
    return [Drawing("best-of-trials", f"expected best {comparison.primary} by trials: {said}", figure, caption)]


def of_method(runs: Sequence[Metrics], column: str, place: int, label: str) -> list[Curve]:
    """A method's curves: that of one run, or each run's and on top their mean where all have a point."""
    if len(runs) == 1:
        return [Curve(label, runs[0][X], runs[0][column], series=place)]
    seeds = [Curve("", each[X], each[column], series=place, faint=True) for each in runs]
    points = [dict(zip(*map(np.ndarray.tolist, known(each[X], each[column])), strict=True)) for each in runs]
    shared = sorted(set.intersection(*(set(each) for each in points)))
    means = [sum(each[x] for each in points) / len(points) for x in shared]
    return [*seeds, Curve(label, shared, means, series=place)]
