import pytest
import torch
from torch import nn

from kantor.nets.memory_format import is_safe, lay_out


def is_last(weight):
    return weight.is_contiguous(memory_format=torch.channels_last) and not weight.is_contiguous()


@pytest.mark.parametrize(
    ("layer", "safe"),
    [
        (nn.Conv2d(8, 8, 1, stride=2), False),
        (nn.Conv2d(3, 16, 1, stride=(1, 2)), False),
        (nn.Conv2d(8, 8, 1), True),
        (nn.Conv2d(8, 8, 3, stride=2), True),
        (nn.Conv2d(8, 8, (1, 3), stride=2), True),
        (nn.ConvTranspose2d(8, 8, 1, stride=2), True),
        (nn.Linear(8, 8), True),
    ],
)
def test_strided_convolutions_of_one_pixel_are_not_safe_with_channels_last(layer, safe):
    assert is_safe(layer) is safe


def test_channels_lie_last_unless_one_layer_is_not_safe():
    whole = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Sequential(nn.Conv2d(8, 8, 3, stride=2)))
    before = whole[0].weight.clone()
    lay_out(whole)
    assert is_last(whole[0].weight) and is_last(whole[1][0].weight) and torch.equal(whole[0].weight, before)
    unsafe = nn.Sequential(nn.Conv2d(4, 8, 3), nn.Sequential(nn.Conv2d(8, 8, 1, stride=2)))
    lay_out(unsafe)
    assert unsafe[0].weight.is_contiguous()
