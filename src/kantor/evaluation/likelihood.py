"""Likelihoods as scores: what real samples that were not trained on cost a model, in nats or bits.

They ask a model about given samples, and not for its own. They are made where a way is named: `likelihood=…`. Which
families have one that way, and what of their samples it is of, each way says.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from torch import Tensor

from kantor.errors import UserError, require_at_least
from kantor.evaluation.score import Words
from kantor.evaluation.spreads import Spread
from kantor.keyed import Rng
from kantor.models.base import GenerativeModel
from kantor.objectives.observation import Observed
from kantor.processes import Processes

KINDS: dict[Observed, str] = {"numbers": "a density of numbers", "bytes": "of 256 levels", "binary": "of binary pixels"}


@dataclass(frozen=True, kw_only=True)
class Term:
    """A part of a likelihood that is a score of its own.

    Attributes:
        name: of the score.
        words: what people are told of it.
        source: where it comes from.
        of_addends: how much of each of the K addends is in it.
        of_model: whether it is the same of every sample, so that its only error is one that all share.
    """

    name: str
    words: Words
    source: str
    of_addends: tuple[float, ...]
    of_model: bool = False


@dataclass(frozen=True, kw_only=True)
class Likelihood(ABC):
    """A way to a likelihood.

    Attributes:
        pictures: how many held-out ones are looked at, None for all; of points as many as a score draws.
    """

    name: ClassVar[str]
    """On the command line."""

    terms: ClassVar[tuple[Term, ...]] = ()
    """The parts that are scores of their own."""

    pictures: int | None

    def __post_init__(self) -> None:
        if self.pictures is not None:
            require_at_least(2, pictures=self.pictures)

    @property
    def observes(self) -> tuple[Observed, ...]:
        """What it can be of: once it is of a model, what that model's is of."""
        return ("numbers", "bytes")

    @property
    def shared(self) -> Mapping[str, Spread]:
        """How sure it is of what all samples share, by score, once it is prepared; default: nothing is in doubt."""
        return {}

    @abstractmethod
    def describe(self, dimensions: int) -> dict[str, Any]:
        """How it is computed, for the protocol of a score of samples with so many dimensions."""

    @abstractmethod
    def refusal(self, model: GenerativeModel) -> str | None:
        """Why a model has no such likelihood, and what to take, after the setting that it is about; None where it
        has."""

    def of(self, model: GenerativeModel) -> Self:
        """It as it is of a model.

        Raises:
            UserError: the model has none.
        """
        refusal = self.refusal(model)
        if refusal is not None:
            raise UserError(refusal)
        return self

    def prepared(
        self, model: GenerativeModel, x: Tensor | None, *, weights: str, seed: int, processes: Processes
    ) -> Self:
        """It with what is the same for all samples of a model, computed once before `nats`, and the same on every
        process; default: nothing is.

        Args:
            model: one that is not refused.
            x: the samples that are looked at, or the first of them, on the CPU; None of points.
            weights: as `GenerativeModel.weights` names them.
            seed: of all that is drawn.
            processes: who shares the work.
        """
        return self

    @abstractmethod
    def nats(
        self, model: GenerativeModel, x: Tensor, labels: Tensor | None, *, weights: str, rng: Rng, as_bytes: bool
    ) -> Tensor:
        """What samples cost a model with some weights, in nats, float64 (B, K) on the CPU: the sum of K addends.

        Args:
            model: one that is not refused.
            x: (B, …) on the CPU, as the data have them.
            labels: int64 (B,), of a conditional model.
            weights: as `GenerativeModel.weights` names them.
            rng: of all that is drawn.
            as_bytes: whether the samples are pictures at 256 levels.
        """
