"""Composition by Hydra: from overrides to a configuration that is resolved, complete and checked, once for a run."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from kantor.config import choices, left_out
from kantor.config.checks import at, check_plain, check_values, keys
from kantor.config.closed import check_closed
from kantor.config.explanation import FAILURES, explained, of_options, unknown_key, unresolved
from kantor.config.files import check_option, groups, options
from kantor.config.grammar import literal, parse, search_path, words_of
from kantor.config.own_files import check_files
from kantor.config.schema import ASKED, Budget, Configuration, Schema, Trainer, of_another_version
from kantor.errors import UserError
from kantor.processes import started

REFERENCE = re.compile(r"\$\{(?!seed\})[a-z_0-9.]+\}")
"""To the value of one key other than the seed."""


@dataclass(frozen=True)
class Draft:
    """A composed configuration in which `auto` still stands where a machine decides.

    Attributes:
        plain: as plain containers, without interpolations.
        named: the dotted keys that the user gave a value on the command line, with these values.
        by_seed: whether a value may be made from the seed.
    """

    plain: dict[str, Any]
    named: dict[str, object]
    by_seed: bool = False


def compose(overrides: list[str], *, config_dirs: list[str] | None = None) -> Configuration:
    """The configuration of one run, from `key=value` overrides in Hydra's grammar, on this machine.

    Raises:
        UserError: an override does not parse, names something unknown or gives it a value of another type, or the
            configuration contradicts itself.
    """
    draft = drafted(overrides, config_dirs=config_dirs)
    return resolved(draft.plain, draft.named)


def drafted(
    overrides: list[str], *, config_dirs: list[str] | None = None, itself: choices.ByItself = choices.by_itself
) -> Draft:
    """The same on any machine.

    Args:
        overrides: in Hydra's grammar.
        config_dirs: directories with further groups.
        itself: `choices.by_itself`, or what remembers its answers.

    Raises:
        UserError: as `compose`, but for contradictions.
    """
    config_dirs = config_dirs or []
    check_files(config_dirs)
    overrides = [literal(word) for word in overrides]
    parsed = parse(overrides)
    _check_choices(parsed, config_dirs)
    try:
        composed = choices.composed("train", [*search_path(config_dirs), *overrides])
    except FAILURES as error:
        raise explained(error, parsed, overrides, config_dirs) from error
    return _draft(composed, composed.hydra, itself)


def _check_choices(parsed: list[Override], config_dirs: list[str]) -> None:
    known_groups = groups(config_dirs)
    for override in parsed:
        if override.is_sweep_override():
            raise UserError(
                f"{override.input_line}: several values make a sweep, `kantor train -m …`; a list stands in brackets"
            )
        if override.key_or_group in known_groups:
            check_option(override.key_or_group, str(override.get_value_element_as_str()), config_dirs)
    if not any(override.key_or_group == "experiment" for override in parsed):
        raise UserError(
            f"no experiment named: expected experiment=NAME, one of {', '.join(options('experiment', config_dirs))}"
        )


def _draft(composed: DictConfig, hydra: HydraConf, itself: choices.ByItself) -> Draft:
    """Resolve a composed configuration: no interpolation, no missing value, no key of an option that was replaced, no
    budget beside the one that was named.

    Args:
        composed: by Hydra.
        hydra: Hydra's own part of it.
        itself: tells what options are by themselves.

    Raises:
        UserError: a value is missing or contradicts another.
    """
    names = [field.name for field in fields(Schema)]
    present = [str(name) for name in composed]  # `in` would deny those without a value
    for name in present:
        if name not in (*names, "hydra"):
            raise UserError(f"+{name}: {unknown_key(name, names)}; only keys inside a component can be added")
    for name in names:
        if name not in present:
            raise UserError(f"{name} is missing: it cannot be taken out, give {name}=…")
    named = _named(parse(words_of(hydra)))
    for key in other_budgets(named):
        OmegaConf.update(composed, key, None)
    try:
        ours = OmegaConf.masked_copy(composed, names)
        by_seed = _is_by_seed(OmegaConf.to_container(ours, resolve=False))
        plain: Any = OmegaConf.to_container(ours, resolve=True)
    except OmegaConfBaseException as error:
        raise unresolved(error) from error
    choices.fit(plain, hydra, itself)
    left_out.take_out(plain, named, hydra)
    plain["experiment"] = hydra.runtime.choices["experiment"]
    missing = [key for key in keys(plain) if at(plain, key) == "???"]
    if missing:
        raise UserError(f"{missing[0]} has no value: give {missing[0]}=…")
    return Draft(plain, named, by_seed)


def _is_by_seed(tree: object) -> bool:
    """Whether a text in an unresolved tree refers to the seed, or in a way that does not show to what."""
    if isinstance(tree, dict | list):
        return any(map(_is_by_seed, tree.values() if isinstance(tree, dict) else tree))
    return isinstance(tree, str) and "${" in REFERENCE.sub("", tree)


def _named(overrides: list[Override]) -> dict[str, object]:
    """The dotted keys that overrides give a value, and the values; of a mapping also those inside."""
    return _with_inner({override.key_or_group: override.value() for override in overrides if not override.is_delete()})


def _with_inner(given: dict[str, object]) -> dict[str, object]:
    """Values by dotted key, with those inside of mappings under keys of their own."""
    inside = {f"{key}.{inner}": at(value, inner) for key, value in given.items() for inner in keys(value)}
    return {**given, **inside}


def other_budgets(named: Mapping[str, object]) -> list[str]:
    """The keys of the budgets that the one named on the command line replaces; none when none or several are."""
    kinds = [f"budget.{kind.name}" for kind in fields(Budget)]
    chosen = [kind for kind in kinds if named.get(kind) is not None]
    return [kind for kind in kinds if kind not in named] if len(chosen) == 1 else []


def resolved(plain: dict[str, Any], named: Mapping[str, object] | None = None) -> Configuration:
    """A configuration whose `auto`s have values, checked.

    Raises:
        UserError: a value contradicts another.
    """
    check_plain(plain)
    check_closed(plain)
    plain = {**plain, "trainer": {**plain["trainer"], **_resolve_auto(plain["trainer"])}}
    if plain["evaluation"].get("weights") == "auto":
        weights = "raw" if plain["ema"].get("_target_") is None else "ema"
        plain = {**plain, "evaluation": {**plain["evaluation"], "weights": weights}}
    check_values(plain)
    return Configuration(plain, named or {})


def _resolve_auto(trainer: dict[str, Any]) -> dict[str, Any]:
    """Values for what says `auto`."""
    resolved: dict[str, Any] = {}
    if "auto" in (trainer["accelerator"], trainer["precision"]):
        import torch

        if trainer["accelerator"] == "auto":
            resolved["accelerator"] = "gpu" if torch.cuda.is_available() else "cpu"
        if trainer["precision"] == "auto":
            on_gpu = resolved.get("accelerator", trainer["accelerator"]) == "gpu"
            has_bf16 = torch.cuda.is_bf16_supported() if on_gpu else torch.ops.mkldnn._is_mkldnn_bf16_supported()
            resolved["precision"] = "bf16-mixed" if has_bf16 else "32-true"
    if trainer["devices"] == "auto":
        resolved["devices"] = _devices(resolved.get("accelerator", trainer["accelerator"]))
    if trainer["threads"] == "auto":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        devices = resolved.get("devices", trainer["devices"])
        resolved["threads"] = max(1, cores // max(1, devices)) if isinstance(devices, int) else cores
    return resolved


def _devices(accelerator: str) -> int:
    """How many processes there are on a node: as many as somebody has started there, else one for each of its GPUs."""
    there = started()
    if there is not None:
        return there[1]
    if accelerator != "gpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def replaced(plain: Mapping[str, Any], overrides: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A copy of a plain configuration with known keys given other values, interpolations resolved; a budget replaces
    the one there was.

    Raises:
        UserError: there is no such key, or a value refers to one that there is not.
    """
    copy = OmegaConf.create(dict(plain))
    known = keys(plain)
    for key, value in overrides:
        if key not in known:
            raise UserError(f"{key}={value}: {unknown_key(key, known)} in the run's configuration")
    try:
        for key, value in overrides:
            OmegaConf.update(copy, key, value)
        for key in other_budgets(_with_inner(dict(overrides))):
            OmegaConf.update(copy, key, None)
        result: Any = OmegaConf.to_container(copy, resolve=True)
    except OmegaConfBaseException as error:
        raise unresolved(error) from error
    return result


