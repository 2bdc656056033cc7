"""Checks of one's own losses, networks, data, scores, extractors and samplers: what kantor's own tests ask of kantor's.

Each function raises an AssertionError that says what was found, what is expected and what to do, and returns nothing
when all is well. They take a moment, draw with fixed seeds, and need no test framework:

    from kantor.testing import check_objective
    check_objective(SmoothedLabels(label=0.9))
"""

from kantor.testing.data import check_data, check_distribution
from kantor.testing.denoising import check_denoiser, check_denoising
from kantor.testing.evaluation import check_extractor, check_score
from kantor.testing.networks import check_network
from kantor.testing.objectives import check_objective
from kantor.testing.samplers import check_sampler

__all__ = [
    "check_data",
    "check_denoiser",
    "check_denoising",
    "check_distribution",
    "check_extractor",
    "check_network",
    "check_objective",
    "check_sampler",
    "check_score",
]
