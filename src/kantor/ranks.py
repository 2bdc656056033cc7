"""Ranks that somebody else has started. Torchrun's variables are the one source of who is who; where SLURM or submitit
started the processes they are filled from theirs, before anybody reads them.

A process that runs in an allocation of SLURM's, but in no step of it, is one process, whatever the allocation has room
for: only `srun` starts tasks.
"""

import os
import re
import socket
import subprocess
from collections.abc import Mapping

FIRST_PORT, PORTS = 12000, 20000
"""Below those that Linux hands out by itself, from 32768 on."""


def adopt() -> None:
    """Fill torchrun's variables where SLURM or submitit started this process as one of several; what is set stays."""
    if "RANK" in os.environ:
        return
    for name, value in (of_slurm(os.environ) or of_submitit(os.environ)).items():
        os.environ.setdefault(name, value)


def of_slurm(variables: Mapping[str, str]) -> dict[str, str]:
    """Torchrun's variables for a task of a step of SLURM's; none where it is the only one, or this is no step."""
    if int(variables.get("SLURM_STEP_NUM_TASKS", "1")) == 1 or "SLURM_PROCID" not in variables:
        return {}
    node, counts = int(variables["SLURM_NODEID"]), tasks_by_node(variables["SLURM_STEP_TASKS_PER_NODE"])
    address = "127.0.0.1" if len(counts) == 1 else address_of(first_host(variables["SLURM_STEP_NODELIST"]))
    return {
        "RANK": variables["SLURM_PROCID"],
        "WORLD_SIZE": variables["SLURM_STEP_NUM_TASKS"],
        "LOCAL_RANK": variables["SLURM_LOCALID"],
        "LOCAL_WORLD_SIZE": str(counts[node]),
        "GROUP_RANK": str(node),
        "MASTER_ADDR": address,
        "MASTER_PORT": str(port_of(int(variables["SLURM_JOB_ID"]), int(variables["SLURM_STEP_ID"]))),
    }


def of_submitit(variables: Mapping[str, str]) -> dict[str, str]:
    """The same for a task that submitit started on this machine; those that it starts by SLURM are SLURM's."""
    if variables.get("SUBMITIT_EXECUTOR") != "local" or int(variables.get("SUBMITIT_LOCAL_NTASKS", "1")) == 1:
        return {}
    count = variables["SUBMITIT_LOCAL_NTASKS"]
    return {
        "RANK": variables["SUBMITIT_LOCAL_GLOBALID"],
        "WORLD_SIZE": count,
        "LOCAL_RANK": variables["SUBMITIT_LOCAL_LOCALID"],
        "LOCAL_WORLD_SIZE": count,
        "GROUP_RANK": "0",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port_of(int(variables["SUBMITIT_LOCAL_JOB_ID"].partition("_")[0]), 0)),
    }


def port_of(job: int, step: int) -> int:
    """A port on which the processes of a step find each other: each knows it without a word, and another step of the
    same machine takes another one."""
    return FIRST_PORT + (101 * job + step) % PORTS


def tasks_by_node(counts: str) -> list[int]:
    """What SLURM writes as "2(x3),1": the tasks of each node."""
    found = re.findall(r"(\d+)(?:\(x(\d+)\))?", counts)
    return [int(count) for count, times in found for _ in range(int(times or 1))]


def first_host(names: str) -> str:
    """The first of the hosts that SLURM writes as "n[01-04,7],login"."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", names)
    assert first is not None
    return re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", first[0])


def address_of(host: str) -> str:
    """Under which a node is found: its name, or what SLURM knows where nobody else knows the name."""
    try:
        socket.getaddrinfo(host, None)
        return host
    except socket.gaierror:
        try:
            asked = subprocess.run(["scontrol", "show", "node", host, "--oneliner"], capture_output=True, text=True)
        except OSError:  # a container in a job, which has no scontrol
            return host
        known = re.search(r"\bNodeAddr=(\S+)", asked.stdout)
        return known[1] if known else host
