"""Tiny models, data in memory, and training in a plain Lightning trainer: what tests train that need no run directory.

`gan`, `vae`, `flow` and `energy` are of points, `image_gan`, `image_vae`, `image_cgan`, `image_ddpm` (these two are
conditional) and `rbm` of pictures of 8×8 pixels; equal arguments give equal weights. A property of every model is
tested over `MODELS`."""

import functools
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from toy_vae import NegativeELBO, OneOptimizer, ToyVAE

from kantor import keyed
from kantor.data.images import ImageData, ImageSet
from kantor.data.module import BlockData, PointData
from kantor.data.points import gaussians8
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.base import GenerativeModel
from kantor.models.critic_steps import Constant
from kantor.models.denoising import DenoisingModel
from kantor.models.ema import Exponential
from kantor.models.energy import EnergyModel
from kantor.models.latent import Normal
from kantor.models.optimisation import SingleOptimisation
from kantor.models.variational import VariationalModel
from kantor.nets.activations import ReLU
from kantor.nets.conditional import ConcatenationDiscriminator, ConditionalGenerator, PointDiscriminator
from kantor.nets.confined import Confined
from kantor.nets.flat import FromImages, ToImages, ToPixels
from kantor.nets.mlp import MLP
from kantor.nets.rbm import RBM
from kantor.nets.time_mlp import TimeMLP
from kantor.noising.betas import LinearBetas
from kantor.noising.bound import gaussian
from kantor.noising.coupling import Independent
from kantor.noising.parametrisation import Epsilon, Velocity
from kantor.noising.path import Chain, Linear
from kantor.noising.times import Steps, Stratified, Uniform
from kantor.noising.weights import OfVelocity, Simple
from kantor.objectives.adversarial import NonSaturating
from kantor.objectives.contrastive import Contrastive
from kantor.objectives.denoising import Denoising
from kantor.objectives.elbo import ELBO
from kantor.objectives.energies import Kept
from kantor.objectives.hybrid import Hybrid
from kantor.objectives.observation import Bernoulli, Gaussian
from kantor.samplers.chains import ChainSampler
from kantor.samplers.ddim import DDIM
from kantor.samplers.direct import Direct
from kantor.samplers.kernels import Gibbs, UnadjustedLangevin
from kantor.samplers.spaces import Bits, Unbounded

SIDE = 8
DIRECT = Direct()
FEW_STEPS = DDIM(steps=3, grid="trailing", clip=False, guidance=1.0, guide=None, eta=0.0)
AVERAGING = Exponential(decay=0.9, warm_up=True)
ADAM = functools.partial(torch.optim.Adam, lr=1e-2, betas=(0.5, 0.9), fused=True)
SLOW_ADAM = functools.partial(torch.optim.Adam, lr=1e-3, betas=(0.5, 0.9))
RMSPROP = functools.partial(torch.optim.RMSprop, lr=1e-2, foreach=True)
SGD = functools.partial(torch.optim.SGD, lr=0.1)


def points(*, batch_size=6, seed=3, distribution=None):
    """8 Gaussians, or points of another distribution."""
    truth = gaussians8(0.1, 1.414) if distribution is None else distribution
    return PointData(name="gaussians8", distribution=truth, batch_size=batch_size, seed=seed)


