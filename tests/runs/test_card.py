import json
import os
from dataclasses import replace

import pytest
from run_files import ENVIRONMENT, STATUS
from run_files import EVALUATION as WHOLE

from kantor.atomic import write_json
from kantor.engine.score import record
from kantor.evaluation.points import PointEvaluation
from kantor.evaluation.protocol import Protocol
from kantor.evaluation.score import Floor, Kind, Origin, Score, Words
from kantor.metrics.intervals import Estimate
from kantor.runs import card
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct

PROTOCOL = Protocol(
    data={"name": "gaussians8"}, split={}, extractor="identity", n_real=64, n_generated=64, estimators={"w1": {}}
)


EVALUATION = PointEvaluation(
    name="toy", n=64, draws=10, chunk=32, seed=0, weights="ema", checkpoint="last", every=5, threads=1, bins=8,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=None,
)  # fmt: skip
FLOOR = Floor(draws=[0.1] * 10, estimate=Estimate(0.1, 0.05, 0.15), n=64, kind="fresh draws")
SCORE = Score(
    draws=[0.5] * 10,
    estimate=Estimate(0.5, 0.4, 0.6),
    kind=Kind("lower"),
    words=Words(meaning="exact distance", good="low", suspicious="below real data"),
    origin=Origin(function="kantor.metrics.transport.wasserstein", source="Kantorovich 1942"),
    floor=FLOOR,
)
BUDGET = WHOLE["error_budget"]
MADE_BY = {"command": ["kantor", "train"], "kantor": {"version": "0.1.0", "git": None}, "project": None}
FINISHED = {
    **STATUS,
    "state": "finished",
    "counters": {"images_seen": 100, "steps": 10, "critic_steps": 50},
    "cost": {"train_seconds": 3.0, "peak_memory_bytes": 1000},
}
SAMPLING = {"checkpoint": "last", "weights": "ema", "sampler": "direct", "nfe": 1}


def evaluation(
    *, name="toy", seed=0, at_step=10, protocol=PROTOCOL, sampling=SAMPLING, scores=("w1",), digest="d" * 64
):
    how = replace(EVALUATION, name=name, seed=seed)
    made = record(how, protocol, dict.fromkeys(scores, SCORE), at_step=at_step, sampling=sampling, digest=digest)
    return {**made, "seconds": 1.5}


