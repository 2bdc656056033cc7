"""A package outside kantor, as a user writes it at the first try: what works, and in which sentence what does not."""

import csv
import errno
import importlib.util
import json
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_runs import check_run

from kantor.config.compose import compose
from kantor.engine.assembly import assemble
from kantor.engine.rehearsal import try_out
from kantor.runs.identity import code_hashes

OUTSIDE = Path(__file__).parent / "outside"
CONF = str(OUTSIDE / "conf")
FIRST_TRY = ("--config-dir", CONF, "experiment=firsttry", "trainer.accelerator=cpu")


@pytest.fixture(scope="module", autouse=True)
def importable():
    """As PYTHONPATH makes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(OUTSIDE))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "firsttry"]:
        del sys.modules[name]


def composed(*words):
    return compose(["experiment=firsttry", "trainer.accelerator=cpu", *words], config_dirs=[CONF])


def test_a_first_try_trains_is_scored_and_draws_the_same_samples_again(kantor, tmp_path, monkeypatch):
    kantor("train", *FIRST_TRY)
    (run,) = tmp_path.glob("outputs/*/*")
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["steps"]) == 6  # its own callback ended it
    assert "train/critic_slope" in rows[0] and not {"train/d_real", "train/discriminator_accuracy"} & set(rows[0])
    assert (run / "figures" / "first_samples.png").is_file()
    (evaluation,) = json.loads((run / "card.json").read_text())["evaluations"]
    assert evaluation["scores"]["mean_shift"]["meaning"] == "distance of mean features"
    monkeypatch.setenv("KANTOR_TRUST", "firsttry")
    for name in ("first.npz", "second.npz"):
        torch.manual_seed(len(name))
        kantor("sample", f"run={run}", "n=20", "seed=3", f"out={name}")
    first, second = (np.load(name)["samples"] for name in ("first.npz", "second.npz"))
    np.testing.assert_array_equal(first, second)
    kantor("evaluate", f"run={run}")
    (again,) = json.loads((run / "card.json").read_text())["evaluations"]
    assert {name: score["value"] for name, score in again["scores"].items()} == {
        name: score["value"] for name, score in evaluation["scores"].items()
    }


@pytest.mark.parametrize("devices", [1, 2])
def test_what_cannot_be_made_on_meta_is_made_on_the_cpu(devices):
    run = check_run(composed(f"trainer.devices={devices}"))
    assert {weight.device.type for weight in run.model.parameters()} == {"cpu"}


def test_the_memory_format_of_foreign_networks_is_theirs(monkeypatch):
    def is_contiguous():
        return all(weight.is_contiguous() for weight in assemble(composed()).model.parameters())

    from firsttry import losses, nets

    for target in (nets.Generator, nets.Critic, losses.Squares):
        assert is_contiguous()
        monkeypatch.setattr(target, "channels_last", True, raising=False)
    assert not is_contiguous()


def test_a_trial_leaves_no_trace():
    run, untried = assemble(composed()), assemble(composed())
    run.data.prepare_data()
    torch.manual_seed(5)
    np.random.seed(5)
    try_out(run)
    drawn = torch.rand(()), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    assert drawn == (torch.rand(()), np.random.rand())
    for name, tensor in untried.model.state_dict().items():
        assert torch.equal(run.model.state_dict()[name], tensor), name
    assert not run.directory.exists and run.model.steps == 0 and run.model.training == untried.model.training


CRITIC, SCORES = "optimisation.critic", "evaluation._target_=firsttry.broken"
WAYS = {
    "objective._target_=firsttry.broken.Pair": "Pair.critic_terms (FILE, line N) gives a tuple, expected a dict",
    "objective._target_=firsttry.broken.EachSample": "term 'apart', gives a tensor of shape (2,), expected a scalar",
    "objective._target_=firsttry.broken.Number": "gives a float, expected a scalar tensor: leave out item()",
    "objective._target_=firsttry.broken.Nothing": "gives None, expected a scalar tensor",
    "objective._target_=firsttry.broken.WithoutRng": "got an unexpected keyword argument 'rng'",
    "objective._target_=firsttry.broken.Detached": "has no gradient for any weight of the generator",
    "objective._target_=firsttry.broken.Misnamed": "names a term 'loss'",
    "objective._target_=firsttry.broken.Lookup": "KeyError: 'sum' (FILE, line N, in Lookup.generator_loss)",
    "objective._target_=firsttry.broken.NoLogits": "gives 0.62 where the loss of a critic that cannot tell",
    "model.generator._target_=firsttry.broken.Idle": "its generator, a Idle, has no weights that learn",
    "model.generator._target_=firsttry.broken.Wide": "it makes (1, 7, 8) of each noise vector, the data are (1, 8, 8)",
    "model.generator._target_=firsttry.broken.OnlyTrained": "never thought of drawing (FILE, line N, in OnlyTrained",
    "model.critic._target_=firsttry.broken.Several": "critic: it gives a tuple, expected a tensor",
    "model.critic._target_=firsttry.broken.OnlyDrawn": "(FILE, line N, in OnlyDrawn.forward)",
    f"{SCORES}.Misread primary_score=misread": "has no attribute 'featurez' (FILE, line N, in Misread.<lambda>)",
    f"{SCORES}.Unfinished primary_score=unfinished": "unfinished (FILE, line N) gives a Tensor, expected a float",
    "stop._target_=firsttry.late.Misspelled": "no attribute 'step' (FILE, line N, in Misspelled.on_train_batch_end)",
    "likelihood._target_=firsttry.late.Missing +likelihood.pictures=4": "'log_prob' (FILE, line N, in Missing.nats)",
    "likelihood._target_=firsttry.late.Uneven +likelihood.pictures=4": "gives a tensor of shape (2,), expected one",
    f"{CRITIC}._target_=firsttry.broken.Impatient": "step takes no closure",
    f"{CRITIC}._target_=torch.optim.LBFGS ~{CRITIC}.betas ~{CRITIC}.fused": "LBFGS computes its loss several times",
    f"{CRITIC}._target_=torch.optim.SparseAdam ~{CRITIC}.fused": "does not support dense gradients",
    f"{CRITIC}._target_=torch.optim.Muon ~{CRITIC}.betas ~{CRITIC}.fused": "Muon only supports 2D parameters",
}


@pytest.mark.parametrize("words", WAYS)
def test_what_does_not_work_is_a_sentence_before_anything_is_written(words, kantor, tmp_path):
    said = kantor("train", *FIRST_TRY, *words.split(), check=2).stderr.strip()
    before, _, after = WAYS[words].partition("FILE, line N")
    assert before in said and after in said and said.count("\n") == 0
    if "FILE" in WAYS[words]:
        module, name = words.partition("=firsttry.")[2].split()[0].split(".")
        place = OUTSIDE / "firsttry" / f"{module}.py"
        line = int(said.partition(f"{place}, line ")[2].partition(",")[0].partition(")")[0])
        classes = [text for text in place.read_text().splitlines()[:line] if text.startswith("class ")]
        assert classes[-1].startswith(f"class {name}(")
    assert not list(tmp_path.iterdir())


def test_the_way_there_is_shown_when_it_is_asked_for(kantor, monkeypatch):
    monkeypatch.setenv("KANTOR_TRACEBACK", "1")
    said = kantor("train", *FIRST_TRY, "objective._target_=firsttry.broken.Lookup", check=2).stderr
    assert "Traceback" in said and "in generator_loss" in said


def test_an_error_of_the_users_own_while_training_is_a_sentence_too(kantor, tmp_path, monkeypatch):
    from firsttry.watching import StopAfter

    monkeypatch.setattr(StopAfter, "on_train_batch_end", lambda self, _, model, *__: model.steps > 2 and self.stepz)
    said = kantor("train", *FIRST_TRY, "evaluation=none", "pictures=none", check=2).stderr
    assert "'StopAfter' object has no attribute 'stepz'" in said and "test_outside.py, line " in said
    (status,) = tmp_path.glob("outputs/*/*/status.json")
    assert "test_outside.py, line " in json.loads(status.read_text())["reason"]


def test_what_a_file_imports_is_part_of_its_code(tmp_path, monkeypatch):
    names = code_hashes(composed().plain)
    assert {name for name in names if name.startswith("firsttry")} == {
        "firsttry.data.Corners",
        "firsttry.losses.Squares",
        "firsttry.nets.Critic",
        "firsttry.nets.Generator",
        "firsttry.watching.StopAfter",
    }
    assert yaml.safe_load(yaml.safe_dump(names)) == names


COMPILED = Path(importlib.util.find_spec("markupsafe._speedups").origin)
MIXED = {
    "__init__.py": "",
    "nets.py": """
        from firsttry.nets import Generator as First

        from mixedlab import _speedups
        from mixedlab._speedups import *

        try:
            from mixedlab.cuda import kernels
        except Exception:
            kernels = None
        try:
            from mixedlab import old, torn
            from ... import outside
        except (SyntaxError, ImportError):
            old = None


        class Generator(First):
            compiled = _speedups.__name__
    """,
    "cuda/__init__.py": "raise RuntimeError('no CUDA')\n",
    "cuda/kernels.py": "SIZE = 1\n",
    "cuda/plain/deep.py": "SIZE = 1\n",
    "old.py": "print 'of Python 2'\n",
    "torn.py": "\0\n",
}


@pytest.fixture
def mixedlab(tmp_path, monkeypatch):
    """A package with a compiled part, one that cannot be imported here, and files that are none of this Python."""
    package = tmp_path / "lab" / "mixedlab"
    for name, text in MIXED.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(textwrap.dedent(text))
    shutil.copy(COMPILED, package)
    monkeypatch.syspath_prepend(package.parent)
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "mixedlab"]:
        del sys.modules[name]


def replaced(file, content):
    """Another file of the name: one that is loaded is not written to."""
    file.unlink()
    file.write_bytes(content)


def test_what_a_package_imports_is_hashed_and_not_imported(kantor, tmp_path, mixedlab):
    words = (*FIRST_TRY, "model.generator._target_=mixedlab.nets.Generator", "evaluation=none", "pictures=none")
    kantor("train", *words, "budget.steps=1")
    assert (
        "mixedlab.cuda.kernels" not in sys.modules and "nothing to do" in kantor("train", *words, "budget.steps=1")[1]
    )
    for name in ("nets.py", COMPILED.name, "cuda/__init__.py", "cuda/kernels.py", "old.py", "torn.py"):
        before = (mixedlab / name).read_bytes()
        replaced(mixedlab / name, before + b"\n")
        said = kantor("train", *words, "budget.steps=1", check=2).stderr
        assert "finished, but by other code than this (mixedlab.nets.Generator differ)" in said, name
        replaced(mixedlab / name, before)


def test_code_is_read_before_there_is_a_directory(kantor, tmp_path, monkeypatch):
    from firsttry import nets

    file = tmp_path / "nets.py"
    monkeypatch.setattr(sys.modules["firsttry"], "__path__", [str(tmp_path), *sys.modules["firsttry"].__path__])
    file.symlink_to(nets.__file__)
    opened = Path.read_bytes

    def unreadable(path):
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path)

    monkeypatch.setattr(Path, "read_bytes", unreadable)
    assert "Permission denied" in kantor("train", *FIRST_TRY, check=2).stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["nets.py"]
