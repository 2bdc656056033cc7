"""Pairs of methods and what is said of them, without run directories: scores over seeds are enough."""

import pytest

from kantor.report.cards import Score
from kantor.report.methods import Method, MethodScore
from kantor.report.pairs import pairs_of
from kantor.report.statistics import mean_of, welch
from kantor.report.verdict import verdict

W1 = Score(0.0, name="w1", meaning="exact Wasserstein-1 distance", better="lower")


def over_seeds(*values: float) -> MethodScore:
    return MethodScore(tuple((Score(value, name="w1", better="lower"), 10) for value in values))


def equidistant(methods: int, seeds: int = 3) -> list[MethodScore]:
    """Means 1, 2, … with seeds 0.25 apart, which floating point represents."""
    return [over_seeds(*(1 + i + 0.25 * k for k in range(seeds))) for i in range(methods)]


def said(scores: list[MethodScore]) -> list[str]:
    methods = [Method(f"m{i}", tuple(range(len(one.entries)))) for i, one in enumerate(scores)]
    return verdict([method.label for method in methods], scores, pairs_of(scores), W1, methods)


def test_p_values_with_the_best_are_adjusted_over_these_pairs_alone():
    scores = equidistant(3)
    near, far = (welch(mean_of(scores[i].values), mean_of(scores[0].values)).p for i in (1, 2))
    p = {(pair.better, pair.worse): pair.p for pair in pairs_of(scores)}
    assert p == {
        (0, 2): pytest.approx(2 * far),  # the smaller of two
        (0, 1): pytest.approx(max(near, 2 * far)),
        (1, 2): pytest.approx(2 * near),  # of three one is smaller and one is alike
    }


def test_twenty_methods_are_a_few_sentences():
    scores = equidistant(20)
    text = said(scores)
    assert len(text) <= 5 and sum(map(len, text)) < 1500
    assert text[0].startswith(
        "Exact Wasserstein-1 distance (w1, lower is better): of 20 methods m0 has the lowest, 1.2"
    )
    assert "and 13 more, in the tables" in " ".join(text)
    pairs = pairs_of(scores)
    assert len(pairs) == 190
    assert [pair.family for pair in pairs if pair.better == 0] == [19] * 19
    assert {pair.family for pair in pairs if pair.better > 0} == {190}


def test_who_cannot_be_told_apart_is_counted():
    text = said([over_seeds(1.0, 1.2, 1.4), over_seeds(1.1, 1.3, 1.5), over_seeds(9.0, 9.2, 9.4)])
    assert text[0].endswith("but 1 of the other 2 cannot be told apart from it.")
    assert text[1].startswith("Not told apart from it: m1 at 1.3 ")
    assert text[2].startswith("Worse than it: m2 by 8.0")


def test_a_method_without_the_score_is_in_no_pair():
    scores = [*equidistant(2), MethodScore(())]
    assert [(pair.better, pair.worse) for pair in pairs_of(scores)] == [(0, 1)]
    assert "of 3 methods" not in said(scores)[0]
