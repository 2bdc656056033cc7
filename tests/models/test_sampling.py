"""Sampling: how a model is asked for samples; what a sampler means is between it and the family."""

import pytest
from tiny import gan

from kantor.models.sampling import Sampling
from kantor.samplers.direct import Direct


def test_says_its_weights_and_what_the_sampler_says():
    assert Sampling("ema:0.9", Direct()).describe() == {"weights": "ema:0.9", "sampler": "direct", "nfe": 1}


def test_shapes_are_checked_without_a_sampler():
    """A family of one's own may draw by a sampler that has settings: there is none when networks are checked."""
    model = gan()
    model.draw = lambda *arguments, **settings: pytest.fail("drawing asks for a sampler")
    model.check_shapes((2,))
