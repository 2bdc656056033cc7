"""Checks of scores and extractors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kantor.evaluation.extractors.base import Extractor
from kantor.evaluation.score_definition import ScoreDefinition
from kantor.testing.faults import fail, plain_json


def check_score(
    score: ScoreDefinition[Any, Any],
    compare: Callable[[np.ndarray, np.ndarray], Any],
    *,
    reference: np.ndarray,
    fresh: np.ndarray,
    worse: np.ndarray,
) -> None:
    """Check a score: a number that the order of samples does not change, and that is worse for worse samples.

    Args:
        score: any.
        compare: makes its comparison of real samples (n, …) and generated ones (m, …).
        reference: real samples.
        fresh: other real samples, as many.
        worse: samples that everybody would call worse, as many.

    Raises:
        AssertionError: it is not like that.
    """

    def value(real: np.ndarray, generated: np.ndarray) -> float:
        kept = real.copy(), generated.copy()
        found = score.compute(compare(real, generated))
        if not (np.array_equal(real, kept[0]) and np.array_equal(generated, kept[1])):
            fail(f"{score.name} changes the samples that it is given", "compute on a copy")
        if isinstance(found, str) or not np.isfinite(found):
            fail(f"{score.name} of ordinary samples is {found}", "expected a finite number")
        return float(found)

    here = value(reference, fresh)
    rng = np.random.default_rng(0)
    for which, given in {
        "the same samples": (reference, fresh),
        "generated samples in another order": (reference, rng.permutation(fresh)),
        "real samples in another order": (rng.permutation(reference), fresh),
    }.items():
        if abs(value(*given) - here) > 1e-9 * max(1.0, abs(here)):
            fail(f"{score.name} of {which} is {value(*given)}, before {here}", "use every sample alike, and no chance")
    if not (score.name.isidentifier() and all((score.words.meaning, score.words.good, score.words.suspicious))):
        fail(f"name={score.name!r} words={score.words!r}", "a name of letters and underscores, and all three words")
    if score.kind.better != "none":
        _check_order(score, own=value(reference, reference), here=here, poor=value(reference, worse))


def _check_order(score: ScoreDefinition[Any, Any], *, own: float, here: float, poor: float) -> None:
    """Check that a score gets better from worse samples over real ones to samples and themselves."""
    if not score.kind.improves(here, poor):
        better = f"it is better {score.kind.better}"
        fail(f"{score.name} is {here:.4g} of real samples and {poor:.4g} of worse ones", better)
    if score.kind.target is None and score.kind.improves(here, own):
        fail(
            f"{score.name} of samples and themselves is {own:.4g}, and {here:.4g} of fresh ones",
            "nothing is nearer to a set than itself",
        )


def check_extractor(extractor: Extractor, images: Tensor) -> None:
    """Check an extractor: rows of float64 that depend on one picture each, and an identity that stays.

    Args:
        extractor: any.
        images: uint8 (n, C, H, W), at least 8 different ones; more than its batch test more.

    Raises:
        AssertionError: it is not like that.
    """
    extractor.prepare()
    before, kept = plain_json(extractor.identity(), "identity()"), images.clone()
    whole = extractor(images)
    n = len(images)
    for what, rows in (("features", whole.features), ("logits", whole.logits)):
        if rows is not None and (rows.dtype != torch.float64 or rows.ndim != 2 or len(rows) != n):
            fail(f"{what} are {rows.dtype} {tuple(rows.shape)}", f"expected torch.float64 ({n}, d)")
        if rows is not None and not rows.isfinite().all():
            fail(f"some {what} are not finite", "look for logarithms and divisions near 0")
    given = None if whole.logits is None else whole.logits.shape[1]
    if extractor.classes is not None and given != extractor.classes:
        fail(f"logits are of {given} classes", f"classes={extractor.classes} says otherwise")
    if not torch.equal(images, kept):
        fail("the extractor changes its pictures", "compute on a copy")
    if torch.equal(whole.features[:1].expand_as(whole.features), whole.features):
        fail("all pictures have the same features", "look at the range of what the network takes")
    for pieces in (images.split(1)[:5], images.split(3)):
        found = torch.cat([extractor(piece).features for piece in pieces])
        if not torch.equal(found, whole.features[: len(found)]):
            fail("features depend on the other pictures of a batch", "eval mode, and batches of one size (in_batches)")
    if not torch.equal(extractor(images.flip(0)).features, whole.features.flip(0)):
        fail("features depend on the order of pictures", "each picture by itself")
    if plain_json(extractor.identity(), "identity()") != before:
        fail("identity() is another one after use", "it names weights and settings, which do not change")