def quadrants(n, channels=1):
    """Grey noise with one of four bright quadrants, uint8 (n, channels, 8, 8), and which, int64 (n,)."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, size=(n, channels, SIDE, SIDE)).astype(np.uint8)
    bright = rng.integers(4, size=n)
    for image, which in zip(images, bright, strict=True):
        y, x = 4 * (which // 2), 4 * (which % 2)
        image[:, y : y + 4, x : x + 4] += 190
    return images, bright


class TinyImages(ImageData):
    """A data set in memory; its labels, where it has any, are the bright quadrants."""

    licence = "made in a test"

    def __init__(self, *, n=40, channels=1, batch_size=8, flip=False, pixels=None, labelled=False):
        own, bright = quadrants(n, channels)
        self.pixels = own if pixels is None else pixels
        self.labels = bright if labelled else None
        super().__init__(
            name="tiny", batch_size=batch_size, size=None, flip=flip, resident="auto", identity="auto", seed=3
        )

    @property
    def sample_shape(self):
        return self.pixels.shape[1:]

    @property
    def classes(self):
        return None if self.labels is None else 4

    def describe(self):
        return {"tiny": len(self.pixels)}

    def load(self, split):
        return ImageSet(self.pixels, self.labels)


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


def mlp(inputs, outputs, *, width=8):
    """A perceptron with one hidden layer; `outputs` None for one number a sample."""
    return MLP(inputs=inputs, width=width, hidden_layers=1, outputs=outputs, activation=ReLU, initialise=None)


def gan(
    *, generator=lambda: mlp(2, 2), critic=lambda: mlp(2, None), latent=Normal(2), objective=NonSaturating(),  # noqa: B008
    generator_optimizer=ADAM, critic_optimizer=ADAM, n_critic=2, generator_noise="fresh", gradient_clip_norm=None,
    accumulate=1, averaging=AVERAGING, schedule=None, classes=None, weights=0, seed=3,
):  # fmt: skip
    """An adversarial model.

    Args:
        generator, critic: make the networks, from the seed `weights`.
        n_critic: a number, or a schedule of critic steps.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        return Adversarial(
            generator=generator(), critic=critic(), latent=latent, objective=objective,
            optimisation=AdversarialOptimisation(
                generator=generator_optimizer, critic=critic_optimizer, generator_noise=generator_noise,
                n_critic=Constant(n_critic) if isinstance(n_critic, int) else n_critic,
                gradient_clip_norm=gradient_clip_norm, accumulate=accumulate,
            ),
            averaging=averaging, schedule=schedule, classes=classes, seed=seed,
        )  # fmt: skip


image_gan = functools.partial(
    gan, generator=Maker, critic=Flat, latent=Normal(4), n_critic=1,
    generator_optimizer=SLOW_ADAM, critic_optimizer=SLOW_ADAM,
)  # fmt: skip


image_cgan = functools.partial(
    image_gan,
    generator=lambda: ConditionalGenerator(
        network=ToImages(network=mlp(8, SIDE**2, width=32), channels=1, image_size=SIDE), classes=4, embedding_dim=4
    ),
    critic=lambda: ConcatenationDiscriminator(network=Flat(2), classes=4, image_size=SIDE),
    classes=4,
)


cgan = functools.partial(
    gan,
    generator=lambda: ConditionalGenerator(network=mlp(4, 2), classes=8, embedding_dim=2),
    critic=lambda: PointDiscriminator(network=mlp(4, None), classes=8, embedding_dim=2),
    classes=8,
)


