import copy
import functools

import pytest
import torch
from torch import nn

from kantor.errors import UserError
from kantor.models.ema import EMA


def network(value=0.0):
    made = nn.Linear(2, 1)
    nn.init.constant_(made.weight, value)
    nn.init.constant_(made.bias, -value)
    return made


def follow(decay, values, start=100.0):
    """The average's weight after each update with these weights, from `start`."""
    made = network(start)
    ema = EMA(made, decay=decay)
    path = []
    for value in values:
        nn.init.constant_(made.weight, value)
        ema.update_parameters(made)
        path.append(ema.module.weight[0, 0].item())
    return path


def recursion(decay, values):
    """The first update copies; update k = 1, 2, … keeps min(decay, (1 + k)/(10 + k)) of the average."""
    average, path = values[0], [values[0]]
    for k, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + k) / (10 + k))
        average = d * average + (1 - d) * value
        path.append(average)
    return path


@pytest.mark.parametrize("decay", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_the_average_follows_the_recursion(decay):
    values = [float(v) for v in torch.randn(40, generator=torch.Generator().manual_seed(0))]
    assert follow(decay, values) == pytest.approx(recursion(decay, values), rel=1e-4, abs=1e-5)


def test_decay_zero_follows_at_once():
    values = [1.0, -2.0, 0.1, 1e-7]
    assert follow(0.0, values) == [torch.tensor(v).item() for v in values]


def test_the_first_update_forgets_the_initial_weights():
    assert follow(0.999, [3.0], start=100.0) == [3.0]


def test_the_warm_up_ends_at_the_decay():
    """A unit step of the weights at update k moves the average by 1 - min(decay, (1+k)/(10+k))."""
    for k, expected in ((1, 1 - 2 / 11), (5, 1 - 6 / 15), (8, 0.5), (30, 0.5)):
        path = follow(0.5, [0.0] * k + [1.0])
        assert path[-1] == pytest.approx(expected, rel=1e-5)


def test_the_average_of_constant_weights_is_that_constant():
    assert follow(0.999, [0.3] * 20) == pytest.approx([0.3] * 20, rel=1e-6)


def test_all_parameters_are_averaged():
    made = network(1.0)
    ema = EMA(made, decay=0.5)
    ema.update_parameters(made)
    nn.init.constant_(made.weight, 3.0)
    nn.init.constant_(made.bias, 7.0)
    ema.update_parameters(made)  # d = min(0.5, 2/11)
    d = 2 / 11
    assert ema.module.weight.tolist() == [pytest.approx([3 - 2 * d] * 2)]
    assert ema.module.bias.tolist() == pytest.approx([7 - 8 * d])


def test_buffers_are_copied_not_averaged():
    made = nn.BatchNorm1d(1)
    ema = EMA(made, decay=0.9)
    for _ in range(3):
        made(torch.randn(8, 1) * 5 + 7)
        ema.update_parameters(made)
    assert torch.equal(ema.module.running_mean, made.running_mean)
    assert torch.equal(ema.module.running_var, made.running_var)
    assert ema.module.num_batches_tracked.item() == 3


def test_the_average_is_always_in_eval_mode():
    ema = EMA(nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), decay=0.9)
    model = nn.ModuleDict({"ema": ema, "other": nn.Dropout()})
    model.train()
    assert model["other"].training
    assert [module.training for module in ema.modules()] == [False] * 4
    ema.train(True)
    assert [module.training for module in ema.modules()] == [False] * 4


def test_the_average_has_no_gradients_and_shares_no_memory():
    made = network(1.0)
    ema = EMA(made, decay=0.9)
    assert [weight.requires_grad for weight in ema.parameters()] == [False, False]
    ema.update_parameters(made)
    nn.init.constant_(made.weight, 9.0)
    assert ema.module.weight.tolist() == [[1.0, 1.0]]
    assert made.weight.requires_grad


def test_a_reloaded_average_goes_on_as_if_nothing_had_happened():
    """The number of updates is part of the state, else the warm-up would begin again."""

    def step(made, ema, k):
        nn.init.constant_(made.weight, float(k))
        ema.update_parameters(made)

    made, ema = network(), None
    ema = EMA(made, decay=0.999)
    for k in range(6):
        step(made, ema, k)
    state = copy.deepcopy(ema.state_dict())
    for k in range(6, 9):
        step(made, ema, k)

    other = network(50.0)
    resumed = EMA(other, decay=0.999)
    resumed.load_state_dict(state)
    for k in range(6, 9):
        step(other, resumed, k)
    assert torch.equal(resumed.module.weight, ema.module.weight)


@pytest.mark.parametrize("decay", [1, 1.0, -0.1, 2, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(UserError, match=r"ema_decay=.*\[0, 1\)"):
        EMA(network(), decay=decay)


def test_it_averages_a_network_with_partial_layers():
    """Deep copies of closures and partials must not tie average and network together."""
    made = nn.Sequential(nn.Linear(1, 1), functools.partial(nn.Linear, 1)(1))
    ema = EMA(made, decay=0.0)
    nn.init.constant_(made[0].weight, 5.0)
    assert ema.module[0].weight.item() != 5.0
