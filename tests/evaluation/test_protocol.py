import copy
import hashlib
import itertools
import json
import math
from dataclasses import fields, replace

import pytest

from kantor.data.module import PointData
from kantor.data.points import Line, SwissRoll, gaussians8, gaussians25
from kantor.evaluation.points import PointEvaluation
from kantor.evaluation.protocol import Draw, Protocol
from kantor.evaluation.score import NOT_NEGATIVE, Floor, Kind, Origin, Score, Words
from kantor.metrics.intervals import Estimate
from kantor.samplers.direct import Direct

PROTOCOL = Protocol(
    data={"name": "two", "spread": 0.5},
    split={"real": "fresh draws"},
    extractor="identity",
    n_real=100,
    n_generated=50,
    estimators={"w1": {"solver": "exact"}},
)
CHANGES = {
    "data": {"name": "two", "spread": 0.25},
    "split": {"real": "test"},
    "extractor": "pixels",
    "n_real": 101,
    "n_generated": 51,
    "estimators": {"w1": {"solver": "approximate"}},
}

EVALUATION = PointEvaluation(
    name="toy", n=64, draws=10, chunk=32, seed=0, weights="ema", checkpoint="last", bins=8, every=5, threads=1,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=None,
)  # fmt: skip
DISTRIBUTIONS = {
    "gaussians8": gaussians8(0.1, 1.414),
    "gaussians25": gaussians25(0.05, 2.828),
    "swiss_roll": SwissRoll(0.25, 7.5),
    "line": Line(0.0),
}


def protocol_of(name, distribution, evaluation=EVALUATION):
    return evaluation.protocol(PointData(name=name, distribution=distribution, batch_size=8, seed=0))


def test_the_hash_is_the_sha256_of_sorted_compact_json():
    """Written out by hand: `printf TEXT | sha256sum`. Published cards depend on it."""
    text = (
        '{"data":{"name":"two","spread":0.5},"estimators":%s,"extractor":"identity",'
        '"n_generated":50,"n_real":100,"split":{"real":"fresh draws"}}'
    )
    whole, of_w1 = text % "{}", text % '{"w1":{"solver":"exact"}}'
    assert PROTOCOL.hash == hashlib.sha256(whole.encode()).hexdigest()
    assert PROTOCOL.hash_of("w1") == hashlib.sha256(of_w1.encode()).hexdigest()
    assert PROTOCOL.hash_of("w1") == "71ee43d9809fdaf04d022230355fa9c916e97421a82ffa7f7975d8abe6ef1d24"


def test_every_field_changes_the_hash_of_a_score():
    assert set(CHANGES) == {field.name for field in fields(Protocol)}
    hashes = [replace(PROTOCOL, **{name: value}).hash_of("w1") for name, value in CHANGES.items()]
    assert len({PROTOCOL.hash_of("w1"), *hashes}) == len(CHANGES) + 1


def test_another_score_beside_it_changes_neither_hash():
    more = replace(PROTOCOL, estimators={**PROTOCOL.estimators, "w2": {"solver": "exact"}})
    assert more.hash == PROTOCOL.hash and more.hash_of("w1") == PROTOCOL.hash_of("w1")
    assert more.hash_of("w2") != more.hash_of("w1")


def test_the_order_of_keys_does_not_change_the_hash():
    turned = replace(PROTOCOL, data=dict(reversed(PROTOCOL.data.items())))
    assert list(turned.data) != list(PROTOCOL.data)
    assert turned.hash == PROTOCOL.hash


def test_equal_protocols_from_json_have_equal_hashes():
    again = Protocol(**json.loads(json.dumps(PROTOCOL.plain())))
    assert again.hash == PROTOCOL.hash


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
@pytest.mark.parametrize(
    "change",
    [
        {"draws": 20}, {"chunk": 16}, {"seed": 1}, {"weights": "raw"}, {"checkpoint": "best"}, {"every": 50},
        {"threads": 2}, {"name": "mine"},
    ],
    ids=str,
)  # fmt: skip
def test_draw_and_sampling_are_not_part_of_the_protocol(distribution, change):
    base = protocol_of("it", distribution)
    assert protocol_of("it", distribution, replace(EVALUATION, **change)).hash == base.hash


@pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
def test_the_sample_size_and_the_data_are_part_of_the_protocol(distribution):
    base = protocol_of("it", distribution)
    assert protocol_of("it", distribution, replace(EVALUATION, n=65)).hash != base.hash
    assert protocol_of("another", distribution).hash != base.hash
    assert base.n_real == base.n_generated == 64


