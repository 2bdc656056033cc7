"""Code that runs and is no longer in its file is seen, and nothing else is."""

import importlib
import sys

import pytest
from small_runs import BRIEF

import kantor
from kantor.errors import UserError
from kantor.live_code import outdated

NETS = """
import dataclasses
import functools
from kantor.nets.mlp import MLP

SCALE = 1


def logged(function):
    @functools.wraps(function)
    def called(*given):
        return function(*given)
    return called


class Net(MLP):
    @logged
    def forward(self, z):
        return super().forward(z)

    @property
    def scale(self):
        return [SCALE * number for number in (1, 2)]


@dataclasses.dataclass
class Settings:
    rate: float = 1.0
"""
EDITED = {
    "a layer": ("super().forward(z)", "2 * super().forward(z)", "Net.forward"),
    "a property": ("SCALE * number", "SCALE + number", "Net.scale"),
    "inside a decorator": ("function(*given)", "function(*given) * 2", "logged"),
    "a function is gone": ("def scale", "def size", "Net.scale"),
    "it is no Python any more": ("class Net(MLP):", "class Net(MLP:", "logged"),
    "lines were added": ("SCALE = 1", "SCALE = 1\n\n# what it was before", None),
    "nothing": ("SCALE = 1", "SCALE = 1", None),
}


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """The file of a package that has been imported."""
    place = tmp_path / "edited_lab"
    place.mkdir()
    (place / "__init__.py").write_text("")
    (place / "nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    importlib.import_module("edited_lab.nets")
    yield place / "nets.py"
    for name in ("edited_lab", "edited_lab.nets"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("before", "after", "found"), EDITED.values(), ids=EDITED.keys())
def test_a_function_that_the_file_has_otherwise_is_named(nets, before, after, found):
    nets.write_text(NETS.replace(before, after))
    assert outdated("edited_lab.nets") == found


def test_what_was_not_imported_from_a_file_is_not_looked_at():
    assert outdated("sys") is None and outdated("no_such_module") is None and outdated(__name__) is None


def test_an_edited_network_is_not_trained_under_the_name_of_another(nets, tmp_path):
    words = ["experiment=point_demo_gp", "model.generator._target_=edited_lab.nets.Net", f"outputs={tmp_path / 'o'}"]
    words += ["budget.steps=1", "evaluation=none", "pictures=none", *BRIEF]
    nets.write_text(NETS.replace("super().forward(z)", "2 * super().forward(z)"))
    with pytest.raises(UserError, match=r"^edited_lab\.nets\.Net\.forward runs as it was when it was imported"):
        kantor.train(words)
    assert not (tmp_path / "o").exists()
    importlib.reload(sys.modules["edited_lab.nets"])
    assert kantor.train(words).card["status"] == "finished"
