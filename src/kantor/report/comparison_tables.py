"""The tables of a comparison: methods, scores, pairs, runs; as Markdown and CSV."""

from kantor.report import sampling, units
from kantor.report.cards import FLOOR_NOTE, Evaluation
from kantor.report.comparison import Comparison, Round
from kantor.report.groups import group_text
from kantor.report.methods import Lost, Method, MethodScore
from kantor.report.protocols import few
from kantor.report.summary import Summary
from kantor.report.tables import REAL, Sheet, cell, csv_text, fitting, markdown, markdown_text

PAIRS_LISTED = 15
"""Of more pairs of methods only those with the best are listed; pairs.csv has all."""
NAMED = 4


def sheets(comparison: Comparison, width: int | None = None) -> list[Sheet]:
    """The tables: methods, each round's scores, pairs, runs; in pieces where `width` columns are too few."""
    whole = [
        (method_sheet(comparison), 2),
        *((score_sheet(comparison, one), 1) for one in comparison.rounds),
        *((sheet, 1) for sheet in pair_sheets(comparison)),
        (run_sheet(comparison), 1),
    ]
    return [piece for sheet, keep in whole for piece in (fitting(sheet, width, keep) if width else [sheet])]


def to_markdown(comparison: Comparison) -> str:
    """Verdict, tables, notes."""
    verdict = [f"{markdown_text(sentence)}\n" for sentence in comparison.verdict]
    notes = [f"- {markdown_text(note)}" for note in [*comparison.notes, FLOOR_NOTE]]
    return "\n".join(["# Comparison", "", *verdict, *map(markdown, sheets(comparison)), *notes]) + "\n"


def method_sheet(comparison: Comparison) -> Sheet:
    """One row per method: rank, group, seeds, primary score with its interval and spread, what real data score."""
    primary = comparison.primary
    columns = ("rank", "group", "method", "seeds", primary, "95% interval", "over", "single runs", REAL, "reading")
    rows = []
    parts = zip(comparison.methods, comparison.scores(), comparison.ranks(), comparison.groups(), strict=True)
    for method, score, rank, groups in parts:
        rows.append(
            (
                cell(rank), group_text(groups), method.label, score.seeds_text(method),
                score.value_text, score.estimate.interval_text,
                (score.covers if score.estimate.has_interval else "") or units.MISSING,
                score.range_text if len(score.values) > 1 else units.MISSING,
                real_text(comparison.main, method, primary),
                reading(comparison.main, method, primary),
            )
        )  # fmt: skip
    numeric = frozenset({"rank", "seeds", primary, "95% interval", "single runs", REAL})
    example = comparison.main.example(primary)
    caption = "; ".join([f"{example.meaning}: {example.goal}", *group_caption(comparison), *lost_caption(comparison)])
    return Sheet(f"Methods by {primary}, best first", columns, rows, numeric, caption)


def group_caption(comparison: Comparison) -> list[str]:
    """What groups are, and which methods are in several."""
    groups = comparison.groups()
    if not any(groups):
        return []
    several = [method.label for method, ours in zip(comparison.methods, groups, strict=True) if len(ours) > 1]
    overlap = f"; groups overlap: {few(several, NAMED)}" if several else ""
    return [f"a group is a best one and who is not told apart from it{overlap}"]


def lost_caption(comparison: Comparison) -> list[str]:
    """What brackets mean, where there are some."""
    lost = any(not score.whole for score in comparison.scores())
    return ["in brackets: mean of the seeds that are left, not ranked"] if lost else []


def real_text(one: Round, method: Method, name: str) -> str:
    """What real data score, of the method's first run. Of one protocol that differs between runs by chance only."""
    score = one.evaluations[method.runs[0]].scores.get(name) if method.runs else None
    return units.MISSING if score is None else score.floor_text


