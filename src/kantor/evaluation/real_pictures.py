"""Which of a data set's pictures the generated ones are compared with, and how many of either.

The reference is drawn from the training pictures by a seed that is part of the protocol: everybody's is the same.
Floors are held-out pictures, drawn by the evaluation's own seed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from kantor import keyed
from kantor.data.images import ImageData
from kantor.errors import UserError

REFERENCE_SEED = 0


@dataclass(frozen=True)
class RealPictures:
    """The pictures of a data set that take part in an evaluation.

    Attributes:
        name: of the data set.
        train, test: how many pictures it has to train on, and held out.
        asked: pictures in a draw, as configured.
        reference_asked: pictures in the reference: None for as many as in a draw, "all" for all training pictures.
        seed: of the draws.
    """

    name: str
    train: int
    test: int
    asked: int
    reference_asked: int | Literal["all"] | None
    seed: int

    @classmethod
    def of(
        cls,
        data: ImageData,
        *,
        n: int,
        n_real: int | Literal["all"] | None,
        neighbours: int,
        seed: int,
    ) -> "RealPictures":
        """Those of a data set.

        Raises:
            UserError: it has too few for the neighbours asked for.
        """
        found = cls(data.name, len(data.train), len(data.test), n, n_real, seed)
        if min(n, found._possible) <= neighbours:
            raise UserError(
                f"evaluation: data={data.name} has {found.train} pictures to train on and {found.test} held out; "
                f"neighbours={neighbours} needs at least {2 * neighbours + 2} and {neighbours + 1}: take more data or "
                "fewer neighbours"
            )
        return found

    @property
    def n(self) -> int:
        """Pictures in a draw: as asked, or as many as two disjoint references and one floor leave where the reference
        is of the same size."""
        return self.asked if self.reference_asked is not None else min(self.asked, self._possible)

    @property
    def n_reference(self) -> int:
        """Pictures in the reference."""
        if self.reference_asked is None:
            return self.n
        return self.train if self.reference_asked == "all" else min(self.reference_asked, self.train)

    @property
    def n_floor(self) -> int:
        """Pictures in a draw of a floor."""
        return min(self.n, self.test)

    def floors(self, draws: int) -> int:
        """How many disjoint draws of floors there are, at most `draws`."""
        return min(self.test // self.n_floor, draws)

    @property
    def reference(self) -> np.ndarray:
        """Training pictures that scores compare with: rows, int64."""
        return self._train_order[: self.n_reference]

    @property
    def validation(self) -> np.ndarray:
        """Those that checkpoints are chosen by: others than the reference where there are enough."""
        if 2 * self.n_reference <= self.train:
            return self._train_order[self.n_reference :][: self.n]
        return self._train_order[-self.n :]

    def memory(self, most: int) -> np.ndarray:
        """Training pictures that a generator may have learned by heart, at most so many; the reference comes first."""
        return self._train_order[:most]

    def floor(self, number: int) -> np.ndarray:
        """Held-out pictures of one floor."""
        return self._test_order[number * self.n_floor :][: self.n_floor]

    def notes(self) -> list[str]:
        """What gave way because the data set is small."""
        found = []
        if self.n < self.asked:
            found.append(
                f"data={self.name} is too small for draws of {self.asked:,} pictures: scoring draws of {self.n:,}"
            )
        if isinstance(self.reference_asked, int) and self.n_reference < self.reference_asked:
            found.append(f"data={self.name} has {self.train:,} training pictures: they all are the reference")
        return found

    @property
    def _possible(self) -> int:
        return min(self.train // 2, self.test)

    @cached_property
    def _train_order(self) -> np.ndarray:
        return order(self.train, REFERENCE_SEED, "reference")

    @cached_property
    def _test_order(self) -> np.ndarray:
        return order(self.test, self.seed, "floor")


def order(n: int, seed: int, purpose: str) -> np.ndarray:
    """A permutation of 0 … n-1."""
    return keyed.generator(seed, purpose).permutation(n)
