from kantor.report.cards import Score
from kantor.report.groups import group_text, groups_of
from kantor.report.methods import MethodScore
from kantor.report.pairs import Pair, pairs_of
from kantor.report.statistics import Difference

BETWEEN = Difference(1.0, -1.0, 3.0, 0.5, 1.0, 8.0)


def pairs(count: int, apart: set[tuple[int, int]]) -> list[Pair]:
    """All pairs of methods, of which some are told apart."""
    return [
        Pair(a, b, 1.0, BETWEEN, "training seeds", 0.01 if (a, b) in apart else 0.5, 1)
        for a in range(count)
        for b in range(a + 1, count)
    ]


def test_who_is_not_told_apart_from_the_best_of_a_group_is_in_it():
    apart = {(0, 2), (0, 3), (1, 2), (1, 3)}
    assert groups_of(4, pairs(4, apart)) == [(1,), (1,), (2,), (2,)]


def test_groups_overlap():
    """The second is told apart from neither the first nor the third, which are told apart."""
    assert groups_of(3, pairs(3, {(0, 2)})) == [(1,), (1, 2), (2,)]


def test_all_alike_are_one_group_and_all_apart_are_one_each():
    assert groups_of(3, pairs(3, set())) == [(1,), (1,), (1,)]
    assert groups_of(3, pairs(3, {(0, 1), (0, 2), (1, 2)})) == [(1,), (2,), (3,)]


def test_without_an_interval_there_are_no_groups_and_who_is_not_ranked_is_in_none():
    untested = [Pair(0, 1, 1.0, None, "", None, 0)]
    assert groups_of(2, untested) == [(), ()]
    assert groups_of(3, pairs(2, set())) == [(1,), (1,), ()]
    assert groups_of(1, pairs_of([MethodScore(())])) == [()]


def test_who_was_compared_with_nobody_is_in_no_group():
    """The third has one run: whether it differs from the others, nothing tells."""
    untested = [Pair(0, 2, 1.0, None, "", None, 1), Pair(1, 2, 1.0, None, "", None, 1)]
    assert groups_of(3, [*pairs(2, set()), *untested]) == [(1,), (1,), ()]
    assert groups_of(3, [*pairs(2, {(0, 1)}), *untested]) == [(1,), (2,), ()]


def test_methods_that_do_not_scatter_share_a_group_only_where_they_are_equal():
    eight, nine = (MethodScore(((Score(value, better="lower"), 10),) * 2) for value in (8.0, 9.0))
    assert groups_of(3, pairs_of([eight, eight, nine])) == [(1,), (1,), (2,)]


def test_groups_as_text():
    assert [group_text(groups) for groups in ((1,), (1, 2), ())] == ["1", "1, 2", "-"]
