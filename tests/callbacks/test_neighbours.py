import numpy as np
import pytest
import torch
from tiny import TinyImages, image_gan, image_vae, quadrants

from kantor.callbacks.neighbours import BLOCK, Neighbours, nearest
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.samples import sheets


class Copies(torch.nn.Module):
    """Has learned the first images by heart."""

    def __init__(self, images):
        super().__init__()
        self.images = torch.nn.Parameter(pixels.to_model(torch.from_numpy(images)))

    def forward(self, z):
        return self.images[: len(z)] + 0 * z.sum()


def test_a_copied_image_is_its_own_nearest_neighbour():
    images, _ = quadrants(2 * BLOCK + 50)
    chosen = np.array([3, BLOCK, 2 * BLOCK + 49])
    queries = torch.from_numpy(images[chosen])
    every = np.arange(len(images))
    found = nearest(queries, ImageSet(images), every, 4, mirrored=False)
    assert found[:, 0].tolist() == chosen.tolist()
    flat = images.reshape(len(images), -1).astype(np.float64)
    for query, row in zip(chosen, found.numpy(), strict=True):
        distances = np.square(flat - flat[query]).sum(1)
        assert distances[row] == pytest.approx(np.sort(distances)[:4])
    without = every[~np.isin(every, chosen)]
    assert set(nearest(queries, ImageSet(images), without, 2, mirrored=False).flatten().tolist()) <= set(without)


def test_a_mirrored_copy_is_found_where_images_are_mirrored():
    images = np.random.default_rng(0).integers(0, 256, (60, 3, 8, 8)).astype(np.uint8)
    queries = torch.from_numpy(images[[7, 30]]).flip(-1)
    assert nearest(queries, ImageSet(images), np.arange(60), 1, mirrored=True).flatten().tolist() == [7, 30]
    assert nearest(queries, ImageSet(images), np.arange(60), 1, mirrored=False).flatten().tolist() != [7, 30]


@pytest.mark.parametrize("family", ["gan", "vae"])
def test_a_model_that_copies_is_seen_to(scene, family):
    images, _ = quadrants(30)
    model = {
        "gan": lambda: image_gan(generator=lambda: Copies(images)),
        "vae": lambda: image_vae(decoder=lambda: Copies(images)),
    }[family]()
    data = TinyImages(pixels=images)
    seen = np.asarray(Neighbours(scene(data), every=1, samples=4, neighbours=2).draw(model))
    cell, top = 8 * 11, sheets.MARGIN + 3 * sheets.TEXT // 2
    left, right = sheets.MARGIN, sheets.MARGIN + cell + 2 * sheets.MARGIN
    height = 4 * (cell + sheets.GAP) - sheets.GAP
    assert np.array_equal(seen[top : top + height, left : left + cell], seen[top : top + height, right : right + cell])
