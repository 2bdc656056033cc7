"""Every remedy that is proposed for a bad input of the suite is accepted when it is given."""

import importlib.util
from pathlib import Path

import pytest
from remedies import commands, helps, proposed, told

from kantor.cli import main as cli

pytestmark = pytest.mark.long

TESTS = Path(__file__).parents[1]
EXPERIMENTS = ("experiment=point_wgan_gp", "experiment=shapes_dcgan_dg1")
GIVEN = ("override", "overrides", "word", "words")


def module(path):
    """A module of tests."""
    spec = importlib.util.spec_from_file_location(f"remedies_of_{Path(path).stem}", TESTS / path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def parametrised(loaded):
    """(names, values) of every parametrised test."""
    for name, test in vars(loaded).items():
        for mark in getattr(test, "pytestmark", []) if name.startswith("test_") else []:
            if mark.name == "parametrize":
                names = mark.args[0]
                names = list(names) if isinstance(names, tuple) else [one.strip() for one in names.split(",")]
                for value in mark.args[1]:
                    values = getattr(value, "values", value)
                    yield dict(zip(names, values if len(names) > 1 else (values,), strict=True))


def bad_inputs():
    """Command lines of `kantor train`, with directories of groups; not all of them are bad."""
    for words, each in module("config/test_messages.py").REFUSED.items():
        yield from (((*words, given), ()) for given in each)
    for case in parametrised(module("config/test_compose.py")):
        for words in (case[name] for name in GIVEN if name in case):
            words = (words,) if isinstance(words, str) else tuple(words)
            named = any(word.startswith("experiment=") for word in words)
            yield from (((*first, *words), ()) for first in ([()] if named else [(one,) for one in EXPERIMENTS]))
    for case in parametrised(module("cli/test_main.py")):
        words = list(case.get("words", ()))
        if words[:1] == ["train"] and not {"-m", "--cfg", "--verbose"} & set(words) and "run=" not in " ".join(words):
            at = words.index("--config-dir") if "--config-dir" in words else len(words)
            yield tuple([*words[1:at], *words[at + 2 :]]), tuple(words[at + 1 : at + 2])


def test_every_remedy_is_accepted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tried, wrong = 0, []
    for given, config_dirs in dict.fromkeys(bad_inputs()):
        sentence = told(given, config_dirs)
        for remedy in [] if sentence is None else proposed(sentence, given):
            tried += 1
            said = helps(given, remedy, config_dirs)
            wrong += [] if said is None else [(given, sentence, remedy, said)]
        for command in [] if sentence is None else commands(sentence):
            tried += 1
            wrong += [] if cli.main(command.split()) == 0 else [(given, sentence, command)]
    assert wrong == [] and tried > 60