def reading(one: Round, method: Method, name: str) -> str:
    """What is said of the score of a method's runs, each reading once, with how many say so when they differ."""
    if not method.runs:
        return "no seed has a score"
    said: dict[str, int] = {}
    for place in method.runs:
        words = one.readings[place].get(name, "absent")
        said[words] = said.get(words, 0) + 1
    if len(said) == 1:
        return next(iter(said)) or units.MISSING
    return "; ".join(f"{count} of {len(method.runs)}: {words or units.MISSING}" for words, count in said.items())


def score_text(score: MethodScore, why: str) -> str:
    """A method's score in one cell: mean and interval, or why there is none."""
    return score.text if score.values else why


def heading(one: Round, name: str) -> str:
    """A score's name with its direction."""
    score = one.example(name)
    arrow = {
        "lower": " (lower)",
        "higher": " (higher)",
        "target": f" (target {units.number(score.target)})",
        "none": "",
    }
    return name + arrow[score.better]


def score_sheet(comparison: Comparison, one: Round) -> Sheet:
    """A round's scores; what there is more of, scores or methods, goes down the rows."""
    names = one.score_names
    columns = [
        (method.label, *(score_text(one.of(method, name), reading(one, method, name)) for name in names))
        for method in comparison.methods
    ]
    columns.append((REAL, *(one.example(name).floor_text for name in names)))
    heads = [heading(one, name) for name in names]
    table = [("method", *heads), *columns]
    if len(names) > len(columns):
        table = list(zip(("score", *heads), *columns, strict=True))
    caption = (
        f"evaluation {one.name}, protocol {one.protocol_hash[:10]}; {draws_text(one)}; 95% over training seeds, of one "
        "run over what its score says"
    )
    return Sheet(f"Scores: {one.name}", table[0], table[1:], frozenset(), caption)


def draws_text(one: Round) -> str:
    """`10 draws of 1,000 samples each`, or from the fewest to the most draws that a run has."""
    counts = [each.draw.get("draws") for each in one.evaluations]
    known = sorted(count for count in counts if count is not None)
    draws = (
        units.MISSING if not known else " to ".join(dict.fromkeys(units.count(end) for end in (known[0], known[-1])))
    )
    what = "draw" if known and known[-1] == 1 else "draws"
    return f"{draws} {what} of {units.count(one.evaluations[0].protocol.get('n_generated'))} samples each"


def pair_sheets(comparison: Comparison) -> list[Sheet]:
    """The pairs of methods by the primary score: all of them when they are few, else those with the best."""
    pairs, labels = comparison.pairs, [method.label for method in comparison.methods]
    if not pairs:
        return []
    listed = pairs if len(pairs) <= PAIRS_LISTED else [pair for pair in pairs if pair.better == 0]
    rows = [
        (
            labels[pair.better], labels[pair.worse], pair.gap_text, pair.interval_text,
            pair.covers or units.MISSING, pair.p_text.removeprefix("p = ").removeprefix("p "),
            pair.told_text,
        )
        for pair in listed
    ]  # fmt: skip
    title = f"Pairs of methods by {comparison.primary}" + ("" if listed == pairs else ": the best with each other one")
    families = {pair.better == 0: pair.family for pair in listed if pair.p is not None}
    over = [
        f"{who} over {units.counted(families[best], 'pair')}"
        for best, who in ((True, "of those with the best"), (False, "of the others"))
        if best in families
    ]
    caption = f"interval and p by Holm's adjustment, {', '.join(over)}" if over else ""
    columns = ("better", "worse", "difference", "interval", "over", "p", "told apart")
    return [Sheet(title, columns, rows, frozenset({"difference", "interval", "p"}), caption)]


