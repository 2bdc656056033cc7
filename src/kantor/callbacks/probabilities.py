"""D(x) and D(G(z)): how real a discriminator takes real and generated samples to be.

When neither network can improve both are ½ (Goodfellow et al. 2014, arXiv:1406.2661, proposition 1).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from kantor import keyed
from kantor.callbacks.measurement import Measurement
from kantor.models.adversarial import Adversarial
from kantor.objectives.adversarial import AdversarialObjective
from kantor.objectives.least_squares import LeastSquares
from kantor.objectives.relativistic import Relativistic

D_REAL, D_FAKE, ACCURACY = "train/d_real", "train/d_fake", "train/discriminator_accuracy"


def probability_of(objective: AdversarialObjective) -> Callable[[Tensor], Tensor] | None:
    """What makes D of a discriminator's numbers; None where a number by itself says nothing.

    A logit's is σ; least squares draw the numbers themselves to 1 and 0; potentials and relativistic discriminators
    are defined up to a constant. A hinge's margins have no probabilities, but σ is ½ where it decides.
    """
    if objective.is_wasserstein or isinstance(objective, Relativistic):
        return None
    return torch.nn.Identity() if isinstance(objective, LeastSquares) else torch.sigmoid


class Probabilities(Measurement):
    """Mean D(x), mean D(G(z)) and the discriminator's accuracy on the step's last batch and as many generated samples.

    Both networks are in training mode, as when their losses are computed: with batch normalisation the discriminator
    sees a batch of real samples, then one of generated ones. Its accuracy is the share of both taken for what they are.

    Args:
        clock: stands still meanwhile.
        seed: the run's seed.
        every: steps between measurements.
    """

    def measure(self, model: Adversarial, block: Tensor, rng: keyed.Rng) -> dict[str, Tensor]:
        """The three of them."""
        probability = probability_of(model.objective)
        assert probability is not None, "the discriminator has no probabilities"
        real = block[-1]
        fake = model.generator(model.latent(len(real), rng))
        d_real, d_fake = (probability(model.critic(samples).float()) for samples in (real, fake))
        right = torch.cat([d_real > 0.5, d_fake < 0.5])
        return {D_REAL: d_real.mean(), D_FAKE: d_fake.mean(), ACCURACY: right.float().mean()}
