"""A SLURM for as long as the tests need one."""

import os
import shutil

import pytest
from slurm import NEEDED, Slurm


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """The cluster."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.getuid() != 0:
        pytest.skip(f"needs root and Debian's slurm-wlm and munge: {', '.join(missing) or 'no root'}")
    cluster = Slurm(tmp_path_factory.mktemp("slurm"))
    cluster.start()
    yield cluster
    cluster.stop()
