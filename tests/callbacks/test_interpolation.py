import math

import numpy as np
import pytest
import torch
from tiny import TinyImages, image_cgan, image_gan, image_vae

from kantor import keyed
from kantor.callbacks.interpolation import Interpolation, linear, path_through, spherical
from kantor.data import pixels
from kantor.models.latent import Normal, Uniform
from kantor.samples import sheets

CELL = 8 * 11 + sheets.GAP


def cells(picture, rows, columns):
    """Each image of a picture, (rows, columns, 8, 8)."""
    seen = np.asarray(picture)[sheets.MARGIN + 3 * sheets.TEXT // 2 :, sheets.MARGIN :]
    return np.array([[seen[y * CELL : y * CELL + 88 : 11, x * CELL : x * CELL + 88 : 11] for x in range(columns)]
                     for y in range(rows)])  # fmt: skip


def test_paths_begin_and_end_at_the_ends():
    a, b = torch.randn(6, 5), torch.randn(6, 5)
    a[5] = 2 * b[5]  # the same way: no angle between them
    t = torch.tensor([0.0, 0.5, 1.0])
    for path in (linear, spherical):
        found = path(a, b, t)
        assert found.shape == (6, 3, 5)
        torch.testing.assert_close(found[:, 0], a, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found[:, 2], b, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(linear(a, b, t)[:, 1], (a + b) / 2)


def test_a_spherical_path_keeps_the_length():
    a, b = torch.eye(3)[:1], torch.eye(3)[1:2]
    found = spherical(a, b, torch.linspace(0, 1, 7))[0]
    assert found.norm(dim=1).tolist() == pytest.approx([1.0] * 7)
    assert found[2].tolist() == pytest.approx([math.cos(math.pi / 6), math.sin(math.pi / 6), 0], abs=1e-6)


def test_each_latent_has_its_path():
    assert path_through(Normal(3)) is spherical
    assert path_through(Uniform(3, -1.0, 1.0)) is linear


@pytest.mark.parametrize("weights", ["ema", "raw"])
@pytest.mark.parametrize("make", [image_gan, image_vae])
def test_rows_lead_from_one_sample_to_another(scene, make, weights):
    model, here = make(), scene(TinyImages(), weights=weights)
    with torch.no_grad():
        for network in model.sampling_networks().values():
            next(network.parameters()).mul_(2)  # the average is another
    found = cells(Interpolation(here, every=1, rows=3, columns=4).draw(model), 3, 4)
    ends = model.latent(6, keyed.Rng(keyed.seed(here.seed, "picture")))
    expected = pixels.to_uint8(model.decode(ends, weights=weights))[:, 0].numpy()
    assert np.abs(found[:, 0].astype(int) - expected[:3]).max() <= 1
    assert np.abs(found[:, -1].astype(int) - expected[3:]).max() <= 1
    assert not np.array_equal(found[:, 0], found[:, 1])


def test_a_row_of_a_conditional_model_stays_in_its_class(scene):
    class Colours(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.brightness = torch.nn.Parameter(torch.linspace(-1, 1, 4))

        def forward(self, z, labels):
            return self.brightness[labels].reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8) + 0 * z.sum()

    data = TinyImages(labelled=True)
    picture = Interpolation(scene(data), every=1, rows=5, columns=3).draw(image_cgan(generator=Colours))
    levels = pixels.to_uint8(torch.linspace(-1, 1, 4)).numpy()[[0, 1, 2, 3, 0]]
    assert (cells(picture, 5, 3) == levels[:, None, None, None]).all()
