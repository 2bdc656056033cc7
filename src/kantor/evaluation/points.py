"""Scores of generated points against a distribution whose truth is known."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from kantor import keyed
from kantor.data.module import BlockData, PointData
from kantor.data.points import GaussianMixture, Line, PointDistribution, Points, identity
from kantor.errors import NonFiniteError, require_positive
from kantor.evaluation.base import Evaluation, Kind, Work
from kantor.evaluation.generation import reproducible
from kantor.evaluation.protocol import Protocol, Score
from kantor.evaluation.spreads import estimated
from kantor.metrics import divergences, modes
from kantor.metrics.duality import critic_w1
from kantor.metrics.transport import wasserstein
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasPotential
from kantor.processes import Processes

MODE_SHARE = 0.01
MODE_RADIUS = 3.0
REFERENCE_SEED = 0  # the reference is part of the protocol: everybody's is the same
WITHIN_TARGET = round(1 - math.exp(-(MODE_RADIUS**2) / 2), 5)

ESTIMATORS: dict[str, Any] = {
    "modes_covered": {"share": MODE_SHARE, "radius_sigma": MODE_RADIUS},
    "within_3_sigma": {"radius_sigma": MODE_RADIUS},
    "mode_kl": {"histogram": "nearest mode", "against": "equal shares", "unit": "nats"},
    "w1": {"solver": "exact", "ground": "euclidean", "arithmetic": "float64"},
    "w2": {"solver": "exact", "ground": "euclidean", "arithmetic": "float64"},
    "critic_w1": {"slope": "largest between any two points", "arithmetic": "float64"},
    "tv": {"histogram": "common grid"},
    "js": {"histogram": "common grid", "unit": "nats"},
}
KINDS = {
    "modes_covered": Kind("higher"),
    "within_3_sigma": Kind("target", WITHIN_TARGET),
    "mode_kl": Kind("lower"),
    "w1": Kind("lower"),
    "w2": Kind("lower"),
    "critic_w1": Kind("none"),
    "tv": Kind("lower"),
    "js": Kind("lower"),
}

Potential = Callable[[Points], np.ndarray]
"""A critic on points (N, 2) → (N,), in float64."""


@dataclass(frozen=True)
class PointScores:
    """All scores of one draw against one reference.

    Attributes:
        distribution: the truth.
        reference: real points, (n, 2).
        bins: cells of histograms along each axis.
    """

    distribution: PointDistribution
    reference: Points
    bins: int

    def __call__(self, points: Points, potential: Potential | None) -> dict[str, float]:
        """The scores that apply, by name, of points (n, 2)."""
        return {**self.shares(points), **self.distances(points, potential)}

    def shares(self, points: Points) -> dict[str, float]:
        """Scores of where the points fall."""
        truth = self.distribution
        if isinstance(truth, GaussianMixture):
            covered = modes.modes_covered(points, truth.modes, truth.sigma, share=MODE_SHARE, radius=MODE_RADIUS)
            return {
                "modes_covered": float(covered),
                "within_3_sigma": modes.within_radius(points, truth.modes, truth.sigma, radius=MODE_RADIUS),
                "mode_kl": modes.mode_kl(points, truth.modes),
            }
        if isinstance(truth, Line):
            p, q = divergences.common_histograms(self.reference, points, bins=self.bins)
            return {"tv": divergences.total_variation(p, q), "js": divergences.jensen_shannon(p, q)}
        return {}

    def distances(self, points: Points, potential: Potential | None) -> dict[str, float]:
        """Exact distances from the reference, and the critic's estimate if there is a critic."""
        w1 = wasserstein(self.reference, points, order=1)
        found = {"w1": w1, "w2": wasserstein(self.reference, points, order=2)}
        if potential is not None:
            f_real, f_generated = potential(self.reference), potential(points)
            if not (np.isfinite(f_real).all() and np.isfinite(f_generated).all()):
                raise NonFiniteError("the critic gives values that are not finite: the run diverged and has no score")
            found["critic_w1"] = critic_w1(self.reference, points, f_real, f_generated)
            slack = 1e-9 * max(float(np.abs(self.reference).max()), float(np.abs(points).max()))
            assert found["critic_w1"] <= w1 + slack, "no function of slope 1 tells the points further apart than W1"
        return found


