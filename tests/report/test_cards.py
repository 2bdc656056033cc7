from kantor.report.cards import flatten, read_score


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
