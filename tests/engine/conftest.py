"""What the tests of `kantor verify` share."""

import shutil

import pytest


@pytest.fixture
def run(finished, tmp_path):
    """A copy of a finished run of 40 steps, with digests of every tenth."""
    return shutil.copytree(finished, tmp_path / "sent")
