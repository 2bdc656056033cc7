import pytest
import torch
from machines import joint, log_z, machine, states

from kantor.errors import UserError
from kantor.nets.confined import Confined
from kantor.nets.conv_energy import ConvEnergy
from kantor.nets.mlp import MLP
from kantor.nets.rbm import RBM
from kantor.testing import check_network


def test_a_machine_of_one_weight_is_worked_out_by_hand():
    """f(v) = 1 + 1 at v = 0, and e^a·(1 + e^w) at v = 1."""
    made = RBM(visible=1, hidden=1, deviation=0.0)
    with torch.no_grad():
        made.weight.fill_(2.0)
        made.visible_bias.fill_(-1.0)
    energies = made(torch.tensor([[0.0], [1.0]])).exp()
    torch.testing.assert_close(1 / energies, torch.tensor([2.0, torch.e**-1 * (1 + torch.e**2)]))


def test_marginals_and_conditionals_are_those_of_the_joint_law():
    made = machine(0)
    p, v, h = joint(made), states(4), states(3)
    z = log_z(made)
    torch.testing.assert_close((-made(v).double() - z).exp(), p.sum(1), rtol=1e-5, atol=1e-8)
    torch.testing.assert_close((-made.free_energy_of_hidden(h).double() - z).exp(), p.sum(0), rtol=1e-5, atol=1e-8)
    pairs = [(-made.joint_energy(v, row.expand(16, -1)).double() - z).exp() for row in h]
    torch.testing.assert_close(torch.stack(pairs, 1), p, rtol=1e-5, atol=1e-8)
    given_v, given_h = p / p.sum(1, keepdim=True), p / p.sum(0, keepdim=True)
    torch.testing.assert_close(made.hidden_inputs(v).sigmoid().double(), given_v @ h.double(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(made.visible_inputs(h).sigmoid().double(), given_h.T @ v.double(), rtol=1e-5, atol=1e-7)


def test_pictures_are_rows():
    made, v = machine(1), states(4)
    assert torch.equal(made(v.view(16, 1, 2, 2)), made(v))


def test_another_number_of_pixels_is_refused():
    with pytest.raises(UserError, match=r"^visible=4: a sample has 9 numbers; give it as many visible units$"):
        machine(0)(torch.zeros(2, 1, 3, 3))


@pytest.mark.parametrize("size", [{"visible": 0, "hidden": 3}, {"visible": 3, "hidden": 0}])
def test_sizes_are_positive(size):
    with pytest.raises(UserError, match="expected a number above 0"):
        RBM(**size, deviation=0.1)


ENERGIES = {
    "machine": (lambda: machine(0, visible=16), (1, 4, 4)),
    "convolutions of 28": (lambda: convolutions(1, 2, 28), (1, 28, 28)),
    "convolutions of 32": (lambda: convolutions(3, 2, 32), (3, 32, 32)),
    "confined": (lambda: confined(3.0), (2,)),
}  # fmt: skip


def convolutions(channels, width, side):
    return ConvEnergy(channels=channels, width=width, image_size=side, initialise=None, constrain=None)


def confined(deviation):
    body = MLP(inputs=2, width=8, hidden_layers=1, outputs=None, activation=torch.nn.SiLU, initialise=None)
    return Confined(network=body, unit=0.5, deviation=deviation)


@pytest.mark.parametrize(("make", "shape"), ENERGIES.values(), ids=ENERGIES)
def test_an_energy_is_a_number_of_each_sample(make, shape):
    check_network(make(), takes=shape, gives=())


@pytest.mark.parametrize("side", [28, 32])
def test_the_tutorials_network_has_its_weights(side):
    """416 + 4,640 + 18,496 + 36,928 of the convolutions, 16,448 + 65 of the rest, at either size."""
    network = convolutions(1, 16, side)
    assert sum(weight.numel() for weight in network.parameters()) == 76_993


def test_a_confined_energy_grows_like_a_square():
    x = torch.tensor([[3.0, 4.0]])
    network = confined(2.0)
    torch.testing.assert_close(network(x) - network.network(x / 0.5), torch.tensor([25 / 8]))
