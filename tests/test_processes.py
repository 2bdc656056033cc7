"""Workers are started for real, with functions from a module that they can import."""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from small_runs import environment

from kantor.errors import RankLost, UserError
from kantor.processes import Processes, given_rank, joined, ranks_exist
from kantor.worker_ends import WorkerError
from kantor.workers import launch

MODULE = '''
import os
import time

from kantor.errors import RankLost, UserError


def rank():
    return int(os.environ["RANK"])


def report(word, factor):
    """Rank 0 returns last: what comes back must be its word, not the first one's."""
    time.sleep(0.3 * (rank() == 0))
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    return word * factor, {name: os.environ[name] for name in names}, os.getpid()


def refuse(which):
    if rank() == which:
        raise UserError("n=0: expected more")
    time.sleep(60)


def fail(which):
    if rank() == which:
        raise RuntimeError("broken inside\\nand more")
    time.sleep(60)


def die(which, code):
    if rank() == which:
        os._exit(code)
    time.sleep(60)


def kill_itself(which):
    if rank() == which:
        os.kill(os.getpid(), 9)
    time.sleep(60)


def end_silently(which):
    if rank() == which:
        os._exit(0)


def unsendable():
    return lambda: None


def gathered(value):
    from kantor.processes import Processes

    processes = Processes.current()
    return processes, processes.gather(value + processes.rank), list(processes.mine(5))


def signals_heard(place):
    from kantor import interrupts

    heard = []
    with interrupts.received_by(lambda number, frame: heard.append(number)):
        (place / str(rank())).write_text(str(os.getpid()))
        while not heard:
            time.sleep(0.05)
        time.sleep(1.0)  # for a second one
    return heard


def hang(which):
    from kantor import company
    from kantor.processes import Processes

    company.BEAT, company.PATIENCE, company.GRACE = 0.2, 3.0, 0.2
    here = company.company()
    while not all(beat for beat, _ in here._seen.values()):  # who was never seen is given time to come
        time.sleep(0.1)
    Processes.current().gather(rank())
    if rank() == which:
        os.kill(os.getpid(), 19)
    Processes.current().gather(rank())


def compute_for_long(seconds):
    from kantor import company
    from kantor.processes import Processes

    company.BEAT, company.PATIENCE, company.GRACE = 0.2, 2.0, 0.2
    time.sleep(seconds * rank())
    return Processes.current().gather(rank())
'''
UNSET = ("RANK", "WORLD_SIZE", "SLURM_NTASKS", "SLURM_PROCID", "LOCAL_RANK")


@pytest.fixture
def workers(tmp_path, monkeypatch):
    """The module's functions, which spawned processes can import."""
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "kantor_test_workers.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sys.modules.pop("kantor_test_workers", None)
    yield importlib.import_module("kantor_test_workers")
    sys.modules.pop("kantor_test_workers", None)


@pytest.fixture
def no_hang(request):
    """A worker's death that goes unnoticed would have the parent wait for ever: give it up after some seconds."""

    def ring(number, frame):
        raise TimeoutError("the parent waits for workers that have ended")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(getattr(request, "param", 60))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_one_device_is_this_process():
    assert launch(os.getpid, world=1) == os.getpid()


