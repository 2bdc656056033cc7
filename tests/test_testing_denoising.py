"""`kantor.testing` of denoising: ours pass, and what people do wrong is told in a sentence."""

from dataclasses import dataclass, replace

import pytest
import torch
from tiny import DDPM, FLOW, FlatDenoiser, time_mlp
from torch import nn

from kantor import testing
from kantor.config.compose import load_option
from kantor.config.files import options
from kantor.config.targets import instantiate
from kantor.noising.levels import Levels
from kantor.noising.parametrisation import Velocity
from kantor.noising.path import Linear
from kantor.noising.times import Uniform
from kantor.noising.weights import Weight

OURS = [name for name in options("objective", []) if "denoising" in load_option("objective", name)["_target_"]]


@pytest.mark.parametrize("name", OURS)
def test_our_losses_pass(name):
    testing.check_denoising(instantiate(load_option("objective", name), key="objective"))


def test_our_networks_pass():
    testing.check_denoiser(time_mlp(2), shape=(2,))
    testing.check_denoiser(time_mlp(2, classes=3), shape=(2,), classes=3)
    testing.check_denoiser(FlatDenoiser(), shape=(1, 8, 8), classes=4)


class Network(nn.Module):
    """One that a mistake is put into."""

    def __init__(self):
        super().__init__()
        self.body = time_mlp(2, classes=3)

    def forward(self, x, noise, labels):
        return self.body(x, noise, labels)


class Wider(Network):
    def forward(self, x, noise, labels):
        return super().forward(x, noise, labels).repeat(1, 2)


class Deaf(Network):
    def forward(self, x, noise, labels):
        return super().forward(x, torch.zeros_like(noise), labels)


class Coarse(Network):
    def forward(self, x, noise, labels):
        return super().forward(x, (1000 * noise).bfloat16().float() / 1000, labels)


class Classless(Network):
    def forward(self, x, noise, labels):
        return super().forward(x, noise, torch.zeros_like(labels))


class Mixing(Network):
    def forward(self, x, noise, labels):
        return super().forward(x - x.mean(0), noise, labels)


class Silent(Network):
    def forward(self, x, noise, labels):
        return 0 * super().forward(x, noise, labels)


NETWORKS = [
    (Wider, "gives as much as it takes"),
    (Deaf, "the same at every level of noise"),
    (Coarse, "step 998 of 1000 for step 999"),
    (Classless, "the same for every class"),
    (Mixing, "mixes samples"),
    (Silent, "nothing but 0"),
]


@pytest.mark.parametrize(("make", "message"), NETWORKS)
def test_wrong_networks_are_told(make, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_denoiser(make(), shape=(2,), classes=3)


class Backwards(Linear):
    def at(self, t):
        return super().at(1 - t)


class Single(Linear):
    def at(self, t):
        return Levels(*(level.float() for level in super().at(t)))


class Squared(Linear):
    def time(self, levels):
        return super().time(levels) ** 2


class Halved(Velocity):
    def target(self, levels):
        return tuple(value / 2 for value in super().target(levels))


class SameForAll(Velocity):
    def coefficients(self, levels, path):
        return super().coefficients(levels, path)._replace(noise=torch.zeros_like(levels.alpha))


@dataclass(frozen=True)
class Negative(Weight):
    def __call__(self, levels):
        return levels.alpha - levels.sigma


@dataclass(frozen=True)
class Mean(Weight):
    def __call__(self, levels):
        return levels.alpha.mean()


class Late(Uniform):
    def quantile(self, u, path):
        return super().quantile(u, path) + 0.5


class Sums(type(FLOW)):
    def losses(self, predict, x, rng):
        found = super().losses(predict, x, rng)
        return found._replace(losses=found.losses.mean())


PARTS = [
    ({"path": Backwards()}, "does not grow with time"),
    ({"path": Single()}, "float64"),
    ({"path": Squared()}, "does not find the times"),
    ({"parametrisation": Halved()}, "does not make the sample"),
    ({"parametrisation": SameForAll()}, "the same of different levels"),
    ({"weight": Negative()}, "at least 0"),
    ({"weight": Mean()}, "for each level"),
    ({"times": Late(0, 1)}, r"times in \[0, 1\]"),
]


@pytest.mark.parametrize(("wrong", "message"), PARTS)
def test_wrong_parts_are_told(wrong, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_denoising(replace(FLOW, **wrong))


def test_one_loss_for_all_is_told():
    parts = {name: getattr(DDPM, name) for name in DDPM.__dataclass_fields__}
    with pytest.raises(AssertionError, match="for each sample"):
        testing.check_denoising(Sums(**parts))
