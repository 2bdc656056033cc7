import torch
from tiny import Maker, Normalised

from kantor.callbacks.untouched import untouched


def test_what_is_asked_in_training_mode_is_put_back():
    networks = [Normalised().train(), Maker().train()]
    images, noise = torch.randn(8, 1, 8, 8), torch.randn(8, 4)
    before = [{name: tensor.clone() for name, tensor in network.state_dict().items()} for network in networks]
    state = torch.get_rng_state()
    with untouched(networks, 3):
        for network, x in zip(networks, (images, noise), strict=True):
            network(x)
        for network, old in zip(networks, before, strict=True):
            assert any(not torch.equal(old[name], tensor) for name, tensor in network.state_dict().items())
        torch.randn(3)
    for network, old in zip(networks, before, strict=True):
        assert all(torch.equal(old[name], tensor) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_it_is_put_back_after_an_error_too():
    network = Normalised().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        with untouched([network], 3):
            network(torch.randn(8, 1, 8, 8))
            raise KeyError
    except KeyError:
        pass
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