def test_two_workers_return_what_rank_0_returns(workers, no_hang):
    text, variables, pid = launch(workers.report, "ab", 2, world=2)
    assert text == "abab" and pid != os.getpid()
    assert variables["MASTER_ADDR"] == "127.0.0.1" and int(variables["MASTER_PORT"]) > 1023
    del variables["MASTER_ADDR"], variables["MASTER_PORT"]
    assert variables == {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    assert "RANK" not in os.environ  # the parent stays what it was


def test_workers_gather_by_rank_and_share_the_work(workers, no_hang):
    processes, values, mine = launch(workers.gathered, 10, world=2)
    assert processes == Processes(0, 2)
    assert values == [10, 11]
    assert mine == [0, 2, 4]


@pytest.mark.parametrize("which", [0, 1])
def test_a_workers_user_error_is_the_parents(workers, no_hang, which):
    with pytest.raises(UserError) as caught:
        launch(workers.refuse, which, world=2)
    assert str(caught.value) == "n=0: expected more"


def test_a_workers_other_error_is_named_with_its_rank_and_trace(workers, no_hang):
    said = r"process 1 of 2: RuntimeError: broken inside \(.*, line \d+, in fail\)"
    with pytest.raises(WorkerError, match=said) as caught:
        launch(workers.fail, 1, world=2)
    assert caught.value.of_user
    assert "in fail" in "".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_that_dies_is_named_with_its_exit_code(workers, no_hang, which):
    with pytest.raises(WorkerError, match=rf"process {which} of 2 died with exit code 3"):
        launch(workers.die, which, 3, world=2)


def test_a_worker_that_is_killed_is_named_with_the_signal(workers, no_hang):
    with pytest.raises(WorkerError, match=r"process 1 of 2 died with exit code -9"):
        launch(workers.kill_itself, 1, world=2)


@pytest.mark.parametrize("no_hang", [6], indirect=True)
def test_a_worker_that_ends_without_a_word_is_noticed(workers, no_hang):
    """A library that calls exit(0), say."""
    with pytest.raises(WorkerError, match="process 1 of 2"):
        launch(workers.end_silently, 1, world=2)


@pytest.mark.parametrize("no_hang", [6], indirect=True)
def test_a_result_that_cannot_be_sent_is_noticed(workers, no_hang):
    with pytest.raises(WorkerError):
        launch(workers.unsendable, world=2)


def test_signal_handlers_come_back(workers, no_hang):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(UserError):
        launch(workers.refuse, 0, world=2)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(
    ("variables", "exist", "rank"),
    [
        ({}, False, 0),
        ({"WORLD_SIZE": "1", "RANK": "0"}, False, 0),
        ({"WORLD_SIZE": "2", "RANK": "1"}, True, 1),
        ({"WORLD_SIZE": "2"}, False, 0),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "3"}, False, 0),  # not before it is translated
    ],
    ids=str,
)
def test_ranks_of_torchrun_are_recognised(monkeypatch, variables, exist, rank):
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert ranks_exist() is exist
    assert given_rank() == rank


def test_alone_nothing_is_joined():
    import torch.distributed as dist

    with joined():
        assert not dist.is_initialized()
    assert Processes.current() == Processes(0, 1)


@pytest.mark.parametrize("no_hang", [30], indirect=True)
def test_the_other_workers_are_stopped_when_one_dies(workers, no_hang):
    """They sleep for a minute."""
    with pytest.raises(WorkerError):
        launch(workers.die, 0, 5, world=3)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_to_every_process_of_a_job_is_one_for_each_worker(workers, no_hang, tmp_path, number):
    """As scancel sends it: to the workers, and to the parent, which passes it on."""
    place = tmp_path / "pids"
    place.mkdir()

    def cancel():
        while len(pids := [int(text) for file in place.iterdir() if (text := file.read_text())]) < 2:
            time.sleep(0.05)
        for pid in [*pids, os.getpid()]:
            os.kill(pid, number)

    canceller = threading.Thread(target=cancel)
    canceller.start()
    assert launch(workers.signals_heard, place, world=2) == [number]
    canceller.join()


@pytest.mark.parametrize("which", [0, 1])
def test_a_worker_that_hangs_is_named_while_the_other_waits_for_it(workers, no_hang, which):
    with pytest.raises(RankLost, match=f"process {which} of 2 shows no life any more"):
        launch(workers.hang, which, world=2)
    assert multiprocessing.active_children() == []


def test_a_worker_that_computes_for_long_is_waited_for(workers, no_hang):
    assert launch(workers.compute_for_long, 5, world=2) == [0, 1]


PRELOADED = """
import os, signal
os.killpg(0, signal.{name})
"""
LAUNCHING = """
import os
from kantor import workers
from kantor.errors import Interrupted

if __name__ == "__main__":
    workers.PRELOADED = "rings"
    try:
        workers.launch(os.getpid, world=2)
    except Interrupted as stop:
        print(stop.signal_number, stop.saved)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_to_the_whole_group_while_the_workers_server_begins_stops_the_command(tmp_path, name):
    (tmp_path / "rings.py").write_text(PRELOADED.format(name=name))
    (tmp_path / "script.py").write_text(LAUNCHING)
    env = environment()
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env={**env, "PYTHONPATH": f"{tmp_path}:{env['PYTHONPATH']}"},
        capture_output=True, text=True, timeout=60, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{signal.Signals[name].value} False\n", "")
