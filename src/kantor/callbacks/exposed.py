"""Pictures under noise, and how far from them a denoiser is: a network's, or that which knows a training set by heart.

The latter is D*(x_t) = E[x | x_t] over the training pictures, a softmax over distances (`kantor.noising.exact`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kantor.data import pixels
from kantor.data.images import ImageSet
from kantor.noising.denoiser import Denoiser
from kantor.noising.exact import ExactMixture
from kantor.noising.levels import Levels, noised


@dataclass(frozen=True, eq=False)
class TrainingPictures:
    """The centres of the exact denoiser, scaled when it comes to them.

    Attributes:
        images: the training set, or one class of it.
        mirrored: whether each is as likely mirrored.
    """

    images: ImageSet
    mirrored: bool

    def __len__(self) -> int:
        return len(self.images) * (1 + self.mirrored)

    def split(self, split_size: int, /) -> Iterator[Tensor]:
        """Some after the other, float32 in [-1, 1], (at most `split_size`, C, H, W)."""
        for start in range(0, len(self.images), split_size):
            x = pixels.to_model(self.images.take(np.arange(start, min(start + split_size, len(self.images)))))
            yield x
            if self.mirrored:
                yield x.flip(-1)


@dataclass(frozen=True, eq=False)
class Exposed:
    """Pictures under noise, each at each level with the same noise; rows go through the pictures of one level first.

    Attributes:
        x: the pictures, (L·n, C, H, W).
        x_t: under noise.
        levels: (L·n,).
        labels: int64 (L·n,), of a conditional model.
    """

    x: Tensor
    x_t: Tensor
    levels: Levels
    labels: Tensor | None

    @classmethod
    def of(cls, x: Tensor, noise: Tensor, levels: Levels, labels: Tensor | None) -> "Exposed":
        """Pictures and noise (n, C, H, W) at levels (L,), with labels (n,)."""
        count, each = len(levels.alpha), Levels(*(one.repeat_interleave(len(x)) for one in levels))
        x, noise = x.repeat(count, 1, 1, 1), noise.repeat(count, 1, 1, 1)
        return cls(x, noised(x, noise, each), each, None if labels is None else labels.repeat(count))

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, chosen: Tensor) -> "Exposed":
        """Some of them, int64 (m,)."""
        labels = None if self.labels is None else self.labels[chosen]
        return Exposed(self.x[chosen], self.x_t[chosen], Levels(*(one[chosen] for one in self.levels)), labels)

    def to(self, device: torch.device) -> "Exposed":
        """All that networks see on a device."""
        labels = None if self.labels is None else self.labels.to(device)
        return Exposed(self.x.to(device), self.x_t.to(device), self.levels, labels)

    def errors(self, denoiser: Denoiser) -> Tensor:
        """‖x - D(x_t)‖² per number of a picture, float64 (L·n,), on the CPU."""
        given = denoiser(self.x_t, self.levels).cpu().double()  # not every device has float64
        return (self.x.cpu().double() - given).square().flatten(1).mean(1)


def exact_errors(exposed: Exposed, train: ImageSet, *, mirrored: bool) -> Tensor:
    """What the exact denoiser of a training set errs, float64 (L·n,); that of each class for a conditional model.

    Args:
        exposed: on the CPU.
        train: the training set.
        mirrored: whether its pictures are mirrored half of the time.
    """
    if exposed.labels is None:
        return exposed.errors(ExactMixture(TrainingPictures(train, mirrored), 0.0))
    known = train.labels_of(np.arange(len(train)))
    assert known is not None
    errors = torch.full((len(exposed),), torch.nan, dtype=torch.float64)  # of a class without training pictures
    for label in np.intersect1d(exposed.labels.numpy(), known):
        mine = torch.nonzero(exposed.labels == int(label)).flatten()
        rows = np.flatnonzero(known == label)
        of_class = ImageSet(train.pixels, rows=rows if train.rows is None else train.rows[rows])
        errors[mine] = exposed.rows(mine).errors(ExactMixture(TrainingPictures(of_class, mirrored), 0.0))
    return errors
