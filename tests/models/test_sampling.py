"""Sampling: how a model is asked for samples; what a sampler means is between it and the family."""

import random

import numpy as np
import pytest
import torch
from tiny import each_model, gan, samples
from toy_flow import Euler

from kantor import keyed
from kantor.data.stream import Block
from kantor.models.sampling import Sampling
from kantor.samplers.direct import Direct


def test_says_its_weights_and_what_the_sampler_says():
    assert Sampling("ema:0.9", Direct()).describe() == {"weights": "ema:0.9", "sampler": "direct", "nfe": 1}


def test_a_setting_of_a_sampler_is_told_from_what_else_has_its_name():
    said = Sampling("raw", Euler(steps=3)).describe()
    assert said == {"weights": "raw", "sampler": "euler", "nfe": 3, "sampler.steps": 3}


@pytest.fixture
def model():
    """A GAN of somebody's own that draws by a sampler with settings."""
    made = gan()
    made.draw = lambda *arguments, sampler, **settings: pytest.fail(f"{sampler} has no settings")
    return made


def test_networks_are_checked_and_measured_without_a_sampler(model):
    with pytest.raises(pytest.fail.Exception, match="no settings"):
        samples(model)
    model.check_shapes((2,))
    block = Block(torch.randn(2, 6, 2), None)
    assert model.measurements(block, keyed.Rng(0)).keys() >= {"train/spread", "train/reached"}


def noisy(module, inputs, output):
    """What layers of somebody's own may add: noise from each of the global generators, in eval mode too."""
    return output + torch.rand(len(output)).mean() + np.random.rand() + random.random()


@each_model
def test_what_networks_draw_by_themselves_is_keyed_and_leaves_no_trace(kind):
    model = kind.model()
    for network in model.weights("ema").values():
        network.register_forward_hook(noisy)
    drawn = []
    for seed, elsewhere in ((1, 5), (1, 6), (2, 5)):
        torch.manual_seed(elsewhere)
        np.random.seed(elsewhere)
        random.seed(elsewhere)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
        drawn.append(samples(model, seed=seed))
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
