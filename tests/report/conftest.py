"""Every test of a run is made twice, of a comparison once: of a Wasserstein GAN, and of a variational autoencoder,
which has no network that judges samples, and no counters of its own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_runs import Family, evaluation_of, families, write_run

from kantor.runs.directory import RunDirectory


@pytest.fixture(scope="session")
def every_family() -> dict[str, Family]:
    """All of them."""
    return families()


@pytest.fixture(params=["adversarial", "variational"])
def family(request: pytest.FixtureRequest, every_family: dict[str, Family]) -> Family:
    """One after the other."""
    return every_family[request.param]


@pytest.fixture
def make_run(tmp_path: Path, family: Family) -> Callable[..., RunDirectory]:
    """`make_run("a", seed=1, …)`: a run below tmp_path."""
    return lambda name, **settings: write_run(tmp_path / name, **{"family": family, **settings})


@pytest.fixture
def evaluated(family: Family) -> Callable[..., dict[str, Any]]:
    """`evaluated({"w1": …}, n_generated=512)`: an evaluation as its file holds it."""
    return lambda scores, **settings: evaluation_of(family, scores, **settings)
