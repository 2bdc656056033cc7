"""What can be wrong with the training of an energy: one check for each ailment.

Chains that leave all bounds stop the run by themselves (`kantor.samplers.chains.Lost`).
"""

from collections.abc import Mapping
from functools import partial

from kantor.models.energy_measurements import ACCEPTANCE, GAP, MIXING
from kantor.models.health import SETTLED, Check, History, advice

APART = 3.0
"""Standard deviations of the data's energies: fresh chains that end so far above the others have not come to them."""

OF_KEPT = ("a larger objective.chains.fresh", "sampler.start=kept")
"""What can be tried where chains are kept."""

RUN_AWAY = 10.0
"""The same between data and chains of the training: the energy tells them apart at a glance."""


def unmixed_chains(keeps: bool, history: History) -> str | None:
    """Fresh chains do not come to where those of the training are."""
    gaps = history.last(MIXING)
    if not gaps or history.count < SETTLED or min(gaps) < APART:
        return None
    return (
        f"unmixed chains: chains from noise end {gaps[-1]:.1f} standard deviations of the data's energies above those "
        "that training sees, so that its samples are not those of the model, and sampling from noise takes far longer. "
        + advice("more objective.steps", *(OF_KEPT if keeps else ()), "more sampler.steps")
    )


def diverging_energies(history: History) -> str | None:
    """Energies of data and chains run away from each other."""
    gaps = history.last(GAP)
    if not gaps or history.count < SETTLED or min(abs(gap) for gap in gaps) < RUN_AWAY:
        return None
    where = "above" if gaps[-1] > 0 else "below"
    return (
        f"diverging energies: the chains lie {abs(gaps[-1]):.0f} standard deviations of the data's energies {where} "
        "the data: the network tells the two apart at a glance, and learns nothing more of the data. "
        + advice("a lower optimisation.optimizer.lr", "more objective.steps", "a larger objective.regularisation")
    )


def stuck_chains(history: History) -> str | None:
    """No proposed step is taken."""
    shares = history.last(ACCEPTANCE)
    if not shares or max(shares) > 0.05:
        return None
    return f"stuck chains: {shares[-1]:.1%} of the proposed steps are taken, and chains stay where they are. " + advice(
        "a lower objective.kernel.step_size"
    )


def checks(*, keeps: bool) -> Mapping[str, Check]:
    """All of them by name, of an objective that keeps chains or does not."""
    of_all = {check.__name__: check for check in (diverging_energies, stuck_chains)}
    return {unmixed_chains.__name__: partial(unmixed_chains, keeps), **of_all}
