"""What a configuration is: the schema that Hydra composes against, and the frozen object that comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from kantor.config import targets, trust
from kantor.config.checks import check_plain
from kantor.errors import UserError


@dataclass
class Budget:
    """How long to train; exactly one is given."""

    steps: int | None = MISSING
    images: int | None = MISSING
    minutes: float | None = MISSING


@dataclass
class Trainer:
    """The machine and how it computes; `auto` is resolved when a configuration is composed."""

    accelerator: str = MISSING
    nodes: int = MISSING
    devices: Any = MISSING
    threads: Any = MISSING
    precision: str = MISSING
    matmul_precision: str = MISSING
    compile: bool = MISSING
    log_every: int = MISSING
    checkpoint_every: int = MISSING
    progress: bool = MISSING

    @property
    def world(self) -> int:
        """How many processes share a run."""
        return self.nodes * self.devices


@dataclass
class Schema:
    """The top level; values stand in YAML only."""

    experiment: str = MISSING
    primary_score: str | None = MISSING
    seed: int = MISSING
    outputs: str = MISSING
    rerun: bool = MISSING
    code: str = MISSING
    budget: Budget = MISSING
    trainer: Trainer = MISSING
    data: Any = MISSING
    model: Any = MISSING
    objective: Any = MISSING
    optimisation: Any = MISSING
    ema: Any = MISSING
    schedule: Any = MISSING
    sampler: Any = MISSING
    stop: Any = MISSING
    extractor: Any = MISSING
    evaluation: Any = MISSING
    likelihood: Any = MISSING
    pictures: Any = MISSING
    logger: Any = MISSING


ConfigStore.instance().store("schema", Schema)

ASKED: dict[str, object] = {"rerun": False, "code": "refuse"}
"""Keys that say what a command is to do and nothing of a run, with what they are where nobody asks for anything."""

TRAINED = ("model", "objective", "optimisation", "ema", "schedule")
"""The groups whose code makes a training step."""


@dataclass(frozen=True)
class Configuration:
    """The configuration of one run: complete, without interpolations, and never changed.

    Attributes:
        plain: as plain containers, which are what config.yaml holds.
        named: the dotted keys that the user gave a value on the command line, with these values.
        of_run: whether it came with a run directory: somebody else may have written it.
        given: groups and dotted keys at which the user put something else in place of what had come.

    Raises:
        UserError: a value is not resolved, or a run directory names what it may not name.
    """

    plain: Mapping[str, Any]
    named: Mapping[str, object] = field(default_factory=dict)
    of_run: bool = False
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_plain(self.plain)
        if self.of_run:
            trust.check(self.plain, given=self.given)

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return str(self.plain["experiment"])

    @property
    def primary_score(self) -> str | None:
        """By which runs are ranked."""
        score: str | None = self.plain["primary_score"]
        return score

    @property
    def seed(self) -> int:
        """Of everything random."""
        return int(self.plain["seed"])

    @property
    def outputs(self) -> str:
        """The root of run directories."""
        return str(self.plain["outputs"])

    @property
    def rerun(self) -> bool:
        """Whether a finished run is trained again."""
        return bool(self.plain["rerun"])

    @property
    def code(self) -> str:
        """What becomes of a finished run that other code has made: `refuse`, `accept` or `rerun`."""
        return str(self.plain["code"])

    @cached_property
    def budget(self) -> Budget:
        """How long to train."""
        return Budget(**self.plain["budget"])

    @cached_property
    def trainer(self) -> Trainer:
        """The machine and how it computes."""
        return Trainer(**self.plain["trainer"])

    @property
    def evaluated(self) -> bool:
        """Whether the run is scored."""
        return self.plain["evaluation"]["_target_"] is not None

    def foreign(self, *groups: str) -> list[str]:
        """The `_target_`s in some groups that are neither kantor's nor torch's: nobody has tried them yet."""
        found = targets.names([self.plain[group] for group in groups if group in self.plain])
        return [name for name in found if name.partition(".")[0] not in ("kantor", "torch")]

    def build(self, key: str, **injected: object) -> Any:
        """Make the object that a node of the configuration describes.

        Args:
            key: dotted, of a node with a `_target_`, or of a mapping of them.
            injected: further keyword arguments for the outermost target, or for each where the node is a mapping.

        Raises:
            UserError: a target is unknown or not allowed, an argument is unknown, missing or of another type, or a
                target refuses a value; the message gives the key.
        """
        node: Any = self.plain
        for part in key.split("."):
            if part not in node:
                raise of_another_version(key)
            node = node[part]
        if self.of_run:
            trust.check_fetching(node, key, given=self.given)
        return targets.instantiate(node, key=key, **injected)

    def replaced(self, key: str, value: object) -> "Configuration":
        """A configuration with another value at a dotted key."""
        return replace(self, plain=_replaced(self.plain, key.split("."), value))


def of_another_version(key: str) -> UserError:
    """That a configuration lacks a key that this kantor needs."""
    return UserError(
        f"{key}: the configuration has none, so it was written by another version of kantor; train the run again, or "
        "take the version that made it (environment.json names it)"
    )


def _replaced(tree: Mapping[str, Any], path: list[str], value: object) -> dict[str, Any]:
    first, *rest = path
    return {**tree, first: _replaced(tree[first], rest, value) if rest else value}
