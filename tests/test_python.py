"""The same from Python: `kantor.train`, `kantor.load`."""

import numpy as np
import pytest
from small_runs import SMALL

import kantor


def test_train_and_load_do_what_the_commands_do(tmp_path, finished):
    words = ["experiment=point_demo_gp", "budget.generator_steps=40", f"outputs={tmp_path}", *SMALL]
    run = kantor.train(overrides=words)
    assert run.path.name == finished.name
    other = kantor.load(finished)
    assert [e["scores"] for e in run.card["evaluations"]] == [e["scores"] for e in other.card["evaluations"]]
    assert run.config["budget"]["generator_steps"] == 40
    assert np.array_equal(run.sample(10, seed=1), other.sample(10, seed=1))
    assert run.metrics()["generator_steps"][-1] == 40
    assert run.model().generator_steps == 40


def test_wrong_input_is_a_user_error(tmp_path):
    with pytest.raises(kantor.UserError, match="is no run"):
        kantor.load(tmp_path)
    with pytest.raises(kantor.UserError, match="nearest: point_demo_gp"):
        kantor.train(overrides=["experiment=point_demo_pg"])
