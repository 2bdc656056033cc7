"""A job goes back to its queue as itself, or by submitit's way; scontrol is a script here that keeps its words."""

import os
import signal

import pytest

from kantor import queues

ALONE = {"SLURM_JOB_ID": "7"}
ARRAY = {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """Has a job in which some variables are set, and a scontrol that answers; returns what scontrol was told."""
    for name in [name for name in os.environ if name.startswith(("SLURM_", "SUBMITIT_"))]:
        monkeypatch.delenv(name)

    def answering(answer, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        program = tmp_path / "scontrol"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/told\necho "{answer}"\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        return lambda: (tmp_path / "told").read_text().splitlines() if (tmp_path / "told").exists() else []

    return answering


@pytest.mark.parametrize(("variables", "number"), [(ALONE, "7"), (ARRAY, "7_2")])
def test_a_job_is_asked_for_and_sent_back_as_itself(scontrol, variables, number):
    """One task of an array has the array's own number: by that, all its tasks would go back."""
    told = scontrol("JobId=7 Requeue=1 Restarts=0", **variables)
    assert queues.goes_back(signal.SIGUSR1) == number
    queues.send_back(number)
    assert told() == [f"show job {number} --oneliner", f"requeue {number}"]


def test_a_job_that_may_not_go_back_does_not(scontrol):
    scontrol("JobId=7 Requeue=0 Restarts=0", **ALONE)
    assert queues.goes_back(signal.SIGUSR2) is None


def test_nobody_is_asked_for_a_job_that_is_cancelled_or_submitits_or_where_there_is_none(scontrol):
    told = scontrol("Requeue=1")
    assert queues.goes_back(signal.SIGUSR1) is None
    scontrol("Requeue=1", **ALONE)
    assert queues.goes_back(signal.SIGTERM) is None
    scontrol("Requeue=1", SUBMITIT_EXECUTOR="slurm")
    assert queues.goes_back(signal.SIGUSR1) is None
    assert told() == []


def test_a_container_without_scontrol_goes_on(scontrol, tmp_path, monkeypatch):
    scontrol("", **ALONE)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert queues.goes_back(signal.SIGUSR1) is None


@pytest.fixture
def heard():
    """Signals that reach whoever listened before training did, as submitit does."""
    numbers = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: numbers.append(number))
    yield numbers
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("of_submitit", [True, False])
def test_submitit_gets_the_signal_that_training_took(heard, monkeypatch, of_submitit):
    monkeypatch.delenv("SUBMITIT_EXECUTOR", raising=False)
    if of_submitit:
        monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    queues.hand_over(signal.SIGUSR2)
    assert heard == [signal.SIGUSR2] * of_submitit


def test_a_signal_for_which_submitit_does_not_listen_ends_nobody(monkeypatch):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "local")
    before = signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        queues.hand_over(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL  # which would have ended this process
    finally:
        signal.signal(signal.SIGUSR1, before)
