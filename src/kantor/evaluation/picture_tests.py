"""Tests of one draw: can it be told apart from real pictures, and does it repeat the pictures it was trained on?

A p-value is no score: it is not averaged over draws, has no floor, and ranks nothing. It is small where what it tests
for is seen, and uniform in (0, 1] where one law made both sets.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kantor.evaluation.base import Kind
from kantor.evaluation.extractors.base import Features
from kantor.evaluation.protocol import Score
from kantor.metrics.intervals import without_interval
from kantor.metrics.memorisation import memorisation
from kantor.metrics.two_sample import one_nn_test

PERMUTATIONS = 999
"""No p-value of the two-sample test is below 0.001."""

AT_MOST = 5000
"""Pictures of each side that are looked at: enough to see what matters, and distances grow with their square."""

TWO_SAMPLE = ("one_nn_p_apart", "one_nn_p_copied")
MEMORY = ("memorisation", "memorisation_p")


@dataclass(frozen=True)
class PictureTests:
    """The tests of the first draw.

    Attributes:
        memory: training pictures that samples may repeat; None for no such test.
    """

    memory: int | None

    def kinds(self) -> dict[str, Kind]:
        """By name: `one_nn_p_apart`, small where draws can be told from real pictures, `one_nn_p_copied`, small where
        they lie on them; `memorisation`, how often a sample is nearer to the training pictures than a held-out picture
        is, 0.5 for what is as far away as fresh pictures, and `memorisation_p`, small where it is nearer."""
        return dict.fromkeys(TWO_SAMPLE + (MEMORY if self.memory is not None else ()), Kind("none"))

    def estimators(self) -> dict[str, Any]:
        """How each is computed, by its name, for the protocol."""
        permuted = {"draw": "first", "at_most": AT_MOST, "permutations": PERMUTATIONS}
        distances = {
            "draw": "first",
            "at_most": AT_MOST,
            "training": self.memory,
            "distance": "euclidean, nearest",
            "test": "Mann-Whitney, one-sided",
        }
        found = {**dict.fromkeys(TWO_SAMPLE, permuted), **dict.fromkeys(MEMORY, distances)}
        return {name: found[name] for name in self.kinds()}

    def __call__(
        self,
        real: Features,
        generated: Features,
        *,
        training: Features | None,
        held_out: Features,
        rng: np.random.Generator,
    ) -> dict[str, float]:
        """What they say of features (N, d) of real and (M, d) of generated pictures.

        Args:
            real: the reference.
            generated: one draw.
            training: pictures that may have been learned by heart; None where `memory` is.
            held_out: pictures that cannot.
            rng: draws the permutations.
        """
        drawn = generated.features[:AT_MOST]
        test = one_nn_test(real.features[:AT_MOST], drawn, rng, permutations=PERMUTATIONS)
        found = dict(zip(TWO_SAMPLE, (test.p_apart, test.p_copied), strict=True))
        if training is not None:
            repeated = memorisation(training.features, held_out.features[:AT_MOST], drawn)
            found |= dict(zip(MEMORY, (repeated.share_nearer, repeated.p_value), strict=True))
        return found


def as_score(value: float, kind: Kind) -> Score:
    """As a card holds it."""
    return Score(
        estimate=without_interval([value]),
        covers="draws",
        better=kind.better,
        floor=None,
        floor_n=0,
        floor_draws=0,
        reason="a test of one draw: no interval and no floor",
    )
