"""Who is who is read from torchrun's variables, which SLURM's and submitit's are translated into."""

import os

import pytest

from kantor import ranks
from kantor.errors import UserError
from kantor.processes import check_world, given_rank, ranks_exist

ALLOCATION = {
    "SLURM_JOB_ID": "7", "SLURM_NTASKS": "3", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
    "SLURM_NODELIST": "127.0.0.1,n2", "SLURM_TASKS_PER_NODE": "2,1",
}  # fmt: skip
STEP = {
    **ALLOCATION, "SLURM_STEP_ID": "1", "SLURM_STEP_NUM_TASKS": "3", "SLURM_STEP_NODELIST": "127.0.0.1,n2",
    "SLURM_STEP_TASKS_PER_NODE": "2,1", "SLURM_PROCID": "2", "SLURM_LOCALID": "0", "SLURM_NODEID": "1",
}  # fmt: skip
SUBMITIT = {
    "SUBMITIT_EXECUTOR": "local", "SUBMITIT_LOCAL_NTASKS": "2", "SUBMITIT_LOCAL_GLOBALID": "1",
    "SUBMITIT_LOCAL_LOCALID": "1", "SUBMITIT_LOCAL_JOB_ID": "4711",
}  # fmt: skip
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def adopted(monkeypatch):
    """What the ranks' variables are after an adoption in a process with some variables."""

    def adopt(variables):
        for name in [*os.environ]:
            if name in NAMES or name.startswith(("SLURM_", "SUBMITIT_")):
                monkeypatch.delenv(name)
        for name in NAMES:
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)  # so that what is adopted is taken back
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        ranks.adopt()
        return {name: os.environ[name] for name in NAMES if name in os.environ}

    return adopt


def test_a_task_of_slurms_is_a_rank(adopted):
    found = adopted(STEP)
    assert 1024 < int(found.pop("MASTER_PORT")) < 32768
    assert found == {"RANK": "2", "WORLD_SIZE": "3", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "GROUP_RANK": "1",
                     "MASTER_ADDR": "127.0.0.1"}  # fmt: skip
    assert ranks_exist() and given_rank() == 2


def test_an_allocation_without_a_step_is_one_process(adopted):
    """sbatch with room for three, and kantor in its script: SLURM_NTASKS says three, and nobody started them."""
    assert adopted(ALLOCATION) == {} and not ranks_exist()
    assert adopted({**STEP, "SLURM_STEP_NUM_TASKS": "1"}) == {}


def test_a_task_that_submitit_starts_here_is_a_rank(adopted):
    found = adopted(SUBMITIT)
    assert (found["RANK"], found["WORLD_SIZE"], found["LOCAL_RANK"], found["LOCAL_WORLD_SIZE"]) == ("1", "2", "1", "2")
    assert adopted({**SUBMITIT, "SUBMITIT_LOCAL_NTASKS": "1"}) == {}


def test_torchruns_own_variables_stay(adopted):
    """Torchrun in a step of SLURM's, with a task on each node."""
    given = {"RANK": "5", "WORLD_SIZE": "6", "MASTER_PORT": "29500"}
    assert adopted({**STEP, **given}) == given
    assert adopted({**STEP, "MASTER_ADDR": "login", "MASTER_PORT": "9"})["MASTER_ADDR"] == "login"


def test_all_tasks_of_a_step_find_each_other_and_no_other_step():
    ports = {ranks.port_of(job, step) for job in range(1000, 1100) for step in range(5)}
    assert len(ports) == 500 and all(1024 < port < 32768 for port in ports)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        ("n1", "n1"),
        ("n[1-2]", "n1"),
        ("gpu[007-012,020],login", "gpu007"),
        ("a,b[1-2]", "a"),
        ("r[2,4]n[10-11]", "r2n10"),
        ("n[3]-ib", "n3-ib"),
    ],
)
def test_the_first_of_slurms_hosts(names, first):
    assert ranks.first_host(names) == first


@pytest.mark.parametrize(
    ("text", "counts"), [("1(x2)", [1, 1]), ("2,1", [2, 1]), ("4(x2),3", [4, 4, 3]), ("8", [8]), ("10(x1)", [10])]
)
def test_the_tasks_of_each_node(text, counts):
    assert ranks.tasks_by_node(text) == counts


@pytest.mark.parametrize(
    ("world", "local", "nodes", "devices", "right"),
    [
        ("2", "2", 1, 1, "trainer.nodes=1 trainer.devices=2"),
        ("2", "1", 1, 2, "trainer.nodes=2 trainer.devices=1"),
        ("4", "2", 4, 1, "trainer.nodes=2 trainer.devices=2"),
    ],
)
def test_a_world_that_is_not_nodes_times_devices_is_refused(monkeypatch, world, local, nodes, devices, right):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", world)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", local)
    with pytest.raises(UserError, match=rf"trainer\.nodes={nodes} trainer\.devices={devices}: .* give {right},"):
        check_world(nodes=nodes, devices=devices)
    check_world(nodes=int(world) // int(local), devices=int(local))


def test_nodes_that_nobody_started_processes_on_are_refused(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(UserError, match=r"trainer\.nodes=2 trainer\.devices=4: .*srun --nodes=2 --ntasks-per-node=4 "):
        check_world(nodes=2, devices=4)
    check_world(nodes=1, devices=4)


def test_another_number_of_ranks_on_each_node_is_refused(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "3", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"3 processes have been started, 2 of them on this node"):
        check_world(nodes=1, devices=3)
