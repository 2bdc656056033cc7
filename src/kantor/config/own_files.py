"""The user's own files of groups, in the directories after `--config-dir`: read before Hydra reads them, which would
wait for a pipe, and write out what a few aliases stand for, however much that is."""

from collections.abc import Iterable
from pathlib import Path

import yaml
from omegaconf._utils import get_yaml_loader

from kantor.config.files import CONF, roots
from kantor.errors import UserError
from kantor.plain_files import Unreadable, read

BYTES = 1 << 20
"""Of one file."""
VALUES = 100_000
"""Of one file, those that aliases stand for among them."""


def check_files(config_dirs: list[str]) -> None:
    """Check that each is plain YAML of bounded size, a mapping.

    Raises:
        UserError: one is not; it is named, with the line.
    """
    own = [root for root in roots(config_dirs) if root != CONF] if config_dirs else []
    for path in sorted(file for root in own for file in root.glob("*/*.yaml")):
        tree = tree_of(path)
        if tree is not None and not isinstance(tree, dict):
            raise UserError(f"{path}: expected keys and values, found {type(tree).__name__} {tree!r:.60}")
        if not isinstance((tree or {}).get("defaults", []), list):
            raise UserError(f"{path}: expected a list at defaults, such as [override /data: gaussians8]")


def tree_of(path: Path) -> object:
    """What is in a file, in plain containers.

    Raises:
        UserError: it cannot be read, or is no YAML.
    """
    try:
        text = read(path, most=BYTES).decode("utf-8")
        if _count(yaml.compose(text, get_yaml_loader())) > VALUES:
            raise UserError(f"{path}: its aliases (*NAME) stand for over {VALUES:,} values: write out what is meant")
        return yaml.load(text, get_yaml_loader())
    except Unreadable as error:
        raise UserError(f"{path} {error}: expected a file of YAML") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not in UTF-8: write it anew in UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise UserError(f"{path}{line}: it is not valid YAML ({error.problem}); mend it there") from error
    except UserError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError, TypeError, KeyError, RecursionError) as error:
        first = str(error).partition("\n")[0]  # its constructors raise what int(), float() and dates do
        raise UserError(f"{path}: it is not valid YAML ({first}); mend it") from error


def _count(node: yaml.Node | None) -> int:
    """How many values a node stands for, aliases written out; more than any file may have, of one that holds itself."""
    counts: dict[int, int] = {}
    around: set[int] = set()

    def of(one: yaml.Node) -> int:
        if id(one) in around:
            return VALUES + 1
        if id(one) not in counts:
            around.add(id(one))
            counts[id(one)] = min(VALUES + 1, 1 + sum(map(of, _inner(one))))
            around.remove(id(one))
        return counts[id(one)]

    return 0 if node is None else of(node)


def _inner(node: yaml.Node) -> Iterable[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
