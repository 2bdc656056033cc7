"""The tables of a comparison: who ran on what, each round's scores, and means over training seeds."""

from kantor.report import units
from kantor.report.cards import Evaluation, Score
from kantor.report.comparison import Comparison, Round, enough_seeds, method_labels, method_values
from kantor.report.statistics import mean_of
from kantor.report.tables import Sheet, floor_text
from kantor.report.verdict import estimate_of


def sampling_text(evaluation: Evaluation) -> str:
    """`ema, last, ddim, 50 evaluations`: what is there of weights, checkpoint, sampler and function evaluations."""
    given = evaluation.sampling
    words = [str(given[key]) for key in ("weights", "checkpoint", "sampler") if given.get(key) is not None]
    count = given.get("nfe")
    words += [] if count is None else [f"{count} evaluation{'' if count == 1 else 's'}"]
    return ", ".join(words) or units.MISSING


def rank_text(rank: int | None) -> str:
    """A rank, or a dash."""
    return units.MISSING if rank is None else str(rank)


def run_sheet(comparison: Comparison) -> Sheet:
    """One row per run: rank, primary score, floor, budget, sampling, seed, state."""
    primary, one = comparison.primary, comparison.rounds[comparison.primary_round]
    columns: tuple[str, ...] = ("rank", "run", "seed", primary, "95% interval", "floor", "reading")
    columns += ("images_seen", "steps", "seconds", "sampling", "state", "path")
    rows = []
    for each, evaluation, rank in zip(comparison.contestants, one.evaluations, comparison.ranks(), strict=True):
        score = evaluation.scores[primary]
        seconds = units.MISSING if each.train_seconds is None else f"{each.train_seconds:,.0f}"
        rows.append(
            (
                rank_text(rank), each.label, units.MISSING if each.seed is None else str(each.seed),
                score.value_text, score.interval_text, floor_text(score), score.reading or units.MISSING,
                units.count(each.budget("images_seen")), units.count(each.budget("steps")), seconds,
                sampling_text(evaluation), each.state, each.path,
            )
        )  # fmt: skip
    numeric = {"rank", "seed", primary, "95% interval", "floor", "images_seen", "steps", "seconds"}
    goal = one.evaluations[0].scores[primary].goal
    covers = one.evaluations[0].scores[primary].covers
    caption = f"{primary}: {goal}" + (f"; intervals cover {covers}" if covers else "")
    return Sheet(f"Runs by {primary}, best first", columns, rows, frozenset(numeric), caption)


def cell(score: Score | None) -> str:
    """A score in one cell: value, interval, and whether it is at the floor."""
    if score is None:
        return "absent"
    if score.value is None:
        return score.reading
    return score.text + (" (at the floor)" if score.at_floor and score.better != "none" else "")


def heading(one: Round, name: str) -> str:
    """A score's name with its direction."""
    score = next(evaluation.scores[name] for evaluation in one.evaluations if name in evaluation.scores)
    arrow = {
        "lower": " (lower)",
        "higher": " (higher)",
        "target": f" (target {units.number(score.target)})",
        "none": "",
    }
    return name + arrow[score.better]


def score_sheets(comparison: Comparison) -> list[Sheet]:
    """Each round's scores and the first run's floors; what there is more of, scores or runs, goes down the rows."""
    sheets = []
    for one in comparison.rounds:
        names = one.score_names
        columns = [
            (each.label, *(cell(evaluation.scores.get(name)) for name in names))
            for each, evaluation in zip(comparison.contestants, one.evaluations, strict=True)
        ]
        columns.append(("floor of the first run", *(floors(one, name) for name in names)))
        heads = [heading(one, name) for name in names]
        table = [("run", *heads), *columns]
        if len(names) > len(columns):
            table = list(zip(("score", *heads), *columns, strict=True))
        caption = f"evaluation {one.name}, protocol {one.protocol_hash[:10]}; {draws_text(one)}"
        sheets.append(Sheet(f"Scores: {one.name}", table[0], table[1:], frozenset(), caption))
    return sheets


def draws_text(one: Round) -> str:
    """`10 draws of 1,000 samples each`, or from the fewest to the most draws that a run has."""
    counts = [each.draw.get("draws") for each in one.evaluations]
    known = sorted(count for count in counts if count is not None)
    draws = (
        units.MISSING if not known else " to ".join(dict.fromkeys(units.count(end) for end in (known[0], known[-1])))
    )
    return f"{draws} draws of {units.count(one.evaluations[0].protocol.get('n_generated'))} samples each"


def floors(one: Round, name: str) -> str:
    """The first run's floor of a score. Floors of one protocol differ between runs by chance only."""
    score = one.evaluations[0].scores.get(name)
    return units.MISSING if score is None else floor_text(score)


def method_sheets(comparison: Comparison) -> list[Sheet]:
    """Means over training seeds for each method, when every method has at least five seeds."""
    one = comparison.rounds[comparison.primary_round]
    if not enough_seeds(comparison.contestants, one, comparison.primary):
        return []
    labels = method_labels(comparison.contestants)
    names = [name for name in one.shared_names if enough_seeds(comparison.contestants, one, name)]
    by_name = {name: method_values(comparison.contestants, one, name) for name in names}
    rows = [
        (
            label,
            str(len(by_name[comparison.primary][key])),
            *(estimate_of(mean_of(by_name[name][key])).text for name in names),
        )
        for key, label in labels.items()
    ]
    caption = f"mean [95% over training seeds], protocol {one.protocol_hash[:10]}"
    heads = ("method", "seeds", *(heading(one, name) for name in names))
    return [Sheet("Methods: means over training seeds", heads, rows, frozenset({"seeds"}), caption)]
