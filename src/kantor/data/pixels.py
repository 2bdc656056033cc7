"""Pixels as files hold them and as networks see them; the only place where one becomes the other."""

import torch
from torch import Tensor


def to_model(images: Tensor) -> Tensor:
    """uint8 0 … 255, (…, C, H, W), as float32 in [-1, 1]: x / 127.5 - 1."""
    assert images.dtype == torch.uint8, images.dtype
    return images.float().mul_(1 / 127.5).sub_(1)


def to_uint8(samples: Tensor) -> Tensor:
    """Float in [-1, 1], (…, C, H, W), as uint8: clipped, and rounded to the nearest level."""
    return samples.float().clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
