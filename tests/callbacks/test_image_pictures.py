import math

import numpy as np
import pytest
import torch
from image_runs import Maker, Normalised, TinyImages, fit, image_model, quadrants
from PIL import Image

from kantor.callbacks.clock import Clock
from kantor.callbacks.grids import WIDTH, Grids
from kantor.callbacks.interpolation import Interpolation, linear, path_through, spherical
from kantor.callbacks.neighbours import BLOCK, Neighbours, nearest
from kantor.callbacks.side_by_side import SideBySide
from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.errors import UserError
from kantor.models.latent import Normal, Uniform
from kantor.samples import sheets

KINDS = {
    "grids": (Grids, {"side": 3}),
    "side_by_side": (SideBySide, {"side": 2}),
    "interpolation": (Interpolation, {"rows": 2, "columns": 5}),
    "neighbours": (Neighbours, {"samples": 3, "neighbours": 4}),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def picture(kind, directory, data, **changed):
    make, settings = KINDS[kind]
    return make(
        **{"directory": directory, "data": data, "clock": Clock(), "seed": 0, "every": 2, **settings, **changed}
    )


def opened(path):
    with Image.open(path) as image:
        return image.mode, image.size, np.asarray(image).copy()


class Copies(torch.nn.Module):
    """A generator that has learned the first images by heart: the noise says which."""

    def __init__(self, images):
        super().__init__()
        self.images = torch.nn.Parameter(pixels.to_model(torch.from_numpy(images)))

    def forward(self, z):
        return self.images[: len(z)] + 0 * z.sum()


@pytest.mark.parametrize("channels", [1, 3])
def test_grids_are_drawn_before_the_first_step_every_so_often_and_at_the_end(directory, channels):
    data = TinyImages(channels=channels)
    model = image_model(generator=lambda: Maker(channels), critic=lambda: Normalised(channels))
    fit(model, data, 3, picture("grids", directory, data))
    names = sorted(path.name for path in directory.samples.iterdir())
    assert names == ["samples.gif", "step_00000000.png", "step_00000002.png", "step_00000003.png"]
    sizes = {opened(directory.samples / name)[:2] for name in names[1:]}
    side = 3 * 8 * 11 + 2 * sheets.GAP + 2 * sheets.MARGIN
    assert sizes == {("L" if channels == 1 else "RGB", (side, side + 3 * sheets.TEXT // 2))}
    with Image.open(directory.samples / "samples.gif") as gif:
        assert gif.n_frames == 3 and gif.size == (side, side + 3 * sheets.TEXT // 2)


def test_wide_grids_are_made_small_for_the_animation(directory):
    data = TinyImages()
    fit(image_model(), data, 1, picture("grids", directory, data, side=10))
    wide = opened(directory.samples / "step_00000001.png")[1][0]
    with Image.open(directory.samples / "samples.gif") as gif:
        assert wide > WIDTH and gif.size[0] == wide // 2


def test_a_grid_shows_the_average_of_the_weights_and_the_same_noise_each_time(directory):
    model, data = image_model(), TinyImages()
    grids = picture("grids", directory, data)
    grids.draw(model)
    first = opened(directory.samples / "step_00000000.png")[2]
    with torch.no_grad():
        model.generator.body[0].weight.add_(1)
    grids.draw(model)
    assert np.array_equal(opened(directory.samples / "step_00000000.png")[2], first)
    model.weights("ema")["generator"].load_state_dict(model.generator.state_dict())
    grids.draw(model)
    assert not np.array_equal(opened(directory.samples / "step_00000000.png")[2], first)


@each_kind
def test_pictures_change_no_bit_of_weights_or_statistics(directory, kind):
    def train(*callbacks):
        model = image_model(critic=Normalised)
        fit(model, TinyImages(), 3, *callbacks)
        return model.state_dict()

    drawn, alone = train(picture(kind, directory, TinyImages(), every=1)), train()
    assert any("running_mean" in name for name in alone)
    assert all(torch.equal(alone[name], drawn[name]) for name in alone)


@each_kind
def test_equal_models_make_equal_pictures_and_pictures_that_are_not_due_are_not_drawn(directory, kind):
    data, found = TinyImages(), []
    for _ in range(2):
        fit(image_model(), data, 5, picture(kind, directory, data, every=4))
        found.append({path.name: path.read_bytes() for path in directory.path.rglob("*.[pg][ni]*")})
    assert found[0] == found[1] and found[0]
    if kind == "grids":
        assert sorted(found[0])[1:] == [f"step_0000000{step}.png" for step in (0, 4, 5)]


@each_kind
def test_points_and_wrong_sizes_are_refused(directory, data, kind):
    with pytest.raises(UserError, match="it draws pictures, data=gaussians8 are points; take pictures=points"):
        picture(kind, directory, data)
    for name in KINDS[kind][1]:
        with pytest.raises(UserError, match=f"{name}=0: expected"):
            picture(kind, directory, TinyImages(), **{name: 0})


def test_real_images_stand_on_the_left_and_generated_ones_on_the_right(directory):
    dark, bright = np.full((9, 1, 8, 8), 40, np.uint8), np.full((9, 1, 8, 8), 200, np.uint8)
    model = image_model(generator=lambda: Copies(bright))
    picture("side_by_side", directory, TinyImages(pixels=dark)).draw(model)
    seen = opened(directory.figures / "real_and_generated.png")[2]
    seen = seen[sheets.MARGIN + 3 * sheets.TEXT // 2 :]  # below the words
    middle = seen.shape[1] // 2
    assert (seen[:, :middle] == 40).any() and not (seen[:, :middle] == 200).any()
    assert (seen[:, middle:] == 200).any()


def test_a_copied_image_is_its_own_nearest_neighbour():
    images = quadrants(2 * BLOCK + 50)
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


def test_a_model_that_copies_is_seen_to(directory):
    images = quadrants(30)
    model = image_model(generator=lambda: Copies(images))
    picture("neighbours", directory, TinyImages(pixels=images), samples=4, neighbours=2).draw(model)
    seen = opened(directory.figures / "neighbours.png")[2]
    cell, top = 8 * 11, sheets.MARGIN + 3 * sheets.TEXT // 2
    left, right = sheets.MARGIN, sheets.MARGIN + cell + 2 * sheets.MARGIN
    height = 4 * (cell + sheets.GAP) - sheets.GAP
    assert np.array_equal(seen[top : top + height, left : left + cell], seen[top : top + height, right : right + cell])


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


def test_a_model_without_noise_vectors_is_refused(directory):
    with pytest.raises(UserError, match="needs a generator of noise vectors"):
        picture("interpolation", directory, TinyImages()).draw(object())
