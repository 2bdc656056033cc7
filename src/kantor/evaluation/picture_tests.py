"""Tests of one draw: can it be told apart from real pictures, and does it repeat the pictures it was trained on?

A p-value is no score: it is not averaged over draws, has no floor, and ranks nothing. It is small where what it tests
for is seen, and uniform in (0, 1] where one law made both sets.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kantor.evaluation.extractors.base import Features
from kantor.evaluation.picture_comparison import PictureSetting
from kantor.evaluation.score import Aspect, Kind, Value, Words
from kantor.evaluation.score_definition import ScoreDefinition
from kantor.metrics.memorisation import CELLS, Memorisation, memorisation
from kantor.metrics.two_sample import TwoSampleTest, one_nn_test
from kantor.metrics.variety import coverage_test

PERMUTATIONS = 999
"""No p-value of a permutation test is below 0.001."""

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
        k: neighbours that span a ball.
        rng: draws what a purpose names.
    """

    real: Features
    generated: Features
    training: Callable[[], Features]
    held_out: Callable[[], Features]
    k: int
    rng: Callable[[str], np.random.Generator]

    @cached_property
    def fresh(self) -> Features:
        """Of held-out pictures."""
        return self.held_out()

    @cached_property
    def two_sample(self) -> TwoSampleTest:
        """Whether one law could have made both."""
        sets = self.real.features[:AT_MOST], self.generated.features[:AT_MOST]
        return one_nn_test(*sets, self.rng("permutations"), permutations=PERMUTATIONS)

    def coverage_p(self) -> float:
        """How sure it is that the draw covers less than held-out pictures do."""
        real, held_out, drawn = (each.features[:AT_MOST] for each in (self.real, self.fresh, self.generated))
        return coverage_test(real, held_out, drawn, self.rng("coverage"), k=self.k, permutations=PERMUTATIONS)

    @cached_property
    def memorisation(self) -> Memorisation:
        """Whether the draw is nearer to the training pictures than held-out ones are."""
        held_out, drawn = self.fresh.features[:AT_MOST], self.generated.features[:AT_MOST]
        return memorisation(self.training().features, held_out, drawn)

    def share_nearer(self) -> Value:
        """That of the memorisation test, or the reason why it has none."""
        share = self.memorisation.share_nearer
        return "no held-out picture lies where samples do" if math.isnan(share) else share


PictureTest = ScoreDefinition[PictureSetting, FirstDraw]


def picture_test(
    name: str,
    aspect: Aspect,
    words: Words,
    estimator: Callable[[PictureSetting], dict[str, Any]],
    compute: Callable[[FirstDraw], Value],
    *,
    function: Callable[..., Any],
    source: str,
    applies: Callable[[PictureSetting], bool] = lambda setting: True,
) -> PictureTest:
    """A test, which is read as it is."""
    return ScoreDefinition(
        name=name,
        kind=Kind("none", aspect=aspect),
        words=words,
        function=function,
        source=source,
        estimator=estimator,
        compute=compute,
        spread="a test of one draw: no interval, and nothing to hold it against",
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
        "distance": "euclidean, nearest, over that one's own from its nearest",
        "cells": {"k-means, at most": CELLS},
        "test": "Mann-Whitney within cells, one-sided",
    }


def has_memory(setting: PictureSetting) -> bool:
    """Whether training pictures are looked through."""
    return setting.memory is not None


OF_PERMUTATIONS = "Lopez-Paz and Oquab 2017, arXiv:1610.06545; p-values as in Phipson and Smyth 2010"
OF_COPYING = "Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675"
TWO_SAMPLE = (
    picture_test(
        "one_nn_p_apart",
        "apart",
        Words(
            meaning="p-value: told apart from real pictures",
            good="above 0.01: this many samples cannot be told from real pictures",
            suspicious="below 0.01: they can, which at this n is common and says nothing of how well",
        ),
        permuted,
        lambda draw: draw.two_sample.p_apart,
        function=one_nn_test,
        source=OF_PERMUTATIONS,
    ),
    picture_test(
        "one_nn_p_copied",
        "copied",
        Words(
            meaning="p-value: lying on the reference's pictures",
            good="above 0.01: samples are not nearer to the reference than its pictures are to one another",
            suspicious="below 0.01: samples repeat pictures of the reference, with little change",
        ),
        permuted,
        lambda draw: draw.two_sample.p_copied,
        function=one_nn_test,
        source=OF_PERMUTATIONS,
    ),
)
VARIETY = (
    picture_test(
        "coverage_p",
        "narrow",
        Words(
            meaning="p-value: covering less than held-out pictures",
            good="above 0.01: samples reach as many places as fresh pictures do",
            suspicious="below 0.01: something real is not made",
        ),
        lambda setting: {**permuted(setting), "k": setting.k},
        lambda draw: draw.coverage_p(),
        function=coverage_test,
        source="coverage of Naeem et al. 2020, arXiv:2002.09797; p-values as in Phipson and Smyth 2010",
    ),
)
MEMORY = (
    picture_test(  # 0.5 for what is as far away as fresh pictures
        "memorisation",
        "whole",
        Words(
            meaning="share of samples nearer to training pictures than held-out ones like them",
            good="0.5: as near as fresh pictures are",
            suspicious="near 1: copies of training pictures; near 0: samples are far from all of them",
        ),
        distances,
        lambda draw: draw.share_nearer(),
        function=memorisation,
        source=OF_COPYING,
        applies=has_memory,
    ),
    picture_test(
        "memorisation_p",
        "memorised",
        Words(
            meaning="p-value: nearer to training pictures than held-out ones like them",
            good="above 0.01: no copying is seen",
            suspicious="below 0.01: training pictures are repeated or, where coverage is low too, blurred",
        ),
        distances,
        lambda draw: draw.memorisation.p_value,
        function=memorisation,
        source=OF_COPYING,
        applies=has_memory,
    ),
)
PICTURE_TESTS = (*TWO_SAMPLE, *VARIETY, *MEMORY)
