"""One, two and three processes: the same evaluation, and training that differs by rounding alone."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import torch
from small_runs import FAST, PICTURES, Kantor, environment

from kantor.runs import checkpoints


def evaluated(kantor: Kantor, finished: Path, place: Path, devices: int) -> dict:
    run = shutil.copytree(finished, place / f"with_{devices}")
    for old in (run / "evaluations").iterdir():
        old.unlink()
    kantor("evaluate", f"run={run}", f"trainer.devices={devices}", "data.batch_size=12", "evaluation.n=100")
    (file,) = (run / "evaluations").iterdir()
    return json.loads(file.read_text())


def test_any_number_of_processes_gives_the_same_evaluation(kantor, finished, tmp_path):
    alone, two, three = (evaluated(kantor, finished, tmp_path, devices) for devices in (1, 2, 3))
    assert alone["scores"] == two["scores"] == three["scores"]
    # 10 draws of 100 points in chunks of 64: 16 chunks, dealt in turn
    assert alone["chunks_per_process"] == [16]
    assert two["chunks_per_process"] == [8, 8]
    assert three["chunks_per_process"] == [6, 5, 5]


def trained(outputs: Path, devices: int, steps: int, *words: str) -> tuple[dict, dict]:
    """The state of the last checkpoint, and the card."""
    command = ["train", "experiment=point_demo_gp", f"outputs={outputs}", f"trainer.devices={devices}", *FAST]
    command += [f"budget.steps={steps}", *words]
    done = subprocess.run([sys.executable, "-m", "kantor", *command], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # two ranks whose weights differ fail here
    (run,) = (outputs / "point_demo_gp").iterdir()
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint["state_dict"], json.loads((run / "card.json").read_text())


def test_two_processes_train_as_one_does(tmp_path):
    # Gradients divided by their size turn rounding into steps of the learning rate: plain gradient descent does not.
    plain = []
    for network in ("generator", "critic"):
        plain += [f"optimisation.{network}._target_=torch.optim.SGD", f"optimisation.{network}.lr=0.001"]
        plain += [f"~optimisation.{network}.betas"]
    one, card_one = trained(tmp_path / "one", 1, 50, *plain)
    two, card_two = trained(tmp_path / "two", 2, 50, *plain)
    assert (
        card_one["budget"]
        == card_two["budget"]
        == {
            "images_seen": 50 * 5 * 256,
            "steps": 50,
            "critic_steps": 250,
        }
    )
    assert card_one["config_hash"] == card_two["config_hash"]
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, rtol=0, atol=2e-6, msg=name)


def test_two_processes_train_on_pictures_with_batch_normalisation_and_score_alike(kantor, tmp_path):
    """Each normalises its share of the batch, so one process trains other weights; the two must hold the same."""
    words = (
        "experiment=shapes_dcgan_dg1",
        "budget.steps=6",
        "trainer.devices=2",
        "trainer.precision=32-true",
        "primary_score=frechet_distance",
    )
    command = [sys.executable, "-m", "kantor", "train", *words, *PICTURES, "evaluation.every=2"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # two ranks whose weights or buffers differ fail here
    (run,) = tmp_path.glob("outputs/*/*-s0")
    (trained,) = (json.loads(file.read_text()) for file in (run / "evaluations").iterdir())
    assert trained["chunks_per_process"] == [2, 1]
    for devices, chunks in ((1, [3]), (3, [1, 1, 1])):
        kantor("evaluate", f"run={run}", f"trainer.devices={devices}", "data.batch_size=9")
        (other,) = (json.loads(file.read_text()) for file in (run / "evaluations").iterdir())
        assert other["scores"] == trained["scores"] and other["protocol_hash"] == trained["protocol_hash"]
        assert other["chunks_per_process"] == chunks
    # all scored together while training: the best checkpoint is that of the least distance, and holds that alone
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    scored = {int(row["steps"]): float(row["val/frechet_distance"]) for row in rows}
    assert sorted(scored) == [2, 4, 6]
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    (state,) = (state for name, state in best["callbacks"].items() if name.startswith("Scores"))
    assert state == {"best": min(scored.values())}
    assert checkpoints.counters(run / "checkpoints" / "best.ckpt")["steps"] == min(scored, key=scored.get)
