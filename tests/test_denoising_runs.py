"""Runs of denoising models, drawn from and scored by samplers chosen afterwards."""

import json
import shutil

import numpy as np
import pytest
from small_runs import BRIEF, command_line

FLOW = ("experiment=point_flow", "sampler=euler", *BRIEF, "model.denoiser.width=16", "evaluation=none", "pictures=none")
SCORED = ("evaluation=toy", "evaluation.n=64", "evaluation.draws=2", "evaluation.chunk=64")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run, and an earlier one of half its steps; both to be read and copied."""
    outputs = tmp_path_factory.mktemp("flows")
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kantor.report.page.charts_of", lambda summary: [])
        patch.setattr("kantor.engine.publication.write_figures", lambda directory: None)
        for steps in (10, 5):
            command_line("train", f"outputs={outputs}/{steps}", f"budget.steps={steps}", *FLOW)
            found += (outputs / str(steps) / "point_flow").glob("*")
    return found


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained[0], tmp_path / "outputs" / "point_flow" / trained[0].name)


@pytest.fixture
def guide(trained):
    return trained[1]


def samples(kantor, run, *words):
    kantor("sample", f"run={run}", "out=drawn.npz", *words)
    return np.load("drawn.npz")["samples"]


def test_samples_are_drawn_by_the_sampler_that_is_asked_for(kantor, run):
    said = kantor("sample", f"run={run}", "n=8", "out=drawn.npz", "sampler=heun", "sampler.steps=18").stdout
    assert "heun" in said and "nfe 35" in said.replace("=", " ")
    one = samples(kantor, run, "n=8", "sampler=heun", "sampler.steps=18")
    assert np.array_equal(one, np.load("drawn.npz")["samples"])
    assert not np.allclose(one, samples(kantor, run, "n=8", "sampler=heun", "sampler.steps=3"))


@pytest.mark.parametrize("sampler", ["ancestral", "ddim"])
def test_the_first_64_of_100_are_those_of_64(kantor, run, sampler):
    words = (f"sampler={sampler}", "sampler.steps=4")
    many, few = samples(kantor, run, "n=300", *words), samples(kantor, run, "n=64", *words)
    assert np.array_equal(many[:64], few)
    assert len(np.unique(many, axis=0)) == 300


def test_the_card_says_what_drew(kantor, run, guide):
    kantor("evaluate", f"run={run}", *SCORED, "sampler=dpm2m", "sampler.steps=5", "sampler.grid=rho")
    kantor("evaluate", f"run={run}", *SCORED, f"sampler.guide={guide}", "sampler.guidance=2", "sampler.steps=5")
    first, second = (one["sampling"] for one in json.loads((run / "card.json").read_text())["evaluations"])
    assert (first["sampler"], first["nfe"], first["sampler.grid"]) == ("dpm2m", 5, "rho")
    assert second["nfe"] == 10 and second["sampler.guidance"] == 2
    assert second["sampler.guide"] == f"point_flow/{guide.name}" and len(second["sampler.guide_digest"]) == 64


REFUSED = {
    "sampler.eta=0.5: there is no key 'sampler.eta'": ("sampler=heun", "sampler.eta=0.5"),
    "sampler.churn=3: there is no key 'sampler.churn'": ("sampler=dpm2m", "sampler.churn=3"),
    "sampler.grid='ro': expected": ("sampler.grid=ro",),
    "sampler.grid=leading counts a chain's steps": ("sampler.grid=leading",),
    "sampler.guidance=3: the model is unconditional": ("sampler.guidance=3",),
    "sampler.guide=nowhere: run=nowhere is no run": ("sampler.guide=nowhere", "sampler.guidance=2"),
    "sampler.variance=learned: the model has learned none": ("sampler=ancestral", "sampler.variance=learned"),
    "sampler.steps=0: expected at least 1": ("sampler.steps=0",),
    "sampler: DenoisingModel draws by": ("sampler=direct",),
    "like=a.png: the run draws points": ("like=a.png", "strength=0.5"),
    "strength=much: expected a number": ("like=a.png", "strength=much"),
    "condition=3: the model is unconditional": ("condition=3",),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_a_sampler_has_not_is_refused_and_nothing_written(kantor, run, tmp_path, sentence):
    said = kantor("sample", f"run={run}", "n=4", "out=drawn.npz", *REFUSED[sentence], check=2).stderr
    assert sentence in said and said.count("\n") == 1
    assert not (tmp_path / "drawn.npz").exists()


def test_more_steps_than_the_chain_has_are_refused_before_training(kantor, tmp_path):
    words = (*FLOW, "experiment=point_ddpm", "budget.steps=5", f"outputs={tmp_path}/new")
    said = kantor("train", *(word for word in words if word != "experiment=point_flow"), "sampler.steps=1001", check=2)
    assert "sampler.steps=1001: the model's chain has 1000 steps; take at most 1000" in said.stderr
    assert not (tmp_path / "new").exists()
