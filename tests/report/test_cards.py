from kantor.report.cards import Estimate, flatten, read_score


def test_a_null_score_has_no_numbers():
    score = read_score("nll", {"value": None, "reason": "a GAN has no likelihood", "better": "lower"})
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


def test_digits_are_those_that_the_shorter_side_of_an_interval_allows():
    """An end is cut off where the value cannot be: a mean of 0.5 is not 0, however far the interval goes."""
    assert Estimate(0.5, 0.0, 7.0).value_text == "0.5"
    assert Estimate(0.069, 0.0, 0.9).value_text == "0.07"
    assert Estimate(0.0, 0.0, 7.0).value_text == "0"
    assert Estimate(0.0512, 0.0482, 0.0542).value_text == "0.051"
