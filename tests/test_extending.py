"""docs/extending.md, as a reader takes it: its files stand where the page says, and its commands are accepted."""

import ast
import importlib
import re
import shlex
import sys
import types
from pathlib import Path

import pytest
import yaml
from small_runs import check_run, checked

from kantor.config.compose import compose
from kantor.errors import UserError
from kantor.evaluation import point_scores

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "extending.md").read_text()
NAME = re.compile(r"`((?:mylab|my_conf|src|tests)/[\w/]+\.(?:py|yaml))`")


def blocks():
    """(name, language, text) of each block of code; the name is the last file that the paragraph before it names."""
    found, end = [], 0
    for block in re.finditer(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        paragraph = PAGE[end : block.start()].strip().rpartition("\n\n")[2]
        names = NAME.findall(paragraph)
        found.append((names[-1] if names else None, block[1], block[2]))
        end = block.end()
    return found


FILES = {name: text for name, language, text in blocks() if name and language in ("python", "yaml")}
MODULES = [name for name in FILES if name.startswith("mylab/")]
OPTIONS = [name.removeprefix("my_conf/").removesuffix(".yaml") for name in FILES if name.startswith("my_conf/")]
COMMANDS = [
    line
    for _, language, text in blocks()
    if language == "bash"
    for line in text.replace("\\\n", " ").splitlines()
    if line.startswith("kantor train ") and " -m " not in line and " run=" not in line
]


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A directory with the page's files, whose package can be imported."""
    root = tmp_path_factory.mktemp("extending")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "mylab" / "__init__.py").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        yield root
    for name in [name for name in sys.modules if name.partition(".")[0] == "mylab"]:
        del sys.modules[name]


def test_the_page_has_files_and_commands():
    assert len(MODULES) >= 10 and len(OPTIONS) >= 20 and len(COMMANDS) >= 15
    assert "train --config-dir my_conf" in " ".join(COMMANDS)


def test_every_python_block_is_python():
    for name, language, text in blocks():
        if language == "python":
            assert ast.parse(text, filename=name or "extending.md").body


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_imported(name):
    assert importlib.import_module(name.removesuffix(".py").replace("/", ".")).__doc__


def test_what_is_written_on_the_page_passes_the_checks_of_the_page():
    tests = vars(importlib.import_module("mylab.test_mylab"))
    called = [test() for name, test in tests.items() if name.startswith("test_")]
    assert len(called) == 4
    (score,) = (text for _, language, text in blocks() if language == "python" and "check_score(" in text)
    exec(score, {})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_accepted(place, command):
    words = shlex.split(command)[2:]
    config_dirs = []
    if "--config-dir" in words:
        at = words.index("--config-dir")
        config_dirs = [str(place / words[at + 1])]
        words = words[:at] + words[at + 2 :]
    configuration = compose(["trainer.accelerator=cpu", *words], config_dirs=config_dirs)
    if config_dirs:
        check_run(configuration)


def test_every_yaml_is_used():
    """By a command, or by an experiment of the page."""
    used = {word.replace("=", "/", 1) for command in COMMANDS for word in shlex.split(command)}
    for name in OPTIONS:
        if name.startswith("experiment/"):
            for entry in yaml.safe_load(FILES[f"my_conf/{name}.yaml"])["defaults"]:
                if isinstance(entry, dict):
                    used |= {f"{key.removeprefix('override /')}/{option}" for key, option in entry.items()}
    assert set(OPTIONS) <= used


def test_the_vae_of_the_page_is_that_of_the_tests():
    assert FILES["mylab/toy_vae.py"] == (TESTS / "toy_vae.py").read_text()
    for ours, theirs in {
        "model/toy_vae": "model/toy_vae_points",
        "objective/negative_elbo": "objective/negative_elbo",
        "optimisation/one_adam": "optimisation/one_adam",
    }.items():
        page = FILES[f"my_conf/{ours}.yaml"].replace("mylab.toy_vae.", "toy_vae.")
        assert page == (TESTS / "conf" / f"{theirs}.yaml").read_text()


def test_the_score_of_the_page_is_one(monkeypatch):
    module = types.ModuleType("kantor.metrics.energy")
    exec(FILES["src/kantor/metrics/energy.py"], module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    tests = {}
    exec(FILES["tests/metrics/test_energy.py"], tests)
    called = [test() for name, test in tests.items() if name.startswith("test_")]
    assert len(called) == 2
    entry = FILES["src/kantor/evaluation/point_scores.py"]
    score = eval(entry.strip().removesuffix(","), vars(point_scores) | vars(module))
    assert isinstance(score, point_scores.PointScore) and score.name == "energy_distance"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.decoder.outputs=3", "model.decoder: of (2,) it makes (3,), expected (2,) (latent.dim=2)"),
        ("model.decoder.inputs=5", "model.decoder: it cannot take (2,): "),
        ("model.encoder.inputs=3", "model.encoder: it cannot take (2,): "),
        ("model.latent.dim=3", "model.encoder: of (2,) it makes (4,), expected (6,) (latent.dim=3)"),
    ],
)
def test_the_vae_says_which_network_does_not_fit(word, said):
    with pytest.raises(UserError, match="^" + re.escape(said)):
        checked("experiment=toy_vae_points", word)
