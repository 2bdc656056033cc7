"""What a reader must know before trusting an order: unfinished and failed runs, copies, unequal budgets, samplings,
code."""

from collections.abc import Sequence

from kantor.report import sampling, units
from kantor.report.cards import Evaluation
from kantor.report.contestants import Contestant
from kantor.report.methods import Method
from kantor.report.protocols import few, holders

NAMED = 4


def remarks(
    contestants: Sequence[Contestant], methods: Sequence[Method], evaluations: Sequence[Evaluation]
) -> list[str]:
    """Sentences; what is the same in all runs of a method is said of the method."""
    who = Names(contestants, methods)
    notes = [
        f"{each.label} is {each.state}, not finished: scored at step {units.count(evaluation.at_step)}."
        for each, evaluation in zip(contestants, evaluations, strict=True)
        if each.state != "finished"
    ]
    for counter in ("images_seen", "steps"):
        consumed = [units.count(each.summary.counters.get(counter)) for each in contestants]
        notes += who.unequal(f"Budgets differ, {units.words(counter)}", consumed)
    steps = [each.summary.step for each in contestants]
    told = dict.fromkeys(step for step in steps if step)
    if len(told) == 1:
        notes += [f"A step is {step}." for step in told]
    else:
        notes += who.unequal("What a step is differs", [step or units.MISSING for step in steps])
    notes += unlike_sampling(evaluations, who)
    notes += who.unequal("Draws differ", [units.count(one.draw.get("draws")) for one in evaluations])
    notes += failures(methods)
    copies = [contestants[place].label for method in methods for place in method.copies]
    if copies:
        notes.append(f"Repeats of method and seed, which do not count as seeds: {few(copies, NAMED)}.")
    return notes + other_code(contestants, methods)


def failures(methods: Sequence[Method]) -> list[str]:
    """Which seeds failed, and why."""
    lost = [(method.of_seed(one.summary.seed), one) for method in methods for one in method.lost if one.summary.failed]
    said = [
        f"{label} {one.how}: {one.summary.reason.rstrip('.')} ({one.summary.run.path})." for label, one in lost[:NAMED]
    ]
    more = len(lost) - NAMED
    return said + ([f"{units.counted(more, 'more seed')} failed, see the table of runs."] if more > 0 else [])


def unlike_sampling(evaluations: Sequence[Evaluation], who: "Names") -> list[str]:
    """What differs in how samples were drawn; the settings of unlike samplers are told together, as they are no
    differences of one thing."""
    unlike = len({one.sampling.get("sampler") for one in evaluations}) > 1
    keys = sampling.keys([one.sampling for one in evaluations])
    notes = []
    for key in [key for key in keys if not (unlike and key.startswith(sampling.SETTING))]:
        notes += who.unequal(f"Sampling differs, {key}", [units.plain(one.sampling.get(key)) for one in evaluations])
    if unlike:
        notes += who.unequal("Settings of the samplers", [sampling.settings_text(one.sampling) for one in evaluations])
    return notes


def other_code(contestants: Sequence[Contestant], methods: Sequence[Method]) -> list[str]:
    """Methods whose runs were made by unlike code."""
    found = []
    for method in methods:
        codes = {repr(contestants[place].summary.environment.get("code")) for place in method.runs}
        if len(codes) > 1:
            found.append(method.label)
    return (
        [f"Not all seeds ran the same code: {few(found, NAMED)} (`code` in their environment.json)."] if found else []
    )


class Names:
    """Runs as sentences name them: by their method where it is all of it."""

    def __init__(self, contestants: Sequence[Contestant], methods: Sequence[Method]) -> None:
        self.labels = [one.label for one in contestants]
        self.methods = [(method.label, {*method.runs, *method.copies}) for method in methods]

    def unequal(self, what: str, values: Sequence[str]) -> list[str]:
        """`what: a (method 1), b (method 2 seed 0).` when not all values are the same."""
        by_value = holders(values, map(str, range(len(values))))
        if len(by_value) < 2:
            return []
        parts = [f"{value} ({few(self.of({*map(int, places)}), NAMED)})" for value, places in by_value.items()]
        return [f"{what}: " + ", ".join(parts) + "."]

    def of(self, places: set[int]) -> list[str]:
        """The names of some runs."""
        whole = [(label, runs) for label, runs in self.methods if runs <= places]
        rest = places - {place for _, runs in whole for place in runs}
        return [*(label for label, _ in whole), *(self.labels[place] for place in sorted(rest))]
