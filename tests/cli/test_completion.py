"""Completion in a real shell: what a directory is called is never executed, and stands whole on the line."""

import subprocess

import pytest

from kantor.cli import completion
from kantor.cli.table import COMMANDS

NAMES = [
    "$(touch executed)",
    "`touch executed`",
    "a;touch executed;b",
    "a b",
    "it's",
    '"',
    "a&touch executed",
    "<(touch executed)",
    "*",
    "~",
    "$HOME",
    "a\\b",
    "-rf",
    "größe",
]
COMPLETED = r"""
kantor() { printf '%s\n' "$ANSWER"; }
complete() { :; }
compopt() { :; }
eval "$SCRIPT"
COMP_LINE="kantor $TYPED" COMP_POINT=$((7 + ${#TYPED}))
_kantor
eval "words=(${TYPED%"${TYPED##*[=]}"}${COMPREPLY[0]})"
printf '%s\n' "${words[@]}"
"""


def completed(answer, typed, folder):
    """The words that a shell makes of a line that it completed."""
    environment = {"ANSWER": answer, "TYPED": typed, "SCRIPT": completion.SCRIPTS["bash"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETED], env={"PATH": "/usr/bin:/bin", **environment}, cwd=folder, text=True,
        capture_output=True, timeout=20, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_completed_as_a_word_and_never_executed(name, tmp_path):
    (tmp_path / "file").touch()
    word = f"run=outputs/{name}/s0"
    assert completed(f"latest\n{word}", "run=out", tmp_path) == [word]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_what_is_typed_is_not_expanded(tmp_path):
    (tmp_path / "seed=0").touch()
    assert completed("seed=0", "$(touch executed) seed", tmp_path) == ["seed=0"]
    assert not (tmp_path / "executed").exists()


def test_a_blank_within_a_name_is_no_end_of_a_word(tmp_path):
    assert completed("run=outputs/a b/s0\nrun=outputs/c", "run=outputs/a\\ ", tmp_path) == ["run=outputs/a b/s0"]


@pytest.mark.parametrize("name", ["a\nrun=b", "\x1b[2J", "\x07", "\udcff", "‮gnp"])
def test_names_that_cannot_be_printed_are_not_offered(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("good", name):
        (tmp_path / "outputs" / place / "s0").mkdir(parents=True)
        (tmp_path / "outputs" / place / "s0" / "status.json").write_text("{}")
    found = [word for word in completion.candidates(["compare"], COMMANDS) if word.startswith("outputs/")]
    assert found == ["outputs/good/s0"]
