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
from kantor.evaluation.score import Kind, Words
from kantor.evaluation.score_definition import ScoreDefinition
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
        training: makes those of pictures that may have been learned by heart.
        held_out: makes those of pictures that cannot.
        rng: draws the permutations.
    """

    real: Features
    generated: Features
    training: Callable[[], Features]
    held_out: Callable[[], Features]
    rng: np.random.Generator

    @cached_property
    def two_sample(self) -> TwoSampleTest:
        """Whether one law could have made both."""
        sets = self.real.features[:AT_MOST], self.generated.features[:AT_MOST]
        return one_nn_test(*sets, self.rng, permutations=PERMUTATIONS)

    @cached_property
    def memorisation(self) -> Memorisation:
        """Whether the draw is nearer to the training pictures than held-out ones are."""
        held_out, drawn = self.held_out().features[:AT_MOST], self.generated.features[:AT_MOST]
        return memorisation(self.training().features, held_out, drawn)


PictureTest = ScoreDefinition[PictureSetting, FirstDraw]


def picture_test(
    name: str,
    words: Words,
    estimator: Callable[[PictureSetting], dict[str, Any]],
    compute: Callable[[FirstDraw], float],
    *,
    function: Callable[..., Any],
    source: str,
    applies: Callable[[PictureSetting], bool] = lambda setting: True,
) -> PictureTest:
    """A test, which is read as it is."""
    return ScoreDefinition(
        name=name,
        kind=Kind("none"),
        words=words,
        function=function,
        source=source,
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


OF_PERMUTATIONS = "Lopez-Paz and Oquab 2017, arXiv:1610.06545; p-values as in Phipson and Smyth 2010"
OF_COPYING = "Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675"
TWO_SAMPLE = (
    picture_test(
        "one_nn_p_apart",
        Words(
            meaning="p-value: told apart from real pictures",
            good="above 0.05: this many samples cannot be told from real pictures",
            suspicious="below 0.05: they can, which at this n is common and says nothing of how well",
        ),
        permuted,
        lambda draw: draw.two_sample.p_apart,
        function=one_nn_test,
        source=OF_PERMUTATIONS,
    ),
    picture_test(
        "one_nn_p_copied",
        Words(
            meaning="p-value: lying on the reference's pictures",
            good="above 0.05: samples are not nearer to the reference than its pictures are to one another",
            suspicious="below 0.05: samples repeat pictures of the reference, with little change",
        ),
        permuted,
        lambda draw: draw.two_sample.p_copied,
        function=one_nn_test,
        source=OF_PERMUTATIONS,
    ),
)
MEMORY = (
    picture_test(  # 0.5 for what is as far away as fresh pictures
        "memorisation",
        Words(
            meaning="share of samples nearer to training pictures than held-out ones",
            good="0.5: as near as fresh pictures are",
            suspicious="near 1: copies of training pictures; near 0: samples are far from all of them",
        ),
        distances,
        lambda draw: draw.memorisation.share_nearer,
        function=memorisation,
        source=OF_COPYING,
        applies=has_memory,
    ),
    picture_test(
        "memorisation_p",
        Words(
            meaning="p-value: nearer to training pictures than held-out ones",
            good="above 0.05: no copying is seen",
            suspicious="below 0.05: training pictures are repeated",
        ),
        distances,
        lambda draw: draw.memorisation.p_value,
        function=memorisation,
        source=OF_COPYING,
        applies=has_memory,
    ),
)
PICTURE_TESTS = (*TWO_SAMPLE, *MEMORY)
