"""Trials of a search in a comparison: the best of k of them, and that they are no seeds of a method."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_runs import Family, edit, rename, score

from kantor.errors import UserError
from kantor.report.compare import compare
from kantor.report.comparison_figures import tuning_drawings
from kantor.report.tuning import Study
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]


@pytest.fixture
def family(every_family: dict[str, Family]) -> Family:
    """One is enough."""
    return every_family["adversarial"]


def test_the_best_of_k_is_the_mean_over_all_draws():
    """Every sequence of k draws with replacement, counted out."""
    values = (0.9, 0.4, 0.3, 0.3)
    expected = Study("x", values, 0, frozenset()).expected()
    for k in (1, 2, 3):
        counted = np.mean([min(drawn) for drawn in itertools.product(values, repeat=k)])
        assert expected[k - 1] == pytest.approx(counted)
    assert expected[0] == pytest.approx(np.mean(values))


def test_quantiles_of_the_best_are_those_of_all_draws():
    values = (0.9, 0.5, 0.4, 0.3)
    study = Study("x", values, 0, frozenset())
    for k, share in itertools.product((1, 2, 3), (0.1, 0.5, 0.9)):
        best = sorted((min(drawn) for drawn in itertools.product(values, repeat=k)), reverse=True)
        assert study.quantile(share)[k - 1] == best[int(np.ceil(share * len(best) - 1e-9)) - 1]


def trial(make_run: MakeRun, number: int, value: float | None, **more: Any) -> RunDirectory:
    """A trial of a search, which trains with seed 0; without a value it diverged."""
    lost: dict[str, Any] = {"state": "failed", "reason": "loss is nan at step 3: training diverged", "bare": True}
    run = make_run(
        f"trial-{number}", experiment="tuned", config_hash=f"{100 + number:064x}",
        **({"scores": {"w1": score(value)}} if value is not None else lost), **more,
    )  # fmt: skip
    edit(run.environment_json, search={"study": "5" * 64, "trial": number})
    return run


def test_trials_are_drawn_and_are_no_seeds_of_a_method(make_run: MakeRun, tmp_path: Path):
    """The first trial has the configuration of the method: it would have been its sixth seed."""
    trials = [trial(make_run, number, value) for number, value in enumerate((0.5, 0.2, 0.4, None))]
    rename(trials[0], config_hash="1" * 64)
    seeds = [
        make_run(f"m-{seed}", seed=seed, scores={"w1": score(0.3 + seed / 100)}, config_hash="1" * 64)
        for seed in (0, 1)
    ]
    comparison = compare([*trials, *seeds], tmp_path / "out")
    assert [(len(method.runs), method.lost) for method in comparison.methods] == [(2, ())]
    (study,) = comparison.studies
    assert (study.values, study.failed) == ((0.5, 0.5, 0.4, 0.2), 1)
    assert study.label == "search 5555555555: 4 trials, 1 failed"
    notes = " ".join(comparison.notes)
    assert "Trials of a search are no training seeds of a method, and in none: 3 runs of 5555555555." in notes
    assert "Tuned on and reported with the same seeds, which flatters: demo_a (seed 0)." in notes
    assert (tmp_path / "out" / "figures" / "best-of-trials.svg").exists()
    assert "What the best of k trials scores" in (tmp_path / "out" / "compare.html").read_text()


def prune(run: RunDirectory) -> RunDirectory:
    """End a trial as its search does: the run goes on for all that its state says."""
    status = run.status()
    edit(run.status_json, state="running", attempts=[{**status["attempts"][-1], "outcome": "pruned"}])
    return run


def test_trials_that_were_pruned_count_as_the_worst_and_are_counted(make_run: MakeRun):
    """Two are without a score, one was scored since."""
    trials = [trial(make_run, number, value) for number, value in enumerate((0.5, 0.2, 0.9))]
    pruned = [prune(trial(make_run, number, None)) for number in (3, 4)]
    prune(trials[2])
    comparison = compare([*trials, *pruned, trial(make_run, 5, None)])
    (study,) = comparison.studies
    assert study.values == (0.9, 0.9, 0.9, 0.9, 0.5, 0.2)
    assert study.label == "search 5555555555: 6 trials, 1 failed, 3 pruned"
    assert not any("has no scores" in note for note in comparison.notes)
    with pytest.raises(UserError, match="all are trials that their search has pruned"):
        compare(pruned)


def test_other_seeds_than_those_of_the_trials_are_not_said_to_flatter(make_run: MakeRun):
    runs = [trial(make_run, 0, 0.5), make_run("m", seed=7, config_hash="1" * 64)]
    assert not any("flatters" in note for note in compare(runs).notes)


def test_trials_alone_are_compared_with_each_other_and_said_to_be_chosen(make_run: MakeRun):
    runs = [trial(make_run, number, value, seed=number) for number, value in enumerate((0.5, 0.2))]
    for run in runs:
        rename(run, config_hash="1" * 64)
    comparison = compare(runs)
    assert [len(method.runs) for method in comparison.methods] == [1, 1]
    assert any(note.startswith("All runs are trials of a search (5555555555)") for note in comparison.notes)
    (drawing,) = tuning_drawings(comparison)
    assert "best 0.2" in drawing.alt


def test_of_a_score_with_a_target_the_distance_is_drawn(make_run: MakeRun):
    targeted = [
        make_run(f"t{i}", config_hash=f"{i:064x}", scores={"s": score(value, better="target", target=0.5)},
                 config={"primary_score": "s"})
        for i, value in enumerate((0.1, 0.45))
    ]  # fmt: skip
    for number, run in enumerate(targeted):
        edit(run.environment_json, search={"study": "5" * 64, "trial": number})
    (study,) = compare(targeted).studies
    assert study.values == pytest.approx((0.4, 0.05))
