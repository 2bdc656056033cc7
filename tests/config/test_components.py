import contextlib
import importlib
import inspect
import re
from pathlib import Path

import pytest
import yaml
from torch import nn, optim

from kantor.config.components import CALLING, FETCHING, OF_KANTOR, all_components, is_component, of_kantor
from kantor.config.files import CONF
from kantor.config.targets import home_of, locate, names

ROOT = Path(__file__).parents[2]


def of_the_repository():
    """Every `_target_` of the options of runs, and of what the documentation tells users to write."""
    files = [path for path in CONF.rglob("*.yaml") if path.parent.name not in ("search", "pruner")]  # of sweeps
    options = {name for path in files for name in names(yaml.safe_load(path.read_text()))}
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    told = {name for page in pages for name in re.findall(r"_target_[:=] ?([\w.]+)", page.read_text(encoding="utf-8"))}
    return sorted(name for name in options | told if name.startswith(("kantor.", "torch.")))


def test_what_kantor_names_itself_is_a_component():
    known = of_the_repository()
    assert len(known) > 100 and "torch.optim.Adam" in known and "kantor.data.foreign.Foreign" in known
    assert [name for name in known if not is_component(name)] == []


@pytest.mark.parametrize("name", ["torch.nn.Conv2d", "torch.nn.modules.activation.ReLU", "torch.optim.adam.Adam",
                                  "torch.optim.lr_scheduler.StepLR", "torch.nn.functional.softplus",
                                  "torch.nn.functional.mse_loss", "torch.nn.init.orthogonal_"])  # fmt: skip
def test_what_of_torch_computes_with_tensors_is_a_component(name):
    assert is_component(name)


def test_every_component_is_what_it_is_called():
    for name in all_components():
        found = locate(name, key="k")
        assert callable(found) and not inspect.ismodule(found)
        assert not any(part.startswith("_") for part in name.split("."))
        if name in of_kantor():
            assert home_of(found) == name
        elif inspect.isclass(found):
            assert issubclass(found, nn.Module | optim.Optimizer | optim.lr_scheduler.LRScheduler)


FILES = {"root", "archive", "weights", "guide"}
"""Settings that may be paths: what they read, SECURITY.md says."""
TEXTS = {"name", "identity", "scores", "group", "project"}
"""Settings that are texts and no paths."""


def takes_text(parameter):
    """Whether a setting may be any text, and not one of a few."""
    return bool(re.search(r"\bstr\b", re.sub(r"Literal\[[^]]*\]|<class '(str)'>", r"\1", str(parameter.annotation))))


def test_which_settings_of_kantors_components_are_texts_is_known():
    """A text could be a path, or a name of code. The first are few, of the others there are none."""
    found = {
        parameter.name
        for name in of_kantor()
        for parameter in inspect.signature(locate(name, key="k")).parameters.values()
        if takes_text(parameter)
    }
    assert found == FILES | TEXTS


def test_no_setting_of_torchs_components_is_called_like_a_file_or_code():
    words = re.compile(r"path|file|fname|url|root|import|module_(cls|name)|factory|qualname|pickle")
    for name in all_components():
        if name.startswith("torch."):
            with contextlib.suppress(ValueError):  # of what is built in, and takes tensors
                assert not [one for one in inspect.signature(locate(name, key="k")).parameters if words.search(one)], (
                    name
                )


def test_the_list_is_in_order():
    assert list(OF_KANTOR) == sorted(OF_KANTOR)
    assert all(words.split() == sorted(words.split()) for words in OF_KANTOR.values())
    assert set(FETCHING) <= of_kantor()
    assert all(hasattr(nn.functional, name) for name in CALLING)


@pytest.mark.parametrize("package", ["nets", "objectives", "samplers", "noising"])
def test_no_network_loss_or_sampler_is_forgotten(package):
    """What is public, no protocol, made with keywords alone and a network or a frozen value can be named."""
    home = importlib.import_module(f"kantor.{package}")
    inner = INNER[package]
    for path in Path(home.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"kantor.{package}.{path.stem}")
        for name, one in vars(module).items():
            if not inspect.isclass(one) or one.__module__ != module.__name__ or name.startswith("_"):
                continue
            parameters = inspect.signature(one).parameters.values() if "__init__" in vars(one) else []
            by_keyword = bool(parameters) and all(p.kind is p.KEYWORD_ONLY for p in parameters)
            if by_keyword and not inspect.isabstract(one) and name not in inner:
                assert is_component(f"{module.__name__}.{name}"), f"{module.__name__}.{name} is missing in OF_KANTOR"


INNER = {
    "nets": {"Classifier"},
    "objectives": set(),
    "samplers": set(),
    "noising": {"ProbabilityFlow"},
}
"""What others are made of, which nobody names."""
