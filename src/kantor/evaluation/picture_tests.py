"""Tests of one draw: can it be told apart from real pictures, and does it repeat the pictures it was trained on?

A p-value is no score: it is not averaged over draws, has no floor, and ranks nothing. It is small where what it tests
for is seen, and uniform in (0, 1] where one law made both sets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kantor.evaluation.extractors.base import Features
from kantor.evaluation.picture_comparison import PictureSetting
from kantor.evaluation.score_definition import Kind, ScoreDefinition
from kantor.metrics.memorisation import Memorisation, memorisation
from kantor.metrics.two_sample import TwoSampleTest, one_nn_test

PERMUTATIONS = 999
"""No p-value of the two-sample test is below 0.001."""

AT_MOST = 5000
"""Pictures of each side that are looked at: enough to see what matters, and distances grow with their square."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstDraw:
    """One draw of pictures beside real ones, features (M, d) and (N, d).

    Attributes:
        real: the reference.
        generated: the draw.
        training: pictures that may have been learned by heart; None where no test asks for them.
        held_out: pictures that cannot.
        rng: draws the permutations.
    """

    real: Features
    generated: Features
    training: Features | None
    held_out: Features
    rng: np.random.Generator

    @cached_property
    def two_sample(self) -> TwoSampleTest:
        """Whether one law could have made both."""
        sets = self.real.features[:AT_MOST], self.generated.features[:AT_MOST]
        return one_nn_test(*sets, self.rng, permutations=PERMUTATIONS)

    @cached_property
    def memorisation(self) -> Memorisation:
        """Whether the draw is nearer to the training pictures than held-out ones are."""
        assert self.training is not None
        held_out, drawn = self.held_out.features[:AT_MOST], self.generated.features[:AT_MOST]
        return memorisation(self.training.features, held_out, drawn)


PictureTest = ScoreDefinition[PictureSetting, FirstDraw]


def picture_test(
    name: str,
    meaning: str,
    estimator: Callable[[PictureSetting], dict[str, Any]],
    compute: Callable[[FirstDraw], float],
    *,
    applies: Callable[[PictureSetting], bool] = lambda setting: True,
) -> PictureTest:
    """A test, which is read as it is."""
    return ScoreDefinition(
        name=name,
        kind=Kind("none"),
        meaning=meaning,
        estimator=estimator,
        compute=compute,
        spread="a test of one draw: no interval and no floor",
        applies=applies,
    )


def permuted(setting: PictureSetting) -> dict[str, Any]:
    """Of the two-sample test."""
    return {"draw": "first", "at_most": AT_MOST, "permutations": PERMUTATIONS}


def distances(setting: PictureSetting) -> dict[str, Any]:
    """Of the memorisation test."""
    return {
        "draw": "first",
        "at_most": AT_MOST,
        "training": setting.memory,
        "distance": "euclidean, nearest",
        "test": "Mann-Whitney, one-sided",
    }


def has_memory(setting: PictureSetting) -> bool:
    """Whether training pictures are looked through."""
    return setting.memory is not None


TWO_SAMPLE = (
    picture_test(
        "one_nn_p_apart", "p-value: told apart from real pictures", permuted, lambda draw: draw.two_sample.p_apart
    ),
    picture_test(
        "one_nn_p_copied",
        "p-value: lying on the reference's pictures",
        permuted,
        lambda draw: draw.two_sample.p_copied,
    ),
)
MEMORY = (
    picture_test(  # 0.5 for what is as far away as fresh pictures
        "memorisation",
        "share of samples nearer to training pictures than held-out ones",
        distances,
        lambda draw: draw.memorisation.share_nearer,
        applies=has_memory,
    ),
    picture_test(
        "memorisation_p",
        "p-value: nearer to training pictures than held-out ones",
        distances,
        lambda draw: draw.memorisation.p_value,
        applies=has_memory,
    ),
)
PICTURE_TESTS = (*TWO_SAMPLE, *MEMORY)
