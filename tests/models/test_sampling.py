"""Sampling: how a model is asked for samples; what a sampler means is between it and the family."""

import pytest
import torch
from tiny import gan, samples
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
