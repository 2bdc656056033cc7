import subprocess

import pytest

from kantor.runs.provenance import commit, provenance
from kantor.version import __version__


def git(directory, *words):
    names = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *names, *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def project(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "experiment.yaml").write_text("seed: 0\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_the_users_commit_stands_beside_kantors(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr("kantor.runs.provenance.given", ["kantor", "train", "seed=1"])
    made = provenance()
    assert made["command"] == ["kantor", "train", "seed=1"]
    assert made["kantor"]["version"] == __version__
    assert made["project"]["dirty"] is False and len(made["project"]["commit"]) == 40
    assert made["project"] != made["kantor"]["git"]


def test_changes_are_told(project):
    (project / "more.yaml").write_text("")
    assert commit(project)["dirty"] is True


def test_outside_of_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None
