"""What is said of scores: the words of each case, and what must hold for every score, of generators of known worth."""

import importlib.util
import json
import math
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from kantor.report.cards import Evaluation, read_score
from kantor.report.readings import LEVEL, readings
from kantor.report.statistics import Mean, welch

SEEDS = 2


def read(**entries):
    """What is said of scores given as cards have them."""
    scores = {name: read_score(name, entry, 100) for name, entry in entries.items()}
    return readings(Evaluation("e", None, "", {}, {}, {}, scores))


def entry(value, half=0.01, *, floor=0.1, floor_half=0.01, better="lower", kind="held-out pictures", **more):
    low, high = (None, None) if half is None else (value - half, value + half)
    ends = (None, None) if floor_half is None else (floor - floor_half, floor + floor_half)
    real = {"value": floor, "low": ends[0], "high": ends[1], "n": 100, "kind": kind}
    return {"value": value, "low": low, "high": high, "better": better, "floor": real, **more}


def p(value, aspect):
    return {"value": value, "low": None, "high": None, "better": "none", "aspect": aspect}


@pytest.mark.parametrize(
    ("better", "value", "reading"),
    [
        ("lower", 0.105, "as real data"),
        ("lower", 0.115, "as real data"),  # intervals that overlap by a quarter
        ("lower", 0.2, "worse than real data"),
        ("lower", 0.01, "beyond real data: "),
        ("higher", 0.2, "beyond real data: "),
        ("higher", 0.01, "worse than real data"),
        ("target", 0.105, "as real data"),
        ("target", 0.2, "beyond real data: "),
        ("target", 0.01, "worse than real data"),
        ("target", 0.13, "as near to its target as real data"),
        ("none", 0.2, ""),
    ],
)
def test_a_score_is_read_against_what_real_data_score(better, value, reading):
    said = read(it=entry(value, better=better, target=0.13))["it"]
    assert said.startswith(reading) if reading else said == ""


@pytest.mark.parametrize(("value", "reading"), [(0.3, "beyond real data: samples lie nearer"), (0.7, "worse than")])
def test_too_low_an_accuracy_of_nearest_neighbours_is_of_copies(value, reading):
    said = read(it=entry(value, floor=0.5, better="target", target=0.5, aspect="nearness"))
    assert said["it"].startswith(reading)


def test_an_accuracy_whose_halves_cancel_is_no_merit():
    halves = {"real": entry(0.1, floor=0.5, better="target", target=0.5, aspect="nearness")}
    halves["generated"] = entry(0.9, floor=0.5, better="target", target=0.5, aspect="nearness")
    said = read(both=entry(0.5, floor=0.5, better="target", target=0.5, aspect="nearness"), **halves)
    assert said["both"].startswith("no merit") and said["generated"] == "worse than real data"


NO_INTERVAL = "no interval from fewer than 10 independent draws"


def test_without_both_intervals_there_is_no_reading_but_the_reason():
    assert read(it=entry(0.5, None, reason=NO_INTERVAL))["it"] == f"no reading: {NO_INTERVAL}"
    of_floor = entry(0.5, floor_half=None)
    of_floor["floor"]["reason"] = NO_INTERVAL
    assert read(it=of_floor)["it"] == f"no reading: of real data, {NO_INTERVAL}"
    assert read(it={"value": None, "reason": "no likelihood", "better": "lower"})["it"] == "not computed: no likelihood"


@pytest.mark.parametrize(
    ("values", "reals", "reading"),
    [
        ([1.0] * 10, [8.0] * 10, "worse than real data"),
        ([8.0] * 10, [8.0] * 10, "as real data"),
        ([1.0] * 10, [8.0] * 9 + [1.0], "no reading: most alike"),
        ([1.0] * 9, [8.0] * 10, "no reading: most alike"),
    ],
)
def test_draws_that_are_all_on_one_side_of_real_ones_need_no_interval(values, reals, reading):
    one = entry(values[0], None, floor=reals[0], floor_half=None, better="higher", values=values, reason="most alike")
    one["floor"]["values"] = reals
    assert read(it=one)["it"] == reading


@pytest.mark.parametrize("depends", [True, False])
def test_a_floor_of_another_n_is_no_mark_for_a_score_that_depends_on_it(depends):
    one = entry(0.5, depends_on_n=depends)
    one["floor"]["n"] = 10_000
    expected = "no reading: what real data score is of n = 10,000" if depends else "worse than real data"
    assert read(it=one)["it"] == expected


