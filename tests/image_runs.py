"""Small adversarial runs on images of 8×8 pixels, in memory: what the tests of pictures and of health checks train."""

import functools
import tempfile

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn

from kantor.data.images import ImageData, ImageSet
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.critic_steps import Constant
from kantor.models.latent import Normal
from kantor.objectives.adversarial import NonSaturating

SIDE = 8


def quadrants(n, channels=1):
    """Grey noise with one of four bright quadrants, uint8 (n, channels, 8, 8)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, size=(n, channels, SIDE, SIDE)).astype(np.uint8)
    for image, which in zip(images, rng.integers(4, size=n), strict=True):
        y, x = 4 * (which // 2), 4 * (which % 2)
        image[:, y : y + 4, x : x + 4] += 190
    return images


class TinyImages(ImageData):
    """A data set in memory."""

    licence = "made in a test"

    def __init__(self, *, n=40, channels=1, batch_size=8, flip=False, pixels=None):
        self.pixels = quadrants(n, channels) if pixels is None else pixels
        super().__init__(
            name="tiny", batch_size=batch_size, size=None, flip=flip, resident="auto", identity="auto", seed=3
        )

    @property
    def sample_shape(self):
        return self.pixels.shape[1:]

    def describe(self):
        return {"tiny": len(self.pixels)}

    def load(self, split):
        return ImageSet(self.pixels)


class Flat(nn.Module):
    """A critic of images: one hidden layer, without anything in which samples meet."""

    def __init__(self, channels=1):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(channels * SIDE**2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.body(x).squeeze(1)


class Normalised(nn.Module):
    """A discriminator with batch normalisation, dropout and spectral normalisation: all that keeps a state."""

    def __init__(self, channels=1):
        super().__init__()
        last = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 1))
        first = nn.Conv2d(channels, 8, 3, stride=2, padding=1)
        pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.body = nn.Sequential(first, nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3), pooled, last)

    def forward(self, x):
        return self.body(x).squeeze(1)


class Maker(nn.Module):
    """A generator of images with batch normalisation."""

    def __init__(self, channels=1):
        super().__init__()
        self.channels = channels
        self.body = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, channels * SIDE**2))

    def forward(self, z):
        return self.body(z).tanh().view(len(z), self.channels, SIDE, SIDE)


adam = functools.partial(torch.optim.Adam, betas=(0.5, 0.9))


def image_model(
    *, objective=None, generator=Maker, critic=Flat, generator_optimizer=None, critic_optimizer=None, n_critic=1,
    latent=None,
):  # fmt: skip
    """Equal arguments give equal weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Adversarial(
            generator=generator(), critic=critic(), latent=latent or Normal(4), objective=objective or NonSaturating(),
            optimisation=AdversarialOptimisation(
                generator=generator_optimizer or functools.partial(adam, lr=1e-3),
                critic=critic_optimizer or functools.partial(adam, lr=1e-3),
                n_critic=Constant(n_critic), generator_noise="fresh", ema_decay=0.9,
            ),
            seed=3,
        )  # fmt: skip


def fit(model, data, steps, *callbacks, checkpoint=None):
    """Train in a plain Lightning trainer up to `steps` steps."""
    trainer = pl.Trainer(
        accelerator="cpu", max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tempfile.gettempdir(),
        callbacks=list(callbacks),
    )  # fmt: skip
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return trainer