def vae(
    *, encoder=lambda: mlp(2, 4), decoder=lambda: mlp(2, 2), latent=Normal(2), objective=NegativeELBO(noise=0.1),  # noqa: B008
    optimizer=ADAM, gradient_clip_norm=None, accumulate=1, averaging=AVERAGING, schedule=None, weights=0, seed=3,
):  # fmt: skip
    """The VAE that stands outside the package."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        return ToyVAE(
            encoder=encoder(), decoder=decoder(), latent=latent, objective=objective,
            optimisation=OneOptimizer(
                optimizer=optimizer, gradient_clip_norm=gradient_clip_norm, accumulate=accumulate
            ),
            averaging=averaging, schedule=schedule, seed=seed,
        )  # fmt: skip


image_vae = functools.partial(
    vae,
    encoder=lambda: FromImages(network=mlp(SIDE**2, 8, width=32)),
    decoder=lambda: ToImages(network=mlp(4, SIDE**2, width=32), channels=1, image_size=SIDE),
    latent=Normal(4), objective=NegativeELBO(noise=0.5), optimizer=SLOW_ADAM,
)  # fmt: skip


NUMBERS = ELBO(observation=Gaussian(noise=None, dequantise=False), beta=1.0, warm_up=0, free_nats=0.0)
BINARY = ELBO(observation=Bernoulli(binarise="fixed"), beta=1.0, warm_up=0, free_nats=0.0)


def variational(
    *, encoder=lambda: mlp(2, 4), decoder=lambda: mlp(2, 4), latent=Normal(2), objective=NUMBERS,  # noqa: B008
    optimizer=ADAM, gradient_clip_norm=None, accumulate=1, averaging=AVERAGING, schedule=None, weights=0, seed=3,
):  # fmt: skip
    """A variational model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        return VariationalModel(
            encoder=encoder(), decoder=decoder(), latent=latent, objective=objective,
            optimisation=SingleOptimisation(
                optimizer=optimizer, gradient_clip_norm=gradient_clip_norm, accumulate=accumulate
            ),
            averaging=averaging, schedule=schedule, seed=seed,
        )  # fmt: skip


image_variational = functools.partial(
    variational,
    encoder=lambda: FromImages(network=mlp(SIDE**2, 8, width=32)),
    decoder=lambda: ToPixels(network=mlp(4, SIDE**2, width=32), channels=1, image_size=SIDE),
    latent=Normal(4), objective=BINARY, optimizer=SLOW_ADAM,
)  # fmt: skip


FLOW = Denoising(
    path=Linear(), parametrisation=Velocity(), weight=OfVelocity(), times=Stratified(Uniform(0, 1)),
    coupling=Independent(),
)  # fmt: skip
DDPM = Denoising(
    path=Chain(LinearBetas(20, 0.01, 0.6)), parametrisation=Epsilon(), weight=Simple(), times=Steps(),
    coupling=Independent(),
)  # fmt: skip


class FlatDenoiser(nn.Module):
    """A perceptron of pictures that is told time and label."""

    def __init__(self, classes=4):
        super().__init__()
        self.body = time_mlp(SIDE**2, classes, width=16)

    def forward(self, x, noise, labels=None):
        return self.body(x.flatten(1), noise, labels).view_as(x)


def time_mlp(inputs, classes=None, *, outputs=None, width=8):
    """A perceptron that is told the time, one hidden layer, whose last layer is not 0 at first; `outputs` None for as
    many as go in."""
    network = TimeMLP(
        inputs=inputs, outputs=inputs if outputs is None else outputs, width=width, hidden_layers=1,
        activation=nn.SiLU, waves=8, scale=100, classes=classes,
    )  # fmt: skip
    network.last.reset_parameters()
    return network


