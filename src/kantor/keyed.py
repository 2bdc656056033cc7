"""Keyed randomness: every random number is a function of (seed, name, counters), never of a stream's saved state.

`seed()` is BLAKE2b (RFC 7693) with an 8-byte digest, read as a big-endian integer, of the ASCII text
"seed/name/counter/counter/…". On the CPU `Rng` expands one such key with Philox4x64-10 (Salmon et al. 2011, numpy's
`Philox`): torch's CPU generator would use only 32 bits of it. A GPU draws from its own generator, which uses all.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor


def seed(seed: int, name: str, *counters: int) -> int:
    """A 64-bit number for one purpose.

    Args:
        seed: the run's seed, any integer.
        name: the purpose, such as "train", "order" or "evaluate"; no "/".
        counters: which one of its kind: step, epoch, chunk.

    Returns:
        An integer in [0, 2**64).
    """
    assert "/" not in name, name
    text = "/".join([str(seed), name, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode("ascii"), digest_size=8).digest(), "big")


def generator(seed_: int, name: str, *counters: int) -> np.random.Generator:
    """numpy's generator for one purpose, Philox keyed by `seed()`."""
    return np.random.Generator(np.random.Philox(key=seed(seed_, name, *counters)))


def generator_on(device: torch.device | str, key: int) -> torch.Generator | None:
    """torch's generator of a device that draws by itself, with all 64 bits of a key; None where numbers are drawn on
    the CPU."""
    if torch.device(device).type in ("cpu", "meta"):
        return None
    return torch.Generator(device).manual_seed(key)


class Rng:
    """Random tensors from one key; the first dimension of every draw is the batch.

    Each of `world` processes asks for its own `n` rows, draws all `n * world` and keeps its slice, so that the number
    of processes does not change what is drawn.

    Args:
        key: 64 bits, from `seed()`.
        rank: this process.
        world: the number of processes that share the batch.
        device: where the tensors go. A GPU draws them itself, other numbers than the CPU: a chain of a thousand steps
            would wait for the CPU's longer than for its network.
    """

    def __init__(self, key: int, *, rank: int = 0, world: int = 1, device: torch.device | str = "cpu") -> None:
        self._key = key
        self._generator = np.random.Generator(np.random.Philox(key=key))
        self._there = generator_on(device, key)
        self._rank, self._world, self._device = rank, world, device

    @property
    def layers(self) -> int:
        """The key of what layers of networks draw by themselves, such as dropout: each process another."""
        return seed(self._key, "layers", self._rank)

    def normal(self, n: int, *shape: int) -> Tensor:
        """Standard normal float32 numbers, shape `(n, *shape)`."""
        size = (n * self._world, *shape)
        if self._there is not None:
            return self._share(torch.randn(size, generator=self._there, device=self._there.device), n)
        return self._share(torch.from_numpy(self._generator.standard_normal(size, dtype=np.float32)), n)

    def uniform(self, n: int, *shape: int) -> Tensor:
        """Uniform float32 numbers in [0, 1), shape `(n, *shape)`."""
        size = (n * self._world, *shape)
        if self._there is not None:
            return self._share(torch.rand(size, generator=self._there, device=self._there.device), n)
        return self._share(torch.from_numpy(self._generator.random(size, dtype=np.float32)), n)

    def _share(self, whole: Tensor, n: int) -> Tensor:
        """This process' rows, where they go."""
        return whole[self._rank * n : (self._rank + 1) * n].to(self._device)

    def open_uniform(self, n: int) -> Tensor:
        """Uniform float64 numbers in (0, 1), neither end included, shape `(n,)`; on the CPU, where tables are made."""
        whole = self._generator.random(n * self._world, dtype=np.float32).astype(np.float64)
        return torch.from_numpy(whole[self._rank * n : (self._rank + 1) * n] + 2.0**-25)  # of multiples of 2⁻²⁴

    def strata(self, n: int) -> Tensor:
        """As `open_uniform`, and row r of all `n * world` rows lies in slice r of as many equal ones."""
        rows = torch.arange(self._rank * n, (self._rank + 1) * n, dtype=torch.float64)
        return (rows + self.open_uniform(n)) / (n * self._world)
