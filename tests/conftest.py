"""What the end-to-end tests share: the command line on real files, in a directory of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_runs import POINT_VAE, SMALL, Kantor, command_line


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prepared data lie in a directory of the tests' own, which their processes inherit."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("kantor_cache")
        patch.setenv("KANTOR_CACHE", str(place))
        yield place


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks: further threads cost more than they bring, and bits depend on their number and on how float32 is
    multiplied, which no test leaves to another."""
    before, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_num_threads(before)
    torch.set_float32_matmul_precision(precision)


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of this process whose charts nobody looks at: drawing them takes most of the time of a small run."""
    monkeypatch.setattr("kantor.report.page.charts_of", lambda summary: [])
    monkeypatch.setattr("kantor.engine.publication.write_figures", lambda directory: None)


@pytest.fixture
def kantor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_charts: None) -> Kantor:
    """Run `kantor WORDS …` in tmp_path and check its exit code; in this process: importing torch takes seconds."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "RANK", "WORLD_SIZE", "KANTOR_TRACEBACK", "KANTOR_TRUST"):
        monkeypatch.delenv(name, raising=False)

    return command_line


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, kantor: Kantor) -> Kantor:
    """`kantor`, which also opens run directories of the VAE outside the package."""
    monkeypatch.setenv("KANTOR_TRUST", "toy_vae")
    return kantor


def _finished(root: Path, *words: str) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name in ("RANK", "WORLD_SIZE"):
            patch.delenv(name, raising=False)
        command_line("train", "budget.steps=40", *words)
    (run,) = root.glob("outputs/*/*")
    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small run of point_demo_gp, to be read and copied, never changed."""
    return _finished(tmp_path_factory.mktemp("finished"), "experiment=point_demo_gp", *SMALL)


@pytest.fixture(scope="session")
def finished_vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the VAE outside the package."""
    return _finished(tmp_path_factory.mktemp("finished_vae"), *POINT_VAE)
