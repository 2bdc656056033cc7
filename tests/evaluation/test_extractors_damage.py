"""Damaged and foreign pictures that `shapes_cnn` learns from, and what it is asked of them."""

import math

import damage
import numpy as np
import pytest
import torch
from damage import BLENDED, DAMAGES, FOREIGN, NOISY, SCRAMBLED, damaged, foreign, strength
from train_extractors import BRIGHTNESS, SCALE, lesson, shapes_loss, strengths_of_damage

from kantor import keyed
from kantor.data import shapes
from kantor.evaluation.extractors.classifiers import ANSWERS, shapes_cnn

BY_NAME = {kind.name: kind for kind in DAMAGES}
KINDS = pytest.mark.parametrize("kind", DAMAGES, ids=BY_NAME)


def rendered(n=12, name="test of damage"):
    return torch.from_numpy(shapes.paint(shapes.scenes([keyed.seed(0, name, index) for index in range(n)]))).float()


def keyed_generator(key=0):
    return torch.Generator().manual_seed(key)


def changed(name, images, amount):
    return BY_NAME[name].change(images, torch.full((len(images),), amount), keyed_generator())


@KINDS
def test_no_damage_changes_nothing(kind):
    images = rendered()
    assert torch.equal(kind.change(images, torch.zeros(len(images)), keyed_generator()), images)


@KINDS
def test_a_stronger_damage_changes_more(kind):
    images = rendered()
    change = [(changed(kind.name, images, amount) - images).square().mean() for amount in (0.3, 0.6, 1.0)]
    assert 0 < change[0] < change[1] < change[2]


@KINDS
def test_each_picture_has_its_own_strength(kind):
    images = rendered()
    found = kind.change(images, (torch.arange(len(images)) == 3).float(), keyed_generator())
    differs = (found != images).flatten(1).any(1)
    assert differs.nonzero().flatten().tolist() == [3]


def test_strengths_are_logarithms_of_amounts():
    assert strength(torch.tensor([0.0, 2.0, 32.0]), 2.0).tolist() == pytest.approx([0, math.log(2) / math.log(17), 1])


@pytest.mark.parametrize("width", [1.0, 2.0, 4.0])
def test_a_blurred_point_is_as_wide_as_it_says(width):
    point = torch.zeros(1, 3, 64, 64)
    point[..., 30, 33] = 255
    found = changed("blurred", point, float(strength(torch.tensor(width), damage.BLUR)))[0, 0]
    place = torch.arange(64.0)
    assert float(found.sum()) == pytest.approx(255, rel=1e-3)
    assert float((found.sum(1) * (place - 30) ** 2).sum() / found.sum()) == pytest.approx(width**2, rel=1e-2)


def test_noise_is_as_strong_as_it_says():
    grey = torch.full((4, 3, 64, 64), 128.0)
    found = changed("noisy", grey, float(strength(torch.tensor(20.0), damage.NOISE))) - grey
    assert float(found.std()) == pytest.approx(20, rel=0.02) and abs(float(found.mean())) < 0.5


@pytest.mark.parametrize(("amount", "parts"), [(0.2, 2), (0.5, 4), (0.9, 8)])
def test_scrambled_pictures_have_the_same_squares(amount, parts):
    def squares(images):
        side = 64 // parts
        found = images.unfold(2, side, side).unfold(3, side, side).permute(0, 2, 3, 1, 4, 5).flatten(1, 2).flatten(2)
        return [sorted(picture.tolist()) for picture in found]

    images = torch.rand(2, 3, 64, 64, generator=keyed_generator(1))
    found = changed("scrambled", images, amount)
    assert squares(found) == squares(images) and not torch.equal(found, images)


def test_other_damage_by_hand():
    image = torch.zeros(2, 3, 64, 64)
    image[0] = torch.tensor([90.0, 120, 240])[:, None, None]
    assert changed("faint", image, 1.0)[0, :, 0, 0].tolist() == [90 / 8, 15, 30]
    assert changed("blended", image, 0.5)[:, 2, 0, 0].tolist() == [180, 60]
    tinted = changed("tinted", image, float(strength(torch.tensor(51.0), damage.TINT)))
    background = tinted[1, :, 0, 0]
    assert float(background.max()) == pytest.approx(51, rel=1e-4)
    white = changed("tinted", image[1:] + 255, 0.7)
    assert white.flatten().tolist() == pytest.approx([255] * white.numel())


