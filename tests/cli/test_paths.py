"""Paths mean nothing but themselves, in every option that takes one, whatever grammar the words around them have."""

import json
import shlex
import shutil
import sys

import numpy as np
import pytest
import yaml
from PIL import Image
from small_runs import FAST

import kantor as kantor_package
from kantor.cli import main as cli
from kantor.config.compose import compose
from kantor.config.grammar import literal, parse
from kantor.runs.directory import RunDirectory

ODD = "it's \"a\" [b] {c} (d) ~e=f, $HOME é 日 #;: &*%@!|<>\\ 'h'"
"""What shells, Hydra, YAML, OmegaConf, globs and Lightning have a meaning for."""

TRAIN = ("experiment=point_demo_gp", "budget.steps=2", *FAST)


@pytest.fixture
def odd(tmp_path):
    """A directory of such a name."""
    place = tmp_path / ODD
    place.mkdir()
    return place


@pytest.mark.parametrize("name", [ODD, "2024", "1e3", "007", "true", "a\nb", "'", "x ", " x"])
def test_outputs_are_taken_as_they_are(name):
    assert compose([TRAIN[0], f"outputs={name}"]).outputs == name


@pytest.mark.parametrize("word", ["data.root=null", "outputs='a b'", 'outputs="a b"', "model.critic.width=3", "seed"])
def test_other_words_are_hydras(word):
    assert literal(word) == word


def test_in_a_sweep_commas_part_values_and_other_paths_are_taken_as_they_are():
    assert literal("data.root=/a,/b", several=True) == "data.root=/a,/b"
    (one,) = parse([literal("outputs=it's", several=True)])
    assert one.value() == "it's"


def test_the_home_directory_is_known_and_somebody_unknown_is_a_name(kantor, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    kantor("train", *TRAIN, "outputs=~/runs")
    (run,) = (tmp_path / "home" / "runs" / "point_demo_gp").iterdir()
    assert "point_demo_gp" in kantor("status", "~/runs").stdout
    assert kantor_package.load(f"~/runs/point_demo_gp/{run.name}").path == run
    kantor("sample", f"run=~/runs/point_demo_gp/{run.name}", "n=2", "out=~nobody_here.npz")
    assert (tmp_path / "~nobody_here.npz").is_file()


def test_every_command_takes_odd_paths(kantor, finished, odd, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(odd / "cache"))
    run = shutil.copytree(finished, odd / "run")
    kantor("sample", f"run={run}", "n=64", f"out={odd / 'x.npz'}")
    kantor("evaluate", f"run={run}", "evaluation.n=32", "evaluation.draws=2")
    given = ("data=gaussians8", "evaluation.n=32", "evaluation.draws=2", f"out={odd / 'given'}")
    kantor("evaluate", f"images={odd / 'x.npz'}", *given)
    assert (odd / "given" / "card.json").is_file()
    kantor("compare", str(run), str(odd / "given"), f"out={odd / 'compared'}")
    assert (odd / "compared" / "compare.html").is_file()
    assert kantor("why", str(run), "w1").stdout.startswith("w1 of")
    assert "finished" in kantor("status", str(odd)).stdout
    kantor("train", f"run={run}", "budget.steps=41", "evaluation=none", "pictures=none", "logger=tensorboard")
    (longer,) = (odd / "point_demo_gp").iterdir()
    assert RunDirectory(longer).status()["state"] == "finished" and list(longer.glob("tensorboard/events*"))
    (odd / "conf" / "sampler").mkdir(parents=True)
    (odd / "conf" / "sampler" / "mine.yaml").write_text("_target_: kantor.samplers.direct.Direct\n")
    kantor("sample", f"run={run}", "n=2", "sampler=mine", "--config-dir", str(odd / "conf"))


def test_odd_paths_of_data_and_of_what_is_trained(kantor, odd):
    rng = np.random.default_rng(0)
    (odd / "pictures").mkdir()
    for number in range(12):
        picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
        picture.save(odd / "pictures" / f"{number}.png")
    words = (f"data.root={odd / 'pictures'}", "data.image_size=8")
    kantor("data", "folder", *words, f"out={odd / 'seen'}")
    assert (odd / "seen" / "folder.png").is_file()
    shown = kantor("train", "experiment=celeba_dcgan_quick", "data=folder", *words, "--cfg").stdout
    assert yaml.safe_load(shown)["data"]["root"] == str(odd / "pictures")


def test_remedies_quote_paths(kantor, finished, odd):
    run = shutil.copytree(finished, odd / "run")
    shutil.rmtree(run / "evaluations")
    card = json.loads((run / "card.json").read_text())
    (run / "card.json").write_text(json.dumps({**card, "evaluations": []}))
    said = kantor("why", str(run), check=2).stderr
    command = said.partition("`")[2].partition("` makes them")[0]
    assert shlex.split(command)[:2] == ["kantor", "evaluate"] and f"run={run}" in shlex.split(command), said


def test_a_word_that_is_no_text_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *TRAIN, "outputs=\udcff"]) == 2
    assert "expected a word in UTF-8" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_other_platforms_are_told_so(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kantor.locks.SERVED", False)
    monkeypatch.setattr(sys, "platform", "win32")
    for words in (["train", *TRAIN], ["sample", "run=x"], ["list"]):
        assert cli.main(words) == 2
        assert "kantor runs on Linux and macOS, and this is win32" in capsys.readouterr().err
    assert cli.main(["--help"]) == 0 and cli.main(["train", "--help"]) == 0
    with pytest.raises(kantor_package.UserError, match="Linux and macOS"):
        kantor_package.load(tmp_path)
    assert list(tmp_path.iterdir()) == []
