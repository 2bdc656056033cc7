"""What goes wrong in first tries, one class for each way."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from firsttry.losses import Squares
from firsttry.nets import Critic, Generator
from firsttry.scores import MEAN_SHIFT, Evaluation
from kantor.objectives.adversarial import NonSaturating


@dataclass(frozen=True)
class Pair(Squares):
    def critic_terms(self, critic, real, fake, *, rng=None):
        return critic(fake).mean(), critic(real).mean()


@dataclass(frozen=True)
class EachSample(Squares):
    def critic_terms(self, critic, real, fake, *, rng=None):
        return {"apart": critic(fake) - critic(real)}


@dataclass(frozen=True)
class Number(Squares):
    def generator_loss(self, critic, real, fake):
        return -critic(fake).mean().item()


@dataclass(frozen=True)
class Nothing(Squares):
    def generator_loss(self, critic, real, fake):
        critic(fake).mean()


@dataclass(frozen=True)
class WithoutRng(Squares):
    def critic_terms(self, critic, real, fake):
        return {"apart": (critic(fake) - critic(real)).mean()}


@dataclass(frozen=True)
class Detached(Squares):
    def generator_loss(self, critic, real, fake):
        return -critic(fake.detach()).mean()


@dataclass(frozen=True)
class Misnamed(Squares):
    def critic_terms(self, critic, real, fake, *, rng=None):
        return {"loss": (critic(fake) - critic(real)).mean()}


@dataclass(frozen=True)
class Lookup(Squares):
    def generator_loss(self, critic, real, fake):
        return {"mean": critic(fake).mean()}["sum"]


@dataclass(frozen=True)
class NoLogits(Squares):
    probability = NonSaturating.probability


class Idle(nn.Module):
    def __init__(self, *, latent_dim, side):
        super().__init__()
        self.side = side

    def forward(self, z):
        return z.mean() * torch.ones(len(z), 1, self.side, self.side)


class Wide(Generator):
    def forward(self, z):
        return super().forward(z)[:, :, 1:]


class Several(Critic):
    def forward(self, x):
        return super().forward(x), x


class OnlyTrained(Generator):
    def forward(self, z):
        assert self.training, "it was never thought of drawing"
        return super().forward(z)


class OnlyDrawn(Critic):
    def forward(self, x):
        if self.training:
            x = x.reshape(64, -1, 8, 8)
        return super().forward(x)


class Impatient(torch.optim.Adam):
    def step(self):
        return super().step()


class Misread(Evaluation):
    offered = (replace(MEAN_SHIFT, name="misread", compute=lambda comparison: comparison.featurez[0]),)


class Unfinished(Evaluation):
    offered = (replace(MEAN_SHIFT, name="unfinished", compute=lambda comparison: comparison.features[0].mean()),)