FEW = entry(0.1, floor=0.9, better="higher", aspect="variety")
MANY = entry(0.9, floor=0.9, better="higher", aspect="variety")


@pytest.mark.parametrize(
    ("others", "cause"),
    [
        ({"recall": FEW, "memorisation_p": p(1e-9, "memorised")}, "too little variety"),
        ({"recall": FEW}, "too little variety"),
        ({"coverage_p": p(0.001, "narrow")}, "too little variety"),
        ({"recall": MANY, "memorisation_p": p(1e-9, "memorised")}, "memorised"),
        ({"coverage_p": p(0.5, "narrow"), "memorisation_p": p(1e-9, "memorised")}, "memorised"),
        ({"memorisation_p": p(1e-9, "memorised")}, "too little variety or copies, which cannot be told here"),
        ({"recall": MANY}, "too little variety or copies, which cannot be told here"),
        ({}, "too little variety or copies, which cannot be told here"),
        ({"recall": MANY, "memorisation_p": p(0.5, "memorised")}, "neither copies nor a want of variety are seen"),
    ],
)
def test_the_cause_is_what_the_other_scores_support(others, cause):
    assert read(kid=entry(0.01), **others)["kid"] == f"beyond real data: {cause}"


def test_a_test_that_sees_no_want_of_variety_does_not_speak_against_a_score_that_does():
    assert read(coverage_p=p(0.5, "narrow"), coverage=MANY)["coverage_p"] == "not seen to reach less than real data do"
    said = read(coverage_p=p(0.5, "narrow"), coverage=FEW)
    assert said == {
        "coverage": "worse than real data", "coverage_p": "not seen to reach less by this test, but by other scores"
    }  # fmt: skip


@pytest.mark.parametrize(("n", "said"), [(10, "whether as varied cannot be told here"), (100, "memorised: as varied")])
def test_a_test_of_variety_that_sees_nothing_in_a_few_samples_shows_nothing(n, said):
    entries = {"coverage_p": p(1.0, "narrow"), "memorisation_p": p(1e-4, "memorised")}
    scores = {name: read_score(name, found, n) for name, found in entries.items()}
    assert said in readings(Evaluation("e", None, "", {}, {}, {}, scores))["memorisation_p"]


def test_points_that_are_more_even_than_chance_do_not_scatter_too_far():
    seen = {
        "within_3_sigma": entry(0.1, floor=0.99, better="target", target=0.989, kind="fresh draws", aspect="fidelity")
    }
    said = read(mode_kl=entry(0.01, floor=0.1, kind="fresh draws", aspect="variety"), **seen)
    assert said["mode_kl"] == "beyond real data: more even than independent draws"


def test_points_are_never_memorised():
    said = read(w1=entry(0.01, kind="fresh draws"), kl=entry(0.1, aspect="variety", kind="fresh draws"))
    assert said["w1"] == "beyond real data: more even than independent draws"


def test_memorisation_needs_the_test_and_variety_to_agree():
    seen = {"memorisation_p": p(1e-9, "memorised")}
    assert read(**seen, recall=MANY)["memorisation_p"].startswith("memorised")
    assert "too little variety" in read(**seen, recall=FEW)["memorisation_p"]
    assert "cannot be told" in read(**seen)["memorisation_p"]
    assert read(memorisation_p=p(0.02, "memorised"), recall=MANY)["memorisation_p"] == "no copies are seen"


@pytest.mark.parametrize(("value", "reading"), [(-0.1, "below 0: the critic rates"), (0.02, "a lower bound of the")])
def test_a_critic_s_estimate_says_why_it_may_be_low(value, reading):
    bound = entry(value, better="none", aspect="bound", kind="fresh draws")
    assert read(critic_w1=bound)["critic_w1"].startswith(reading)


def mean_of(values):
    return Mean(np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values)), len(values) - 1)


@pytest.mark.parametrize(("ours", "theirs"), [(10, 10), (10, 20)])
@pytest.mark.parametrize("ratio", [1.0, 4.0])
def test_equal_means_are_told_apart_as_often_as_the_level_says(ours, theirs, ratio):
    rng = np.random.default_rng(0)
    pairs = ((mean_of(rng.normal(0, 1, ours)), mean_of(rng.normal(0, ratio, theirs))) for _ in range(4000))
    told = sum(welch(*pair).p < LEVEL for pair in pairs)
    assert scipy.stats.binom.ppf(0.001, 4000, 0.6 * LEVEL) <= told <= scipy.stats.binom.ppf(0.999, 4000, 1.3 * LEVEL)