def test_what_is_wholly_foreign_has_nothing_of_the_picture():
    one, other = (changed("foreign", rendered(name=name), 1.0) for name in ("one", "other"))
    assert torch.equal(one, other) and torch.equal(one, foreign(len(one), keyed_generator()))


@pytest.mark.parametrize("n", [1, 2, 30])
def test_foreign_pictures_are_many_and_a_function_of_the_generator(n):
    found = foreign(n, keyed_generator())
    assert found.shape == (n, 3, 64, 64) and found.min() >= 0 and found.max() <= 255
    assert torch.equal(found, foreign(n, keyed_generator())) and not torch.equal(found, foreign(n, keyed_generator(1)))
    assert len(found.unique(dim=0)) == n


def test_damaged_pictures_tell_their_damage():
    images = rendered(400)
    found, strengths = damaged(images, keyed_generator())
    assert found.min() >= 0 and found.max() <= 255 and strengths.min() >= 0 and strengths.max() <= 1
    none = strengths.amax(1) == 0
    assert 0.05 < none.float().mean() < 0.3 and torch.equal(found[none], images[none])
    wholly = strengths[:, FOREIGN] == 1
    assert 0.1 < wholly.float().mean() < 0.3 and (strengths[wholly].sum(1) == 1).all()
    assert all(torch.equal(*pair) for pair in zip(damaged(images, keyed_generator()), (found, strengths), strict=True))


def test_what_is_asked_of_pictures():
    """Clean, noisy, blended, scrambled, mostly foreign, wholly foreign."""
    strengths = torch.zeros(6, len(DAMAGES))
    given = {1: (NOISY, 0.5), 2: (BLENDED, 0.1), 3: (SCRAMBLED, 1.0), 4: (FOREIGN, 0.6), 5: (FOREIGN, 1.0)}
    for row, (kind, amount) in given.items():
        strengths[row, kind] = amount
    levels = torch.full((6, 3, 64, 64), 50.0)
    found = lesson(levels, torch.tensor([[2, 1, 1, 0, 0, 0]] * 6), strengths)
    numbers, amounts, means = found.split([6, len(DAMAGES), 3], 1)
    assert numbers[:2].tolist() == [[2, 1, 1, 0, 0, 0]] * 2 and numbers[5].tolist() == [0] * 6
    assert numbers[2:5].isnan().all()
    assert torch.equal(amounts[:5], SCALE * strengths[:5])
    assert amounts[5].nan_to_num(-1).tolist() == [SCALE if kind == FOREIGN else -1 for kind in range(len(DAMAGES))]
    assert (means == 50 / BRIGHTNESS).all()


def test_the_loss_by_hand():
    """Three answers are asked, and wrong by 1, by 2 and by 0; numbers are guessed, and one picture has none."""
    logits = torch.zeros(2, ANSWERS + 2)
    targets = torch.zeros(2, 8)
    targets[0, 6:] = torch.tensor([1.0, -2.0])
    targets[1, :7] = math.nan
    assert float(shapes_loss(logits, targets)) == pytest.approx(math.log(6) + 0.15 * (1 + 4 + 0) / 3)


@KINDS
def test_shapes_cnn_says_how_strong_a_damage_is(kind):
    """Roughly; that two pictures are blended it hardly sees, since shapes have all colours."""
    images = rendered(60)
    strengths = torch.linspace(0, 1, len(images))
    levels = kind.change(images, strengths, keyed_generator()).round().clamp(0, 255).to(torch.uint8)
    found = strengths_of_damage(shapes_cnn()(levels).logits)[:, DAMAGES.index(kind)]
    assert np.corrcoef(found, strengths)[0, 1] > (0.3 if kind.name == "blended" else 0.75)
