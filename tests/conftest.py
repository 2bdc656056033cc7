"""What the end-to-end tests share: the command line on real files, in a directory of its own."""

import contextlib
import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_runs import SMALL, Done, Kantor, environment

from kantor.cli import main as cli


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Prepared data lie in a directory of the tests' own, which their processes inherit."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("kantor_cache")
        patch.setenv("KANTOR_CACHE", str(place))
        yield place


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny networks: further threads cost more than they bring, and bits depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def kantor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kantor:
    """Run `kantor WORDS …` in tmp_path and check its exit code; in this process: importing torch takes seconds."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "RANK", "WORLD_SIZE", "KANTOR_TRACEBACK", "KANTOR_TRUST"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str, check: int = 0) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(list(words))
        assert code == check, f"exit code {code}\n{out.getvalue()}\n{err.getvalue()}"
        return Done(out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small run of point_demo_gp, to be read and copied, never changed."""
    root = tmp_path_factory.mktemp("finished")
    words = ["train", "experiment=point_demo_gp", "budget.steps=40", *SMALL]
    subprocess.run(
        [sys.executable, "-m", "kantor", *words], cwd=root, env=environment(), check=True, capture_output=True
    )
    (run,) = (root / "outputs" / "point_demo_gp").iterdir()
    return run
