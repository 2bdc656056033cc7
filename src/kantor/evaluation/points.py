"""Scores of generated points against a distribution whose truth is known."""

import copy
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kantor import global_generators, keyed
from kantor.data.module import BlockData, PointData
from kantor.data.points import PointDistribution, Points, identity
from kantor.errors import UserError, require_positive
from kantor.evaluation.base import Evaluation, Work
from kantor.evaluation.generation import SampleChunk, generate, pieces
from kantor.evaluation.likelihood_scores import POINT_LIKELIHOODS, LikelihoodSetting, point_likelihoods
from kantor.evaluation.point_scores import POINT_SCORES, PointComparison, PointScore, PointSetting, Potential
from kantor.evaluation.protocol import Protocol
from kantor.evaluation.score import Score
from kantor.evaluation.score_definition import DrawScores, ScoreDefinition, applying, estimators, numbers
from kantor.evaluation.score_field import FIELD_SCORES, FieldComparison, FieldScore, FieldSetting
from kantor.models.base import GenerativeModel
from kantor.models.protocols import HasDenoiser, HasPotential
from kantor.noising.exact import Exact, exact_denoiser, exact_told
from kantor.numerics import numerics
from kantor.processes import Processes
from kantor.samplers.base import DenoisingSampler

REFERENCE_SEED = 0  # the reference is part of the protocol: everybody's is the same
NOBODY = torch.empty(0, dtype=torch.int64)
"""Labels of no samples."""


@dataclass(frozen=True)
class PointReference:
    """Real points that draws of a model are compared with.

    Attributes:
        setting: of the scores.
        scores: those that are made.
        points: the real ones, (n, 2).
        potential: the model's critic, where it has one.
    """

    setting: PointSetting
    scores: tuple[PointScore, ...]
    points: Points
    potential: Potential | None

    def compare(self, points: Points) -> PointComparison:
        """With points (m, 2)."""
        return PointComparison(self.setting, self.points, points, self.potential)

    def floor(self, seed: int, r: int) -> DrawScores:
        """What draw r of fresh real points scores: plain ones, as a perfect generator would draw them."""
        points = self.setting.distribution.sample(len(self.points), keyed.generator(seed, "floor", r), stratified=False)
        return DrawScores.of(self.scores, self.compare(points), with_spreads=True)


