import pytest
from tiny import DIRECT

from kantor.callbacks.clock import Clock
from kantor.callbacks.pictures import Scene
from kantor.models.sampling import Sampling
from kantor.runs.directory import RunDirectory


@pytest.fixture
def directory(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create()
    return run


@pytest.fixture
def scene(directory):
    """Makes the scene of some data in the run directory."""

    def make(data, *, weights="ema", sampler=DIRECT):
        return Scene(directory, data, Clock(), 3, Sampling(weights, sampler))

    return make
