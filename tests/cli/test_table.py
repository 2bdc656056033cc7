"""Keys, help and completion come from one table."""

import pytest

from kantor.cli import main as cli
from kantor.cli.command import Command, Key
from kantor.cli.table import COMMANDS
from kantor.config.files import groups, options


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["--help"]) == 0
    general = capsys.readouterr().out
    for name, command in COMMANDS.items():
        for usage, what in command.usage:
            assert f"kantor {name} {usage}" in general and what in general


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_has_all_its_keys(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"kantor {name} ")
    assert max(map(len, text.splitlines())) <= 120
    lines = [" ".join(line.split()) for line in text.splitlines()]
    for key in COMMANDS[name].keys:
        assert any(line.startswith(f"{key.example} {key.help.split()[0]}") for line in lines)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_completion_offers_is_accepted(name: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["complete", "words", "kantor", name]) == 0
    command = COMMANDS[name]
    offered = [word for word in capsys.readouterr().out.splitlines() if "=" in word]
    assert {word.partition("=")[0] for word in offered} == set(command.key_names)
    for word in offered:
        command.split([word])


def test_long_help_goes_on_below_its_beginning():
    command = Command("x", lambda command, words: 0, ((" a", "b"),), "", (Key("k=1", "word " * 60), Key("long=2", "w")))
    lines = command.help().splitlines()[2:]
    assert lines[0].startswith("  k=1     word word") and lines[1].startswith("          word word")
    assert lines[-1] == "  long=2  w"


def test_every_group_can_be_chosen_for_training(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["complete", "words", "kantor", "train"]) == 0
    offered = set(capsys.readouterr().out.split())
    assert {f"{group}={name}" for group in groups([]) for name in options(group, [])} <= offered


def test_without_a_command_the_commands_are_offered(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["complete", "words", "kantor"]) == 0
    assert capsys.readouterr().out.split() == list(COMMANDS)
    for shell in ("bash", "zsh", "fish"):
        assert cli.main(["complete", shell]) == 0
        assert "kantor complete words" in capsys.readouterr().out


def test_list_names_groups_in_the_singular_and_the_plural(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["list", "experiments"]) == cli.main(["list", "experiment"]) == 0
    first, second = capsys.readouterr().out.split("experiment=NAME")[1:]
    assert first == second and "point_demo_gp" in first
    assert cli.main(["list"]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if line.endswith("=NAME")]
    assert headings[0] == "experiment=NAME" and sorted(headings) == [f"{group}=NAME" for group in groups([])]
