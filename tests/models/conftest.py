import functools

import pytest
import pytorch_lightning as pl
import torch

from kantor.data.module import PointData
from kantor.data.points import gaussians8
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.critic_steps import Constant
from kantor.models.latent import Normal
from kantor.nets.activations import ReLU
from kantor.nets.mlp import MLP
from kantor.objectives.adversarial import NonSaturating

OPTIMIZERS = {
    "adam": functools.partial(torch.optim.Adam, lr=1e-2, betas=(0.5, 0.9), fused=True),
    "rmsprop": functools.partial(torch.optim.RMSprop, lr=1e-2, foreach=True),
}


@pytest.fixture
def make_model():
    """Makes a tiny adversarial model; equal arguments give equal weights."""

    def make(*, objective=None, optimizer="adam", n_critic=None, generator=None, **changed):
        factory = OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(changed.pop("weights", 0))
            settings = {"inputs": 2, "width": 8, "hidden_layers": 1, "activation": ReLU, "initialise": None}
            made = MLP(**settings, outputs=2) if generator is None else generator()
            critic = MLP(**settings, outputs=None)
        return Adversarial(
            generator=made,
            critic=critic,
            latent=Normal(2),
            objective=NonSaturating() if objective is None else objective,
            optimisation=AdversarialOptimisation(
                generator=factory,
                critic=factory,
                n_critic=n_critic or Constant(2),
                generator_noise="fresh",
                ema_decay=0.9,
            ),
            seed=changed.pop("seed", 3),
        )

    return make


@pytest.fixture
def fit(tmp_path):
    """Trains in a plain Lightning trainer up to `steps` steps."""

    def run(model, steps, *, checkpoint=None, batch_size=6, callbacks=(), precision="32-true"):
        trainer = pl.Trainer(
            accelerator="cpu",
            precision=precision,
            max_steps=steps,
            max_epochs=-1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=tmp_path,
            callbacks=list(callbacks),
        )
        data = PointData(name="gaussians8", distribution=gaussians8(0.1, 1.414), batch_size=batch_size, seed=model.seed)
        trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        return trainer

    return run
