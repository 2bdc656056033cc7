"""What words of a sweep stand for."""

import pytest

from kantor.config.files import options
from kantor.errors import UserError
from kantor.sweeps.grid import combinations, swept


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("seed=3", ["seed=3"]),
        ("seed=0,1", ["seed=0", "seed=1"]),
        ("seed=range(3)", ["seed=0", "seed=1", "seed=2"]),
        ("seed=choice(4,2)", ["seed=4", "seed=2"]),
        ("+model.extra=a,b", ["+model.extra=a", "+model.extra=b"]),
        ("data.root=/a,/b", ["data.root=/a", "data.root=/b"]),
        ("ema.decay=[0.9,0.99],0.5", ["ema.decay=[0.9,0.99]", "ema.decay=0.5"]),
        ("objective=glob(wasserstein*)", [f"objective={one}" for one in options("objective", []) if "wasserst" in one]),
    ],
)
def test_a_word_stands_for_its_values(word, values):
    assert swept([word], ()) == [values]


def test_every_combination_is_there_once_and_the_last_word_changes_fastest():
    grid = swept(["experiment=a,b", "budget.steps=1", "seed=0,1"], ())
    assert [" ".join(one) for one in combinations(grid)] == [
        f"experiment={experiment} budget.steps=1 seed={seed}" for experiment in "ab" for seed in (0, 1)
    ]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("optimisation.critic.lr=interval(0,1)", "search=tpe"),
        ("objective=glob(nothing*)", "no such option"),
        ("seed=range(0)", "at least one value"),
        ("a b=c", "grammar"),
        ("seed=0,0", "seed=0 stands there twice, .*leave one"),
        ("seed=choice(1,2,1)", "seed=1 stands there twice"),
        ("seed=,", "a value on both sides of each comma, as in seed=0,1"),
        ("seed=0,,1", "a value on both sides"),
    ],
)
def test_what_no_grid_goes_through_is_refused(word, said):
    with pytest.raises(UserError, match=f"{word.partition('=')[0]}.*{said}"):
        swept([word], ())
