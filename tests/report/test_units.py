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
        (-0.00004, 0.0006, "0.0000"),
        (0.123456, None, "0.1235"),
        (3_840_000, None, "3,840,000"),
        (None, 0.1, "-"),
        (math.nan, None, "-"),
    ],
)
def test_numbers_have_the_digits_of_their_interval(value: float | None, half_width: float | None, text: str):
    assert units.number(value, half_width) == text


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
