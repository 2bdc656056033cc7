from kantor.report.cards import read_score
from kantor.report.intervals import dot_intervals


def test_dots_stand_at_the_values_in_the_order_given():
    scores = [read_score("w1", {"value": value, "better": "lower"}) for value in (0.1, 0.2)]
    figure = dot_intervals([("a", scores[0]), ("b", None), ("c", scores[1])], "w1")
    assert figure is not None
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert dots == [(0.1, 0), (0.2, 2)]
    assert dot_intervals([("a", None)], "w1") is None
