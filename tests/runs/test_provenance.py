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


def test_other_work_trees_and_what_is_ignored(project, tmp_path_factory):
    (project / ".git" / "info" / "exclude").write_text("mine.txt\n")
    (project / "mine.txt").write_text("")
    assert commit(project)["dirty"] is False
    other = tmp_path_factory.mktemp("other") / "inner"
    git(project, "worktree", "add", "-q", str(other))
    assert commit(other) == commit(project)
    (other / "experiment.yaml").write_text("seed: 1\n")
    assert commit(other) == {**commit(project), "dirty": True}


def test_a_repository_of_somebody_elses_runs_nothing(project, tmp_path_factory):
    """Its own configuration and attributes name commands, which a mere `git status` runs."""
    outside = tmp_path_factory.mktemp("outside")
    harm, witness = outside / "harm", outside / "witness"
    harm.write_text(f"#!/bin/sh\ntouch {witness}\ncat\n")
    harm.chmod(0o755)
    (project / ".gitattributes").write_text("*.yaml filter=harm\n")
    for name in ("post-index-change", "reference-transaction", "post-checkout"):
        (outside / name).write_text(harm.read_text())
        (outside / name).chmod(0o755)
    for key in ("core.fsmonitor", "filter.harm.clean", "core.pager", "core.sshCommand"):
        git(project, "config", key, str(harm))
    git(project, "config", "core.hooksPath", str(outside))
    (project / "experiment.yaml").write_text("seed: 1\n")  # as long as before: only its content tells
    git(project, "status")
    assert witness.exists()
    witness.unlink()
    assert commit(project)["dirty"] is True
    assert not witness.exists()