def flow(
    *, denoiser=lambda: time_mlp(2), shape=(2,), label_dropout=0.0, objective=FLOW, optimizer=ADAM,
    gradient_clip_norm=None, accumulate=1, averaging=AVERAGING, schedule=None, classes=None, weights=0, seed=3,
):  # fmt: skip
    """A denoising model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        return DenoisingModel(
            denoiser=denoiser(), shape=shape, label_dropout=label_dropout, objective=objective,
            optimisation=SingleOptimisation(
                optimizer=optimizer, gradient_clip_norm=gradient_clip_norm, accumulate=accumulate
            ),
            averaging=averaging, schedule=schedule, classes=classes, seed=seed,
        )  # fmt: skip


conditional_flow = functools.partial(flow, denoiser=lambda: time_mlp(2, 8), label_dropout=0.3, classes=8)


HYBRID = Hybrid(
    path=Chain(LinearBetas(20, 0.01, 0.4)), parametrisation=Epsilon(), weight=Simple(), times=Steps(),
    coupling=Independent(), bound_weight=0.001, decoder=gaussian,
)  # fmt: skip
hybrid = functools.partial(flow, denoiser=lambda: time_mlp(2, outputs=4), objective=HYBRID)


image_ddpm = functools.partial(
    flow, denoiser=FlatDenoiser, shape=(1, SIDE, SIDE), label_dropout=0.3, objective=DDPM, classes=4
)


LANGEVIN = UnadjustedLangevin(step_size=0.01)
REPLAY = Contrastive(
    kernel=LANGEVIN, steps=2, chains=Kept(size=20, fresh=0.3), data_noise=0.01, regularisation=0.1
)  # fmt: skip
PERSISTENT = Contrastive(kernel=Gibbs(), steps=2, chains=Kept(size=8, fresh=0.0), data_noise=0.0, regularisation=0.0)


def energy(
    *, energy=lambda: Confined(network=mlp(2, None), unit=1.0, deviation=2.0), shape=(2,),
    space=Unbounded(deviation=2.0),  # noqa: B008
    objective=REPLAY, optimizer=ADAM, gradient_clip_norm=None, accumulate=1, averaging=AVERAGING, schedule=None,
    weights=0, seed=3,
):  # fmt: skip
    """An energy model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(weights)
        return EnergyModel(
            energy=energy(), shape=shape, space=space, objective=objective,
            optimisation=SingleOptimisation(
                optimizer=optimizer, gradient_clip_norm=gradient_clip_norm, accumulate=accumulate
            ),
            averaging=averaging, schedule=schedule, seed=seed,
        )  # fmt: skip


rbm = functools.partial(
    energy, energy=lambda: RBM(visible=SIDE**2, hidden=6, deviation=0.5), shape=(1, SIDE, SIDE),
    space=Bits(binarise="fixed"), objective=PERSISTENT,
)  # fmt: skip


class Kind(NamedTuple):
    """How a model is made, and data for it."""

    model: Callable[..., GenerativeModel]
    data: Callable[..., BlockData]


MODELS = {
    "gan of points": Kind(gan, points),
    "gan of pictures": Kind(image_gan, TinyImages),
    "conditional gan of pictures": Kind(image_cgan, functools.partial(TinyImages, labelled=True)),
    "vae of points": Kind(vae, points),
    "vae of pictures": Kind(image_vae, TinyImages),
    "variational model of points": Kind(variational, points),
    "variational model of pictures": Kind(image_variational, TinyImages),
    "flow of points": Kind(flow, points),
    "conditional diffusion of pictures": Kind(image_ddpm, functools.partial(TinyImages, labelled=True)),
    "energy of points": Kind(energy, points),
    "boltzmann machine of pictures": Kind(rbm, TinyImages),
}
each_model = pytest.mark.parametrize("kind", MODELS.values(), ids=MODELS.keys())


def fit(model, data, steps, *callbacks, checkpoint=None, precision="32-true", plugins=()):
    """Train in a plain Lightning trainer up to `steps` steps; the trainer."""
    trainer = pl.Trainer(
        accelerator="cpu", precision=precision, max_steps=steps, max_epochs=-1, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=tempfile.gettempdir(), callbacks=list(callbacks), plugins=list(plugins),
    )  # fmt: skip
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return trainer


def sampler_of(model):
    """One that can draw from it."""
    if isinstance(model, EnergyModel):
        return ChainSampler(kernel=model.objective.kernel, steps=2, start="noise")
    return DIRECT if model.sampler_kind is Direct else FEW_STEPS


def samples(model, weights="ema", *, n=5, seed=1, sampler=None):
    """`n` samples of a model."""
    sampler = sampler_of(model) if sampler is None else sampler
    return model.sample(n, rng=keyed.Rng(seed, device=model.device), sampler=sampler, weights=weights)


def state(module):
    """A copy of all weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same(first, second):
    """Whether two states are equal to the bit."""
    assert first.keys() == second.keys()
    return all(torch.equal(first[name], second[name]) for name in first)
