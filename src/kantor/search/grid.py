"""A grid as a sampler of Optuna's: trial k has the k-th combination of all values, whatever came of the others."""

import math
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from kantor.search.space import values


class Grid(BaseSampler):
    """Every combination once, the first setting changing fastest.

    Args:
        seed: of nothing; samplers have one.
    """

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No setting depends on others."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """None is."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The value of one setting: those before it have theirs already, and count as the lower digits of k."""
        choices = values(param_distribution)
        assert choices is not None, param_name
        before = math.prod(len(values(one) or ()) for one in trial.distributions.values())
        return choices[trial.number // before % len(choices)]
