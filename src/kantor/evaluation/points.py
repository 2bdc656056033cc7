"""Scores of generated points against a distribution whose truth is known."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from kantor import keyed
from kantor.data.points import GaussianMixture, Line, PointDistribution, Points, identity
from kantor.errors import NonFiniteError, require_at_least, require_positive
from kantor.evaluation.generation import generate, reproducible
from kantor.evaluation.protocol import Better, Draw, Protocol, Score
from kantor.metrics import divergences, modes
from kantor.metrics.duality import critic_w1
from kantor.metrics.intervals import t_interval
from kantor.metrics.transport import wasserstein
from kantor.models.base import GenerativeModel, Weights
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
BETTER: dict[str, Better] = {
    "modes_covered": "higher",
    "within_3_sigma": "target",
    "mode_kl": "lower",
    "w1": "lower",
    "w2": "lower",
    "critic_w1": "none",
    "tv": "lower",
    "js": "lower",
}

TARGETS = {"within_3_sigma": WITHIN_TARGET}

Checkpoint = Literal["last", "best"]
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
class PointEvaluation:
    """The `toy` evaluation: R fresh draws of n points against one reference, each score with interval and floor.

    Attributes:
        name: what the evaluation is called.
        n: points in a draw, and in the reference.
        draws: R; from 10 on each score has an interval.
        chunk: points drawn as one batch.
        seed: of the draws; another seed takes another random sample.
        weights: the generator's moving average (`ema`) or the generator itself (`raw`).
        checkpoint: `last` or `best`.
        bins: cells of histograms along each axis.
        every: generator steps between scores while training.
        threads: of the generator while samples are drawn.
    """

    name: str
    n: int
    draws: int
    chunk: int
    seed: int
    weights: Weights
    checkpoint: Checkpoint
    bins: int
    every: int
    threads: int

    def __post_init__(self) -> None:
        require_at_least(2, n=self.n)
        require_positive(draws=self.draws, chunk=self.chunk, bins=self.bins, every=self.every, threads=self.threads)

    def protocol(self, name: str, distribution: PointDistribution) -> Protocol:
        """What is measured, on the data set called `name`."""
        kinds = {
            **ESTIMATORS,
            "tv": {**ESTIMATORS["tv"], "bins": self.bins},
            "js": {**ESTIMATORS["js"], "bins": self.bins},
        }
        return Protocol(
            data={"name": name, **identity(distribution)},
            split={"real": "fresh draws", "reference": "stratified", "reference_seed": REFERENCE_SEED},
            extractor="identity",
            n_real=self.n,
            n_generated=self.n,
            estimators={score: kinds[score] for score in applicable(distribution)},
        )

    def draw(self) -> Draw:
        """Which random sample."""
        return Draw(seed=self.seed, chunk=self.chunk, draws=self.draws)

    def score_while_training(
        self, model: GenerativeModel, distribution: PointDistribution, processes: Processes
    ) -> dict[str, float]:
        """One draw of its own for this generator step, without interval and floor."""
        with reproducible(self.threads):
            points = self._points(model, self.n, "validate", model.generator_steps, processes=processes)
            found = self._scorer(distribution)(points, potential_of(model)) if processes.rank == 0 else None
        return processes.gather(found)[0]

    def score(self, model: GenerativeModel, distribution: PointDistribution, processes: Processes) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors.

        Draw r is scored by rank r mod world, and results are folded in the order of draws.
        """
        with reproducible(self.threads):
            points = self._points(model, self.n * self.draws, "evaluate", processes=processes)
            return self.score_draws(list(np.split(points, self.draws)), distribution, processes, potential_of(model))

    def score_draws(
        self,
        draws: list[Points],
        distribution: PointDistribution,
        processes: Processes,
        potential: Potential | None = None,
    ) -> dict[str, Score]:
        """Scores of given draws, each (n, 2), wherever they come from."""
        scorer = self._scorer(distribution)
        own = {r: (scorer(draws[r], potential), self._floor(r, scorer, potential)) for r in processes.mine(len(draws))}
        found = {r: result for part in processes.gather(own) for r, result in part.items()}
        results = [found[r] for r in range(len(draws))]
        return {
            name: Score(
                estimate=t_interval([scores[name] for scores, _ in results]),
                covers="draws",
                better=BETTER[name],
                floor=t_interval([floors[name] for _, floors in results]),
                floor_n=self.n,
                floor_draws=len(draws),
                target=TARGETS.get(name),
            )
            for name in results[0][0]
        }

    def _points(self, model: GenerativeModel, n: int, purpose: str, *counters: int, processes: Processes) -> Points:
        """`n` float64 points of the model, the same on every process."""
        points = generate(
            lambda size, rng: model.sample(size, rng=rng, weights=self.weights),
            n,
            chunk=self.chunk,
            key=lambda c: keyed.seed(self.seed, purpose, *counters, c),
            processes=processes,
            device=model.device,
        )
        if not np.isfinite(points).all():
            raise NonFiniteError("the generator makes values that are not finite: the run diverged and has no score")
        return points.astype(np.float64)

    def _scorer(self, distribution: PointDistribution) -> PointScores:
        reference = distribution.sample(self.n, _rng(REFERENCE_SEED, "reference"), stratified=True)
        return PointScores(distribution, reference, self.bins)

    def _floor(self, r: int, scorer: PointScores, potential: Potential | None) -> dict[str, float]:
        """What real points of draw r score: plain draws for shares, stratified ones for distances of point sets."""
        plain = scorer.distribution.sample(self.n, _rng(self.seed, "floor", r))
        even = scorer.distribution.sample(self.n, _rng(self.seed, "floor", r), stratified=True)
        return {**scorer.shares(plain), **scorer.distances(even, potential)}


def _rng(seed: int, purpose: str, *counters: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=keyed.seed(seed, purpose, *counters)))


def applicable(distribution: PointDistribution) -> list[str]:
    """The scores that a distribution's truth allows."""
    of_modes = ["modes_covered", "within_3_sigma", "mode_kl"] if isinstance(distribution, GaussianMixture) else []
    of_lines = ["tv", "js"] if isinstance(distribution, Line) else []
    return [*of_modes, "w1", "w2", "critic_w1", *of_lines]


def potential_of(model: GenerativeModel) -> Potential | None:
    """The model's critic as a float64 function of points, on the CPU; None when it has none."""
    if model.potential is None:
        return None
    assert isinstance(model.potential, torch.nn.Module)
    critic = copy.deepcopy(model.potential).to("cpu").double().eval().requires_grad_(False)
    return lambda points: critic(torch.from_numpy(points)).numpy()
