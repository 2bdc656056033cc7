import math

import numpy as np
import pytest

from kantor.data.bars_and_stripes import COPIES, BarsAndStripes, throws
from kantor.errors import UserError

SETTINGS = {
    "name": "bars_and_stripes", "batch_size": 8, "size": None, "flip": False, "resident": "auto", "identity": "auto",
    "seed": 0,
}  # fmt: skip


def data(side=4):
    return BarsAndStripes(image_size=side, **SETTINGS)


def test_they_come_again_and_others_are_other_data():
    for split in ("train", "test"):
        assert np.array_equal(data().load(split).pixels, data().load(split).pixels)
    assert data().fingerprint == data().fingerprint != data(3).fingerprint
    assert data(3).sample_shape == data(3).train.pixels.shape[1:] == (1, 3, 3)


@pytest.mark.parametrize("side", [2, 3, 4, 5])
def test_the_entropy_is_that_of_all_throws(side):
    """Counted: each different picture by how many throws show it."""
    _, counts = np.unique(throws(side).reshape(2 ** (side + 1), -1), axis=0, return_counts=True)
    shares = counts / counts.sum()
    assert len(counts) == 2 * 2**side - 2
    assert data(side).entropy == pytest.approx(-float((shares * np.log(shares)).sum()))


def test_of_four_pixels_a_side_it_is_known():
    """28 pictures of 1/32 and two of 1/16."""
    assert data().entropy == pytest.approx(28 / 32 * math.log(32) + 2 / 16 * math.log(16))


def test_rows_or_columns_are_of_one_kind():
    for picture in throws(4)[:, 0]:
        assert set(np.unique(picture)) <= {0, 255}
        assert (picture == picture[:, :1]).all() or (picture == picture[:1]).all()


def test_both_splits_are_the_whole_law():
    for split in ("train", "test"):
        pixels = data().load(split).pixels
        assert len(pixels) == 32 * COPIES[split]
        assert pixels.mean() == pytest.approx(127.5)


@pytest.mark.parametrize("side", [1, 9])
def test_other_sides_are_refused(side):
    with pytest.raises(UserError, match=rf"^image_size={side}: expected 2 to 8"):
        data(side)
