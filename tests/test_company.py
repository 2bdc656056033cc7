"""Processes that never come are named by those that wait for them."""

import socket
import subprocess
import sys
from datetime import timedelta

import pytest
from small_runs import environment

from kantor import company

SHORT = """
from datetime import timedelta
import time
from kantor import company
company.BEAT, company.PATIENCE, company.GRACE = 0.1, 0.5, 0.1
company.MEETING = timedelta(seconds=2)
"""
WAITS = f"""{SHORT}
with company.company().watched(lambda error: print(error, flush=True)):
    time.sleep(100)
"""


@pytest.mark.parametrize(("rank", "lost"), [(0, 1), (1, 0)])
def test_who_dies_before_its_first_sign_of_life_is_named(rank, lost):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    variables = {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    done = subprocess.run(
        [sys.executable, "-c", WAITS], env={**environment(), **variables}, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 1
    assert f"process {lost} of 2 shows no life" in done.stdout + done.stderr


def test_all_have_to_come_within_a_minute():
    assert timedelta(seconds=company.PATIENCE) < company.MEETING <= timedelta(minutes=1)
