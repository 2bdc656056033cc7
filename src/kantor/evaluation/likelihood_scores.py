"""The scores `nll` of points and `bits_per_dim` of pictures."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kantor import keyed
from kantor.data import pixels
from kantor.data.images import ImageData
from kantor.data.module import PointData
from kantor.evaluation.generation import pieces
from kantor.evaluation.likelihood import Likelihood
from kantor.evaluation.protocol import Draw
from kantor.evaluation.real_pictures import order
from kantor.evaluation.score import NO_DRAWS, Kind, Score, Words
from kantor.evaluation.score_definition import DrawScores, ScoreDefinition
from kantor.evaluation.spreads import of_mean
from kantor.metrics.likelihood import bits_per_dim, mean_nll
from kantor.models.base import GenerativeModel
from kantor.noising.exact import exact_denoiser
from kantor.processes import Processes


@dataclass(frozen=True)
class LikelihoodSetting:
    """How a likelihood is computed.

    Attributes:
        likelihood: the way; None: it is not.
        dimensions: of a sample.
    """

    likelihood: Likelihood | None
    dimensions: int

    def describe(self) -> dict[str, Any]:
        """The way, for the protocol."""
        assert self.likelihood is not None
        return self.likelihood.describe(self.dimensions)

    @property
    def computed(self) -> bool:
        """Whether it is."""
        return self.likelihood is not None


NLL = ScoreDefinition[LikelihoodSetting, Tensor](
    name="nll",
    kind=Kind("lower", depends_on_n=False),
    words=Words(
        meaning="minus the log density that the model gives to fresh real points, nats",
        good="as low as what the true density gives to the same points",
        suspicious="clearly below it: no density does better on average, so it is computed in too few steps",
    ),
    function=mean_nll,
    source="Song et al. 2021, arXiv:2011.13456, equation 39; the bound: Ho et al. 2020, arXiv:2006.11239, equation 5",
    estimator=lambda setting: {**setting.describe(), "unit": "nats", "points": "fresh draws"},
    compute=mean_nll,
    spread=NO_DRAWS,
    applies=lambda setting: setting.computed,
)

BITS_PER_DIM = ScoreDefinition[LikelihoodSetting, Tensor](
    name="bits_per_dim",
    kind=Kind("lower", depends_on_n=False),
    words=Words(
        meaning="bits that a byte of held-out pictures costs by the model's likelihood",
        good="well below 8, which is what bytes at random cost; comparable on the same data only",
        suspicious="near 8 or above: the model knows little more than the range of the bytes",
    ),
    function=bits_per_dim,
    source="Nichol & Dhariwal 2021, arXiv:2102.09672, section 3; by the flow: Song et al. 2021, arXiv:2011.13456",
    estimator=lambda setting: {**setting.describe(), "unit": "bits of 256 levels", "pictures": "held out"},
    compute=lambda bits: float(bits.mean()),
    spread=of_mean,
    applies=lambda setting: setting.computed,
)


def nll(
    likelihood: Likelihood,
    model: GenerativeModel,
    data: PointData,
    *,
    n: int,
    draw: Draw,
    weights: str,
    processes: Processes,
) -> Score:
    """`nll` of fresh points, with the truth at the same points beside it; draw r is made by rank r mod world.

    Args:
        likelihood: the way.
        model: which.
        data: the truth.
        n: points in a draw.
        draw: how many there are, and the seed of the points and of all else that is drawn.
        weights: of the model.
        processes: who shares the work.
    """
    exact = exact_denoiser(data.distribution)

    def points(r: int) -> Tensor:
        return torch.from_numpy(
            data.distribution.sample(n, keyed.generator(draw.seed, "likelihood", r), stratified=False)
        )

    def own(r: int) -> DrawScores:
        parts = [
            likelihood.nats(
                model, part.float(), None, weights=weights, rng=_rng(model, draw.seed, r, c), as_bytes=False
            )
            for c, part in enumerate(points(r).split(draw.chunk))
        ]
        return _scored(NLL, torch.cat(parts))

    made = pieces(own, draw.draws, processes)
    floors = [] if exact is None else [_scored(NLL, -exact.log_density(points(r))) for r in range(draw.draws)]
    return NLL.over_draws(made, floors, floor_n=n, floor_kind="the true density at the same points")


def bits(
    likelihood: Likelihood,
    model: GenerativeModel,
    data: ImageData,
    *,
    draw: Draw,
    weights: str,
    processes: Processes,
) -> Score:
    """`bits_per_dim` of held-out pictures, told their labels where the model takes them; chunk c is made by rank c mod
    world. The interval is that of a mean over pictures.

    Args:
        likelihood: the way.
        model: which.
        data: whose pictures.
        draw: how many there are in a pass, and the seed of which pictures and of all else that is drawn.
        weights: of the model.
        processes: who shares the work.
    """
    rows = order(len(data.test), draw.seed, "likelihood")[: likelihood.pictures]
    parts = np.split(rows, range(draw.chunk, len(rows), draw.chunk))

    def part(c: int) -> Tensor:
        x, labels = pixels.to_model(data.test.take(parts[c])), data.test.labels_of(parts[c])
        told = None if model.classes is None or labels is None else torch.from_numpy(labels).to(model.device)
        return likelihood.nats(model, x, told, weights=weights, rng=_rng(model, draw.seed, 0, c), as_bytes=True)

    nats = torch.cat(pieces(part, len(parts), processes))
    found = _scored(BITS_PER_DIM, bits_per_dim(nats, math.prod(data.sample_shape)))
    return BITS_PER_DIM.over_draws([found], [], floor_n=0, floor_kind="")


def _rng(model: GenerativeModel, seed: int, r: int, c: int) -> keyed.Rng:
    return keyed.Rng(keyed.seed(seed, "likelihood noise", r, c), device=model.device)


def _scored(score: ScoreDefinition[LikelihoodSetting, Tensor], costs: Tensor) -> DrawScores:
    return DrawScores.of([score], costs, with_spreads=True)
