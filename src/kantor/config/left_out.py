"""What is left out: nodes whose `_target_` is null, such as a schedule that is constant. Nobody would heed a setting
there, so whoever gives one is told; what comes with options and experiments that were replaced is taken away.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf

from kantor.config.files import CONF
from kantor.config.own_files import tree_of
from kantor.config.targets import RESERVED
from kantor.errors import UserError, as_given


@dataclass(frozen=True)
class Given:
    """What the user gives at one place: the command line, or a file.

    Attributes:
        settings: by dotted key.
        where: how a sentence about it begins.
        replaced: nodes that are another's by what is nearer to the command line.
    """

    settings: Mapping[str, object]
    where: str = ""
    replaced: frozenset[str] = field(default=frozenset())


def take_out(plain: dict[str, Any], named: Mapping[str, object], hydra: HydraConf) -> None:
    """Take what is no setting of anything out of a configuration.

    Args:
        plain: as composed, in plain containers; changed in place.
        named: the dotted keys of the command line, with their values.
        hydra: Hydra's part of it: choices, and where groups are.

    Raises:
        UserError: the user gives a setting to what is left out.
    """
    chosen = hydra.runtime.choices
    places = list(_left_out(plain))
    for given in _given(named, hydra) if places else ():
        for key, value in given.settings.items():
            place = next((one for one in places if key.startswith(f"{one}.")), None)
            if place is None or key.rpartition(".")[2] in RESERVED or _is_within(place, given.replaced):
                continue
            group = key.partition(".")[0]
            raise UserError(
                f"{given.where}{key}={as_given(value)}: {group}={chosen.get(group)} leaves out what this would be a "
                f"setting of; take another of `kantor list {group}`, or leave the setting out"
            )
    _clear(plain)


def _left_out(tree: object, place: str = "") -> Iterator[str]:
    """The outermost nodes that are left out."""
    if not isinstance(tree, dict):
        return
    if place and tree.get("_target_", place) is None:
        yield place
        return
    for name, inner in tree.items():
        yield from _left_out(inner, f"{place}.{name}" if place else str(name))


def _is_within(place: str, nodes: frozenset[str]) -> bool:
    return any(place == node or place.startswith(f"{node}.") for node in nodes)


def _clear(tree: object) -> None:
    if isinstance(tree, list):
        for inner in tree:
            _clear(inner)
    elif isinstance(tree, dict):
        for name in list(tree) if tree.get("_target_", tree) is None else ():
            if name not in RESERVED:
                del tree[name]
        for inner in tree.values():
            _clear(inner)


def _given(named: Mapping[str, object], hydra: HydraConf) -> Iterator[Given]:
    """All that the user gives, from the command line down to the experiments that another is made from."""
    yield Given(named)
    chosen = hydra.runtime.choices
    roots = [Path(source.path) for source in hydra.runtime.config_sources if source.schema == "file"]
    own = [root for root in roots if root.resolve() != CONF.resolve()]
    targets = _targets(named)
    options = [{group: named[group]} for group in named if group in chosen and group != "experiment"]
    pending = [(str(chosen["experiment"]), targets.union(_chosen_by(options, roots)))]
    while pending:
        name, replaced = pending.pop()
        for file, tree in _read(own, f"experiment/{name}"):
            defaults = tree.pop("defaults", None) or []
            settings = dict(_settings(tree))
            yield Given(settings, f"{file}: ", replaced)
            targets |= _targets(settings)
            nearer = replaced.union(_chosen_by(defaults, roots), _targets(settings))
            pending += [(entry, nearer) for entry in defaults if isinstance(entry, str)]
    for group, option in chosen.items():
        for file, tree in _read(own, f"{group.partition('@')[0]}/{option}") if group != "experiment" else ():
            tree.pop("defaults", None)
            yield Given(dict(_settings({group.partition("@")[0]: tree})), f"{file}: ", targets)


def _chosen_by(defaults: Iterable[object], roots: list[Path]) -> Iterator[str]:
    """The groups that entries of a defaults list choose an option of, and those that this option chooses in turn."""
    for entry in defaults:
        for key, option in entry.items() if isinstance(entry, dict) else ():
            group = str(key).split()[-1].strip("/").partition("@")[0]
            yield group
            for _, tree in _read(roots, f"{group}/{option}"):
                yield from _chosen_by(tree.get("defaults") or [], roots)


def _targets(settings: Mapping[str, object]) -> frozenset[str]:
    """The nodes that settings give a target, or none."""
    return frozenset(key.removesuffix("._target_") for key in settings if key.endswith("._target_"))


def _read(roots: list[Path], option: str) -> list[tuple[Path, dict[str, Any]]]:
    """The file of an option that is the user's, and what is in it."""
    files = [root / f"{option}.yaml" for root in roots]
    found = [(file, tree_of(file)) for file in files if file.is_file()]
    return [(file, dict(tree)) for file, tree in found if isinstance(tree, dict)]


def _settings(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Values by dotted key, innermost ones alone."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
