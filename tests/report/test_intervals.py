import itertools

from kantor.report.cards import Floor, Score
from kantor.report.intervals import dot_intervals
from kantor.report.methods import MethodScore


def test_dots_keep_their_places_and_colours():
    """So that a method has one colour in all charts, also where it lacks a score."""
    scores = [Score(8.0, 7.5, 8.5, name="modes", better="higher"), Score(7.0, name="modes", better="higher")]
    methods = [("a", MethodScore(((scores[0], 10),))), ("b", MethodScore(())), ("c", MethodScore(((scores[1], 10),)))]
    figure = dot_intervals(methods, scores[0], "modes")
    assert figure is not None
    axes = figure.axes[0]
    assert {line.get_ydata()[0] for line in axes.lines} == {0, 2}
    assert {text.get_text() for text in axes.texts} == {"a", "b", "c"}
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    assert ticks == [round(tick) for tick in ticks]
    assert dot_intervals([("b", MethodScore(()))], scores[0], "modes") is None


def test_a_wide_interval_does_not_flatten_the_dots():
    two = MethodScore(((Score(1.0, better="lower"), None), (Score(1.2, better="lower"), None)))
    figure = dot_intervals([("a", two)], Score(1.0, better="lower"), "w1")
    assert figure is not None and two.estimate.high is not None and two.estimate.high > 2
    assert figure.axes[0].get_xlim()[1] < 2


def test_target_and_real_data_stay_in_sight():
    example = Score(0.5, better="target", target=0.99, floor=Floor(0.985, 0.98, 0.99))
    close = MethodScore(tuple((Score(value, better="target", target=0.99), None) for value in (0.5, 0.501)))
    figure = dot_intervals([("a", close)], example, "within 3 sigma")
    assert figure is not None
    low, high = figure.axes[0].get_xlim()
    assert low < 0.5 and high > 0.99


def test_no_line_crosses_a_name():
    """That of real data and that of the target end before names, however many lines these have."""
    example = Score(0.5, better="target", target=0.6, floor=Floor(0.55, 0.54, 0.56))
    one = MethodScore(tuple((Score(value, better="target", target=0.6), None) for value in (0.4, 0.7)))
    names = ["a", "penalty_weight=0.1 " * 4, "penalty_weight=0.1 " * 9, "optimisation.critic.lr=0.001 " * 5]
    figure = dot_intervals([(name, one) for name in names], example, "within 3 sigma")
    assert figure is not None
    figure.draw_without_rendering()
    (axes,) = figure.axes
    down = axes.transData.transform
    parts = [path.vertices for collection in axes.collections for path in collection.get_paths()]
    spans = [(min(ends), max(ends)) for ends in ([down(end)[1] for end in part] for part in parts)]
    dots = [down((0.5, row))[1] for row in {line.get_ydata()[0] for line in axes.lines}]
    assert len(spans) == 3 * len(names) and len(dots) == len(names)
    for text in axes.texts:
        box = text.get_window_extent()
        assert all(high < box.y0 or box.y1 < low for low, high in spans)
        assert not any(box.y0 < dot < box.y1 for dot in dots)


def test_long_numbers_below_the_axis_do_not_touch():
    one = MethodScore(((Score(0.00264, 0.002554, 0.002728, better="lower"), 10),))
    figure = dot_intervals([("a", one)], Score(0.00264, better="lower"), "score error")
    assert figure is not None
    figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    there = [tick for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [tick.label1.get_window_extent() for tick in there]
    assert len(boxes) > 2 and all(left.x1 + 5 < right.x0 for left, right in itertools.pairwise(boxes))