def test_the_interval_s_whole_side_is_its_error():
    """An interval that ends where a share must has lost a part of one side, and nothing of what it knows."""
    whole, cut = (
        {"value": 0.99, "low": 0.95, "high": high, "better": "higher", "floor": entry(0.9, floor=0.93)["floor"]}
        for high in (1.03, 1.0)
    )
    assert read(it=whole) == read(it=cut)


@cache
def bench():
    path = Path(__file__).parents[2] / "bench" / "readings.py"
    spec = importlib.util.spec_from_file_location("bench_readings", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def scored(what):
    """The scores of each generator, as cards have them: of each seed."""
    score, n = bench().OF[what]
    return [
        (n, {who: {name: entry.plain() for name, entry in found.items()} for who, found in score(seed).items()})
        for seed in range(SEEDS)
    ]


def said_of(what, who):
    """By score: what is said of a generator, over seeds."""
    found = {}
    for n, generators in scored(what):
        scores = {name: read_score(name, entry, n) for name, entry in generators[who].items()}
        for name, words in readings(Evaluation("e", None, "", {}, {}, {}, scores)).items():
            found.setdefault(name, Counter())[words] += 1
    return found


def test_nothing_is_left_out():
    bench_scores = {
        what: {name for one in found.values() for name in one}
        for what, ((_, found), *_) in {what: scored(what) for what in ("pictures", "points")}.items()
    }
    assert bench_scores["pictures"] == {score.name for score in (*bench().PICTURE_SCORES, *bench().PICTURE_TESTS)}
    from kantor.evaluation.point_scores import POINT_SCORES

    assert bench_scores["points"] == {score.name for score in POINT_SCORES}


SAID_OF_REAL = (
    "as real",
    "as near",
    "no reading",
    "not told apart",
    "no copies",
    "not seen to reach less than",
    "a lower",
    "below 0",
)


@pytest.mark.parametrize("what", ["pictures", "points"])
def test_fresh_real_data_are_rarely_told_from_real_data(what):
    """How rarely, `bench/readings.py` counts over 200 seeds; here no score may say so of both."""
    for name, words in said_of(what, "fresh real data").items():
        other = sum(count for text, count in words.items() if text and not text.startswith(SAID_OF_REAL))
        assert other < SEEDS, (name, words)


BAD = {
    "pictures": ("a constant picture", "noise", "one class", "five pictures, shaken"),
    "points": ("a constant point", "noise", "one mode", "five points, shaken"),
}


@pytest.mark.parametrize(("what", "who"), [(what, who) for what, them in BAD.items() for who in them])
def test_bad_generators_are_never_read_as_good(what, who):
    """Beyond real data some are, and then it is said why; most scores are worse."""
    found = said_of(what, who)
    worse = 0
    for name, words in found.items():
        for text, count in words.items():
            assert "better" not in text and "memorised" not in text, (name, text)
            assert not text.startswith("beyond") or text.endswith(
                ("too little variety", "samples scatter too far", "real data are dense")
            ), (name, text)
            worse += text == "worse than real data" and count == SEEDS
    assert worse > len(found) / 3


@pytest.mark.parametrize("who", ["training data again", "the same, faint noise"])
def test_copies_of_training_data_are_read_as_memorised(who):
    found = said_of("pictures", who)
    assert all(words.startswith("memorised") for words in found["memorisation_p"])
    for name, words in found.items():
        assert all(not text.startswith("beyond") or text == "beyond real data: memorised" for text in words), name


@pytest.mark.parametrize("what", ["pictures", "points"])
def test_intervals_have_a_width_and_stay_where_the_score_can_be(what):
    definitions = {score.name: score.kind for score in (*bench().PICTURE_SCORES, *bench().PICTURE_TESTS)}
    if what == "points":
        from kantor.evaluation.point_scores import POINT_SCORES

        definitions = {score.name: score.kind for score in POINT_SCORES}
    checked = 0
    for _, generators in scored(what):
        for found in generators.values():
            for name, entry in found.items():
                least, most = definitions[name].bounds
                for each in (entry, entry.get("floor") or {}):
                    if each.get("low") is not None:
                        assert least <= each["low"] < each["high"] <= most, (name, each)
                        assert each["low"] <= each["value"] <= each["high"], (name, each)
                        checked += 1
                json.dumps(entry, allow_nan=False)
    assert checked > 100
