"""Options by themselves."""

from itertools import zip_longest

import pytest

from kantor.config import choices
from kantor.config.compose import compose
from kantor.config.files import CONF, groups, options
from kantor.errors import UserError


def of_others(group, name):
    """Whether an option's file says more than its own plain values."""
    written = (CONF / group / f"{name}.yaml").read_text()
    return "defaults:" in written or "${" in written


def test_an_option_by_itself_is_what_hydra_makes_of_it():
    """Most are read without it."""
    components = [group for group in groups([]) if group != "experiment"]
    known = {group: options(group, []) for group in components}
    odd = [[name for name in names if of_others(group, name)] or names[:1] for group, names in known.items()]
    for each in zip_longest(*odd):
        chosen = {group: name for group, name in zip(components, each, strict=True) if name is not None}
        extractor = chosen.pop("extractor", None)  # an evaluation brings its own
        found = choices.by_hydra(["+extractor=none", *(f"+{group}={name}" for group, name in chosen.items())])
        if extractor is not None:
            chosen["extractor"] = extractor
            found |= choices.by_hydra([f"+extractor={extractor}"])
        assert {group: choices.by_itself(group, name) for group, name in chosen.items()} == {
            group: found[group] for group in chosen
        }


def test_most_options_are_read_without_hydra(monkeypatch):
    monkeypatch.setattr(choices, "by_hydra", None)
    for chosen in (("evaluation", "none"), ("pictures", "none"), ("objective", "hinge"), ("data", "gaussians8")):
        assert choices.by_itself(*chosen)


def test_a_file_that_puts_its_keys_elsewhere_is_named(tmp_path):
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / "mine.yaml").write_text("# @package _global_\nseed: 7\n")
    with pytest.raises(UserError, match=r"^objective=mine: the file puts its keys elsewhere than into objective"):
        compose(["experiment=point_wgan_gp", "objective=mine"], config_dirs=[str(tmp_path)])
