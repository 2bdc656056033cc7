import functools

import pytest
import pytorch_lightning as pl
import torch

from kantor.data.module import PointData
from kantor.data.points import gaussians8
from kantor.models.adversarial import Adversarial, AdversarialOptimisation
from kantor.models.critic_steps import Constant
from kantor.models.ema import Averaging
from kantor.models.latent import Normal
from kantor.nets.activations import ReLU
from kantor.nets.mlp import MLP
from kantor.objectives.adversarial import Wasserstein
from kantor.runs.directory import RunDirectory


@pytest.fixture
def directory(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create()
    return run


@pytest.fixture
def make_model():
    """Makes a tiny model; equal arguments give equal weights."""

    def make(*, objective=None, seed=3):
        factory = functools.partial(torch.optim.Adam, lr=1e-2)
        settings = {"inputs": 2, "width": 8, "hidden_layers": 1, "activation": ReLU, "initialise": None}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return Adversarial(
                generator=MLP(**settings, outputs=2), critic=MLP(**settings, outputs=None), latent=Normal(2),
                objective=objective or Wasserstein(), averaging=Averaging(0.9, True), schedule=None,
                classes=None, seed=seed,
                optimisation=AdversarialOptimisation(
                    generator=factory, critic=factory, n_critic=Constant(2), generator_noise="fresh",
                gradient_clip_norm=None, accumulate=1,
                ),
            )  # fmt: skip

    return make


@pytest.fixture
def data():
    return PointData(name="gaussians8", distribution=gaussians8(0.1, 1.414), batch_size=6, seed=3)


@pytest.fixture
def fit(tmp_path, data):
    """Trains in a plain Lightning trainer up to `steps` steps, with these callbacks."""

    def run(model, steps, *callbacks, checkpoint=None, plugins=()):
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=steps, max_epochs=-1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
            callbacks=list(callbacks), plugins=list(plugins),
        )  # fmt: skip
        trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        return trainer

    return run
