"""Inception and mode score: known answers, torch-fidelity on the same logits, and what classes must do to them."""

import itertools
import math

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from kantor.metrics.logits import inception_score, mode_score


def random_logits(n, classes=10, seed=0, *, scale=3.0):
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def certain(labels, classes, *, confidence=1e4):
    return confidence * torch.nn.functional.one_hot(torch.as_tensor(labels), classes).double()


def as_it_is(logits):
    return inception_score(logits)


def among_themselves(logits):
    """Where real and generated classes are equally frequent the mode score is the inception score."""
    return mode_score(logits, logits)


each = pytest.mark.parametrize("score", [as_it_is, among_themselves])


@each
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_the_ends_of_the_scale(score, classes):
    assert score(torch.zeros(50, classes)) == pytest.approx(1, rel=1e-12)
    assert score(certain([3 % classes] * 50, classes)) == pytest.approx(1, rel=1e-12)
    assert score(random_logits(1, classes).repeat(50, 1)) == pytest.approx(1, rel=1e-12)
    assert score(certain(list(range(classes)) * 3, classes)) == pytest.approx(classes, rel=1e-12)


@each
def test_some_of_the_classes(score):
    """Three of ten, as 1/2, 1/4, 1/4: exp of their entropy 1.5 log 2."""
    assert score(certain([0, 0, 1, 2], 10)) == pytest.approx(2**1.5, rel=1e-12)


@each
def test_two_samples_by_hand(score):
    """p = (0.8, 0.2) and (0.4, 0.6): p(y) = (0.6, 0.4)."""
    logits = torch.tensor([[0.8, 0.2], [0.4, 0.6]], dtype=torch.float64).log()
    kl = [0.8 * math.log(0.8 / 0.6) + 0.2 * math.log(0.2 / 0.4), 0.4 * math.log(0.4 / 0.6) + 0.6 * math.log(0.6 / 0.4)]
    assert score(logits) == pytest.approx(math.exp(sum(kl) / 2), rel=1e-12)


@pytest.mark.parametrize("n", [20, 103])
def test_it_is_torch_fidelitys(n):
    logits = random_logits(n, 12)
    theirs = isc_features_to_metric(logits, splits=1, shuffle=False)
    assert inception_score(logits) == pytest.approx(theirs["inception_score_mean"], rel=1e-12)


def test_wrong_frequencies_cost_their_divergence():
    """All classes certain; real ones equally frequent, generated 3:1. exp(H(p) - KL(p ‖ p*))."""
    found = mode_score(certain([0, 1], 2), certain([0, 0, 0, 1], 2))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert found == pytest.approx(math.exp(entropy - divergence), rel=1e-12)
    assert inception_score(certain([0, 0, 0, 1], 2)) == pytest.approx(math.exp(entropy), rel=1e-12)


def test_against_the_formula_on_probabilities():
    real, generated = random_logits(40, seed=1), random_logits(50, seed=2)
    p, marginal, target = generated.softmax(1), generated.softmax(1).mean(0), real.softmax(1).mean(0)
    expected = (p * (p / marginal).log()).sum(1).mean() - (marginal * (marginal / target).log()).sum()
    assert mode_score(real, generated) == pytest.approx(math.exp(expected), rel=1e-10)


def test_che_et_al_s_equation_is_the_inception_score():
    """Whatever the real classes are: why it is not the one used."""
    real, generated = random_logits(40, seed=1), random_logits(50, seed=2)
    p, marginal, target = generated.softmax(1), generated.softmax(1).mean(0), real.softmax(1).mean(0)
    theirs = (p * (p / target).log()).sum(1).mean() - (marginal * (marginal / target).log()).sum()
    assert math.exp(theirs) == pytest.approx(inception_score(generated), rel=1e-10)
    assert abs(mode_score(real, generated) / inception_score(generated) - 1) > 1e-3


def test_a_class_that_real_data_never_have_leaves_nothing():
    assert mode_score(certain([0, 0], 2), certain([0, 1], 2)) < 1e-300


def test_missing_classes_cost():
    real = certain(range(10), 10)
    found = [mode_score(real, certain(list(range(k)) * 10, 10)) for k in (1, 2, 5, 10)]
    assert found == pytest.approx([k * k / 10 for k in (1, 2, 5, 10)], rel=1e-12)


@each
def test_growing_doubt_lowers_them(score):
    found = [score(certain(range(10), 10, confidence=c)) for c in (8.0, 4.0, 2.0, 1.0, 0.5)]
    assert [a > b for a, b in itertools.pairwise(found)] == [True] * 4


@each
def test_what_does_not_matter(score):
    """The order of samples, a constant added to a sample's logits, the names of the classes."""
    logits = random_logits(60)
    expected = score(logits)
    assert score(logits.flip(0)) == pytest.approx(expected, rel=1e-12)
    assert score(logits + random_logits(60, 1, seed=5)) == pytest.approx(expected, rel=1e-12)
    assert score(logits.flip(1)) == pytest.approx(expected, rel=1e-12)


@each
def test_logits_that_overflow_exp_or_say_never(score):
    """float32 e^1000 is infinite, a logit of -inf a probability of 0."""
    assert score(certain(range(10), 10, confidence=1000).float()) == pytest.approx(10, rel=1e-12)
    never = torch.where(certain(range(10), 10) > 0, 0.0, -math.inf)
    assert score(never) == pytest.approx(10, rel=1e-12)


@each
def test_float32_logits_are_computed_in_float64(score):
    logits = random_logits(50).float()
    assert score(logits) == score(logits.double())
