"""Pairs of methods and what is said of them, without run directories: scores over seeds are enough."""

import math
from dataclasses import replace

import pytest

from kantor.report.cards import Score, read_score
from kantor.report.methods import Method, MethodScore
from kantor.report.pairs import pairs_of
from kantor.report.statistics import interval_of, mean_of, welch
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


@pytest.mark.parametrize(("bounds", "low", "high"), [([0, 1], 0, 1), ([0, None], 0, None), (None, None, None)])
def test_an_interval_over_seeds_ends_where_the_score_can_be(bounds, low, high):
    """Of two seeds it is thirteen times as wide as they are apart: a share of [-0.23, 1.32] was printed."""
    one = MethodScore(
        tuple((read_score("share", {"value": value, "better": "higher", "bounds": bounds}), 10) for value in (0.2, 0.9))
    )
    whole = interval_of(mean_of([0.2, 0.9]))
    assert (one.estimate.low, one.estimate.high) == (
        whole[0] if low is None else low, whole[1] if high is None else high
    )  # fmt: skip
    assert one.over_seeds().standard_error == mean_of([0.2, 0.9]).standard_error  # what is known of it is not cut


@pytest.mark.parametrize("values", [(8.0, 8.0), (0.9, 0.9, 0.9), (0.9, 0.9 + 1e-9)])
def test_seeds_that_score_the_same_have_no_interval(values):
    assert over_seeds(*values).estimate.text == f"{values[0]:g}"


def test_without_scatter_over_seeds_a_difference_is_one_and_equal_ones_are_called_equal():
    eight, seven, scattered = over_seeds(8.0, 8.0), over_seeds(9.0, 9.0), over_seeds(8.5, 9.5, 10.5)
    (pair,) = pairs_of([eight, seven])
    assert (pair.difference, pair.p, pair.told_apart, pair.told_text) == (None, None, True, "yes")
    assert said([eight, seven])[0].endswith("m0 has the lowest, 8 (mean of 2 training seeds).")
    assert said([eight, seven])[1:3] == [
        "Worse than it: m1 by 1.",
        "Where all seeds of each of two methods score the same, a difference needs no test.",
    ]
    (rounding,) = pairs_of([eight, over_seeds(8.0 + 1e-9, 8.0 + 1e-9)])
    assert (rounding.gap, rounding.told_text) == (0, "no")
    assert said([eight, eight])[0].endswith("m0 has the lowest, 8 (mean of 2 training seeds), and the other is equal.")
    text = said([eight, eight, eight, scattered])
    assert "and 2 of the other 3 are equal" in text[0] and "Equal to it: m1; m2." in text


def test_the_error_of_an_interval_that_was_cut_is_not_cut_with_it():
    whole = Score(0.01, -0.03, 0.05, name="w1", better="lower")
    cut = replace(whole, low=0.0)
    assert cut.half_width < 0.04
    of = [MethodScore(((one, None),)).over_draws() for one in (whole, cut)]
    assert of[0].standard_error == pytest.approx(of[1].standard_error) and math.isinf(of[1].df)


def test_one_run_beside_several_seeds_has_no_test():
    """Its draws say how sure its score is, and nothing of what another seed would have given."""
    run = Score(0.5, 0.49, 0.51, name="w1", better="lower", covers="draws")
    several = [
        (Score(value, value - 0.01, value + 0.01, name="w1", better="lower", covers="draws"), 10) for value in (1, 2)
    ]
    (pair,) = pairs_of([MethodScore(((run, 10),)), MethodScore(tuple(several))])
    assert pair.difference is None and pair.p is None and pair.told_text == "-"
    (of_runs,) = pairs_of([MethodScore(((run, 10),)), MethodScore((several[0],))])
    assert of_runs.told_apart and of_runs.covers == "draws"
