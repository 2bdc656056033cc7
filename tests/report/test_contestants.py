"""Which runs a comparison believes: each way in which a card is contradicted by what it was made from is named."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from report_runs import Family, edit, rename, score

from kantor.atomic import write_json
from kantor.errors import UserError
from kantor.report.compare import compare
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
CLIP = "2" * 64


@pytest.fixture
def family(every_family: dict[str, Family]) -> Family:
    """One is enough."""
    return every_family["adversarial"]


def forge(run: RunDirectory, *where: str, to: Any, evaluations: bool = False) -> None:
    """Write another value into the card, and perhaps into the evaluation's file as well."""
    for path in [run.card_json, *(run.evaluations.glob("*.json") if evaluations else [])]:
        whole = json.loads(path.read_text())
        inner = whole["evaluations"][0] if path == run.card_json and where[0] not in whole else whole
        for part in where[:-1]:
            inner = inner[part]
        inner[where[-1]] = to
        write_json(path, whole)


@pytest.mark.parametrize(
    ("forgery", "named"),
    [
        ({"where": ("scores", "w1", "value"), "to": 0.001}, r"evaluations\[0\].scores.w1.value is 0.001, and 0.051 in"),
        ({"where": ("scores", "w1", "low"), "to": 0.05}, r"evaluations\[0\].scores.w1.low is 0.05, and 0.0479"),
        ({"where": ("scores", "w1", "floor", "value"), "to": 0.5}, r"scores.w1.floor.value is 0.5, and 0.025 in"),
        ({"where": ("at_step",), "to": 400}, r"evaluations\[0\].at_step is 400, and 500 in evaluations/toy-"),
        ({"where": ("digest",), "to": "e" * 64}, r'evaluations\[0\].digest is "eee'),
        (
            {"where": ("protocol", "n_generated"), "to": 4096, "evaluations": True},
            r"evaluations\[0\].protocol is not what its protocol_hash is of",
        ),
        (
            {"where": ("protocol", "estimators", "w1"), "to": {"k": 9}, "evaluations": True},
            r"evaluations\[0\].protocol.estimators.w1 is not what the score's protocol_hash is of",
        ),
        ({"where": ("budget", "steps"), "to": 100}, r"budget.steps is 100, and 500 in status.json"),
        ({"where": ("budget", "images_seen"), "to": 1}, r"budget.images_seen is 1, and 640000 in status.json"),
        ({"where": ("seed",), "to": 5}, r"seed is 5, and 0 in environment.json"),
        ({"where": ("config_hash",), "to": CLIP}, r'config_hash is "222'),
        ({"where": ("evaluations",), "to": []}, None),
    ],
)
def test_a_forged_card_is_left_out_and_the_field_is_named(
    make_run: MakeRun, forgery: dict[str, Any], named: str | None
):
    run, honest = make_run("forged"), make_run("honest", config_hash="3" * 64, experiment="other")
    forge(run, *forgery["where"], to=forgery["to"], evaluations=forgery.get("evaluations", False))
    with pytest.raises(UserError, match=named or r"evaluations has nothing of evaluations/toy-"):
        compare([run])
    comparison = compare([run, honest])
    assert [one.summary.run.path.name for one in comparison.contestants] == ["honest"]
    (note,) = [note for note in comparison.notes if note.startswith("Left out")]
    assert f"{run.card_json} is contradicted by what it was made from" in note
    assert f"`kantor evaluate run={run.path}` writes it anew" in note


def test_a_budget_that_is_forged_in_two_files_is_seen_in_the_third(make_run: MakeRun):
    run = make_run("a")
    counters = {**run.status()["counters"], "steps": 100}
    edit(run.card_json, budget=counters)
    edit(run.status_json, counters=counters)
    with pytest.raises(UserError, match=r"budget.steps is 100, and 500 in metrics.csv"):
        compare([run])


def test_one_training_under_two_seeds_is_none_of_both(make_run: MakeRun):
    """Copied, and given another seed in every file that has one: the weights that were scored are the same."""
    runs = [make_run(f"s{seed}", seed=seed, scores={"w1": score(0.1)}) for seed in range(3)]
    copied = make_run("copied", seed=0, scores={"w1": score(0.1)})
    rename(copied, seed=9)
    comparison = compare([*runs, copied])
    assert [one.summary.run.path.name for one in comparison.contestants] == ["s1", "s2"]
    (note,) = [note for note in comparison.notes if note.startswith("Left out")]
    assert "evaluations.digest" in note and "say seed 0, 9" in note and str(copied.path) in note
    with pytest.raises(UserError, match=r"evaluations.digest .* which say seed 0, 9"):
        compare([runs[0], copied])


@pytest.mark.parametrize("untrained", [{"steps": 0}, {"parameters": {"generator": 0}}])
def test_seeds_of_which_nothing_is_trained_may_have_the_same_weights(make_run: MakeRun, untrained: dict[str, Any]):
    runs = [make_run("s0", seed=0), make_run("s1", seed=0)]
    rename(runs[1], seed=1)
    for run in runs:
        if "parameters" in untrained:
            edit(run.environment_json, **untrained)
            edit(run.card_json, cost={**json.loads(run.card_json.read_text())["cost"], **untrained})
        else:
            forge(run, "at_step", to=0, evaluations=True)
    comparison = compare(runs)
    assert len(comparison.methods[0].runs) == 2
    (note,) = [note for note in comparison.notes if "the same weights" in note]
    assert note.startswith("Seeds 0, 1 have the same weights, for nothing in them was trained: ")


@pytest.mark.parametrize("how", ["forged", "damaged", "unscored", "no value"])
def test_a_method_is_not_ranked_by_the_seeds_that_are_left(make_run: MakeRun, how: str):
    """Without its third seed it would be the best."""
    value = None if how == "no value" else 0.9
    runs = [make_run(f"a{seed}", seed=seed, scores={"w1": score(0.1 + seed / 100)}) for seed in (0, 1)]
    third = make_run("a2", seed=2, scores={"w1": score(value)}, bare=how == "unscored")
    others = [
        make_run(f"b{seed}", seed=seed, config_hash=CLIP, experiment="b", scores={"w1": score(0.3 + seed / 100)})
        for seed in range(3)
    ]
    if how == "forged":
        forge(third, "scores", "w1", "value", to=0.01)
    if how == "damaged":
        third.card_json.write_text("{")
    comparison = compare([*runs, third, *others])
    assert [method.label for method in comparison.methods] == ["b", "demo_a"]
    assert comparison.ranks() == [1, None]
    seeds = comparison.scores()[1].seeds_text(comparison.methods[1])
    assert seeds == ("3; 1 without a value" if how == "no value" else "2 of 3; 1 left out")
    assert any(
        sentence.startswith(
            f"Not ranked, for what the seeds that are left score is no score of a method: demo_a ({seeds}"
        )
        for sentence in comparison.verdict
    )


def test_a_seed_that_is_to_come_leaves_its_method_ranked(make_run: MakeRun):
    runs = [make_run("a0"), make_run("a1", seed=1, state="new", bare=True)]
    comparison = compare(runs)
    assert comparison.ranks() == [1]
    assert any(note.startswith("Not in it yet, for it is new: ") for note in comparison.notes)


def test_an_honest_card_is_believed_whatever_else_is_going_on(make_run: MakeRun):
    """While a run trains on, its status counts further than the card that was made of it."""
    run = make_run("a")
    status = run.status()
    edit(run.status_json, state="running", counters={**status["counters"], "steps": 600})
    assert len(compare([run]).contestants) == 1