@dataclass(frozen=True, kw_only=True)
class PointEvaluation(Evaluation):
    """The `toy` evaluation: R fresh draws of n points against one reference.

    Attributes:
        bins: cells of histograms along each axis.
        extractor: None: points are scored as they are.
    """

    bins: int
    extractor: object | None

    distances = ("w1", "w2")
    offered: ClassVar[tuple[PointScore, ...]] = POINT_SCORES
    """The scores of samples that there are; a subclass can add some of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extractor is not None:
            raise UserError(
                f"extractor={type(self.extractor).__name__}: evaluation={self.name} scores points as they are; take "
                "extractor=none"
            )
        require_positive(bins=self.bins)

    def definitions(self, data: BlockData) -> tuple[ScoreDefinition[Any, Any], ...]:
        """The scores that the truth of a distribution allows, and those of a likelihood where it is computed."""
        return (
            *applying(self.offered, self._setting(data)),
            *applying(FIELD_SCORES, self._field(data)),
            *applying(POINT_LIKELIHOODS, self._likelihood),
        )

    def at_the_end(self, data: BlockData) -> frozenset[str]:
        """Likelihoods."""
        return frozenset(score.name for score in applying(POINT_LIKELIHOODS, self._likelihood))

    def protocol(self, data: BlockData) -> Protocol:
        """What is measured."""
        setting = self._setting(data)
        return Protocol(
            data={"name": data.name, **identity(setting.distribution)},
            split={"real": "fresh draws", "reference": "stratified", "reference_seed": REFERENCE_SEED},
            extractor="identity",
            n_real=self.n,
            n_generated=self.n,
            estimators={
                **estimators(self.asked(applying(self.offered, setting)), setting),
                **estimators(self.asked(applying(FIELD_SCORES, self._field(data))), self._field(data)),
                **estimators(self.asked(applying(POINT_LIKELIHOODS, self._likelihood)), self._likelihood),
            },
        )

    def score_while_training(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, float]:
        """One draw of its own for this step, without interval and floor."""
        with numerics(threads=self.threads):
            points = self.samples(model, self.n, "validate", model.steps, processes=processes)
            reference, values = self._reference(data, potential_of(model)), None
            if processes.rank == 0:
                values = numbers(reference.scores, reference.compare(points.astype(np.float64)))
                field = self._field_scores(model, data)
                values |= numbers(field, self._field_comparison(model, data, "validate", model.steps))
        return processes.gather(values)[0]

    def score(
        self, model: GenerativeModel, data: BlockData, processes: Processes, work: Work | None = None
    ) -> dict[str, Score]:
        """All scores with intervals over the draws, and floors; points cost too little to be kept.

        Draw r is scored by rank r mod world, and results are folded in the order of draws.
        """
        scores = {}
        with numerics(threads=self.threads):
            if self.asked(self.offered):
                points = self.samples(model, self.n * self.draws, "evaluate", processes=processes, work=work)
                draws = np.split(points.astype(np.float64), self.draws)
                scores = self.score_draws(draws, data, processes, potential_of(model))
            scores |= self._score_field(model, data, processes)
            likelihoods = self.asked(applying(POINT_LIKELIHOODS, self._likelihood))
            if self.likelihood is not None and likelihoods:
                scores |= point_likelihoods(
                    likelihoods,
                    self.likelihood,
                    model,
                    _points(data),
                    n=self.n,
                    draw=self.draw(),
                    weights=self.weights,
                    processes=processes,
                )
            return scores

    def _score_field(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, Score]:
        """The scores of the field that a model has learned, where it has and the true one is known."""
        scores = self._field_scores(model, data)

        def piece(r: int) -> DrawScores:
            return DrawScores.of(scores, self._field_comparison(model, data, "field", r), with_spreads=True)

        made = pieces(piece, self.draws, processes) if scores else []
        return {score.name: score.over_draws(made, [], floor_n=0, floor_kind="") for score in scores}

    def _field_scores(self, model: GenerativeModel, data: BlockData) -> tuple[FieldScore, ...]:
        if not isinstance(model, HasDenoiser):
            return ()
        return self.asked(applying(FIELD_SCORES, self._field(data)))

    def _field_comparison(self, model: GenerativeModel, data: BlockData, purpose: str, counter: int) -> FieldComparison:
        """At n places of its own for each counter."""
        key = keyed.seed(self.seed, f"{purpose} places", counter)
        return FieldComparison(self._field(data), model, self.weights, self.n, key, self.chunk)

    def score_draws(
        self, draws: list[Points], data: BlockData, processes: Processes, potential: Potential | None = None
    ) -> dict[str, Score]:
        """Scores of given points, each draw (n, 2)."""
        reference = self._reference(data, potential)

        def piece(r: int) -> tuple[DrawScores, DrawScores]:
            """Of draw r, and of its floor."""
            own = DrawScores.of(reference.scores, reference.compare(draws[r]), with_spreads=True)
            return own, reference.floor(self.seed, r)

        own, floors = zip(*pieces(piece, len(draws), processes), strict=True)
        return {
            score.name: score.over_draws(own, floors, floor_n=self.n, floor_kind="fresh draws")
            for score in reference.scores
        }

    def tells_causes(self, data: BlockData) -> bool:
        """Where the density is known, to conditional models that of each class."""
        return self._exact(data, None if self.classes is None else NOBODY) is not None

    def _exact(self, data: BlockData, labels: Tensor | None) -> Exact | None:
        """The denoiser that knows the truth, and labels (B,) where there are some."""
        return exact_denoiser(_truth(data)) if labels is None else exact_told(_truth(data), labels)

    def errors(self, model: GenerativeModel, data: BlockData, processes: Processes) -> dict[str, dict[str, Score]]:
        """`whole`; of a denoiser of data with a known density also `discretisation` and `learning`."""
        known, shape = self.tells_causes(data), _points(data).sample_shape
        if not known or not isinstance(model, HasDenoiser) or not isinstance(self.sampler, DenoisingSampler):
            return super().errors(model, data, processes)
        sampler, path = self.sampler, model.path

        def told(rng: keyed.Rng) -> Tensor | None:
            """The labels of a chunk, which come first of what is drawn."""
            return None if self.classes is None else model.draw_labels(self.chunk, rng)

        def knowing(labels: Tensor | None) -> Exact:
            exact = self._exact(data, labels)
            assert exact is not None
            return exact

        def draws(sample: SampleChunk) -> list[Points]:
            points = generate(
                sample,
                self.n * self.draws,
                chunk=self.chunk,
                key=lambda c: keyed.seed(self.seed, "evaluate", c),
                processes=processes,
                device=model.device,
            )
            return np.split(points.astype(np.float64), self.draws)

        with numerics(threads=self.threads):
            learned = draws(lambda c, rng: self.sampling(model, self.chunk, rng=rng, condition=told(rng)))
            perfect = draws(lambda c, rng: sampler.draw(knowing(told(rng)), path, (self.chunk, *shape), rng))
            return {
                "whole": self.score_draws(learned, data, processes),
                "discretisation": self.score_draws(perfect, data, processes),
                "learning": self._apart(perfect, learned, data, processes),
            }

    def _apart(
        self, first: list[Points], second: list[Points], data: BlockData, processes: Processes
    ) -> dict[str, Score]:
        """Of each draw from its own counterpart; there is nothing that real data would score."""
        setting = PointSetting(_truth(data), self.bins, has_potential=False)
        scores = self.asked(applying(self.offered, setting))

        def piece(r: int) -> DrawScores:
            return DrawScores.of(scores, PointComparison(setting, first[r], second[r], None), with_spreads=True)

        made = pieces(piece, self.draws, processes)
        return {score.name: score.over_draws(made, [], floor_n=0, floor_kind="") for score in scores}

    @property
    def _likelihood(self) -> LikelihoodSetting:
        dimensions, told = math.prod(PointData.sample_shape), self.classes is not None
        return LikelihoodSetting(self.likelihood, dimensions, of=("numbers",), told=told)

    def _field(self, data: BlockData) -> FieldSetting:
        return FieldSetting(_truth(data), told=self.classes is not None)

    def _setting(self, data: BlockData) -> PointSetting:
        """That of a model with a critic: the protocol is the same for models without."""
        return PointSetting(_truth(data), self.bins, has_potential=True)

    def _reference(self, data: BlockData, potential: Potential | None) -> PointReference:
        """Everybody's."""
        distribution = _truth(data)
        points = distribution.sample(self.n, keyed.generator(REFERENCE_SEED, "reference"), stratified=True)
        setting = PointSetting(distribution, self.bins, has_potential=potential is not None)
        return PointReference(setting, self.asked(applying(self.offered, setting)), points, potential)


def _points(data: BlockData) -> PointData:
    return PointData.require(data, purpose="evaluation: this one scores", remedy="evaluation=quick")


def _truth(data: BlockData) -> PointDistribution:
    return _points(data).distribution


def potential_of(model: GenerativeModel) -> Potential | None:
    """The model's critic as a float64 function of points, on the CPU; None when it has none."""
    if not isinstance(model, HasPotential) or model.potential is None:
        return None
    critic = copy.deepcopy(model.potential).to("cpu").double().eval().requires_grad_(False)

    def heights(points: Points) -> Points:
        with global_generators.keyed(REFERENCE_SEED, torch.device("cpu")):
            found: Points = critic(torch.from_numpy(points)).numpy()
        return found

    return heights
