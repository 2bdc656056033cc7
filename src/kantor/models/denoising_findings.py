"""What can be wrong with the training of a denoiser: one check for each ailment, which knows in what setting it stands.

Samples that repeat training pictures are no matter of a look: the evaluation's `memorisation` and its reading say it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from kantor.models.denoising_measurements import OUTSIDE, OVER_NOTHING
from kantor.models.health import SETTLED, Check, History, advice
from kantor.noising.path import Chain, Exploding, Path

VISIBLE = 0.05
"""Of a sample's amplitude at the end of the path: so much is seen, and sampling, which begins without it, misses it."""


@dataclass(frozen=True)
class Setting:
    """What of a model decides what is an ailment in it, and which remedies it has left.

    Attributes:
        left: α/√(α² + σ²) at the end of the path: what x_T still has of a sample of variance 1, as an amplitude.
        where: what that is called, in words.
        remedies: against it.
    """

    left: float
    where: str
    remedies: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> "Setting":
        """That of a path."""
        alpha, sigma = (float(value) for value in path.at(torch.ones((), dtype=torch.float64)))
        left = alpha / (alpha**2 + sigma**2) ** 0.5
        if isinstance(path, Chain):
            where = f"ᾱ of the last of {path.steps:,} steps is {alpha**2:.3g}"
            return cls(left, where, ("more steps (objective.path.betas.steps)", "larger β", "objective=flow"))
        remedies = ("a larger objective.path.high",) if isinstance(path, Exploding) else ()
        return cls(left, f"α is {alpha:.3g} and σ {sigma:.3g} there", (*remedies, "objective=flow"))


def visible_sample(setting: Setting, history: History) -> str | None:
    """The end of the path is no noise; known before anything is measured."""
    if setting.left < VISIBLE:
        return None
    return (
        f"visible sample: at the end of the path {setting.left:.0%} of the sample's amplitude are left "
        f"({setting.where}), and sampling begins from noise alone. " + advice(*setting.remedies)
    )


def nothing_learned(setting: Setting, history: History) -> str | None:
    """The loss stays at that of a network that gives 0."""
    ratios = history.last(OVER_NOTHING)
    if not ratios or history.count < SETTLED or min(ratios) < 0.98:
        return None
    return (
        f"nothing learned: the loss is {ratios[-1]:.2f} times that of a network that gives 0 for everything. "
        + advice("another optimisation.optimizer.lr", "objective.weight of another kind", "a larger network")
    )


def clipped_samples(setting: Setting, history: History) -> str | None:
    """Most estimated pixels are out of range where most of a picture is to be seen."""
    shares = history.last(OUTSIDE)
    if not shares or history.count < SETTLED or min(shares) < 0.5:
        return None
    return (
        f"clipped samples: the denoiser puts {shares[-1]:.0%} of all pixels out of range, in pictures with less noise "
        "than picture; what it makes of them is made by clipping. "
        + advice("a lower optimisation.optimizer.lr", "optimisation.gradient_clip_norm=1", "objective=flow")
    )


CHECKS = (visible_sample, nothing_learned, clipped_samples)


def checks(setting: Setting) -> Mapping[str, Check]:
    """All of them by name, in one setting."""
    return {check.__name__: partial(check, setting) for check in CHECKS}
