"""What an extractor is made of: its own files and those of its networks, and no others."""

import importlib
import sys

import pytest

from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import mnist_cnn, shapes_cnn
from kantor.evaluation.extractors.digests import class_files, classes_of, extractor_digest
from kantor.evaluation.shape_detection import WithDetections

DIGITS = {"extractors/classifiers.py", "nets/classifiers.py"}
FILES = {
    "pixels": (Pixels(8), {"extractors/pixels.py"}),
    "digits": (mnist_cnn(image_size=28, enlarge="pad"), DIGITS),
    "detections": (
        WithDetections(Pixels(8), shapes_cnn()),
        {*DIGITS, "extractors/pixels.py", "evaluation/shape_detection.py"},
    ),
}


@pytest.mark.parametrize(("extractor", "expected"), FILES.values(), ids=FILES.keys())
def test_it_is_made_of_its_own_files_and_its_networks(extractor, expected):
    """Of the other networks in kantor.nets none."""
    extractor.prepare()
    assert {"/".join(file.parts[-2:]) for file in class_files(classes_of(extractor))} == expected


SOURCES = {
    "base": "class Base:\n    pass\n",
    "settings": "class Settings:\n    pass\n",
    "layer": "from torch import nn\nclass Layer(nn.Linear):\n    pass\n",
    "whole": """
from {0}_base import Base
from {0}_layer import Layer
from {0}_settings import Settings
class Whole(Base):
    def __init__(self):
        self.settings, self.net = Settings(), Layer(1, 1)
""",
    "other": "from torch import nn\nclass Other(nn.Linear):\n    pass\n",
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """An extractor of somebody's in files of its own, and those."""
    prefix = f"extractor_{tmp_path.name}"
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, text in SOURCES.items():
        (tmp_path / f"{prefix}_{name}.py").write_text(text.format(prefix))
    importlib.invalidate_caches()
    modules = {name: importlib.import_module(f"{prefix}_{name}") for name in SOURCES}
    yield modules["whole"].Whole(), {name: tmp_path / f"{prefix}_{name}.py" for name in SOURCES}
    for name in SOURCES:
        del sys.modules[f"{prefix}_{name}"]


@pytest.mark.parametrize("name", SOURCES)
def test_a_change_in_one_of_them_is_another_extractor_and_elsewhere_is_none(made, name):
    extractor, files = made
    before = extractor_digest(extractor)
    files[name].write_text(files[name].read_text() + "# changed\n")
    assert (extractor_digest(extractor) == before) == (name == "other")
