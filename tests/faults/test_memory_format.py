"""Our networks of pictures train in both memory formats at every width: oneDNN crashes at some."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import environment

from kantor.config.files import options

pytestmark = pytest.mark.long

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64)
EXPERIMENTS = [name for name in options("experiment", []) if name.endswith("_quick") and "mlp" not in name]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_networks_train_at_every_width_in_both_formats(experiment):
    trials = [f"{experiment} {width} {layout}" for width in WIDTHS for layout in ("last", "contiguous")]
    checks = {"MALLOC_CHECK_": "3", "LD_PRELOAD": "libc_malloc_debug.so.0"} if os.uname().sysname == "Linux" else {}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("layouts.py"))],
        input="\n".join(trials), env={**environment(), **checks}, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"{trial} 0" for trial in trials], done.stderr[-2000:]