def run_sheet(comparison: Comparison) -> Sheet:
    """One row per run, by method and seed: primary score, budget, sampling, state; of a lost seed how it was lost."""
    primary, evaluations, counters = comparison.primary, comparison.main.evaluations, comparison.counters()
    of_sampling = sampling.columns([evaluation.sampling for evaluation in evaluations])
    spoken = [units.words(counter) for counter in counters]

    def row(label: str, summary: Summary, evaluation: Evaluation | None, state: str) -> tuple[str, ...]:
        score = None if evaluation is None else evaluation.scores.get(primary)
        cost = summary.cost or summary.status.get("cost") or {}
        sampled = [units.MISSING] * len(of_sampling)
        return (
            label,
            *((units.MISSING, units.MISSING) if score is None else (score.value_text, score.interval_text)),
            *(units.count(summary.counters.get(counter)) for counter in counters),
            units.count(cost.get("train_seconds")),
            *(sampled if evaluation is None else sampling.cells(evaluation.sampling, of_sampling)),
            state,
            str(summary.run.path),
        )

    rows = []
    for method in comparison.methods:
        for one in (*comparison.seeds(method), *method.copies):
            if isinstance(one, Lost):
                rows.append(row(method.of_seed(one.summary.seed), one.summary, None, one.how))
            else:
                each = comparison.contestants[one]
                rows.append(row(each.label, each.summary, evaluations[one], each.state))
    columns = ("run", primary, "95% interval", *spoken, "seconds", *of_sampling, "state", "path")
    numeric = frozenset({primary, "95% interval", *spoken, "seconds", "nfe"})
    covers = comparison.main.example(primary).covers
    return Sheet("Runs", columns, rows, numeric, f"intervals of runs cover {covers}" if covers else "")


CSV_COLUMNS = ("evaluation", "at_step", "protocol_hash", "score", "value", "low", "high", "covers",
               "floor", "floor_low", "floor_high", "floor_n", "better", "target", "reading")  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """One row per run and score, in full precision, each with its protocol's hash; lost ones have no score."""
    counters = comparison.counters()
    said = sampling.keys([evaluation.sampling for one in comparison.rounds for evaluation in one.evaluations])
    run = ("method", "rank", "run", "experiment", "config_hash", "seed", "state", *counters, "seconds", *said)
    rows = [row for one in comparison.rounds for row in csv_rows(comparison, one, counters, said)]
    for method, lost in [(each, one) for each in comparison.methods for one in each.lost]:
        one = lost.summary
        of_run: list[object] = [method.label, None, str(one.run.path), one.experiment, one.config_hash]
        of_run += [one.seed, lost.how, *map(one.counters.get, counters)]
        rows.append([*of_run, *[None] * (len(run) - len(of_run) + len(CSV_COLUMNS))])
    return csv_text((*run, *CSV_COLUMNS), rows)


def csv_rows(comparison: Comparison, one: Round, counters: list[str], of_sampling: list[str]) -> list[list[object]]:
    """A round's rows of compare.csv."""
    rows: list[list[object]] = []
    ranks, places = comparison.ranks(), comparison.places()
    runs = zip(comparison.contestants, one.evaluations, one.readings, places, strict=True)
    for each, evaluation, said, place in runs:
        summary = each.summary
        run: list[object] = [comparison.methods[place].label, ranks[place], each.path]
        run += [summary.experiment, summary.config_hash, summary.seed, each.state]
        run += [*map(summary.counters.get, counters), summary.cost.get("train_seconds")]
        run += [
            *map(evaluation.sampling.get, of_sampling),
            evaluation.name,
            evaluation.at_step,
            evaluation.protocol_hash,
        ]
        for score in evaluation.scores.values():
            floor = score.floor
            floors = [None] * 4 if floor is None else [floor.value, floor.low, floor.high, floor.n]
            goal = [score.better, score.target, said[score.name]]
            rows.append([*run, score.name, score.value, score.low, score.high, score.covers, *floors, *goal])
    return rows


PAIR_COLUMNS = ("better", "worse", "difference", "low", "high", "covers", "p", "told_apart")


def pairs_csv(comparison: Comparison) -> str:
    """One row per pair of methods by the primary score, in full precision."""
    labels = [method.label for method in comparison.methods]
    rows = []
    for pair in comparison.pairs:
        ends = (None, None) if pair.difference is None else (pair.difference.low, pair.difference.high)
        names = (labels[pair.better], labels[pair.worse])
        told = str(pair.told_apart).lower() if pair.compared else None
        rows.append([*names, pair.gap, *ends, pair.covers or None, pair.p, told])
    return csv_text(PAIR_COLUMNS, rows)
