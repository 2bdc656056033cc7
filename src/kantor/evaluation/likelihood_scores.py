"""The scores `nll` of points and of binary pictures, `bits_per_dim` of bytes, and those of the terms of both.

They are computed from what each sample costs, addend by addend, (B, K).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import PointData
from kantor.data.points import HasClasses, PointDistribution, Points, log_density
from kantor.data.strata import Labels
from kantor.errors import UserError
from kantor.evaluation import denoiser_likelihood, importance, partition
from kantor.evaluation.generation import pieces
from kantor.evaluation.likelihood import KINDS, Likelihood, Term
from kantor.evaluation.protocol import Draw
from kantor.evaluation.real_pictures import order
from kantor.evaluation.score import NO_DRAWS, NOT_NEGATIVE, Kind, Score, Value, Words
from kantor.evaluation.score_definition import DrawScores, ScoreDefinition
from kantor.evaluation.spreads import CERTAIN, Spread, of_mean, summed
from kantor.metrics.likelihood import bits_per_dim, deviation_of_difference, mean_nll
from kantor.models.base import GenerativeModel
from kantor.objectives.observation import Observed
from kantor.processes import Processes


@dataclass(frozen=True)
class LikelihoodSetting:
    """How a likelihood is computed.

    Attributes:
        likelihood: the way; None: it is not.
        dimensions: of a sample.
        of: what a likelihood of the data can be of.
        told: whether the model is told the class of each, which is then given.

    Raises:
        UserError: that of the model is of nothing that the data have.
    """

    likelihood: Likelihood | None
    dimensions: int
    of: tuple[Observed, ...]
    told: bool

    def __post_init__(self) -> None:
        if self.likelihood is not None and self.observed is None:
            raise UserError(
                f"likelihood={self.likelihood.name}: the model's is {KINDS[self.likelihood.observes[0]]}, and of these "
                f"data there is one {' or '.join(KINDS[kind] for kind in self.of)}: take likelihood=none, or a model "
                "of such (of pictures, Gaussian noise asks for objective.observation.dequantise=true)"
            )

    def describe(self) -> dict[str, Any]:
        """The way, for the protocol."""
        assert self.likelihood is not None
        return {**self.likelihood.describe(self.dimensions), **({"given": "the class"} if self.told else {})}

    @property
    def observed(self) -> Observed | None:
        """What it is of; None where it is not computed."""
        observes = () if self.likelihood is None else self.likelihood.observes
        return next((kind for kind in self.of if kind in observes), None)

    def has(self, term: Term) -> bool:
        """Whether it is made of such a term."""
        return self.likelihood is not None and term in self.likelihood.terms


LikelihoodScore = ScoreDefinition[LikelihoodSetting, Tensor]

LOOKED_AT = partition.MOST_REVERSE
"""Pictures, at most, from which what all share is made."""

TERMS = (*denoiser_likelihood.TERMS, *importance.TERMS, *partition.TERMS)

NLL = LikelihoodScore(
    name="nll",
    kind=Kind("lower", depends_on_n=False),
    words=Words(
        meaning="minus the log density that the model gives to fresh real points, nats",
        good="as low as what the true density gives to the same points",
        suspicious="clearly below it: no density does better on average, so it is computed in too few steps, or by the "
        "flow of a chain, which asks for levels between its steps, which training at the steps never saw",
    ),
    function=mean_nll,
    source="Song et al. 2021, arXiv:2011.13456, equation 39; the bound: Ho et al. 2020, arXiv:2006.11239, equation 5",
    estimator=lambda setting: {**setting.describe(), "unit": "nats", "points": "fresh draws"},
    compute=lambda nats: mean_nll(nats.sum(1)),
    spread=NO_DRAWS,
    applies=lambda setting: setting.observed == "numbers",
)

NLL_OF_PICTURES = LikelihoodScore(
    name="nll",
    kind=Kind("lower", depends_on_n=False),
    words=Words(
        meaning="minus the log probability that the model gives to held-out binary pictures, nats a picture",
        good="well below that of independent pixels; comparable for the same binary pictures only",
        suspicious="rising in training while the loss falls: the training pictures are learned by heart",
    ),
    function=mean_nll,
    source="Burda et al. 2016, arXiv:1509.00519, equation 8, by importance; Salakhutdinov & Murray 2008, by annealing",
    estimator=lambda setting: {**setting.describe(), "unit": "nats", "pictures": "held out"},
    compute=lambda nats: mean_nll(nats.sum(1)),
    spread=lambda nats: of_mean(nats.sum(1)),
    applies=lambda setting: setting.observed == "binary",
)

BITS_PER_DIM = LikelihoodScore(
    name="bits_per_dim",
    kind=Kind("lower", depends_on_n=False),
    words=Words(
        meaning="bits that a byte of held-out pictures costs by the model's likelihood",
        good="well below 8, which is what bytes at random cost; comparable on the same data only",
        suspicious="near 8 or above: the model knows little more than the range of the bytes; the flow of a chain asks "
        "for levels between its steps, which training at the steps never saw",
    ),
    function=bits_per_dim,
    source="Nichol & Dhariwal 2021, arXiv:2102.09672, section 3; by the flow: Song et al. 2021, arXiv:2011.13456",
    estimator=lambda setting: {**setting.describe(), "unit": "bits of 256 levels", "pictures": "held out"},
    compute=lambda bits: float(bits.sum(1).mean()),
    spread=lambda bits: of_mean(bits.sum(1)),
    applies=lambda setting: setting.observed == "bytes",
)


def with_terms(*wholes: LikelihoodScore) -> tuple[LikelihoodScore, ...]:
    """Scores of which a likelihood has one, and those of its terms."""
    return (*wholes, *(score_of(term, wholes) for term in TERMS))


def score_of(term: Term, wholes: Sequence[LikelihoodScore]) -> LikelihoodScore:
    """The score of a term, in the unit of the whole that it is part of."""
    whole = wholes[0]

    def part(costs: Tensor) -> Tensor:
        return (costs * costs.new_tensor(term.of_addends)).sum(1, keepdim=True)

    return replace(
        whole,
        name=term.name,
        kind=replace(whole.kind, better="none"),
        words=replace(term.words, meaning=f"{term.words.meaning}: part of {' or '.join(each.name for each in wholes)}"),
        source=term.source,
        estimator=lambda setting: next(each for each in wholes if each.applies(setting)).estimator(setting),
        compute=lambda costs: whole.compute(part(costs)),
        spread=lambda costs: CERTAIN if term.of_model else whole.spread_of(part(costs)),
        applies=lambda setting: setting.has(term),
    )


LOG_DENSITY_ERROR = LikelihoodScore(
    name="log_density_error",
    kind=Kind("lower", depends_on_n=False, bounds=NOT_NEGATIVE),
    words=Words(
        meaning="standard deviation, over fresh real points, of the model's log density minus the true one, nats",
        good="near 0: the two differ by a constant where there are data",
        suspicious="near 0 beside a bad nll: the density is right up to a constant where data are, and too much lies "
        "elsewhere",
    ),
    function=deviation_of_difference,
    source="the root of the mean squared error of a log density whose constant is not known",
    estimator=lambda setting: {**setting.describe(), "unit": "nats", "points": "fresh draws"},
    compute=lambda difference: deviation_of_difference(difference),
    spread=NO_DRAWS,
    applies=lambda setting: setting.observed == "numbers",
)
"""Computed from a difference of log densities, (B,)."""

POINT_LIKELIHOODS = (*with_terms(NLL), LOG_DENSITY_ERROR)
PICTURE_LIKELIHOODS = with_terms(NLL_OF_PICTURES, BITS_PER_DIM)


def with_shared(found: DrawScores, shared: Mapping[str, Spread]) -> DrawScores:
    """What a draw scores, where there is, by score, also doubt of something that all samples share."""
    both = {
        name: summed(own, shared[name])
        for name, own in found.spreads.items()
        if name in shared and not isinstance(own, str)
    }
    return replace(found, spreads={**found.spreads, **both})


def point_likelihoods(
    scores: Sequence[LikelihoodScore],
    likelihood: Likelihood,
    model: GenerativeModel,
    data: PointData,
    *,
    n: int,
    draw: Draw,
    weights: str,
    processes: Processes,
) -> dict[str, Score]:
    """Scores of fresh points, with the truth at the same points beside `nll`; draw r is made by rank r mod world.

    Args:
        scores: some of `POINT_LIKELIHOODS`.
        likelihood: the way.
        model: which.
        data: the truth.
        n: points in a draw.
        draw: how many there are, and the seed of the points and of all else that is drawn.
        weights: of the model.
        processes: who shares the work.
    """
    truth = data.distribution
    likelihood = likelihood.prepared(model, None, weights=weights, seed=draw.seed, processes=processes)

    def piece(r: int) -> tuple[DrawScores, DrawScores | None]:
        """Of draw r, and of the truth at its points."""
        x, labels = _points(truth, n, keyed.generator(draw.seed, "likelihood", r), labelled=model.classes is not None)
        parts = torch.from_numpy(x).float().split(draw.chunk)
        told = [None] * len(parts) if labels is None else torch.from_numpy(labels).to(model.device).split(draw.chunk)
        costs = torch.cat(
            [
                likelihood.nats(model, *part, weights=weights, rng=_rng(model, draw.seed, r, c), as_bytes=False)
                for c, part in enumerate(zip(parts, told, strict=True))
            ]
        )
        known = log_density(truth, x, labels)
        true = None if known is None else DrawScores.of([NLL], -torch.from_numpy(known)[:, None], with_spreads=True)
        return _of_points(scores, costs, known), true

    made, true = zip(*pieces(piece, draw.draws, processes), strict=True)
    floors = {NLL.name: [of_draw for of_draw in true if of_draw is not None]}
    said = "the true density at the same points"
    return {
        score.name: score.over_draws(made, floors.get(score.name, []), floor_n=n, floor_kind=said) for score in scores
    }


def _points(
    truth: PointDistribution, n: int, rng: np.random.Generator, *, labelled: bool
) -> tuple[Points, Labels | None]:
    if not labelled:
        return truth.sample(n, rng), None
    assert isinstance(truth, HasClasses), "a conditional model needs data with labels"
    return truth.labelled(n, rng)


def _of_points(scores: Sequence[LikelihoodScore], costs: Tensor, known: np.ndarray | None) -> DrawScores:
    """What points cost, and how far that is from their true log density where it is known."""
    found = DrawScores.of([score for score in scores if score is not LOG_DENSITY_ERROR], costs, with_spreads=True)
    if LOG_DENSITY_ERROR not in scores:
        return found
    value: Value = "the true density is not known"
    if known is not None:
        value = LOG_DENSITY_ERROR.compute(-costs.sum(1) - torch.from_numpy(known))
    return DrawScores({**found.values, LOG_DENSITY_ERROR.name: value}, found.spreads)


def picture_likelihoods(
    scores: Sequence[LikelihoodScore],
    likelihood: Likelihood,
    model: GenerativeModel,
    data: ImageData,
    *,
    draw: Draw,
    weights: str,
    processes: Processes,
) -> dict[str, Score]:
    """Scores of held-out pictures, told their labels where the model takes them; chunk c is made by rank c mod
    world. The interval is that of a mean over pictures.

    Args:
        scores: some of `PICTURE_LIKELIHOODS`.
        likelihood: the way.
        model: which.
        data: whose pictures.
        draw: how many there are in a pass, and the seed of which pictures and of all else that is drawn.
        weights: of the model.
        processes: who shares the work.
    """
    rows = order(len(data.test), draw.seed, "likelihood")[: likelihood.pictures]
    parts = np.split(rows, range(draw.chunk, len(rows), draw.chunk))
    looked_at = pixels.to_model(data.test.take(rows[:LOOKED_AT]))
    likelihood = likelihood.prepared(model, looked_at, weights=weights, seed=draw.seed, processes=processes)

    def part(c: int) -> Tensor:
        x, labels = pixels.to_model(data.test.take(parts[c])), data.test.labels_of(parts[c])
        told = None if model.classes is None or labels is None else torch.from_numpy(labels).to(model.device)
        return likelihood.nats(model, x, told, weights=weights, rng=_rng(model, draw.seed, 0, c), as_bytes=True)

    nats = torch.cat(pieces(part, len(parts), processes))
    costs = bits_per_dim(nats, math.prod(data.sample_shape)) if "bytes" in likelihood.observes else nats
    found = with_shared(DrawScores.of(scores, costs, with_spreads=True), likelihood.shared)
    floors = {} if data.entropy is None else {NLL_OF_PICTURES.name: [known(data.entropy)]}
    said = "the entropy of the pictures' law"

    def over_pictures(score: LikelihoodScore) -> Score:
        made = score.over_draws([found], floors.get(score.name, []), floor_n=len(rows), floor_kind=said)
        return replace(made, covers="pictures")

    return {score.name: over_pictures(score) for score in scores}


def known(nats: float) -> DrawScores:
    """`nll` of the truth."""
    return DrawScores({NLL_OF_PICTURES.name: nats}, {NLL_OF_PICTURES.name: "no interval of what is known exactly"})


def _rng(model: GenerativeModel, seed: int, r: int, c: int) -> keyed.Rng:
    return keyed.Rng(keyed.seed(seed, "likelihood noise", r, c), device=model.device)