@dataclass(frozen=True, kw_only=True)
class PointEvaluation(Evaluation):
    """The `toy` evaluation: R fresh draws of n points against one reference.

    Attributes:
        bins: cells of histograms along each axis.
    """

    bins: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(bins=self.bins)

    def kinds(self, data: BlockData) -> dict[str, Kind]:
        """The scores that the truth of a distribution allows."""
        return {score: KINDS[score] for score in applicable(_truth(data))}

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        distribution = _truth(data)
        estimators = {
            **ESTIMATORS,
            "tv": {**ESTIMATORS["tv"], "bins": self.bins},
            "js": {**ESTIMATORS["js"], "bins": self.bins},
        }
        return Protocol(
            data={"name": data.name, **identity(distribution)},
            split={"real": "fresh draws", "reference": "stratified", "reference_seed": REFERENCE_SEED},
            extractor="identity",
            n_real=self.n,
            n_generated=self.n,
            estimators={score: estimators[score] for score in applicable(distribution)},
        )

    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this step, without interval and floor."""
        with reproducible(self.threads):
            points = self.samples(model, self.n, "validate", model.steps, processes=processes)
            scorer = self._scorer(_truth(data))
            found = scorer(points.astype(np.float64), potential_of(model)) if processes.rank == 0 else None
        return processes.gather(found)[0]

    def score(
        self, model: GenerativeModel, data: BlockData, processes: Processes, work: Work | None = None
    ) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors; points cost too little to be kept.

        Draw r is scored by rank r mod world, and results are folded in the order of draws.
        """
        with reproducible(self.threads):
            points = self.samples(model, self.n * self.draws, "evaluate", processes=processes, work=work)
            draws = np.split(points.astype(np.float64), self.draws)
            return self.score_draws(draws, data, processes, potential_of(model))

    def score_draws(
        self, draws: list[Points], data: BlockData, processes: Processes, potential: Potential | None = None
    ) -> dict[str, Score]:
        """Scores of given points, each draw (n, 2)."""
        scorer = self._scorer(_truth(data))
        own = {r: (scorer(draws[r], potential), self._floor(r, scorer, potential)) for r in processes.mine(len(draws))}
        found = {r: result for part in processes.gather(own) for r, result in part.items()}
        results = [found[r] for r in range(len(draws))]

        def score(name: str) -> Score:
            estimate, reason = estimated([scores[name] for scores, _ in results], [], None)
            floor, floor_reason = estimated([floors[name] for _, floors in results], [], None)
            return Score(
                estimate=estimate,
                covers="draws",
                better=KINDS[name].better,
                floor=floor,
                floor_n=self.n,
                floor_draws=len(draws),
                target=KINDS[name].target,
                reason=reason,
                floor_reason=floor_reason,
            )

        return {name: score(name) for name in results[0][0]}

    def _scorer(self, distribution: PointDistribution) -> PointScores:
        reference = distribution.sample(self.n, keyed.generator(REFERENCE_SEED, "reference"), stratified=True)
        return PointScores(distribution, reference, self.bins)

    def _floor(self, r: int, scorer: PointScores, potential: Potential | None) -> dict[str, float]:
        """What real points of draw r score: plain draws for shares, stratified ones for distances of point sets."""
        plain = scorer.distribution.sample(self.n, keyed.generator(self.seed, "floor", r))
        even = scorer.distribution.sample(self.n, keyed.generator(self.seed, "floor", r), stratified=True)
        return {**scorer.shares(plain), **scorer.distances(even, potential)}


def applicable(distribution: PointDistribution) -> list[str]:
    """The scores that a distribution's truth allows."""
    of_modes = ["modes_covered", "within_3_sigma", "mode_kl"] if isinstance(distribution, GaussianMixture) else []
    of_lines = ["tv", "js"] if isinstance(distribution, Line) else []
    return [*of_modes, "w1", "w2", "critic_w1", *of_lines]


def _truth(data: BlockData) -> PointDistribution:
    return PointData.require(data, purpose="evaluation: this one scores", remedy="evaluation=quick").distribution


def potential_of(model: GenerativeModel) -> Potential | None:
    """The model's critic as a float64 function of points, on the CPU; None when it has none."""
    if not isinstance(model, HasPotential) or model.potential is None:
        return None
    assert isinstance(model.potential, torch.nn.Module)
    critic = copy.deepcopy(model.potential).to("cpu").double().eval().requires_grad_(False)
    return lambda points: critic(torch.from_numpy(points)).numpy()