@pytest.fixture
def directory(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create()
    write_json(run.status_json, FINISHED)
    parameters = {"generator": 7, "critic": 9}
    write_json(
        run.environment_json,
        {
            **ENVIRONMENT,
            "experiment": "point_wgan_gp",
            "config_hash": "a" * 64,
            "seed": 0,
            "processes": 2,
            "parameters": parameters,
            "made_by": MADE_BY,
        },
    )
    return run


def test_a_card_has_the_fields_of_the_contract(directory):
    card.write_evaluation(directory, evaluation())
    made = card.write_card(directory, FINISHED)
    assert set(made) == {
        "kantor", "experiment", "config_hash", "seed", "status", "processes", "made_by", "budget", "cost",
        "evaluations",
    }  # fmt: skip
    assert made["budget"] == {"images_seen": 100, "steps": 10, "critic_steps": 50}
    assert made["cost"] == {
        "train_seconds": 3.0,
        "evaluate_seconds": 1.5,
        "peak_memory_bytes": 1000,
        "parameters": {"generator": 7, "critic": 9},
    }
    (entry,) = made["evaluations"]
    assert set(entry) == {
        "name", "at_step", "protocol_hash", "protocol", "sampling", "draw", "digest", "made_by", "scores",
    }  # fmt: skip
    assert entry["protocol_hash"] == PROTOCOL.hash
    assert entry["scores"]["w1"]["protocol_hash"] == PROTOCOL.hash_of("w1")
    assert entry["scores"]["w1"]["floor"] == FLOOR.plain()
    assert made["made_by"] == MADE_BY and set(entry["made_by"]) == {"command", "kantor", "project"}
    assert json.loads(directory.card_json.read_text()) == made == directory.card()


def test_an_error_budget_is_kept_beside_scores_that_are_made_again(directory):
    """Until another one of the same samples is made."""
    first, second = ({**BUDGET, "rows": [{**BUDGET["rows"][0], "nfe": nfe}]} for nfe in (5, 10))
    card.write_evaluation(directory, {**evaluation(), "error_budget": first})
    card.write_evaluation(directory, evaluation())
    (entry,) = card.write_card(directory, FINISHED)["evaluations"]
    assert entry["error_budget"] == first and card.write_card(directory, FINISHED)["cost"]["evaluate_seconds"] == 3.0
    card.write_evaluation(directory, {**evaluation(), "error_budget": second})
    (entry,) = card.write_card(directory, FINISHED)["evaluations"]
    assert entry["error_budget"] == second


def test_without_evaluations_a_card_is_empty_and_cost_nothing(directory):
    made = card.write_card(directory, FINISHED)
    assert made["evaluations"] == [] and made["cost"]["evaluate_seconds"] == 0


DIFFERENT = {
    "step": {"at_step": 20},
    "protocol": {"protocol": Protocol({}, {}, "identity", 64, 64, {"w1": {}})},
    "sampling": {"sampling": {"weights": "raw", "checkpoint": "last", "sampler": "generator", "nfe": 1}},
    "draw": {"seed": 1},
    "name": {"name": "mine"},
}


@pytest.mark.parametrize("changed", DIFFERENT.values(), ids=DIFFERENT.keys())
def test_evaluations_that_differ_stand_side_by_side(directory, changed):
    card.write_evaluation(directory, evaluation())
    card.write_evaluation(directory, evaluation(**changed))
    assert len(card.write_card(directory, FINISHED)["evaluations"]) == 2


def test_the_same_evaluation_again_replaces_the_old_one(directory):
    card.write_evaluation(directory, evaluation())
    again = {**evaluation(), "seconds": 9.0}
    card.write_evaluation(directory, again)
    made = card.write_card(directory, FINISHED)
    assert len(made["evaluations"]) == 1
    assert made["cost"]["evaluate_seconds"] == 9.0


def protocol_of(**estimators):
    return replace(PROTOCOL, estimators=estimators)


def test_scores_made_later_of_the_same_samples_join_those_that_are_there(directory):
    card.write_evaluation(directory, evaluation(scores=("w1",), protocol=protocol_of(w1={})))
    card.write_evaluation(directory, evaluation(scores=("w2",), protocol=protocol_of(w2={"order": 2})))
    made = card.write_card(directory, FINISHED)
    (entry,) = made["evaluations"]
    assert set(entry["scores"]) == set(entry["protocol"]["estimators"]) == {"w1", "w2"}
    assert entry["scores"]["w1"]["protocol_hash"] == PROTOCOL.hash_of("w1")
    assert made["cost"]["evaluate_seconds"] == 3.0


OTHERS = {"weights": {"digest": "e" * 64}, "estimator": {"protocol": protocol_of(w1={"other": 1}, w2={})}}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_scores_of_other_weights_or_estimators_are_kept_apart(directory, other):
    card.write_evaluation(directory, evaluation(scores=("w1",), protocol=protocol_of(w1={})))
    card.write_evaluation(directory, evaluation(**{"scores": ("w2",), "protocol": protocol_of(w2={}), **other}))
    assert len(card.write_card(directory, FINISHED)["evaluations"]) == 2


def test_evaluations_are_listed_oldest_first(directory):
    for number, name in enumerate(["zebra", "apple", "middle"]):
        card.write_evaluation(directory, evaluation(name=name))
        path = next(directory.evaluations.glob(f"{name}-*.json"))
        os.utime(path, ns=(10**9 * number, 10**9 * number))
    assert [entry["name"] for entry in card.write_card(directory, FINISHED)["evaluations"]] == [
        "zebra",
        "apple",
        "middle",
    ]
