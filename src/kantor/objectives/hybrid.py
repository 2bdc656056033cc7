"""The hybrid loss: the variance of the reverse steps is learned beside their mean.

L_simple + λ·L_vlb (Nichol & Dhariwal 2021, arXiv:2102.09672, equation 16): the bound teaches the variance alone, since
the mean does not feel its gradient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kantor.errors import UserError, require_positive
from kantor.keyed import Rng
from kantor.noising.bound import Decoder, Reverse, between, step_term
from kantor.noising.denoiser import Predict, VariedDenoiser, halves
from kantor.noising.levels import at_samples
from kantor.noising.transition import transition
from kantor.objectives.denoising import Denoising, Noised, NoisedLosses


@dataclass(frozen=True, kw_only=True)
class Hybrid(Denoising):
    """`Denoising` along a chain, of a network that gives twice as many channels: F and 2v - 1.

    Attributes:
        bound_weight: λ, of the bound in nats a dimension; the paper's is 0.001.
        decoder: of the last step: `gaussian`, or of pictures `bytes_of_gaussian`.

    Raises:
        UserError: the path has no steps.
    """

    bound_weight: float
    decoder: Decoder

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(bound_weight=self.bound_weight)
        if self.path.steps is None:
            raise UserError(
                f"Hybrid learns the variance of a chain's steps, and the path {type(self.path).__name__} has none; "
                "take the path Chain, or an objective without a learned variance"
            )

    def denoiser(self, predict: Predict) -> VariedDenoiser:
        """One that has learned how sure it is."""
        return VariedDenoiser(predict, self.parametrisation, self.path)

    def channels(self, of_data: int) -> int:
        """Twice as many."""
        return 2 * of_data

    def losses(self, predict: Predict, x: Tensor, rng: Rng) -> NoisedLosses:
        """The weighted error, and λ times the bound."""
        noised = self.noised(x, rng)
        given, v = halves(noised.seen_by(predict))
        bound = self.bound_terms(given.detach(), v, noised).flatten(1).mean(1)
        return NoisedLosses(self.errors(given, noised) + (self.bound_weight * bound), noised.times)

    def bound_terms(self, given: Tensor, v: Tensor, noised: Noised) -> Tensor:
        """T times the bound's term at each sample's step, in nats of each dimension, (B, …); its mean over steps is
        the bound without the prior, which nothing is learned of.

        Args:
            given: F, (B, …).
            v: of the same shape.
            noised: the batch.
        """
        steps = self.path.steps
        assert steps is not None
        x, coefficients = noised.x, noised.coefficients
        before = self.path.at((noised.times - 1 / steps).clamp(min=0).mul(steps).round() / steps)
        moved = transition(noised.levels, before)
        one, two = (self.path.at(torch.tensor(k / steps, dtype=torch.float64)) for k in (1, 2))
        data = at_samples(coefficients.skip, x) * noised.x_t + at_samples(coefficients.out, x) * given
        made = Reverse(data, between(moved, v.to(x), transition(two, one).smaller))
        last = at_samples(before.sigma == 0, x) > 0
        # a step to the data has no term of the other kind: its β̃ is 0
        kept = moved._replace(smaller=torch.where(before.sigma > 0, moved.smaller, moved.larger))
        return steps * torch.where(last, self.decoder(x, data, made.variance), step_term(x, made, kept))
