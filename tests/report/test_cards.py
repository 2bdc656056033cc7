import pytest

from kantor.report.cards import flatten, read_score

FLOOR = {"value": 0.1, "low": 0.09, "high": 0.11, "n": 100, "draws": 10}


@pytest.mark.parametrize(
    ("better", "value", "reading"),
    [
        ("lower", 0.105, "at the floor"),
        ("lower", 0.2, "worse than real data"),
        ("lower", 0.01, "better than real data: memorised?"),
        ("higher", 0.2, "better than real data: memorised?"),
        ("higher", 0.01, "worse than real data"),
        ("target", 0.105, "at the floor"),
        ("target", 0.2, "worse than real data"),
        ("target", 0.12, "as near to its target as real data"),
        ("none", 0.2, ""),
    ],
)
def test_a_score_is_read_against_its_floor(better: str, value: float, reading: str):
    half = 0.005
    entry = {
        "value": value,
        "low": value - half,
        "high": value + half,
        "floor": FLOOR,
        "better": better,
        "target": 0.13,
    }
    assert read_score("s", entry).reading == reading


def test_touching_intervals_are_at_the_floor():
    assert read_score("s", {"value": 0.12, "low": 0.11, "high": 0.13, "floor": FLOOR, "better": "lower"}).at_floor


def test_a_null_score_tells_its_reason():
    score = read_score("nll", {"value": None, "reason": "a GAN has no likelihood", "better": "lower"})
    assert score.reading == "not computed: a GAN has no likelihood"
    assert (score.value_text, score.interval_text) == ("-", "-")


def test_nan_is_no_value():
    assert read_score("w1", {"value": float("nan"), "low": float("inf"), "better": "lower"}).value is None


def test_badness_orders_by_direction():
    def order(better: str) -> list[float]:
        score = read_score("s", {"better": better, "target": 0.5})
        return sorted([0.1, 0.45, 0.9], key=lambda value: score.badness(value) or 0)

    assert order("lower") == [0.1, 0.45, 0.9]
    assert order("higher") == [0.9, 0.45, 0.1]
    assert order("target") == [0.45, 0.1, 0.9]


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


@pytest.mark.parametrize(
    ("name", "n", "reading"),
    [
        ("frechet_distance", 50_000, "no reading: the floor is of n = 10,000"),
        ("frechet_distance", 10_000, "worse than real data"),
        ("frechet_distance", None, "worse than real data"),
        ("kid", 50_000, "worse than real data"),  # unbiased at every n
    ],
)
def test_a_floor_of_another_n_is_no_mark_for_a_score_that_depends_on_it(name, n, reading):
    floor = {"value": 1, "low": 0.9, "high": 1.1, "n": 10_000}
    entry = {"value": 5, "low": 4.5, "high": 5.5, "better": "lower", "floor": floor}
    assert read_score(name, entry, n).reading == reading
    near = {**entry, "value": 1, "low": 0.8, "high": 1.2}
    assert read_score(name, near, n).at_floor == (not reading.startswith("no reading"))
