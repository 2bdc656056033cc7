import inspect

import pytest
import torch

from kantor.errors import UserError
from kantor.keyed import Rng
from kantor.models import latent
from kantor.models.latent import Normal, Uniform

# law: (mean, deviation)
LATENTS = {
    "normal": (Normal(3), 0.0, 1.0),
    "uniform": (Uniform(3, -1.0, 1.0), 0.0, 3**-0.5),
    "unit": (Uniform(1, 0.0, 1.0), 0.5, 12**-0.5),
}
each = pytest.mark.parametrize(("noise", "mean", "deviation"), LATENTS.values(), ids=LATENTS.keys())


def test_every_latent_is_tested():
    kinds = {kind for _, kind in inspect.getmembers(latent, inspect.isclass) if kind.__module__ == latent.__name__}
    assert kinds - {latent.Latent} == {type(noise) for noise, _, _ in LATENTS.values()}


@each
def test_moments(noise, mean, deviation):
    z = noise(20_000, Rng(1))
    assert z.shape == (20_000, noise.dim) and z.dtype == torch.float32
    assert z.mean(0).numpy() == pytest.approx(mean, abs=5 * deviation / 20_000**0.5)
    assert z.std(0).numpy() == pytest.approx(deviation, rel=0.03)


@each
def test_ranks_share_one_draw(noise, mean, deviation):
    whole = noise(6, Rng(1))
    parts = [noise(3, Rng(1, rank=rank, world=2)) for rank in (0, 1)]
    assert torch.equal(torch.cat(parts), whole)


def test_uniform_stays_in_its_range():
    z = Uniform(2, 2.0, 5.0)(10_000, Rng(1))
    assert z.min() >= 2 and z.max() <= 5
    assert z.min() < 2.01 and z.max() > 4.99


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Normal(0), "dim=0"),
        (lambda: Uniform(-1, 0.0, 1.0), "dim=-1"),
        (lambda: Uniform(2, 1.0, 1.0), "high=1.0: expected more than low=1.0"),
        (lambda: Uniform(2, 1.0, 0.0), "high=0.0: expected more than low=1.0"),
    ],
)
def test_values_out_of_range_are_refused(make, named):
    with pytest.raises(UserError, match=named):
        make()
