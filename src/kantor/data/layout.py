"""Layout: what the directories below the root of a folder of pictures say. train/ and test/ (or val/) are the splits;
where every picture lies in a directory, below its split, those are the classes."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kantor.data.images import Split

TRAIN = frozenset({"train", "training"})
TEST = frozenset({"test", "testing"})
VALIDATION = frozenset({"val", "valid", "validation"})
"""Names of directories in small letters; the last are the test split where there is none of the second."""
LIKE = re.compile(r"(?i:train|training|test|testing|val|valid|validation|dev|eval|held[-_ ]?out)(?![a-z])")
"""How names begin that seem to be of a split, such as train2017, test_set and trainA."""
NAMED = 5
"""Directories that a sentence names."""


@dataclass(frozen=True)
class Layout:
    """How pictures are split and labelled by where they lie.

    Attributes:
        names: of the files, relative, with "/".
    """

    names: list[str]

    @cached_property
    def tops(self) -> list[str]:
        """The topmost directories, sorted."""
        return sorted({name.partition("/")[0] for name in self.names if "/" in name})

    @cached_property
    def splits(self) -> dict[Split, list[str]] | None:
        """The directories of each split; None where nothing is split by directories."""
        train = [top for top in self.tops if top.lower() in TRAIN]
        test = [top for top in self.tops if top.lower() in TEST] or [
            top for top in self.tops if top.lower() in VALIDATION
        ]
        return {"train": train, "test": test} if train and test else None

    def of_split(self, split: Split) -> np.ndarray:
        """Which pictures belong to a split by directories, bool (N,)."""
        assert self.splits is not None
        directories = set(self.splits[split])
        return np.array([name.partition("/")[0] in directories for name in self.names], dtype=bool)

    @cached_property
    def _inner(self) -> list[str | None]:
        """Each name below its split; None of what belongs to none."""
        if self.splits is None:
            return list(self.names)
        used = {top for tops in self.splits.values() for top in tops}
        parts = [name.partition("/") for name in self.names]
        return [rest if top in used else None for top, _, rest in parts]

    @cached_property
    def classes(self) -> list[str] | None:
        """The directories that are classes, sorted; None where a picture lies in none."""
        inner = [name for name in self._inner if name is not None]
        if not all("/" in name for name in inner):
            return None
        return sorted({name.partition("/")[0] for name in inner})

    def labels(self) -> np.ndarray | None:
        """The place of each picture's directory in `classes`, int64 (N,), -1 of one in no split; None without."""
        if self.classes is None:
            return None
        number = {name: label for label, name in enumerate(self.classes)}
        return np.array(
            [-1 if name is None else number[name.partition("/")[0]] for name in self._inner], dtype=np.int64
        )

    def remarks(self) -> list[str]:
        """What a user may not have meant."""
        return [*self._remarks_on_splits(), *self._remarks_on_classes()]

    def _remarks_on_splits(self) -> list[str]:
        said: list[str] = []
        if self.splits is not None:
            shown = " and ".join(f"{'/, '.join(tops)}/" for tops in self.splits.values())
            said.append(f"{shown} are the splits: data.holdout is not used")
            others = sum(name is None for name in self._inner)
            said += [f"{others:,} pictures lie in neither, and are left out"] if others else []
        alike = self._alike
        for place in alike[:NAMED]:
            taken = "a class" if place in (self.classes or []) else "any other directory"
            said.append(
                f"{place}/ is taken for {taken}: for splits, train/ and test/ (or val/) are expected right below "
                "data.root"
            )
        return said + ([f"so are {len(alike) - NAMED:,} more"] if len(alike) > NAMED else [])

    @cached_property
    def _alike(self) -> list[str]:
        """The directories that seem to be splits and are none, of any depth, sorted; below a split, below it."""
        places = {name.rpartition("/")[0] for name in self._inner if name is not None and "/" in name}
        parts = [place.split("/") for place in sorted(places)]
        found = {
            "/".join(part[: depth + 1]): None
            for part in parts
            for depth, name in enumerate(part)
            if LIKE.match(name) is not None
        }
        return list(found)

    def _remarks_on_classes(self) -> list[str]:
        inner = [name for name in self._inner if name is not None]
        stray = [name for name in inner if "/" not in name]
        if not stray or len(stray) == len(inner):
            return []
        verb = "lies" if len(stray) == 1 else "lie"
        return [
            f"{len(stray):,} of {len(inner):,} pictures {verb} in no directory of a class ({stray[0]}): no directory "
            "is a class, and there are no labels"
        ]
