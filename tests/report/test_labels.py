"""What methods are called."""

from collections.abc import Callable
from typing import Any

import pytest
from report_runs import Family

from kantor.report.labels import method_labels, settings_apart
from kantor.report.summary import summarise
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
GRADIENT = "kantor.objectives.adversarial.WassersteinGradientPenalty"
HINGE = "kantor.objectives.hinge.Hinge"


def objective(target: str = GRADIENT, **settings: Any) -> dict[str, Any]:
    return {"objective._target_": target, **{f"objective.{name}": value for name, value in settings.items()}}


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        ([objective(penalty_weight=10.0)], [""]),
        (
            [objective(penalty_weight=10.0, one_sided=False), objective(penalty_weight=1.0, one_sided=False)],
            ["penalty_weight=10", "penalty_weight=1"],
        ),
        ([objective(penalty_weight=10.0), objective(HINGE)], ["objective=wasserstein_gp", "objective=hinge"]),
        (
            [objective(penalty_weight=10.0), objective(penalty_weight=1.0), objective(HINGE)],
            [
                "objective=wasserstein_gp penalty_weight=10",
                "objective=wasserstein_gp penalty_weight=1",
                "objective=hinge",
            ],
        ),
        ([{"a.lr": 1, "b.lr": 1}, {"a.lr": 2, "b.lr": 1}], ["lr=1", "lr=2"]),
        ([{"a.lr": 1, "b.lr": 1}, {"a.lr": 2, "b.lr": 3}], ["a.lr=1 b.lr=1", "a.lr=2 b.lr=3"]),
        ([{"model.g._target_": "own.Net"}, {"model.g._target_": "own.Other"}], ["g=Net", "g=Other"]),
        ([{"ema.decay": 0.9}, {}], ["decay=0.9", ""]),
        ([{k: 1 for k in "abcde"}, {k: 2 for k in "abcde"}], ["a=1", "a=2"]),
    ],
)
def test_methods_are_named_by_what_differs(settings: list[dict[str, Any]], labels: list[str]):
    assert settings_apart(settings) == labels


def test_more_keys_than_fit_are_those_that_tell_apart():
    """All combinations of two of the keys; the others go along with the first."""
    settings = [{"a": i, "b": j, "c": i, "d": 2 * i, "e": -i} for i in (1, 2) for j in (1, 2)]
    assert settings_apart(settings) == ["a=1 b=1", "a=1 b=2", "a=2 b=1", "a=2 b=2"]


@pytest.fixture
def family(every_family: dict[str, Family]) -> Family:
    """One is enough: names are of configurations."""
    return every_family["adversarial"]


def label_of(make_run: MakeRun, *runs: dict[str, Any]) -> tuple[list[str], list[str]]:
    made = [make_run(f"r{i}", bare=True, config_hash=str(i) * 64, **settings) for i, settings in enumerate(runs)]
    return method_labels([summarise(run) for run in made])


def test_the_experiment_stands_first_where_it_differs(make_run: MakeRun):
    decays: list[dict[str, Any]] = [{"ema": {"decay": decay}} for decay in (0.9, 0.99)]
    labels, notes = label_of(
        make_run, *({"experiment": "x", "config": decay} for decay in decays), {"experiment": "y", "config": decays[0]}
    )
    assert labels == ["x decay=0.9", "x decay=0.99", "y"] and notes == []
    alone, _ = label_of(make_run, *({"experiment": "x", "config": decay} for decay in decays))
    assert alone == ["decay=0.9", "decay=0.99"]


def test_what_does_not_determine_the_weights_is_no_name(make_run: MakeRun):
    """Nothing else differs: the hash has to do, and the page says why."""
    labels, notes = label_of(make_run, *({"config": {"outputs": out, "seed": seed}} for seed, out in enumerate("ab")))
    assert labels == ["demo_a 0000000000", "demo_a 1111111111"]
    assert len(notes) == 1 and "differ in no setting, only in their hash" in notes[0]
