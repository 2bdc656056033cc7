"""Runs of two processes on two nodes of a real SLURM: equal bits, signals, requeue, limits, and nodes that die."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from slurm import PATIENCE, wait_until
from small_runs import FAST

pytestmark = pytest.mark.cluster

SHORT = ("experiment=point_demo_gp", "budget.steps=20", "trainer.progress=false", *FAST)
LONG = (*(word for word in SHORT if not word.startswith(("budget", "trainer.check"))), "budget.steps=1000000",
        "trainer.checkpoint_every=1000000")  # fmt: skip
TRAIN = f"srun -N2 -n2 $KANTOR train {' '.join(LONG)} trainer.nodes=2"


def digest(root):
    (weights,) = root.rglob("generator.safetensors")
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def status(place):
    (file,) = place.rglob("status.json")
    return json.loads(file.read_text())


def has_trained(place):
    """Whether the run has logged a step since its last attempt began."""
    try:
        attempts = status(place)["attempts"]
        (rows,) = place.rglob("metrics.csv")
        return (
            attempts[-1]["outcome"] is None and rows.stat().st_mtime > next(place.rglob("status.json")).stat().st_mtime
        )
    except ValueError:
        return False


def outcomes(place):
    return [attempt["outcome"] for attempt in status(place)["attempts"]]


def said(place, job):
    return (place / f"{job}.out").read_text()


@pytest.fixture
def job(slurm, tmp_path):
    """Submits a script on two nodes; what still runs is cancelled."""
    jobs = []

    def submit(script, *options):
        jobs.append(slurm.submit(tmp_path, script, "-N2", "-n2", "-t", "10", *options))
        return jobs[-1]

    yield submit
    for one in jobs:
        slurm.run("scancel", one, check=False)


def test_two_nodes_train_the_same_bits_as_two_workers_and_as_torchrun(slurm, job, tmp_path):
    words = " ".join(SHORT)
    number = job(f"""
        srun -N2 -n2 $KANTOR train {words} trainer.nodes=2 outputs=slurm || exit
        torchrun --nproc-per-node 2 --no-python $KANTOR train {words} trainer.devices=2 outputs=torchrun || exit
        $KANTOR train {words} trainer.devices=2 outputs=workers || exit
        run=$(echo slurm/point_demo_gp/*)
        srun -N2 -n2 $KANTOR evaluate run=$run evaluation=toy evaluation.n=128 evaluation.chunk=64""")
    assert slurm.wait(number) == "COMPLETED", said(tmp_path, number)
    assert len({digest(tmp_path / name) for name in ("slurm", "torchrun", "workers")}) == 1
    assert said(tmp_path, number).count("page  slurm/") == 2  # of training and of the evaluation: each once
    (scored,) = (tmp_path / "slurm").rglob("evaluations/*.json")
    assert len(json.loads(scored.read_text())["chunks_per_process"]) == 2


def test_the_script_of_a_job_is_one_process_and_another_world_is_refused_once(slurm, job, tmp_path):
    number = job(f"$KANTOR train {' '.join(SHORT)} outputs=alone && srun -N2 -n2 $KANTOR train {' '.join(SHORT)}")
    assert slurm.wait(number) == "FAILED"
    assert status(tmp_path)["attempts"][0]["processes"] == 1
    assert said(tmp_path, number).count("give trainer.nodes=2 trainer.devices=1") == 1
    assert said(tmp_path, number).count("Exited with exit code 2") == 2


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_asks_for_room_saves_and_sends_the_job_back(slurm, job, tmp_path, number):
    name = job(TRAIN)
    wait_until(lambda: has_trained(tmp_path))
    slurm.run("scancel", "--signal", number.name[3:], name)
    wait_until(lambda: slurm.state(name) == "PENDING")
    assert outcomes(tmp_path) == ["interrupted"] and status(tmp_path)["state"] == "running"
    step = status(tmp_path)["attempts"][0]["to_step"]
    assert "saved; job" in said(tmp_path, name)
    slurm.run("scontrol", "update", f"JobId={name}", "StartTime=now")
    wait_until(lambda: has_trained(tmp_path))
    assert status(tmp_path)["attempts"][1]["from_step"] == step > 0


def test_of_an_array_the_task_that_was_signalled_goes_back_alone(slurm, job, tmp_path):
    """The last task to begin has the array's own number."""
    name = job(
        f"exec $KANTOR train {' '.join(LONG)} outputs=task$SLURM_ARRAY_TASK_ID",
        "-N1",
        "-n1",
        "--array=0-1",
        "--requeue",
    )
    places = [tmp_path / f"task{index}" for index in (0, 1)]
    wait_until(lambda: all(place.exists() and has_trained(place) for place in places))
    numbers = [array_number(slurm, f"{name}_{index}") for index in (0, 1)]
    signalled = numbers.index(name)
    slurm.run("scancel", "--batch", "--signal", "USR1", f"{name}_{signalled}")
    wait_until(lambda: slurm.state(f"{name}_{signalled}") == "PENDING")
    assert outcomes(places[signalled]) == ["interrupted"]
    assert slurm.state(f"{name}_{1 - signalled}") == "RUNNING" and outcomes(places[1 - signalled]) == [None]


def test_a_job_that_may_not_go_back_saves_and_ends(slurm, job, tmp_path):
    name = job(TRAIN, "--no-requeue")
    wait_until(lambda: has_trained(tmp_path))
    slurm.run("scancel", "--signal", "USR1", name)
    assert slurm.wait(name) == "FAILED"
    assert "saved; the same command goes on" in said(tmp_path, name)
    assert outcomes(tmp_path) == ["interrupted"]


@pytest.mark.parametrize("script", [TRAIN, f"exec $KANTOR train {' '.join(LONG)} trainer.devices=2"])
def test_a_cancelled_job_has_saved(slurm, job, tmp_path, script):
    """SLURM signals every process of it: of two workers each hears it from SLURM and from its parent."""
    name = job(script)
    wait_until(lambda: has_trained(tmp_path))
    slurm.run("scancel", "--full", name)
    assert slurm.wait(name) == "CANCELLED"
    wait_until(lambda: outcomes(tmp_path) != [None], 30)
    assert outcomes(tmp_path) == ["interrupted"]
    (checkpoint,) = tmp_path.rglob("last.ckpt")
    assert status(tmp_path)["attempts"][0]["to_step"] > 0 and checkpoint.stat().st_size


def test_a_time_limit_saves_and_goes_on(slurm, job, tmp_path):
    name = job(TRAIN, "-t", "3", "--signal=USR1@60")  # which SLURM may send a minute before
    wait_until(lambda: has_trained(tmp_path))
    wait_until(lambda: slurm.state(name) == "PENDING")
    assert outcomes(tmp_path) == ["interrupted"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_rank_that_is_killed_or_hangs_is_named_and_the_run_goes_on(slurm, job, tmp_path, number):
    every = TRAIN.replace("checkpoint_every=1000000", "checkpoint_every=10")
    name = job(every)
    wait_until(lambda: has_trained(tmp_path) and list(tmp_path.rglob("last.ckpt")))
    (rank,) = ranks_of(name, 1)
    os.kill(rank, number)
    began = time.monotonic()
    wait_until(lambda: status(tmp_path)["state"] == "failed", 60)
    assert time.monotonic() - began < 60
    assert "process 1 of 2" in status(tmp_path)["reason"]
    slurm.run("scancel", name, check=False)
    with contextlib.suppress(ProcessLookupError):
        os.kill(rank, signal.SIGKILL)
    slurm.wait(name)
    for attempt, script in enumerate((every.replace("srun -N2 -n2 ", "").replace("nodes=2", "nodes=1"), every), 1):
        name = job(script)
        wait_until(lambda: len(outcomes(tmp_path)) > attempt and has_trained(tmp_path))  # noqa: B023
        assert status(tmp_path)["attempts"][attempt]["from_step"] >= 10
        slurm.run("scancel", "--full", name)
        slurm.wait(name)


def test_a_node_that_dies_leaves_a_run_that_goes_on(slurm, job, tmp_path):
    every = TRAIN.replace("checkpoint_every=1000000", "checkpoint_every=10")
    name = job(every)
    wait_until(lambda: has_trained(tmp_path) and list(tmp_path.rglob("last.ckpt")))
    slurm.kill_node("n2", ranks_of(name, 1))
    wait_until(lambda: slurm.state(name) in ("PENDING", "NODE_FAIL", "FAILED"))
    slurm.start_node("n2")
    slurm.run("scontrol", "update", "NodeName=n2", "State=RESUME", check=False)
    if slurm.state(name) == "PENDING":
        slurm.run("scontrol", "update", f"JobId={name}", "StartTime=now")
    else:
        name = job(every)
    wait_until(lambda: len(outcomes(tmp_path)) == 2 and has_trained(tmp_path))
    assert status(tmp_path)["attempts"][1]["from_step"] >= 10


def test_a_plan_is_left_to_an_array_of_workers_of_which_a_node_dies(slurm, tmp_path):
    sweep = ("-m", *(word for word in SHORT if not word.startswith("budget")), "seed=0,1,2,3,4,5", "budget.steps=300")
    kantor = (sys.executable, "-m", "kantor")
    subprocess.run([*kantor, "prepare", *sweep], cwd=tmp_path, env=slurm.environment, check=True, capture_output=True)
    (plan,) = (tmp_path / "outputs" / "sweeps").iterdir()
    name = slurm.submit(tmp_path, f"exec $KANTOR work {plan}", "-N1", "--exclusive", "-t", "10", "--array=1-2")
    wait_until(lambda: on_second(name, tmp_path))
    slurm.kill_node("n2", on_second(name, tmp_path))
    wait_until(lambda: len(states(tmp_path)) == 6 and set(states(tmp_path)) == {"finished"})
    slurm.start_node("n2")
    slurm.run("scancel", name, check=False)
    told = [json.loads(file.read_text())["attempts"] for file in tmp_path.rglob("status.json")]
    every = sorted([attempt["outcome"] for attempt in attempts] for attempts in told)
    assert every == [["finished"]] * 5 + [["killed", "finished"]]
    shown = subprocess.run([*kantor, "status", plan], cwd=tmp_path, env=slurm.environment, check=True, text=True,
                           capture_output=True)  # fmt: skip
    assert "6 jobs: 6 done" in shown.stdout


def test_a_job_of_submitits_over_two_tasks_goes_back_when_it_is_preempted_and_is_done(slurm, tmp_path):
    """Its command waits on the login node meanwhile; the job has lost no step."""
    launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.tasks_per_node=2", "hydra.launcher.timeout_min=120",
                "+hydra.launcher.additional_parameters.requeue=true")  # fmt: skip
    words = ("-m", *(word for word in LONG if not word.startswith("budget")), "seed=0", "budget.steps=600",
             "trainer.devices=2", *launcher)  # fmt: skip
    command = subprocess.Popen(
        [sys.executable, "-m", "kantor", "train", *words], cwd=tmp_path, env=slurm.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(lambda: command.poll() is not None or has_trained(tmp_path))
        assert command.poll() is None, command.communicate()[0]
        (name,) = slurm.run("squeue", "-h", "-o", "%i").split()
        slurm.run("scancel", "--signal", "USR2", name)
        wait_until(lambda: slurm.state(name) == "PENDING")
        assert outcomes(tmp_path) == ["interrupted"] and status(tmp_path)["state"] == "running"
        slurm.run("scontrol", "update", f"JobId={name}", "StartTime=now")
        told = command.communicate(timeout=PATIENCE)[0]
    finally:
        command.kill()
        slurm.run("scancel", "--user", "root", check=False)
    assert command.returncode == 0, told
    attempts = status(tmp_path)["attempts"]
    assert [(attempt["outcome"], attempt["processes"]) for attempt in attempts] == [("interrupted", 2), ("finished", 2)]
    assert attempts[1]["from_step"] == attempts[0]["to_step"] > 0


def states(place):
    return [json.loads(file.read_text())["state"] for file in place.rglob("status.json")]


def on_second(array, place):
    """The worker on the second node, once it and another one train."""
    if states(place).count("running") < 2:
        return []
    return processes(lambda has: has(SLURM_ARRAY_JOB_ID=array, SLURMD_NODENAME="n2"))


def array_number(slurm, task):
    """The number of a task of an array by itself."""
    return slurm.run("scontrol", "show", "job", task, "--oneliner").partition("JobId=")[2].split()[0]


def ranks_of(job, rank):
    """The processes of a job's rank."""
    return processes(lambda has: has(SLURM_JOB_ID=job, SLURM_PROCID=str(rank)) and not has(SLURM_STEP_ID=None))


def processes(chosen):
    """The processes of kantor's with variables of such a kind."""
    found = []
    for pid in subprocess.run(["ps", "-eo", "pid="], capture_output=True, text=True).stdout.split():
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                there = dict(entry.partition("=")[::2] for entry in file.read().decode(errors="replace").split("\0"))
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue

        def has(there=there, **variables):
            return all(there.get(name) == value for name, value in variables.items())

        if b"kantor" in words and b"srun" not in words[0] and chosen(has):
            found.append(int(pid))
    return found
