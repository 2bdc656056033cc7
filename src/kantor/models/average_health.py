"""Whether moving averages of the weights are averages: neither the weights themselves nor still those of the start."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from kantor.models.charts import Chart
from kantor.models.ema import Averages, Averaging
from kantor.models.health import SETTLED, Check, History, advice

STALE = 0.5
"""The share of first weights in an average, from which on it is said to be of the start."""

FORGOTTEN = 1e-3
"""A share that need not be known better."""


def apart_name(name: str) -> str:
    """How far an average (`ema:0.999`) is from the weights, in logs."""
    return f"train/{name}_apart"


def start_name(name: str) -> str:
    """The share of first weights in it, in logs."""
    return f"train/{name}_start"


def measure(averages: Averages, networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Of each average ‖θ̄ - θ‖/‖θ‖ and the share of the weights of the first update in θ̄, scalars by log name.

    Args:
        averages: what is kept.
        networks: whose weights θ are followed.
    """
    weights = [weight.detach() for network in networks.values() for weight in network.parameters()]
    values = {}
    for name, number in zip(averages.names, averages.averaging.numbers, strict=True):
        averaged = [weight for network in averages.networks(name).values() for weight in network.parameters()]
        apart = torch.nn.utils.get_total_norm([mean - weight for mean, weight in zip(averaged, weights, strict=True)])
        values[apart_name(name)] = apart / torch.nn.utils.get_total_norm(weights).clamp(min=1e-30)
        values[start_name(name)] = torch.full_like(
            apart, start_share(averages.averaging, number, int(averages.updates))
        )
    return values


def start_share(averaging: Averaging, number: float, updates: int) -> float:
    """Of the weights of the first update in an average; 1 before it, 0 for what need not be known."""
    share = averaging.kept(number, max(1, updates))
    return share if share >= FORGOTTEN else 0.0


def idle_average(name: str, history: History) -> str | None:
    """An average is the weights themselves."""
    apart = history.last(apart_name(name))
    if not apart or history.count < SETTLED or max(apart) > 0:
        return None
    return f"idle average: {name} is the same as the weights themselves, so that nothing is averaged. " + advice(
        "a larger ema.decay, such as 0.999", "ema=none, which costs nothing"
    )


def stale_average(name: str, history: History) -> str | None:
    """Half of an average and more are the weights that training began with."""
    start = history.last(start_name(name))
    if not start or history.count < SETTLED or min(start) < STALE:
        return None
    return f"stale average: {start[-1]:.0%} of {name} are still the weights of the start. " + advice(
        "ema.warm_up=true", "a smaller ema.decay", "a larger budget"
    )


def checks(averaging: Averaging) -> Mapping[str, Check]:
    """Both, of each average; by name alone where there is one."""
    several = len(averaging.names) > 1
    return {
        f"{check.__name__} {name}" if several else check.__name__: partial(check, name)
        for name in averaging.names
        for check in (idle_average, stale_average)
    }


def chart(averaging: Averaging) -> Chart:
    """Of what is measured."""
    return Chart(
        "average",
        "Moving averages against the weights",
        {
            **{apart_name(name): f"{name}, distance" for name in averaging.names},
            **{start_name(name): f"{name}, share of the start" for name in averaging.names},
        },
        meaning="how far each average is from the weights it follows, over their norm, and how much of it are the "
        "weights that training began with",
        good="a distance that stays, or falls with the learning rate, and no share of the start",
        suspicious="a distance of 0: nothing is averaged; a share of the start that stays: samples are of weights that "
        "have not learned",
    )
