import math

import pytest

from kantor.report import units


@pytest.mark.parametrize(
    ("value", "half_width", "text"),
    [
        (0.0512, 0.003, "0.051"),
        (0.0512, 0.0012, "0.0512"),
        (0.21, 0.01, "0.210"),
        (123.4, 7.0, "123"),
        (8.0, 0.0, "8"),
        (0.0619, 0.2, "0.06"),
        (12345.6, 700.0, "12346"),
        (1.23456e-9, 4e-11, "1.23e-09"),
        (1.23456e-9, 1.2e-11, "1.235e-09"),
        (1e-12, 4e-9, "0"),
        (0.5, 1e-9, "5.000000000e-01"),
        (2.0, math.inf, "2"),
        (-0.00004, 0.0006, "0.0000"),
        (0.123456, None, "0.1235"),
        (3_840_000, None, "3,840,000"),
        (None, 0.1, "-"),
        (math.nan, None, "-"),
    ],
)
def test_numbers_have_the_digits_of_their_interval(value: float | None, half_width: float | None, text: str):
    assert units.number(value, half_width) == text


@pytest.mark.parametrize("half_width", [0.3, 0.05, 2.9e-4, 1e-7, 3e-9, 7.0, 450.0])
@pytest.mark.parametrize("value", [0.0619, -4.2, 123456.789, 2e-9])
def test_the_digits_shown_move_no_end_by_more_than_a_fifth_of_the_half_width(value: float, half_width: float):
    """And two ends that differ look different."""
    low, high = value - half_width, value + half_width
    shown = units.interval(low, high).strip("[]").replace(",", "").split()
    assert shown[0] != shown[1]
    for text, end in zip(shown, (low, high), strict=True):
        assert abs(float(text) - end) <= 0.2 * half_width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.42, "0.4 s"), (42, "42 s"), (192, "3 min 12 s"), (7500, "2 h 05 min"), (274_000, "3 d 4 h"), (None, "-")],
)
def test_durations(seconds: float | None, text: str):
    assert units.duration(seconds) == text


def test_memory_and_counts():
    assert units.memory(812 * 2**20) == "812 MiB"
    assert units.memory(24 * 2**30) == "24.0 GiB"
    assert units.short_count(2_500_000) == "2.5M"
    assert units.count(None) == "-"


@pytest.mark.parametrize("instead", [r"\1", r"\g<x>", "\\", "a a"])
def test_words_of_a_run_are_text_and_replaced_once(instead: str):
    assert units.reworded("the a", {"a": instead, "": "x"}) == f"the {instead}"
    chain = {chr(code): chr(code + 1) * 2 for code in range(ord("a"), ord("z"))}
    assert units.reworded("a b", chain) == "bb cc"