def test_bins_are_part_of_the_protocol_where_there_are_histograms():
    def differ(distribution):
        one, other = (protocol_of("it", distribution, replace(EVALUATION, bins=bins)) for bins in (8, 9))
        assert one.hash == other.hash
        return {name for name in one.estimators if one.hash_of(name) != other.hash_of(name)}

    assert differ(DISTRIBUTIONS["line"]) == {"tv", "js"}
    assert differ(DISTRIBUTIONS["gaussians8"]) == set()


def test_distributions_have_different_protocols():
    kinds = [*DISTRIBUTIONS.values(), gaussians8(0.02, 1.414), Line(0.5), SwissRoll(0.3, 7.5)]
    hashes = {protocol_of("it", distribution).hash for distribution in kinds}
    assert len(hashes) == len(kinds)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(DISTRIBUTIONS, 2)))
def test_a_protocol_names_the_estimators_that_apply(first, second):
    base = protocol_of("it", DISTRIBUTIONS[first])
    assert {"w1", "w2", "critic_w1"} <= set(base.estimators)
    assert ("modes_covered" in base.estimators) == first.startswith("gaussians")
    assert ("js" in base.estimators) == (first == "line")
    assert base.hash != protocol_of("it", DISTRIBUTIONS[second]).hash


def test_making_a_protocol_leaves_the_shared_tables_alone():
    before = copy.deepcopy(protocol_of("it", DISTRIBUTIONS["line"]).plain())
    protocol_of("it", DISTRIBUTIONS["line"], replace(EVALUATION, bins=99))
    assert protocol_of("it", DISTRIBUTIONS["line"]).plain() == before


def test_a_draw_is_seed_chunk_and_number():
    assert replace(EVALUATION, seed=7).draw() == Draw(seed=7, chunk=32, draws=10)


WORDS = Words(meaning="share of samples", good="near its target", suspicious="above it")
ORIGIN = Origin(function="kantor.metrics.modes.within_radius", source="somebody")
IN_WORDS = {
    "meaning": "share of samples", "good": "near its target", "suspicious": "above it",
    "function": "kantor.metrics.modes.within_radius", "source": "somebody",
}  # fmt: skip


def test_a_score_is_written_as_the_card_has_it():
    floor = Floor(draws=[0.08, 0.12], estimate=Estimate(0.1, 0.05, 0.15), n=64, kind="fresh draws")
    target = Kind("target", 0.98889, bounds=NOT_NEGATIVE)
    score = Score(
        draws=[0.4, 0.6], estimate=Estimate(0.5, 0.4, 0.6), kind=target, words=WORDS, origin=ORIGIN, floor=floor
    )
    assert score.plain() == {
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "values": [0.4, 0.6],
        "covers": "draws",
        "better": "target",
        "aspect": "whole",
        "depends_on_n": True,
        "bounds": [0.0, None],
        "target": 0.98889,
        **IN_WORDS,
        "floor": {
            "value": 0.1, "low": 0.05, "high": 0.15, "values": [0.08, 0.12], "n": 64, "draws": 2, "kind": "fresh draws"
        },
    }  # fmt: skip


def test_a_score_without_an_interval_says_why():
    estimate = Estimate(0.5, None, None)
    plain = Score(draws=[0.5], estimate=estimate, kind=Kind("lower"), words=WORDS, origin=ORIGIN, floor=None).plain()
    assert (plain["value"], plain["low"], plain["high"]) == (0.5, None, None)
    assert "10" in plain["reason"]
    assert "floor" not in plain and "target" not in plain
    assert not math.isnan(plain["value"])


def test_a_score_that_could_not_be_computed_is_null_and_says_why():
    floor = Floor(draws=["no"], estimate=None, reason="no such real ones", n=64, kind="held-out pictures")
    score = Score(
        draws=[0.5, "no"],
        estimate=None,
        reason="no such pictures",
        kind=Kind("lower"),
        words=WORDS,
        origin=ORIGIN,
        floor=floor,
    )
    plain = score.plain()
    assert (plain["value"], plain["low"], plain["high"], plain["reason"]) == (None, None, None, "no such pictures")
    assert plain["values"] == [0.5, None]
    assert plain["floor"] == {
        "value": None, "low": None, "high": None, "reason": "no such real ones", "values": [None], "n": 64, "draws": 1,
        "kind": "held-out pictures",
    }  # fmt: skip
