"""Plain PyTorch loops that train denoisers and sample them: what kantor's speed is compared with, beside the peers of
`diffusion_peers.py`.

They have kantor's arithmetic and settings and no framework around them: channels last, fused Adam, a moving average,
data in memory, tables in float64. Pictures: DDPM, a chain of 1,000 steps. Points: flow matching.

None imports kantor; the network is given to them.
"""

import copy
import itertools
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

BATCH, SAMPLES, EVALUATIONS, STEPS = 32, 16, 50, 1000
LEARNING_RATE, EMA_DECAY = 1e-4, 0.999
POINTS_BATCH, POINTS_LEARNING_RATE = 256, 1e-3
RADIUS, SPREAD, SCALE = 2.0, 0.1, 1.414

Make = Callable[[], nn.Module]
"""Makes a network of noised samples: (B, …), times in [0, 1] (B,) → (B, …)."""


def alpha_bar() -> Tensor:
    """ᾱ_1 … ᾱ_T of Ho et al. 2020, float64."""
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, STEPS, dtype=torch.float64), dim=0)


def rate(step: Callable[[], None], *, steps: int, warmup: int) -> float:
    """Calls of `step` per second, after `warmup` calls that are not timed; what a GPU has yet to do counts."""
    for _ in range(warmup):
        step()
    finish_work()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    finish_work()
    return steps / (time.perf_counter() - began)


def finish_work() -> None:
    """Wait until a GPU has done what it was asked for."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def settle(threads: int) -> None:
    """kantor's settings of this process."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
    torch.manual_seed(0)


class Average:
    """θ̄ ← d·θ̄ + (1 - d)·θ, d = min(0.999, (1 + k)/(10 + k)) at update k."""

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._averages, self._weights = list(self.network.parameters()), list(network.parameters())
        self._updates = itertools.count()

    def update(self) -> None:
        k = next(self._updates)
        torch._foreach_lerp_(self._averages, self._weights, 1 - min(EMA_DECAY, (1 + k) / (10 + k)))


def train(
    steps: int,
    *,
    make: Make,
    pixels: np.ndarray,
    device: str,
    threads: int,
    warmup: int,
    bfloat16: bool,
    compiled: bool,
) -> float:
    """Images per second of DDPM on pictures.

    Args:
        steps: that are timed.
        make: the network.
        pixels: uint8 (N, C, H, W).
        device: of network and data.
        threads: of this process.
        warmup: steps before.
        bfloat16: runs the network under autocast; losses, weights and their average stay in float32.
        compiled: by torch.compile.
    """
    settle(threads)
    network, images = make().to(device, memory_format=torch.channels_last), torch.from_numpy(pixels).to(device)
    average = Average(network)
    if compiled:
        network.compile()
    adam = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE, fused=True)
    alpha = alpha_bar().sqrt().float().to(device)
    sigma = (1 - alpha_bar()).sqrt().float().to(device)
    order, indices = np.random.default_rng(0).permutation(len(pixels)), itertools.count()

    def step() -> None:
        rows = order[(next(indices) * BATCH + np.arange(BATCH)) % len(order)]
        x = images[torch.from_numpy(rows).to(device)].float().mul_(1 / 127.5).sub_(1)
        k, noise = torch.randint(STEPS, (BATCH,), device=device), torch.randn_like(x)
        x_t = alpha[k, None, None, None] * x + sigma[k, None, None, None] * noise
        adam.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            given = network(x_t, (k + 1) / STEPS)
        (given.float() - noise).square().mean().backward()
        adam.step()
        average.update()

    return BATCH * rate(step, steps=steps, warmup=warmup)


def sample(
    repeats: int,
    *,
    make: Make,
    shape: tuple[int, ...],
    evaluations: int,
    device: str,
    threads: int,
    warmup: int,
    bfloat16: bool,
    compiled: bool,
) -> float:
    """Images per second by DDIM, 16 at a time; arguments as in `train`."""
    settle(threads)
    network = make().to(device, memory_format=torch.channels_last).eval()
    if compiled:
        network.compile()
    grid = torch.linspace(STEPS, 0, evaluations + 1).round().long()
    kept = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar()])[grid]
    levels = list(zip(kept.sqrt().tolist(), (1 - kept).sqrt().tolist(), (grid / STEPS).tolist(), strict=True))

    @torch.no_grad()
    def draw() -> None:
        x = torch.randn(SAMPLES, *shape, device=device)
        for (alpha, sigma, t), (alpha_next, sigma_next, _) in itertools.pairwise(levels):
            with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
                noise = network(x, torch.full((SAMPLES,), t, device=device))
            noise = noise.float()
            x = alpha_next / alpha * (x - sigma * noise) + sigma_next * noise

    return SAMPLES * rate(draw, steps=repeats, warmup=warmup)


def train_points(steps: int, *, make: Make, threads: int, warmup: int) -> float:
    """Steps per second of flow matching on 8 Gaussians, 256 fresh points each."""
    settle(threads)
    network = make()
    average = Average(network)
    adam = torch.optim.Adam(network.parameters(), lr=POINTS_LEARNING_RATE, fused=True)
    angles = torch.arange(8) * torch.pi / 4
    centres = RADIUS / SCALE * torch.stack([angles.cos(), angles.sin()], dim=1)

    def step() -> None:
        x = centres[torch.randint(8, (POINTS_BATCH,))] + SPREAD / SCALE * torch.randn(POINTS_BATCH, 2)
        t, noise = torch.rand(POINTS_BATCH), torch.randn_like(x)
        x_t = torch.lerp(x, noise, t[:, None])
        adam.zero_grad()
        (network(x_t, t) - (noise - x)).square().mean().backward()
        adam.step()
        average.update()

    return rate(step, steps=steps, warmup=warmup)
