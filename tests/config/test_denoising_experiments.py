"""The diffusion experiments of the lectures have the lectures' settings."""

import pytest
from small_runs import composed

CHAIN = {"_target_": "kantor.noising.betas.LinearBetas", "steps": 1000, "first": 0.0001, "last": 0.02}


def settings(experiment):
    """What the lectures' differ in, and what they share."""
    plain = composed(f"experiment={experiment}").plain
    objective, optimizer, sampler = plain["objective"], plain["optimisation"]["optimizer"], plain["sampler"]
    assert objective["path"]["betas"] == CHAIN
    parts = [objective[part]["_target_"].rpartition(".")[2] for part in ("parametrisation", "weight", "times")]
    assert parts == ["Epsilon", "Simple", "Steps"]
    assert (optimizer["_target_"], optimizer["lr"]) == ("torch.optim.AdamW", 1e-4)
    assert plain["optimisation"]["gradient_clip_norm"] is None and plain["schedule"]["_target_"] is None
    assert (sampler["_target_"], sampler["steps"]) == ("kantor.samplers.ancestral.Ancestral", 1000)
    return {
        "batch": plain["data"]["batch_size"],
        "steps": plain["budget"]["steps"],
        "decay": optimizer["weight_decay"],
        "ema": plain["ema"].get("decay"),
        "variance": sampler["variance"],
        "clip": sampler["clip"],
        "image_size": plain["model"]["shape"][-1],
    }


@pytest.mark.parametrize(("experiment", "steps"), [("shapes_ddpm", 60_000), ("celeba_ddpm", 80_000)])
def test_of_the_purdue_lecture(experiment, steps):
    """β̃, the estimated samples clipped, an average of 0.9999, no weight decay."""
    lectures = {"batch": 32, "steps": steps, "decay": 0.0, "ema": 0.9999, "variance": "beta_tilde", "clip": True}
    assert settings(experiment) == {**lectures, "image_size": 64}


def test_of_de_silvas_project():
    """β, no clipping, no average, AdamW's own weight decay."""
    project = {"batch": 64, "steps": 100_000, "decay": 0.01, "ema": None, "variance": "beta", "clip": False}
    assert settings("mnist_ddpm") == {**project, "image_size": 32}


@pytest.mark.parametrize(
    "experiment",
    [
        "mnist_ddpm_quick",
        "mnist_ddpm_conditional_quick",
        "mnist_flow_quick",
        "shapes_ddpm_quick",
        "celeba_ddpm_quick",
    ],
)
def test_quick_ones_draw_by_a_few_evaluations(experiment):
    """A thousand evaluations for each of thousands of pictures take hours on two cores."""
    plain = composed(f"experiment={experiment}").plain
    twice = plain["sampler"]["_target_"].endswith("Heun"), plain["sampler"]["guidance"] != 1
    evaluations = plain["sampler"]["steps"] * 2 ** sum(twice)
    assert evaluations <= 25 and evaluations * plain["evaluation"]["n"] * plain["evaluation"]["draws"] <= 75_000


def test_the_conditional_one_withholds_labels_and_is_scored_within_classes():
    plain = composed("experiment=mnist_ddpm_conditional_quick").plain
    assert plain["model"]["denoiser"]["classes"] == plain["model"]["classes"] == 10
    assert plain["model"]["label_dropout"] == 0.1
    assert plain["primary_score"] == "frechet_within_classes"


@pytest.mark.parametrize("experiment", ["shapes_ddpm_quick", "celeba_ddpm_quick"])
def test_another_objective_is_that_objective(experiment):
    """What an experiment sets of an objective would outlast it."""
    plain = composed(f"experiment={experiment}", "objective=ddpm").plain
    assert (
        plain["objective"]["parametrisation"] == composed("experiment=mnist_ddpm").plain["objective"]["parametrisation"]
    )
