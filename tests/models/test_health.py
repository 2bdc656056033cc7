import pytest

from kantor.models.health import LOOKS, History, advice

NOTHING = History({}, {}, (), 0)


def history(*looks):
    found = NOTHING
    for look in looks:
        found = found.then(look)
    return found


def test_a_history_keeps_the_first_the_highest_and_the_last():
    found = history(*({"x": float(x)} for x in (3, 9, 1, 2, 4, 5, 6)), {"x": 7.0, "y": 1.0})
    assert found.first == {"x": 3, "y": 1} and found.highest == {"x": 9, "y": 1}
    assert found.last("x") == [2, 4, 5, 6, 7]
    assert found.last("y") == found.last("z") == []
    assert found.count == 8 and NOTHING.count == 0


@pytest.mark.parametrize(
    ("highest", "last", "expected"), [(0.8, 0.39, True), (0.8, 0.41, False), (3.0, 0.49, True), (3.0, 0.51, False)]
)
def test_halved_is_against_the_highest_or_one_where_that_is_lower(highest, last, expected):
    assert history({"x": highest}, *[{"x": last}] * LOOKS).halved("x") is expected
    assert not history({"x": highest}, *[{"x": last}] * (LOOKS - 1), {"x": highest}).halved("x")


def test_advice_names_all_remedies():
    assert advice("this") == "Try this"
    assert advice("this", "that") == "Try this, or that"
    assert advice("this", "that", "something else") == "Try this, that, or something else"
