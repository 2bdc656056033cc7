"""One, two and three processes: the same evaluation, and training that differs by rounding alone."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from small_runs import BRIEF, FAST, PICTURES, Kantor, command_line

from kantor.runs import checkpoints

pytestmark = pytest.mark.usefixtures("without_charts")


def evaluated(kantor: Kantor, finished: Path, place: Path, devices: int) -> dict:
    run = shutil.copytree(finished, place / f"with_{devices}")
    for old in (run / "evaluations").iterdir():
        old.unlink()
    kantor("evaluate", f"run={run}", f"trainer.devices={devices}", "data.batch_size=12", "evaluation.n=100")
    (file,) = (run / "evaluations").iterdir()
    return json.loads(file.read_text())


@pytest.mark.parametrize(
    ("family", "devices", "chunks"),
    [("gan", 3, [6, 5, 5]), pytest.param("vae", 2, [8, 8], marks=pytest.mark.long)],
)
def test_any_number_of_processes_gives_the_same_evaluation(
    trusting, finished, finished_vae, tmp_path, family, devices, chunks
):
    run = {"gan": finished, "vae": finished_vae}[family]
    alone, several = (evaluated(trusting, run, tmp_path, count) for count in (1, devices))
    assert alone["scores"] == several["scores"]
    # 10 draws of 100 points in chunks of 64: 16 chunks, dealt in turn
    assert alone["chunks_per_process"] == [16]
    assert several["chunks_per_process"] == chunks


def trained(outputs: Path, devices: int, *words: str) -> tuple[dict, dict]:
    """The state of the last checkpoint, and the card; two ranks whose weights differ would have failed."""
    command_line("train", f"outputs={outputs}", f"trainer.devices={devices}", *words)
    (run,) = outputs.glob("*/*-s0")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint["state_dict"], json.loads((run / "card.json").read_text())


def plain_descent(optimizer: str) -> list[str]:
    """Gradients divided by their size turn rounding into steps of the learning rate: plain descent does not."""
    return [f"{optimizer}._target_=torch.optim.SGD", f"{optimizer}.lr=0.001"]


GAN = [
    word
    for name in ("generator", "critic")
    for word in (*plain_descent(f"optimisation.{name}"), f"~optimisation.{name}.betas")
]
TRAINED = {
    "gan": (
        ("experiment=point_demo_gp", *FAST, *GAN, "optimisation.accumulate=2"),
        {"images_seen": 20 * 5 * 256, "steps": 20, "critic_steps": 100},
    ),
    "flow": (
        (
            "experiment=point_flow",
            *BRIEF,
            "evaluation=none",
            "pictures=none",
            *plain_descent("optimisation.optimizer"),
            "~optimisation.optimizer.betas",
        ),
        {"images_seen": 20 * 512, "steps": 20},
    ),
    "vae": (
        (
            "experiment=point_vae",
            *BRIEF,
            "evaluation=none",
            "pictures=none",
            "objective.warm_up=12",
            *plain_descent("optimisation.optimizer"),
            "~optimisation.optimizer.betas",
        ),
        {"images_seen": 20 * 512, "steps": 20},
    ),
    "energy": (
        (
            "experiment=point_ebm",
            *BRIEF,
            "evaluation=none",
            "pictures=none",
            "model.energy.network.width=16",
            "objective.steps=2",
            # Metropolis' rule would decide by the last digit
            "objective.kernel._target_=kantor.samplers.kernels.UnadjustedLangevin",
            *plain_descent("optimisation.optimizer"),
            "~optimisation.optimizer.betas",
        ),
        {"images_seen": 20 * 256, "steps": 20},
    ),
}


@pytest.mark.parametrize(
    ("words", "counters"),
    [
        pytest.param(*TRAINED["gan"], id="gan"),
        pytest.param(*TRAINED["flow"], id="flow", marks=pytest.mark.long),
        pytest.param(*TRAINED["vae"], id="vae", marks=pytest.mark.long),
        pytest.param(*TRAINED["energy"], id="energy"),  # whose chains go from process to process
    ],
)
def test_two_processes_train_as_one_does(tmp_path, words, counters):
    """Also where each takes its share of a batch in two parts."""
    one, card_one = trained(tmp_path / "one", 1, *words, "budget.steps=20")
    two, card_two = trained(tmp_path / "two", 2, *words, "budget.steps=20")
    assert card_one["budget"] == card_two["budget"] == counters
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
    kantor("train", *words, *PICTURES, "evaluation.every=2")  # two ranks whose weights or buffers differ fail here
    (run,) = tmp_path.glob("outputs/*/*-s0")
    (trained,) = (json.loads(file.read_text()) for file in (run / "evaluations").iterdir())
    assert trained["chunks_per_process"] == [2, 1]
    kantor("evaluate", f"run={run}", "trainer.devices=1")
    (other,) = (json.loads(file.read_text()) for file in (run / "evaluations").iterdir())
    assert other["scores"] == trained["scores"] and other["protocol_hash"] == trained["protocol_hash"]
    assert other["chunks_per_process"] == [3]
    # all scored together while training: the best checkpoint is that of the least distance, and holds that alone
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    scored = {int(row["steps"]): float(row["val/frechet_distance"]) for row in rows}
    assert sorted(scored) == [2, 4, 6]
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    (state,) = (state for name, state in best["callbacks"].items() if name.startswith("Scores"))
    assert state["best"] == min(scored.values())
    assert (state["chosen_by"]["score"], state["chosen_by"]["weights"]) == ("frechet_distance", "ema")
    assert checkpoints.counters(run / "checkpoints" / "best.ckpt")["steps"] == min(scored, key=scored.get)
