"""The same from Python: `kantor.train`, `kantor.load`."""

import shutil

import numpy as np
import pytest
import pytorch_lightning as pl
from small_runs import FAST, SMALL

import kantor
from kantor.atomic import write_json
from kantor.runs.directory import RunDirectory

pytestmark = pytest.mark.usefixtures("without_charts")


def test_train_and_load_do_what_the_commands_do(tmp_path, finished):
    words = ["experiment=point_demo_gp", "budget.steps=40", f"outputs={tmp_path}", *SMALL, "pictures=none"]
    run = kantor.train(overrides=words)
    assert run.path.name == finished.name
    other = kantor.load(finished)
    assert [e["scores"] for e in run.card["evaluations"]] == [e["scores"] for e in other.card["evaluations"]]
    assert run.config["budget"]["steps"] == 40
    assert np.array_equal(run.sample(10, seed=1), other.sample(10, seed=1))
    assert run.metrics()["steps"][-1] == 40
    assert run.model().steps == 40


def test_scores_have_words_with_and_without_an_interval(finished, tmp_path):
    """A count that is the same in every draw has no interval: null in the card, and nothing to format."""
    run = kantor.load(shutil.copytree(finished, tmp_path / "run"))
    card = run.card
    scores = card["evaluations"][-1]["scores"]
    scores["modes_covered"] |= {"value": 8.0, "low": None, "high": None, "reason": "the same in every draw"}
    scores["w1"] |= {"value": 0.0912, "low": 0.0862, "high": 0.0962}
    scores["within_3_sigma"] |= {"value": None, "low": None, "high": None, "reason": "nothing was drawn"}
    write_json(run.path / "card.json", card)
    found = run.scores()
    assert set(found) == set(scores)
    assert (found["modes_covered"].text, found["w1"].text, found["within_3_sigma"].text) == (
        "8",
        "0.091 [0.086, 0.096]",
        "-",
    )
    assert found["modes_covered"].low is None and found["w1"].floor.value == scores["w1"]["floor"]["value"]
    table = found._repr_markdown_()
    assert (
        repr(found) == table and table.count("\n| ") >= len(scores) and "0.091" in table and "[0.086, 0.096]" in table
    )
    with pytest.raises(kantor.UserError, match=r"evaluation=7: .* has 1 evaluations"):
        run.scores(7)


def test_what_health_checks_found_is_there(finished, tmp_path):
    run = kantor.load(shutil.copytree(finished, tmp_path / "run"))
    write_json(run.path / "health.json", {"findings": [{"step": 7, "check": "x", "message": "y", "gone": None}]})
    assert [(one.step, one.message) for one in run.health()] == [(7, "y")]


class StopsAtSeven(pl.Callback):
    """A callback of one's own that ends training."""

    def __init__(self, *, model, clock, seed):
        pass

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        trainer.should_stop = pl_module.steps >= 7


def test_an_early_end_is_written_down(tmp_path):
    words = ["experiment=point_demo_gp", "budget.steps=40", f"outputs={tmp_path}", *FAST]
    run = kantor.train(overrides=[*words, f"stop._target_={__name__}.StopsAtSeven"])
    status = RunDirectory(run.path).status()
    assert (status["state"], status["counters"]["steps"]) == ("finished", 7)
    assert status["reason"] == "a callback ended training early, at step 7 of 40"
    assert status["reason"] in (run.path / "report.html").read_text()
    whole = kantor.train(overrides=[*words, "budget.steps=2"])
    assert RunDirectory(whole.path).status()["reason"] is None


def test_wrong_input_is_a_user_error(tmp_path):
    with pytest.raises(kantor.UserError, match="is no run"):
        kantor.load(tmp_path)
    with pytest.raises(kantor.UserError, match="nearest: point_demo_gp"):
        kantor.train(overrides=["experiment=point_demo_pg"])
