"""What may be said about which method is better: sentences that claim no more than the data carry.

The best by its mean, who cannot be told apart from it, who is worse, who is not ranked, in one sentence each however
many they are. Told apart is what Holm's adjustment over the pairs with the best leaves. Draws are taken as independent
between runs; the shared reference makes them positively correlated, so that the interval of a difference over draws is
wide rather than narrow.
"""

from collections import Counter
from collections.abc import Sequence

from kantor.report import units
from kantor.report.cards import Score
from kantor.report.methods import OVER_SEEDS, Method, MethodScore, weakness
from kantor.report.pairs import LEVEL, Pair
from kantor.report.statistics import smallest_detectable

NAMED = 6
EQUAL, WORSE, TIED = "Equal to it", "Worse than it", "Not told apart from it"
UNTESTED = "No interval of the difference to it (that needs one of each, or several seeds of each)"
SUPERLATIVE = {"lower": "the lowest", "higher": "the highest"}


def verdict(
    labels: Sequence[str], scores: Sequence[MethodScore], pairs: Sequence[Pair], score: Score, methods: Sequence[Method]
) -> list[str]:
    """Sentences, the headline first.

    Args:
        labels: of the methods, best first.
        scores: theirs.
        pairs: all of those that have the score.
        score: what it is.
        methods: for their numbers of seeds.
    """
    there = [place for place, one in enumerate(scores) if one.badness is not None]
    caveat = weakness(methods)
    said = headline(labels, scores, pairs, score, there)
    if len(there) > 1:
        said += [*standing(labels, scores, [pair for pair in pairs if pair.better == 0]), *basis(pairs)]
    said += unranked(scores, methods)
    return said if caveat is None else [*said, caveat]


def unranked(scores: Sequence[MethodScore], methods: Sequence[Method]) -> list[str]:
    """Which methods have no score because a seed of theirs has none, and what the others of their seeds score."""
    said = [
        f"{method.label} ({one.seeds_text(method)}"
        + (f"; the others at {one.value_text.strip('()')})" if one.values else ")")
        for method, one in zip(methods, scores, strict=True)
        if not one.whole
    ]
    return (
        [f"Not ranked, for what the seeds that are left score is no score of a method: {listed(said)}."] if said else []
    )


def headline(
    labels: Sequence[str], scores: Sequence[MethodScore], pairs: Sequence[Pair], score: Score, there: Sequence[int]
) -> list[str]:
    """What was measured, in words, and who is best."""
    what = f"{score.meaning[:1].upper()}{score.meaning[1:]} ({score.name}, {score.goal})"
    if not there:
        why = "every method has a seed without it" if any(one.values for one in scores) else "no run has it"
        return [f"{what} cannot be compared: {why}."]
    best = scores[0]
    value = f"{best.estimate.text} ({basis_of(best)})"
    if len(labels) == 1:
        runs = f"; single runs from {best.range_text}" if len(best.entries) > 1 else ""
        return [f"{what} of one method, {labels[0]}: {value}{runs}."]
    if len(there) == 1:
        whole = "of those of which every seed has it only" if any(not one.whole for one in scores) else "only"
        return [f"{what} cannot be compared: {whole} {labels[0]} has it, {value}."]
    of = f"of {len(there)} methods " if len(there) > 2 else ""
    with_best = [pair for pair in pairs if pair.better == 0]
    return [f"{what}: {of}{labels[0]} has {superlative(score)}, {value}{reservation(with_best)}."]


def reservation(pairs: Sequence[Pair]) -> str:
    """Of how many of the others the best cannot be said to be better.

    Args:
        pairs: those with the best.
    """
    count = Counter(standing_of(pair) for pair in pairs)
    if len(pairs) == 1:
        (one,) = count
        return {
            EQUAL: ", and the other is equal",
            TIED: ", but the two cannot be told apart",
            UNTESTED: ", but their difference has no interval",
        }.get(one, "")
    others = f"of the other {len(pairs)}"
    equal = f", and {count[EQUAL]} {others} {'is' if count[EQUAL] == 1 else 'are'} equal" if count[EQUAL] else ""
    said = [
        *([f"{count[TIED]} {others} cannot be told apart from it"] if count[TIED] else []),
        *([f"the difference to {count[UNTESTED]} {others} has no interval"] if count[UNTESTED] else []),
    ]
    return equal + (f", but {' and '.join(said)}" if said else "")


def standing_of(pair: Pair) -> str:
    """How the worse of a pair stands to the better, where the better is the best."""
    if not pair.compared or (pair.exact and not pair.gap):
        return UNTESTED if pair.gap else EQUAL
    return WORSE if pair.told_apart else TIED


def superlative(score: Score) -> str:
    """`the lowest`, `the one nearest to its target 0.9889`."""
    return SUPERLATIVE.get(score.better, f"the one nearest to its target {units.number(score.target)}")


def basis_of(one: MethodScore) -> str:
    """`mean of 5 training seeds, 95% over training seeds`, `one training seed, 95% over draws`."""
    seeds = len(one.entries)
    who = f"mean of {seeds} training seeds" if seeds > 1 else "one run"
    return f"{who}, 95% over {one.covers}" if one.covers and one.estimate.has_interval else who


def standing(labels: Sequence[str], scores: Sequence[MethodScore], pairs: Sequence[Pair]) -> list[str]:
    """How the others stand to the best, grouped."""
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        found, at = standing_of(pair), f"{labels[pair.worse]} at {scores[pair.worse].estimate.text}"
        said = {
            EQUAL: labels[pair.worse],
            WORSE: f"{labels[pair.worse]} by {pair.gap_text}" + ("" if pair.exact else f" {pair.interval_text}"),
            TIED: f"{at}, difference {pair.interval_text}, {pair.p_text}",
        }
        groups.setdefault(found, []).append(said.get(found, at))
    return [f"{what}: {listed(who)}." for what, who in groups.items()]


def listed(parts: Sequence[str]) -> str:
    """At most `NAMED` of them, and how many more."""
    more = len(parts) - NAMED
    return "; ".join(parts[:NAMED]) + (f"; and {more} more, in the tables" if more > 0 else "")


def basis(pairs: Sequence[Pair]) -> list[str]:
    """What the words of the verdict rest on."""
    exact = any(pair.better == 0 and pair.exact and pair.gap for pair in pairs)
    exactly = ["Where all seeds of each of two methods score the same, a difference needs no test."] if exact else []
    tested = [pair for pair in pairs if pair.better == 0 and pair.difference is not None]
    if not tested:
        return exactly
    covers = " or ".join(dict.fromkeys(pair.covers or "their error" for pair in tested))
    over = f", with Holm's adjustment over the {len(tested)} pairs with the best" if len(tested) > 1 else ""
    adjusted = "adjusted alike, over" if len(tested) > 1 else "95% over"
    said = f"Worse is what differs at the level of {LEVEL:.0%}{over}; intervals of differences are {adjusted} {covers}."
    over_seeds = [pair for pair in tested if pair.covers == OVER_SEEDS]
    if over_seeds:
        found = max(
            smallest_detectable(pair.difference.standard_error, pair.difference.df, level=LEVEL / len(tested))
            for pair in over_seeds
            if pair.difference is not None
        )
        said += f" With these seeds a difference of {found:.2g} to the best is found with 80% power."
    return [said, *exactly]
