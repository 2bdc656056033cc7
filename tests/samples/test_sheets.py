import numpy as np
import pytest
import torch
from PIL import Image

from kantor.samples import sheets


@pytest.mark.parametrize(("height", "scale"), [(8, 11), (28, 3), (32, 3), (64, 2), (84, 1), (128, 1)])
def test_a_tile_enlarges_by_whole_factors_and_keeps_every_pixel(height, scale):
    images = torch.randint(0, 256, (5, 3, height, height), dtype=torch.uint8)
    found = np.asarray(sheets.tile(images, 2))
    step = scale * height + sheets.GAP
    assert found.shape == (3 * step - sheets.GAP, 2 * step - sheets.GAP, 3)
    for index in range(5):
        y, x = index // 2 * step, index % 2 * step
        cell = found[y : y + scale * height, x : x + scale * height]
        assert np.array_equal(cell[scale // 2 :: scale, scale // 2 :: scale], images[index].permute(1, 2, 0).numpy())
        assert np.array_equal(cell, cell[::scale, ::scale].repeat(scale, 0).repeat(scale, 1))
    assert (found[2 * step :, step:] == sheets.PAPER).all()  # the sixth place is empty
    assert (found[scale * height : step] == sheets.PAPER).all()


def test_grey_images_make_grey_sheets_and_words_fit_above_them():
    tile = sheets.tile(torch.zeros(1, 1, 28, 28, dtype=torch.uint8), 1)
    whole = sheets.titled(tile, "fewer letters fit")
    assert tile.mode == whole.mode == "L" and whole.width == tile.width
    ink = np.asarray(whole)[: -tile.height]
    assert ink.min() < 128 and (ink[:, -1] == sheets.PAPER).all()


@pytest.mark.parametrize("words", ["step 400, EMA", "step 400, EMA, a column for each class from 0 to 3", "m" * 36])
def test_words_end_where_the_sheet_does(words):
    tile = sheets.tile(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 4)
    wide = Image.new("L", (2 * tile.width, tile.height), sheets.PAPER)
    wide.paste(tile)
    ink, reference = (np.asarray(sheets.titled(one, words))[: -tile.height] for one in (tile, wide))
    columns = (ink < 200).any(axis=0).nonzero()[0]
    assert 0 < columns[-1] < tile.width - 1
    assert (reference < 200).any() and columns[-1] <= (reference < 200).any(axis=0).nonzero()[0][-1]


def test_headings_stand_in_the_middle_of_their_columns():
    tile = sheets.tile(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), 5)
    whole = np.asarray(sheets.headed(tile, ["0", "8", "0", "8", "0"]))
    assert whole.shape == (tile.height + 3 * sheets.TEXT // 2, tile.width)
    column = tile.width / 5
    for index in range(5):
        ink = whole[: -tile.height, int(index * column) : int((index + 1) * column)] < 200
        assert ink.any(axis=0).nonzero()[0].mean() == pytest.approx(column / 2, abs=2)
