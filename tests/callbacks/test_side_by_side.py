import numpy as np
import pytest
import torch
from tiny import TinyImages, image_gan, image_vae

from kantor.callbacks.side_by_side import SideBySide
from kantor.samples import sheets


class Bright(torch.nn.Module):
    """Makes the same of all noise."""

    def __init__(self):
        super().__init__()
        self.level = torch.nn.Parameter(torch.tensor(200 / 127.5 - 1))

    def forward(self, z):
        return self.level.expand(len(z), 1, 8, 8)


@pytest.mark.parametrize("make", [lambda: image_gan(generator=Bright), lambda: image_vae(decoder=Bright)])
def test_real_images_stand_on_the_left_and_generated_ones_on_the_right(scene, make):
    dark = TinyImages(pixels=np.full((9, 1, 8, 8), 40, np.uint8))
    seen = np.asarray(SideBySide(scene(dark), every=1, side=2).draw(make()))
    seen = seen[sheets.MARGIN + 3 * sheets.TEXT // 2 :]  # below the words
    middle = seen.shape[1] // 2
    assert (seen[:, :middle] == 40).any() and not (seen[:, :middle] == 200).any()
    assert (seen[:, middle:] == 200).any() and not (seen[:, middle:] == 40).any()
