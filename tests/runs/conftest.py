"""What the tests of leases share."""

import contextlib

import pytest
from holders import Holder

from kantor.runs import lease


@pytest.fixture
def holder(tmp_path):
    """Makes holders of `tmp_path`, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(**given):
            made = Holder(tmp_path, **given)
            stack.callback(made.kill)
            return made

        yield make


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    monkeypatch.setattr(lease, "_watches", {})
