"""The composer of a plan's jobs: what jobs have in common is found out once for all of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from kantor.config import targets
from kantor.config.choices import by_itself
from kantor.config.compose import Draft, drafted, resolved
from kantor.config.schema import Configuration
from kantor.digests import canonical
from kantor.errors import UserError
from kantor.runs import source
from kantor.runs.identity import HASHED, code_hashes, config_hash
from kantor.sweeps.plan import Job

MACHINE = ("accelerator", "devices", "threads")
"""Keys of `trainer` that change no weights: where they say `auto`, the machine that trains decides, not that of the
plan."""

SEED = re.compile(r"seed=(\d{1,18})")


class Composer:
    """Composes jobs.

    Args:
        config_dirs: directories with further groups.
    """

    def __init__(self, config_dirs: Sequence[str]) -> None:
        self._config_dirs = list(config_dirs)
        self._drafts: dict[tuple[str, ...], Draft] = {}
        self._options: dict[tuple[str, ...], Mapping[str, Any]] = {}
        self._identities: dict[str, str | UserError] = {}
        self._codes: dict[tuple[str, ...], dict[str, str]] = {}

    def job(self, number: int, overrides: Sequence[str], told: Sequence[str]) -> Job:
        """A job.

        Args:
            number: its place in the plan.
            overrides: `key=value`s in Hydra's grammar.
            told: those by which it is known.

        Raises:
            UserError: an override is wrong, or contradicts another.
        """
        draft = self.draft(overrides)
        configuration = self._identified(resolved(draft.plain, draft.named))
        plain = dict(configuration.plain)
        trainer = {key: draft.plain["trainer"][key] for key in MACHINE if draft.plain["trainer"][key] == "auto"}
        return Job(
            number,
            tuple(told),
            f"{configuration.experiment}/{config_hash(plain)[:10]}-s{configuration.seed}",
            {**plain, "trainer": {**plain["trainer"], **trainer}},
            draft.named,
            self._code(plain),
        )

    def own_files(self) -> list[str]:
        """The files of code that is not kantor's, of all jobs."""
        names = {name for code in self._codes.values() for name in code if not name.startswith(("kantor.", "torch."))}
        return sorted({str(path) for name in names for path in source.modules_of(name).values()})

    def draft(self, overrides: Sequence[str]) -> Draft:
        """What Hydra makes of overrides; of those that differ in their seed only, once. It takes no torch.

        Raises:
            UserError: an override is wrong.
        """
        rest = tuple(word for word in overrides if not SEED.fullmatch(word))
        seeds = [int(found[1]) for word in overrides if (found := SEED.fullmatch(word))]
        draft = self._drafted(rest, overrides)
        if not seeds or draft.plain["seed"] == seeds[-1]:
            return draft
        if draft.by_seed:
            return self._drafted(tuple(overrides), overrides)
        named = {**draft.named, "seed": seeds[-1]}
        return replace(draft, plain={**draft.plain, "seed": seeds[-1]}, named=named)

    def _drafted(self, key: tuple[str, ...], overrides: Sequence[str]) -> Draft:
        if key not in self._drafts:
            self._drafts[key] = drafted(list(overrides), config_dirs=self._config_dirs, itself=self._itself)
        return self._drafts[key]

    def _itself(self, group: str, option: str, places: Sequence[str]) -> Mapping[str, Any]:
        key = (group, option, *places)
        if key not in self._options:
            self._options[key] = by_itself(group, option, places)
        return self._options[key]

    def _identified(self, configuration: Configuration) -> Configuration:
        """With the identity of its data, which is found out once for equal data."""
        node = configuration.plain["data"]
        if node.get("identity") != "auto":
            return configuration
        key = canonical(node)
        if key not in self._identities:
            try:
                self._identities[key] = configuration.build("data", seed=configuration.seed).fingerprint
            except UserError as error:  # perhaps after a download that nobody wants twice
                self._identities[key] = error
        identity = self._identities[key]
        if isinstance(identity, UserError):
            raise identity
        return configuration.replaced("data.identity", identity)

    def _code(self, plain: Mapping[str, Any]) -> dict[str, str]:
        names = tuple(targets.names({part: plain[part] for part in HASHED}))
        if names not in self._codes:
            self._codes[names] = code_hashes(plain)
        return self._codes[names]
