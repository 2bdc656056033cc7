"""What the README says of the demo, over seeds; minutes long, run by `make long`."""

import json
import subprocess
import sys

import pytest
from small_runs import environment


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gradient_penalty_covers_all_modes_with_at_least_85_percent_within_3_sigma(seed, tmp_path):
    words = ["train", "experiment=point_demo_gp", f"seed={seed}", f"outputs={tmp_path}"]
    subprocess.run([sys.executable, "-m", "kantor", *words], env=environment(), check=True, capture_output=True)
    (card,) = tmp_path.rglob("card.json")
    scores = json.loads(card.read_text())["evaluations"][0]["scores"]
    assert scores["modes_covered"]["low"] == 8
    assert scores["within_3_sigma"]["low"] >= 0.85
