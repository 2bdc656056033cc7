"""Guidance by labels and by a worse model."""

import pytest
import torch
from tiny import flow, image_ddpm, time_mlp
from walks import KINDS, LINEAR, gaussian, kind

from kantor import keyed
from kantor.engine.guides import RunGuide
from kantor.errors import UserError
from kantor.noising.levels import Levels
from kantor.samplers.ancestral import Ancestral
from kantor.samplers.guidance import Guided

LEVEL = Levels(torch.tensor(0.6).double(), torch.tensor(0.8).double())
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


def test_it_leads_away_from_the_worse_one():
    x = torch.zeros(3, 2)
    for guidance, expected in ((0.0, 1.0), (1.0, 3.0), (2.5, 6.0)):
        guided = Guided(lambda x, level: x + 3, lambda x, level: x + 1, guidance)
        assert torch.equal(guided(x, LEVEL), torch.full((3, 2), expected))


def test_the_variance_is_the_better_ones():
    class Learned:
        def with_variance(self, x, level):
            return x + 3, torch.full_like(x, 0.25)

    data, v = Guided(Learned(), lambda x, level: x + 1, 2.0).with_variance(torch.zeros(2, 1), LEVEL)
    assert (data == 5).all() and (v == 0.25).all()


def test_a_gaussian_guided_by_a_wider_one_is_narrower():
    """w·D_s + (1 − w)·D_S for s < S is the denoiser of neither; samples gather where the narrower law is, and more."""
    sampler = KINDS["Heun"].of(40, guidance=2.0)
    drawn = sampler.draw(Guided(gaussian(0.25, 1.0), gaussian(1.0, 0.0), 2.0), LINEAR, (2000, 1), keyed.Rng(0))
    assert drawn.std() < 0.45 and drawn.mean() > 1.1


@pytest.fixture(scope="module")
def model():
    """Of four classes, trained without labels now and then; its last layer is not 0."""
    return image_ddpm(averaging=None)


def drawn(model, sampler, label=1):
    labels = None if model.classes is None else torch.full((6,), label)
    return model.sample(6, rng=keyed.Rng(2), sampler=sampler, weights="raw", condition=labels)


def evaluations(model, sampler):
    """How often the network is called for a batch."""
    count = 0

    def hook(*given):
        nonlocal count
        count += 1

    handle = model.denoiser.register_forward_hook(hook)
    drawn(model, sampler)
    handle.remove()
    return count


@each_kind
def test_evaluations_double_and_are_those_told(model, kind):
    plain, twice = kind.of(4, grid="trailing"), kind.of(4, grid="trailing", guidance=3.0)
    assert twice.nfe == 2 * plain.nfe
    assert evaluations(model, plain) == plain.nfe and evaluations(model, twice) == twice.nfe
    assert twice.describe()["guidance"] == 3.0 and "guidance" not in plain.describe()


def test_guidance_of_1_is_none_and_of_0_knows_no_label(model):
    def with_guidance(guidance, label=1):
        return drawn(model, KINDS["DDIM"].of(5, grid="trailing", guidance=guidance), label)

    none, nothing = with_guidance(1.0), with_guidance(0.0)
    assert not torch.equal(none, with_guidance(1.0, label=2))
    assert torch.equal(nothing, with_guidance(0.0, label=2)) and not torch.equal(nothing, none)
    assert torch.allclose(with_guidance(1.0 + 1e-6), none, atol=1e-3)
    network = model.weights("raw")
    null = model.denoiser_of(network, torch.full((6,), 4))
    sampler = KINDS["DDIM"].of(5, grid="trailing")
    with torch.no_grad():
        assert torch.equal(nothing, sampler.draw(null, model.path, (6, 1, 8, 8), keyed.Rng(2)))


def test_another_model_as_a_guide():
    better, worse = flow(averaging=None), flow(averaging=None, weights=1, denoiser=lambda: time_mlp(2, width=4))
    guide = RunGuide("worse/0-s0", "ab", worse.eval())
    sampler = KINDS["Heun"].of(5, guidance=2.0, guide=guide)
    better.check_sampler(sampler)
    found = drawn(better, sampler)
    both = Guided(better.denoiser_of(better.networks()), worse.denoiser_of(worse.networks()), 2.0)
    with torch.no_grad():
        assert torch.equal(found, sampler.draw(both, better.path, (6, 2), keyed.Rng(2)))
    assert sampler.describe()["guide"] == "worse/0-s0" and sampler.describe()["guide_digest"] == "ab"
    assert sampler.describe()["nfe"] == 18


def guided(**settings):
    return KINDS["DDIM"].of(3, grid="trailing", **settings)


REFUSED = {
    "guidance=2.0: the model is unconditional": (flow, {}, lambda: guided(guidance=2.0)),
    "guidance=2.0: the model was never trained without its labels; train one with model.label_dropout=0.1": (
        image_ddpm,
        {"label_dropout": 0.0},
        lambda: guided(guidance=2.0),
    ),
    r"guide: the samples of w are \(2,\), the model's \(1, 8, 8\)": (
        image_ddpm,
        {},
        lambda: guided(guidance=2.0, guide=RunGuide("w", "", flow())),
    ),
    "guide: the labels of w are of 4 classes, the model's of None": (
        flow,
        {"shape": (1, 8, 8)},
        lambda: guided(guidance=2.0, guide=RunGuide("w", "", image_ddpm())),
    ),
    "variance=learned: the model has learned none": (
        flow,
        {},
        lambda: kind(Ancestral, 1, variance="learned").of(3),
    ),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_guidance_by_nothing_is_refused(sentence):
    make, settings, sampler = REFUSED[sentence]
    with pytest.raises(UserError, match=sentence):
        make(**settings).check_sampler(sampler())


def test_a_guide_without_guidance_and_a_negative_one_are_refused():
    with pytest.raises(
        UserError, match=r"guide=a: sampler.guidance=1 asks no guide; take more, such as sampler.guidance=2"
    ):
        guided(guide="a")
    with pytest.raises(UserError, match=r"guidance=-1.0: expected at least 0"):
        guided(guidance=-1.0)
