"""Options chosen on the command line: what an experiment sets for the options it had chosen itself may not fit them.

`experiment=mnist_wgan_gp objective=hinge` must not fail because the experiment gives a weight to a penalty that hinge
losses do not have. So a key of a chosen group holds when the option has it by itself, or when the user gave it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from kantor.config.files import CONF
from kantor.config.grammar import quoted, words_of
from kantor.config.own_files import tree_of
from kantor.errors import UserError


def composed(name: str | None, overrides: list[str]) -> DictConfig:
    """What Hydra makes of a file in conf/ (None: of nothing) and overrides; also within a job of Hydra's."""
    around = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(config_dir=str(CONF.absolute()), version_base="1.3"):
            return compose(config_name=name, overrides=overrides, return_hydra_config=name is not None)
    finally:
        GlobalHydra.instance().clear()
        if around is not None:
            GlobalHydra.instance().initialize(around)


def alone(chosen: Mapping[str, str], places: Sequence[str] = ()) -> dict[str, Any]:
    """What options of groups are by themselves, as plain containers by group; an evaluation brings the extractor that
    it chooses, unless another is chosen.

    Args:
        chosen: options by group.
        places: overrides of Hydra's that say where else groups are.
    """
    brought = {}
    if "evaluation" in chosen and "extractor" not in chosen:
        # none is there for the evaluation to replace
        brought = by_hydra(["+extractor=none", f"+evaluation={chosen['evaluation']}"], places)
    return {**brought, **{group: by_itself(group, option, places) for group, option in chosen.items()}}


def by_itself(group: str, option: str, places: Sequence[str] = ()) -> dict[str, Any]:
    """What one option of one group is by itself, as plain containers.

    Args:
        group: its group.
        option: its name.
        places: overrides of Hydra's that say where else groups are.
    """
    own = CONF / group / f"{option}.yaml"
    written = _as_written(own) if own.is_file() else None
    if written is not None:
        return written
    first = ["+extractor=none"] if group == "evaluation" else []  # for the evaluation to replace
    found = by_hydra([*first, f"+{group}={option}"], places)
    if group not in found:
        raise UserError(
            f"{group}={option}: the file puts its keys elsewhere than into {group}; take out its line `# @package …`, "
            "or make it an experiment"
        )
    return dict(found[group])


def by_hydra(words: Sequence[str], places: Sequence[str] = ()) -> dict[str, Any]:
    """What Hydra makes of words alone, as plain containers by group."""
    found: Any = OmegaConf.to_container(composed(None, [*places, *words]))
    return dict(found)


def _as_written(file: Path) -> dict[str, Any] | None:
    """What a file says, where Hydra, which takes a tenth of a second for it, would make nothing else of it; None where
    other files belong to it."""
    plain: Any = tree_of(file)
    whole = all(
        isinstance(entry, dict) and all(key.startswith("override ") for key in entry)
        for entry in plain.pop("defaults", ())
    )
    return plain if whole else None


ByItself = Callable[[str, str, Sequence[str]], Mapping[str, Any]]
"""Tells what an option is, as `by_itself` does; nobody changes what it tells."""


def fit(plain: dict[str, Any], hydra: HydraConf, itself: ByItself = by_itself) -> None:
    """Take out of a configuration the keys that belong to options which the command line replaced.

    Args:
        plain: as composed, in plain containers; changed in place.
        hydra: Hydra's part of it: overrides, choices and search path.
        itself: `by_itself`, or what remembers its answers.
    """
    overrides = OverridesParser.create().parse_overrides(words_of(hydra))
    given = [override.key_or_group for override in overrides]
    places = [f"hydra.searchpath=[{','.join(quoted(place) for place in hydra.searchpath)}]"] if hydra.searchpath else []
    for group in [*given, *(["extractor"] if "evaluation" in given else [])]:  # which comes with the evaluation
        node, option = plain.get(group), hydra.runtime.choices.get(group)
        if isinstance(node, dict) and group != "experiment" and option is not None:
            _take_out(node, itself(group, option, places), key=group, given=given)


def _take_out(node: dict[str, Any], alone: Mapping[str, Any], *, key: str, given: list[str]) -> None:
    if node.get("_target_") != alone.get("_target_"):
        return  # the experiment put something else there, with keys of its own
    for name in list(node):
        inner = f"{key}.{name}"
        if name not in alone:
            if not any(one == inner or one.startswith(f"{inner}.") for one in given):
                del node[name]
        elif isinstance(node[name], dict) and isinstance(alone[name], dict):
            _take_out(node[name], alone[name], key=inner, given=given)
