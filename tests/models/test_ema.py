import copy
import functools

import pytest
import torch
from torch import nn

from kantor.errors import UserError
from kantor.models.ema import Averages, Averaging


def network(value=0.0):
    made = nn.Linear(2, 1)
    nn.init.constant_(made.weight, value)
    nn.init.constant_(made.bias, -value)
    return made


class Follower:
    """A network and its averages."""

    def __init__(self, made, *decays, warm_up=True):
        self.networks = {"it": made}
        self.averages = Averages(self.networks, Averaging(decay=list(decays), warm_up=warm_up))

    def update(self):
        self.averages.update(self.networks)

    def average(self, decay):
        return self.averages.networks(decay)["it"]


def follow(values, *decays, start=100.0, warm_up=True):
    """The averages' weights after each update with these weights, from `start`; by decay."""
    made = network(start)
    follower = Follower(made, *decays, warm_up=warm_up)
    path = {decay: [] for decay in decays}
    for value in values:
        nn.init.constant_(made.weight, value)
        follower.update()
        for decay in decays:
            path[decay].append(follower.average(decay).weight[0, 0].item())
    return path


def recursion(decay, values, warm_up):
    """The first update copies; update k = 1, 2, … keeps d, or min(d, (1 + k)/(10 + k)), of the average."""
    average, path = values[0], [values[0]]
    for k, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + k) / (10 + k)) if warm_up else decay
        average = d * average + (1 - d) * value
        path.append(average)
    return path


@pytest.mark.parametrize("warm_up", [True, False])
def test_every_average_follows_its_own_recursion(warm_up):
    values = [float(v) for v in torch.randn(40, generator=torch.Generator().manual_seed(0))]
    decays = (0.999, 0.0, 0.1, 0.5, 0.9)
    path = follow(values, *decays, warm_up=warm_up)
    for decay in decays:
        assert path[decay] == pytest.approx(recursion(decay, values, warm_up), rel=1e-4, abs=1e-5)


def test_decay_zero_follows_at_once():
    values = [1.0, -2.0, 0.1, 1e-7]
    assert follow(values, 0.0)[0.0] == [torch.tensor(v).item() for v in values]


@pytest.mark.parametrize("warm_up", [True, False])
def test_the_first_update_forgets_the_initial_weights(warm_up):
    assert follow([3.0], 0.999, start=100.0, warm_up=warm_up) == {0.999: [3.0]}


def test_the_warm_up_ends_at_the_decay():
    """A unit step of the weights at update k moves the average by 1 - min(decay, (1+k)/(10+k))."""
    for k, expected in ((1, 1 - 2 / 11), (5, 1 - 6 / 15), (8, 0.5), (30, 0.5)):
        assert follow([0.0] * k + [1.0], 0.5)[0.5][-1] == pytest.approx(expected, rel=1e-5)


def test_the_average_of_constant_weights_is_that_constant():
    assert follow([0.3] * 20, 0.999)[0.999] == pytest.approx([0.3] * 20, rel=1e-6)


def test_all_parameters_of_all_networks_are_averaged():
    networks = {"one": network(1.0), "two": nn.Linear(3, 1)}
    averages = Averages(networks, Averaging(decay=0.5, warm_up=True))
    averages.update(networks)
    nn.init.constant_(networks["one"].weight, 3.0)
    nn.init.constant_(networks["one"].bias, 7.0)
    before = networks["two"].weight.detach().clone()
    nn.init.zeros_(networks["two"].weight)
    averages.update(networks)  # d = min(0.5, 2/11)
    d, found = 2 / 11, averages.networks(0.5)
    assert found["one"].weight.tolist() == [pytest.approx([3 - 2 * d] * 2)]
    assert found["one"].bias.tolist() == pytest.approx([7 - 8 * d])
    torch.testing.assert_close(found["two"].weight, d * before)


def test_buffers_are_copied_not_averaged():
    made = nn.BatchNorm1d(1)
    follower = Follower(made, 0.9)
    for _ in range(3):
        made(torch.randn(8, 1) * 5 + 7)
        follower.update()
    average = follower.average(0.9)
    assert torch.equal(average.running_mean, made.running_mean)
    assert torch.equal(average.running_var, made.running_var)
    assert average.num_batches_tracked.item() == 3


def test_averages_are_always_in_eval_mode():
    averages = Follower(nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)), 0.9, 0.5).averages
    model = nn.ModuleDict({"averages": averages, "other": nn.Dropout()})
    model.train()
    assert model["other"].training
    assert {module.training for module in averages.modules()} == {False}
    averages.train(True)
    assert {module.training for module in averages.modules()} == {False}


def test_averages_have_no_gradients_and_share_no_memory():
    made = network(1.0)
    follower = Follower(made, 0.9, 0.5)
    assert [weight.requires_grad for weight in follower.averages.parameters()] == [False] * 4
    follower.update()
    nn.init.constant_(made.weight, 9.0)
    assert [follower.average(decay).weight.tolist() for decay in (0.9, 0.5)] == [[[1.0, 1.0]]] * 2
    assert made.weight.requires_grad


def test_reloaded_averages_go_on_as_if_nothing_had_happened():
    """The number of updates is part of the state, else the warm-up would begin again."""

    def step(follower, k):
        nn.init.constant_(follower.networks["it"].weight, float(k))
        follower.update()

    follower = Follower(network(), 0.999, 0.5)
    for k in range(6):
        step(follower, k)
    state = copy.deepcopy(follower.averages.state_dict())
    for k in range(6, 9):
        step(follower, k)

    resumed = Follower(network(50.0), 0.999, 0.5)
    resumed.averages.load_state_dict(state)
    for k in range(6, 9):
        step(resumed, k)
    for decay in (0.999, 0.5):
        assert torch.equal(resumed.average(decay).weight, follower.average(decay).weight)


@pytest.mark.parametrize("decay", [1, 1.0, -0.1, 2, float("nan"), [0.9, 1.0], False, [0.9, False]])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(UserError, match=r"decay=.*\[0, 1\)"):
        Averaging(decay=decay, warm_up=True)


@pytest.mark.parametrize("decay", [[], [0.9, 0.5, 0.9]])
def test_several_decays_have_to_differ(decay):
    with pytest.raises(UserError, match=r"decay=\[.*several that differ"):
        Averaging(decay=decay, warm_up=True)


def test_networks_with_partial_layers_are_averaged():
    """Deep copies of closures and partials must not tie average and network together."""
    made = nn.Sequential(nn.Linear(1, 1), functools.partial(nn.Linear, 1)(1))
    follower = Follower(made, 0.0)
    nn.init.constant_(made[0].weight, 5.0)
    assert follower.average(0.0)[0].weight.item() != 5.0
