"""Normalisations in which samples do not meet.

Batch normalisation takes its means over the batch. In a network of noised samples that mixes the levels of noise, and
its running means, which sampling uses, are those of no level.
"""

from torch import nn

from kantor.errors import UserError


def grouped(channels: int, *, groups: int) -> nn.GroupNorm:
    """Over equal shares of the channels, each sample by itself (Wu & He 2018, arXiv:1803.08494).

    Args:
        channels: of the maps.
        groups: how many shares.

    Raises:
        UserError: there are not so many equal shares.
    """
    if groups < 1 or channels % groups:
        raise UserError(f"groups={groups}: expected a divisor of {channels}, the channels of maps that are normalised")
    return nn.GroupNorm(groups, channels)
