"""What a model may have besides samples: pictures, scores and checks ask for one of these, and for no family."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from kantor import keyed
from kantor.data.stream import Block
from kantor.models.latent import Latent
from kantor.noising.denoiser import Denoiser
from kantor.noising.path import Path
from kantor.objectives.denoising import Denoising
from kantor.objectives.distance_estimate import DistanceEstimate
from kantor.objectives.observation import Observation
from kantor.objectives.posterior import Posterior
from kantor.samplers.spaces import Space


@runtime_checkable
class HasLatentSpace(Protocol):
    """Every sample is the image of a latent vector, so that one can walk from one sample to another."""

    latent: Latent

    def decode(self, z: Tensor, *, weights: str, condition: Tensor | None = None) -> Tensor:
        """The samples of latent vectors (n, dim), (n, …), in eval mode; labels int64 (n,) for a conditional model."""
        ...


@runtime_checkable
class HasCode(HasLatentSpace, Protocol):
    """Every sample has a latent vector, that an encoder gives it."""

    @property
    def observation(self) -> Observation:
        """What the encoder is given of the data, and what p(x | z) is."""
        ...

    def code(self, networks: Mapping[str, nn.Module], x: Tensor) -> Tensor:
        """What given networks (`weights()` of the model, in eval mode) make of observed samples (n, …), (n, dim); of a
        distribution its mean."""
        ...


@runtime_checkable
class HasPosterior(HasCode, Protocol):
    """An encoder that gives a distribution of latent vectors, whose law is N(0, I)."""

    @property
    def has_posterior(self) -> bool:
        """Whether this model's objective makes it one."""
        ...

    def posterior(self, networks: Mapping[str, nn.Module], x: Tensor) -> Posterior:
        """q(z | x) of observed samples (n, …), by given networks in eval mode."""
        ...

    def given(self, networks: Mapping[str, nn.Module], z: Tensor) -> Tensor:
        """What p(x | z) is made of, for latent vectors (n, dim)."""
        ...


@runtime_checkable
class HasSurface(Protocol):
    """A number for every point of data space, whose contours say what the model holds of it: a critic, an energy."""

    @property
    def surface_name(self) -> str | None:
        """What the surface is called in a picture; None when this model has none, such as one for each class."""
        ...

    @property
    def surface_has_zero(self) -> bool:
        """Whether a height of 0 means something; False where only differences of heights do."""
        ...

    def surface(self, samples: Tensor) -> Tensor:
        """The heights at samples (n, …), (n,), in eval mode; of a model whose surface has a name."""
        ...


@runtime_checkable
class HasPotential(Protocol):
    """A critic whose difference of means estimates W1, up to its slope."""

    @property
    def potential(self) -> nn.Module | None:
        """It; None when this model's objective gives its critic another meaning, or when it is one for each class."""
        ...


@runtime_checkable
class HasProbabilities(Protocol):
    """A network that says how probable it is that a sample is real."""

    @property
    def has_probabilities(self) -> bool:
        """Whether this model's objective makes its numbers probabilities."""
        ...

    def probabilities(self, block: Block, rng: keyed.Rng) -> tuple[Tensor, Tensor]:
        """D(x) of the block's last batch and D(G(z)) of as many samples, each (B,), the networks in their own mode."""
        ...


@runtime_checkable
class HasDistanceEstimate(Protocol):
    """A loss that estimates a distance."""

    def distance_estimate(self) -> DistanceEstimate | None:
        """From the last step's values; None when there was no step, or the loss estimates nothing."""
        ...


@runtime_checkable
class HasDenoiser(Protocol):
    """A model of noised samples, which can be asked what lies behind them."""

    @property
    def path(self) -> Path:
        """How samples become noise."""
        ...

    def denoiser_of(self, networks: Mapping[str, nn.Module], labels: Tensor | None = None) -> Denoiser:
        """What given networks (`weights()` of the model, in eval mode) estimate; told labels int64 (B,) where they take
        them."""
        ...


@runtime_checkable
class HasDenoisingLoss(HasDenoiser, Protocol):
    """One whose denoiser is trained by E w·‖x - D(x_t)‖²."""

    @property
    def objective(self) -> Denoising:
        """The loss, which knows at which times it looks."""
        ...


@runtime_checkable
class HasPartitionFunction(Protocol):
    """A probability that is known up to a factor: p(x) = e^{-E(x)}/Z."""

    @property
    def space(self) -> Space:
        """Of the states x."""
        ...

    @property
    def means(self) -> Tensor:
        """Of the states of the data, of one sample, in [0, 1]; of bits."""
        ...

    def energy_of(self, networks: Mapping[str, nn.Module]) -> nn.Module:
        """E of given networks (`weights()` of the model): states (B, …) → (B,)."""
        ...


@runtime_checkable
class HasFilters(Protocol):
    """Units that look at all numbers of a sample, each with a weight for every one."""

    def filters(self, networks: Mapping[str, nn.Module]) -> Tensor | None:
        """The weights of given networks, (units, …) like samples; None where they have no such units."""
        ...
