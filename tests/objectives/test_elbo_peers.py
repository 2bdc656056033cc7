"""The bound against pythae's, of the same networks and the same latent noise.

Run by `make peers`, which installs it.
"""

import pytest
import torch
from torch import nn

from kantor.objectives.elbo import ELBO
from kantor.objectives.observation import Bernoulli, Gaussian

pytestmark = pytest.mark.peers
DIM = 3


class SameNoise:
    """What torch's generator gives after a seed, as pythae draws it."""

    def normal(self, b, k, d):
        return torch.randn(b, d, generator=torch.Generator().manual_seed(5))[:, None]


@pytest.mark.parametrize(
    ("loss", "observation"), [("bce", Bernoulli(binarise="fixed")), ("mse", Gaussian(noise=1.0, dequantise=False))]
)
@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_elbo_of_pythae(monkeypatch, loss, observation, beta):
    """Its Gaussian leaves out ½·log 2π of each number."""
    from pythae.models import BetaVAE, BetaVAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    torch.manual_seed(0)
    x = (torch.rand(6, 1, 8, 8) < 0.4).float()
    encoder, decoder = nn.Linear(64, 2 * DIM), nn.Linear(DIM, 64)

    class Encoder(BaseEncoder):
        def forward(self, x):
            mean, log_variance = encoder(x.flatten(1)).chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def forward(self, z):
            given = decoder(z).view(-1, 1, 8, 8)
            return ModelOutput(reconstruction=given.sigmoid() if loss == "bce" else given)

    config = BetaVAEConfig(input_dim=(1, 8, 8), latent_dim=DIM, reconstruction_loss=loss, beta=beta)
    theirs = BetaVAE(config, encoder=Encoder(), decoder=Decoder())
    monkeypatch.setattr(torch, "randn_like", lambda like: SameNoise().normal(len(like), 1, DIM)[:, 0])
    found = theirs({"data": x})
    ours = ELBO(observation=observation, beta=beta, warm_up=0, free_nats=0.0).loss(
        x, encoder(x.flatten(1)), lambda z: decoder(z).view(-1, 1, 8, 8), SameNoise(), 0
    )
    left_out = 0.0 if loss == "bce" else 64 * 0.9189385332046727
    torch.testing.assert_close(ours.loss.mean() - left_out, found.loss, rtol=1e-5, atol=1e-3)
