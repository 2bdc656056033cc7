"""Checks of distributions of points and of data sets of pictures."""

import numpy as np
import torch

from kantor.data.images import ImageData, Split, check_labels
from kantor.data.module import BlockData, PointData
from kantor.data.points import HasClasses, PointDistribution, identity
from kantor.data.stream import ImageBlock
from kantor.errors import UserError
from kantor.testing.faults import fail, plain_json


def check_distribution(distribution: PointDistribution) -> None:
    """Check a distribution of points: shapes, keyed draws, stratified ones in random order and of the same law.

    Raises:
        AssertionError: it is not like that.
    """
    name = type(distribution).__name__
    for stratified in (False, True):

        def draw(n: int, seed: int = 1, stratified: bool = stratified) -> np.ndarray:
            return distribution.sample(n, np.random.default_rng(seed), stratified=stratified)

        words = f"{name}, stratified={stratified}"
        for n in (1, 7, 100):
            points = draw(n)
            if points.shape != (n, 2) or points.dtype != np.float64:
                fail(f"{words}: {n} points are {points.dtype} {points.shape}", f"expected float64 ({n}, 2)")
            if not np.isfinite(points).all():
                fail(f"{words}: some points are not finite", "draw numbers")
        if not np.array_equal(draw(50), draw(50)):
            fail(f"{words}: equal generators draw other points", "draw from rng alone")
        if np.array_equal(draw(50), draw(50, seed=2)):
            fail(f"{words}: other generators draw the same points", "draw from rng")
        many = draw(4000)
        halves = np.abs(many[:2000].mean(0) - many[2000:].mean(0))
        if (halves > 6 * many.std(0).max() / np.sqrt(1000)).any():
            fail(f"{words}: the first half lies elsewhere than the second", "permute the strata")
        plain = distribution.sample(4000, np.random.default_rng(3), stratified=False)
        if (np.abs(many.mean(0) - plain.mean(0)) > 6 * plain.std(0).max() / np.sqrt(2000)).any():
            fail(f"{words}: its mean is not that of plain draws", "strata get the shares that they have in the law")
    if isinstance(distribution, HasClasses):
        _check_classes(distribution)
    plain_json(identity(distribution), f"{name}: its fields")


def _check_classes(distribution: HasClasses) -> None:
    """Labels of the points that are drawn, with their shares; each class has a law of its own."""
    name, shares = type(distribution).__name__, distribution.class_shares()
    if not (shares > 0).all() or abs(shares.sum() - 1) > 1e-9:
        fail(f"{name}: class_shares() are {shares}", "expected numbers above 0 that add up to 1")
    for stratified in (False, True):
        points, labels = distribution.labelled(4000, np.random.default_rng(1), stratified=stratified)
        assert isinstance(distribution, PointDistribution)
        if not np.array_equal(points, distribution.sample(4000, np.random.default_rng(1), stratified=stratified)):
            fail(f"{name}: labelled() draws other points than sample()", "let one call the other")
        if labels.dtype != np.int64 or labels.shape != (4000,) or labels.min() < 0 or labels.max() >= len(shares):
            fail(f"{name}: labels are {labels.dtype} {labels.shape}", f"expected int64 in 0 … {len(shares) - 1}")
        apart = np.abs(np.bincount(labels, minlength=len(shares)) - 4000 * shares)
        if (apart > (1 if stratified else 5 * np.sqrt(4000 * shares))).any():
            fail(f"{name}, stratified={stratified}: labels have not the shares of class_shares()", "draw them by these")
    for label in range(len(shares)):
        of_class = distribution.of_class(label).sample(400, np.random.default_rng(2))
        mine = points[labels == label]
        if (
            np.abs(of_class.mean(0) - mine.mean(0)) > 6 * (mine.std(0) + 1e-9) / np.sqrt(min(len(mine), 400) / 2)
        ).any():
            fail(f"{name}: of_class({label}) lies elsewhere than the points of this class", "draw them by the same law")


def check_data(data: BlockData) -> None:
    """Check data: of points their distribution; of pictures both splits, their labels, description and range.

    Raises:
        AssertionError: they are not as kantor takes them.
    """
    if isinstance(data, PointData):
        check_distribution(data.distribution)
        return
    assert isinstance(data, ImageData), f"{type(data).__name__} is neither PointData nor ImageData"
    if plain_json(data.describe(), "describe()") != plain_json(data.describe(), "describe()"):
        fail("describe() says something else the second time", "it names what changes a pixel, and nothing else")
    seen = {split: _check_split(data, split) for split in ("train", "test")}
    both = seen["train"] & seen["test"]
    if both:
        fail(f"{len(both)} pictures are in both splits", "hold out pictures that are not trained on")


def _check_split(data: ImageData, split: Split) -> set[bytes]:
    """The pictures of a split, the first 2,000, as bytes."""
    loaded, again = data.load(split), data.load(split)
    rows = np.arange(min(len(loaded), 2000))
    if len(rows) < 2:
        fail(f"{split} has {len(rows)} pictures", "expected at least two")
    pictures = loaded.take(rows)
    if tuple(pictures.shape[1:]) != tuple(data.sample_shape):
        fail(f"{split} has pictures {tuple(pictures.shape[1:])}", f"sample_shape says {tuple(data.sample_shape)}")
    if len(again) != len(loaded) or not torch.equal(again.take(rows), pictures):
        fail(f"{split} has other pictures the second time", "draw with a fixed seed, and sort what a directory lists")
    labels = loaded.labels_of(np.arange(len(loaded)))
    if (labels is None) != (data.classes is None):
        fail(f"{split} has {'no' if labels is None else ''} labels", f"classes={data.classes} says otherwise")
    if labels is not None and data.classes is not None:
        try:
            check_labels(labels, data.classes, split)
        except UserError as error:
            raise AssertionError(str(error)) from error
    whole = data.on_after_batch_transfer(ImageBlock(pictures[None], None, None), 0).samples
    if whole.min() < -1 or whole.max() > 1:
        fail(f"{split} is {whole.min():.3g} to {whole.max():.3g} for a network", "expected [-1, 1]")
    different = {picture.numpy().tobytes() for picture in pictures}
    if len(different) < 2:
        fail(f"all pictures of {split} are the same", "look at how they are loaded")
    return different
