"""The space of a search: what words with several values stand for."""

import pytest

from kantor.errors import UserError
from kantor.search.space import Space, values


def distribution(word):
    (found,) = Space.of([word]).distributions.values()
    return found


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("a=x,y", ["x", "y"]),
        ("a=1,null", ["1", "null"]),
        ("a=choice(1,x,[2,3])", ["1", "x", "[2,3]"]),
        ("a='x,y',z", ["'x,y'", "z"]),
        ("a=range(1,9,2)", [1, 3, 5, 7]),
        ("a=range(0.1,0.5,0.1)", [0.1, 0.2, 0.3, 0.4]),
        ("a=int(interval(1,3))", [1, 2, 3]),
        ("a=tag(log,range(1,3))", ["1", "2"]),
    ],
)
def test_what_is_listed_has_its_values(word, expected):
    assert values(distribution(word)) == expected


def test_an_interval_has_both_ends_and_perhaps_a_logarithm():
    found = distribution("a=tag(log,interval(1e-4,1e-2))")
    assert (found.low, found.high, found.log, values(found)) == (1e-4, 1e-2, True, None)
    assert not distribution("a=interval(0,1)").log


@pytest.mark.parametrize(
    "word",
    [
        *("a=interval(2,1)", "a=tag(log,interval(0,1))", "a=range(3,3)", "a=range(9,1,-2)", "a=glob(*)", "a=x,y,x"),
        *("seed=0,1", "a=1"),
    ],
)
def test_what_cannot_be_searched_is_told(word):
    with pytest.raises(UserError, match=r"a=|seed=|nothing to search"):
        Space.of([word])


def test_words_of_a_trial_are_words_of_the_grammar():
    space = Space.of(["experiment=e", "+lr=interval(0,1)", "ema='a,b',none"])
    assert space.fixed == ("experiment=e",)
    assert space.words({"ema": "'a,b'", "+lr": 1e-05}) == ("+lr=1e-05", "ema='a,b'")


def test_each_category_and_both_ends_are_at_the_corner_or_beside_it():
    space = Space.of(["a=1,2,3", "b=interval(0,1)", "c=range(4,6)"])
    assert space.corner() == ("a=1", "b=0.0", "c=4")
    assert space.beside() == {
        "a": [("a=2", "b=0.0", "c=4"), ("a=3", "b=0.0", "c=4")],
        "b": [("a=1", "b=1.0", "c=4")],
        "c": [("a=1", "b=0.0", "c=5")],
    }


def test_the_size_of_a_grid():
    assert Space.of(["a=1,2,3", "b=range(4,8)"]).size == 12
    assert Space.of(["a=1,2,3", "b=interval(0,1)"]).size is None
