"""What is around a training in a Python process is afterwards as it was, and has no influence on the run."""

import logging
import os
import random
import signal
import subprocess
import sys
import warnings

import matplotlib
import numpy as np
import pytest
import torch
from small_runs import FAST, SMALL, environment

import kantor
from kantor.figure_style import own_style
from kantor.surroundings import left_alone

WORDS = ["experiment=point_demo_gp", "budget.steps=2", *SMALL, "evaluation.draws=2", "evaluation.n=32"]


def around():
    """All that a process shares, as far as training could change it."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),
        "random": random.getstate(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "matmul": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.backends.cudnn.allow_tf32),
        "gradients": torch.is_grad_enabled(),
        "filters": list(warnings.filters),
        "loggers": [logging.getLogger(name).level for name in ("", "pytorch_lightning", "lightning_fabric")],
        "handlers": len(logging.getLogger().handlers),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        "matplotlib": {name: str(value) for name, value in dict(matplotlib.rcParams).items()},
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "words": list(sys.argv),
        "errors": np.geterr(),
    }


@pytest.fixture
def strange():
    """A process that is set up otherwise than kantor would."""
    style = {"text.usetex": True, "figure.facecolor": "red", "font.size": 30, "axes.grid": True}
    before = logging.getLogger("pytorch_lightning").level
    with warnings.catch_warnings(), matplotlib.rc_context(style), torch.random.fork_rng(), torch.no_grad():
        warnings.filterwarnings("ignore", message="something")
        logging.getLogger("pytorch_lightning").setLevel(logging.DEBUG)
        torch.manual_seed(11)
        torch.set_default_dtype(torch.float64)
        yield
        torch.set_default_dtype(torch.float32)
    logging.getLogger("pytorch_lightning").setLevel(before)


def contents(run):
    """Samples, weights and pictures."""
    pictures = {path.name: path.read_bytes() for path in sorted(run.path.rglob("*.png"))}
    assert "step_00000002.png" in pictures
    return run.sample(4).tolist(), [tensor.tolist() for tensor in run.model().state_dict().values()], pictures


def test_what_is_around_stays_and_changes_nothing(tmp_path, request, without_charts):
    plain = contents(kantor.train([*WORDS, f"outputs={tmp_path / 'plain'}"]))
    request.getfixturevalue("strange")
    before = around()
    run = kantor.train([*WORDS, f"outputs={tmp_path / 'strange'}"])
    found = contents(run)
    with pytest.raises(kantor.UserError):
        kantor.train([*WORDS, "seed=x"])
    after = around()
    assert {name for name in before if before[name] != after[name]} == set()
    assert found == plain


def test_whatever_fails_inside_is_put_back():
    before = around()
    with pytest.raises(ZeroDivisionError), left_alone():
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        os.environ["KANTOR_TEST"] = "x"
        os.environ.pop("HOME", None)
        os.chdir("/")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        warnings.simplefilter("error")
        raise ZeroDivisionError
    assert around() == before


def test_the_style_of_figures_is_matplotlibs_own_and_ones_own_comes_back():
    with matplotlib.rc_context({"text.usetex": True, "lines.linewidth": 9}):
        with own_style():
            assert matplotlib.rcParams["lines.linewidth"] == matplotlib.rcParamsDefault["lines.linewidth"]
            assert matplotlib.rcParams["text.usetex"] is False
        assert matplotlib.rcParams["lines.linewidth"] == 9


TRAINING = f"kantor.train({['experiment=point_demo_gp', 'budget.steps=2', 'trainer.devices=2', *FAST]!r})"
STARTING = """
if __name__ == "__mp_main__":
    kantor.train([])
from kantor import workers
workers.PRELOADED = "json"
workers.launch(print, world=2)
"""


@pytest.mark.parametrize(
    "what", [pytest.param(TRAINING, marks=pytest.mark.long, id="training"), pytest.param(STARTING, id="starting")]
)
def test_a_script_without_a_guard_is_told_so(tmp_path, what):
    """Each worker would begin the training again that it is a worker of."""
    (tmp_path / "script.py").write_text(f"import kantor\nprint('here')\n{what}\n")
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stdout.count("here") == 3
    last = done.stderr.strip().splitlines()[-1]
    assert "UserError: trainer.devices=2: each process imports the script" in last
    assert 'below `if __name__ == "__main__":`' in last
    assert done.stderr.count("Traceback") == 1