def load_options(chosen: Mapping[str, str], config_dirs: list[str] | None = None) -> dict[str, Any]:
    """Options of some groups by themselves, as plain containers by group, interpolations unresolved; an evaluation
    brings the extractor that it chooses, unless another is chosen.

    Raises:
        UserError: there is no such option.
    """
    check_files(config_dirs or [])
    for group, name in chosen.items():
        check_option(group, name, config_dirs or [])
    try:
        return choices.alone(chosen, search_path(config_dirs or []))
    except FAILURES as error:
        raise of_options(error, config_dirs or []) from error


def load_option(group: str, name: str, config_dirs: list[str] | None = None) -> dict[str, Any]:
    """One option of one group.

    Raises:
        UserError: there is no such option.
    """
    loaded: dict[str, Any] = load_options({group: name}, config_dirs)[group]
    return loaded


def changed(
    configuration: Configuration,
    *,
    chosen: Mapping[str, str] | None = None,
    overrides: Sequence[tuple[str, Any]] = (),
    config_dirs: list[str] | None = None,
) -> Configuration:
    """A configuration with other options of groups, and then other values at dotted keys, which are the user's own.

    Raises:
        UserError: there is no such option or key, or a value refers to one that there is not.
    """
    plain = {**ASKED, **configuration.plain}
    there = keys(plain)
    missing = [key for key in keys(asdict(Schema(budget=Budget(), trainer=Trainer()))) if key not in there]
    if missing:
        raise of_another_version(missing[0])
    options = load_options(chosen, config_dirs) if chosen else {}
    whole = resolved(replaced({**plain, **options}, overrides))
    named = {**configuration.named, **dict(overrides)}
    given = configuration.given.union(options, dict(overrides))
    return replace(configuration, plain=whole.plain, named=named, given=given)
