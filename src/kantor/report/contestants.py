"""A contestant: one run as a comparison sees it, read from its files only; and runs that failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from kantor.errors import UserError, command
from kantor.report.cards import Evaluation
from kantor.report.summary import Summary, summarise
from kantor.runs import door
from kantor.runs.contradictions import contradiction
from kantor.runs.directory import RunDirectory

NAMED = 4


@dataclass(frozen=True)
class Contestant:
    """One run of a comparison.

    Attributes:
        label: tells it apart from the others.
        state: whether somebody works on it, looked up.
        summary: what its files say.
    """

    label: str
    state: str
    summary: Summary

    @property
    def path(self) -> str:
        """The directory as it was given."""
        return str(self.summary.run.path)


@dataclass(frozen=True)
class Entries:
    """The runs of a comparison.

    Attributes:
        scored: those that have scores and did not fail.
        failed: those that failed.
        pruned: trials without scores, for their search has ended them.
        left_out: seeds of which there is no score to believe: damaged, contradicted, or ended without one.
        notes: on those that are none of these, or cannot be believed.
    """

    scored: list[Summary]
    failed: list[Summary]
    pruned: list[Summary]
    left_out: list[Summary]
    notes: list[str]


def read_entries(runs: Sequence[RunDirectory]) -> Entries:
    """What some runs are to a comparison; a directory given twice counts once.

    Raises:
        UserError: none of them has scores, or one is not there.
    """
    distinct = list({run.path.resolve(): run for run in runs}.values())
    for run in distinct:
        if not run.path.is_dir():
            raise UserError(
                f"{run.path} does not exist: compare expects run directories; `kantor status` lists the runs"
            )
    if not distinct:
        raise UserError(
            "compare needs runs, was given none: `kantor compare DIR DIR …` (globs are welcome; `kantor status` lists "
            "the runs)"
        )
    read, damaged, unread = readable(distinct)
    failed, whole = [one for one in read if one.failed], [one for one in read if not one.failed]
    scored, unscored = [one for one in whole if one.evaluations], [one for one in whole if not one.evaluations]
    pruned, bare = [one for one in unscored if one.pruned], [one for one in unscored if not one.pruned]
    believed, forged, unmoved = of_other_seeds(scored)
    paths = {one.run.path for one in believed}
    disbelieved, scored = [one for one in scored if one.run.path not in paths], believed
    if forged and not scored:
        raise UserError(forged[0].removeprefix("Left out: ").removesuffix("."))
    if not scored:
        raise nothing_scored(bare, failed)
    waiting, bare = [one for one in bare if to_come(one)], [one for one in bare if not to_come(one)]
    return Entries(
        scored,
        failed,
        pruned,
        [*unread, *disbelieved, *bare],
        [
            *(f"Left out: {error}." for error in damaged),
            *forged,
            *unmoved,
            *(f"Left out, for it has no scores: {one.run.path}; {one.way_to_scores}." for one in bare),
            *(
                f"Not in it yet, for it is {one.state_now}: {one.run.path}; its method stands by the seeds that it has."
                for one in waiting
            ),
        ],
    )


def nothing_scored(bare: Sequence[Summary], failed: Sequence[Summary]) -> UserError:
    """What is said where no run has scores.

    Args:
        bare: those that can be scored.
        failed: those that failed; where there are none of either, all were pruned.
    """
    none = "none of the runs has scores to compare"
    if bare:
        return UserError(f"{none}. Of the first, {bare[0].run.path}: {bare[0].way_to_scores}")
    if failed:
        first = failed[0]
        return UserError(f"{none}: all failed, the first, {first.run.path}, for this reason: {first.reason}")
    return UserError(f"{none}: all are trials that their search has pruned")


def to_come(one: Summary) -> bool:
    """Whether a run without scores is trained now, or will be: its seed is no lost one."""
    return one.state_now in ("running", "new")


def check_believable(one: Summary) -> None:
    """Check that no other file of a run contradicts its card. One that failed is not asked, for nothing is taken from
    its card.

    Raises:
        UserError: one does; the field is named. Or a file is damaged.
    """
    found = contradiction(one.run, one.metrics) if one.card and not one.failed else None
    if found is not None:
        raise UserError(
            f"{one.run.card_json} is contradicted by what it was made from: {found}; was it edited? Restore it from a "
            f"copy of the run, or take it away, and {command('evaluate', f'run={one.run.path}')} writes it anew"
        )


def of_other_seeds(scored: Sequence[Summary]) -> tuple[list[Summary], list[str], list[str]]:
    """The runs without those that scored the weights of another training seed, of which at least one is no training of
    its own; who these are; and notes on seeds that share weights which no training has moved."""
    by_digest: dict[str, list[tuple[Summary, bool]]] = {}
    for one in scored:
        if one.seed is not None:
            for digest, moved in {evaluation.digest: moves(one, evaluation) for evaluation in one.evaluations}.items():
                by_digest.setdefault(digest, []).append((one, moved))
    found: dict[str, str] = {}
    unmoved: list[str] = []
    for digest, same in by_digest.items():
        seeds = ", ".join(dict.fromkeys(str(one.seed) for one, _ in same))
        if not digest or "," not in seeds:
            continue
        paths = ", ".join(str(one.run.path) for one, _ in same[:NAMED])
        if any(moved for _, moved in same):
            said = (
                f"evaluations.digest {digest[:10]} is that of {paths}, which say seed {seeds}: one seed trains other "
                "weights than another"
            )
            found |= {str(one.run.path): said for one, _ in same}
        else:
            unmoved.append(f"Seeds {seeds} have the same weights, for nothing in them was trained: {paths}.")
    kept = [one for one in scored if str(one.run.path) not in found]
    return kept, [f"Left out: {said}." for said in dict.fromkeys(found.values())], unmoved


def moves(one: Summary, evaluation: Evaluation) -> bool:
    """Whether training has taken steps before an evaluation, and there is anything that it moves."""
    parameters = one.cost.get("parameters")
    return evaluation.at_step != 0 and (parameters is None or any(parameters.values()))


def readable(runs: Sequence[RunDirectory]) -> tuple[list[Summary], list[str], list[Summary]]:
    """The runs whose files can be read, what is wrong with the others, and what can be read of these.

    Raises:
        UserError: none can.
    """
    read: list[Summary] = []
    damaged: list[str] = []
    unread: list[Summary] = []
    for run in runs:
        try:
            summary = summarise(run)
            check_believable(summary)
            read.append(summary)
        except UserError as error:
            damaged.append(str(error))
            unread += named(run)
    if not read:
        raise UserError(damaged[0])
    return read, damaged, unread


def named(run: RunDirectory) -> list[Summary]:
    """A run whose files cannot be believed, as far as its environment says which method and seed it is of; none where
    that cannot be read either."""
    try:
        door.check_plain(run.path)
        environment = run.environment()
    except UserError:
        return []
    return [Summary(run, {}, {"seed": environment["seed"]}, environment, {}, [])]
