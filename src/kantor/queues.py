"""The queue of a cluster, to which a job goes back whose time is over before it is done: SLURM's, or by submitit's way.

SIGUSR1 and SIGUSR2 are what `sbatch --signal` sends before a job's time is over, and what asks it to make room; SIGTERM
is what `scancel` sends, and nobody wants that job back.
"""

import os
import re
import signal
import subprocess

ROOM_WANTED = (signal.SIGUSR1, signal.SIGUSR2)


def goes_back(number: int) -> str | None:
    """The number of the job of SLURM's that is to go back to its queue after a signal, or of the one task of an array;
    None where the signal does not ask for room, or the job may not, or is submitit's to send.

    Args:
        number: of the signal.
    """
    job = _own_number()
    if number not in ROOM_WANTED or job is None or "SUBMITIT_EXECUTOR" in os.environ:
        return None
    try:
        about = subprocess.run(["scontrol", "show", "job", job, "--oneliner"], capture_output=True, text=True).stdout
    except OSError:  # a container in a job, which has no scontrol
        return None
    return job if re.search(r"\bRequeue=1\b", about) else None


def _own_number() -> str | None:
    """Of the job in which this process is. The number of one of an array's tasks is also that of the whole array, which
    would go back with it: so a task is called by the array's number and its own index."""
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}") for name in ("JOB_ID", "TASK_ID"))
    return os.environ.get("SLURM_JOB_ID") if array is None or task is None else f"{array}_{task}"


def send_back(job: str) -> None:
    """Send a job of SLURM's back to its queue, which ends all of it at once."""
    subprocess.run(["scontrol", "requeue", job])


def hand_over(number: int) -> None:
    """Leave a signal to submitit, which listened before training did, and sends the job back in its own way."""
    if "SUBMITIT_EXECUTOR" in os.environ and callable(signal.getsignal(number)):
        os.kill(os.getpid(), number)
