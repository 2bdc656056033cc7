"""The tables of a comparison: who ran on what, each round's scores, means over training seeds; as Markdown and CSV."""

from kantor.report import units
from kantor.report.cards import FLOOR_NOTE, Score, sampling_keys
from kantor.report.comparison import Comparison, Round, enough_seeds, method_labels, method_values
from kantor.report.statistics import mean_of
from kantor.report.tables import Sheet, cell, csv_text, fitting, markdown, markdown_text
from kantor.report.verdict import estimate_of


def sheets(comparison: Comparison, width: int | None = None) -> list[Sheet]:
    """The tables: the runs, each round's scores, means over seeds; in pieces where `width` columns are too few."""
    whole = [
        (run_sheet(comparison), 2),
        *((sheet, 1) for sheet in [*score_sheets(comparison), *method_sheets(comparison)]),
    ]
    return [piece for sheet, keep in whole for piece in (fitting(sheet, width, keep) if width else [sheet])]


def to_markdown(comparison: Comparison) -> str:
    """Verdict, tables, notes."""
    verdict = [markdown_text(sentence) for sentence in comparison.verdict]
    notes = [f"- {markdown_text(note)}" for note in [*comparison.notes, FLOOR_NOTE]]
    return "\n".join(["# Comparison", "", *verdict, "", *map(markdown, sheets(comparison)), *notes]) + "\n"


def run_sheet(comparison: Comparison) -> Sheet:
    """One row per run: rank, primary score, floor, budget, sampling, state."""
    primary, evaluations, counters = comparison.primary, comparison.main.evaluations, comparison.counters()
    sampling = sampling_keys(evaluations)
    scored = (primary, "95% interval", "floor", "reading")
    columns = ("rank", "run", "seed", *scored, *counters, "seconds", *sampling, "state", "path")
    rows = []
    for each, evaluation, rank in zip(comparison.contestants, evaluations, comparison.ranks(), strict=True):
        score = evaluation.scores[primary]
        rows.append(
            (
                cell(rank), each.label, cell(each.summary.seed),
                score.value_text, score.interval_text, score.floor_text, score.reading or units.MISSING,
                *(units.count(each.summary.counters.get(counter)) for counter in counters),
                units.count(each.summary.cost.get("train_seconds")),
                *(cell(evaluation.sampling.get(key)) for key in sampling), each.state, each.path,
            )
        )  # fmt: skip
    numeric = frozenset({"rank", "seed", primary, "95% interval", "floor", *counters, "seconds", "nfe"})
    goal, covers = evaluations[0].scores[primary].goal, evaluations[0].scores[primary].covers
    caption = f"{primary}: {goal}" + (f"; intervals cover {covers}" if covers else "")
    return Sheet(f"Runs by {primary}, best first", columns, rows, numeric, caption)


def score_text(score: Score | None) -> str:
    """A score in one cell: value, interval, and whether it is at the floor."""
    if score is None:
        return "absent"
    if score.value is None:
        return score.reading
    return score.text + (" (at the floor)" if score.at_floor else "")


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
            (each.label, *(score_text(evaluation.scores.get(name)) for name in names))
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
    return units.MISSING if score is None else score.floor_text


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


CSV_COLUMNS = ("evaluation", "at_step", "protocol_hash", "score", "value", "low", "high", "covers",
               "floor", "floor_low", "floor_high", "floor_n", "better", "target", "reading")  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """One row per run and score, in full precision, each with its protocol's hash."""
    counters = comparison.counters()
    sampling = sampling_keys([evaluation for one in comparison.rounds for evaluation in one.evaluations])
    run = ("run", "experiment", "config_hash", "seed", "state", "rank", *counters, "seconds", *sampling)
    rows = [row for one in comparison.rounds for row in csv_rows(comparison, one, counters, sampling)]
    return csv_text((*run, *CSV_COLUMNS), rows)


def csv_rows(comparison: Comparison, one: Round, counters: list[str], sampling: list[str]) -> list[list[object]]:
    """A round's rows of compare.csv."""
    rows: list[list[object]] = []
    for each, evaluation, rank in zip(comparison.contestants, one.evaluations, comparison.ranks(), strict=True):
        summary = each.summary
        run = [each.path, summary.experiment, summary.config_hash, summary.seed, each.state, rank]
        run += [*map(summary.counters.get, counters), summary.cost.get("train_seconds")]
        run += [*map(evaluation.sampling.get, sampling), evaluation.name, evaluation.at_step, evaluation.protocol_hash]
        for score in evaluation.scores.values():
            floor = score.floor
            floors = [None] * 4 if floor is None else [floor.value, floor.low, floor.high, floor.n]
            goal = [score.better, score.target, score.reading]
            rows.append([*run, score.name, score.value, score.low, score.high, score.covers, *floors, *goal])
    return rows
