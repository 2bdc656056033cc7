"""Two plain PyTorch loops that train DG1 on 64×64 pictures: what kantor's speed is compared with.

`lecture_loop` has the form of the Purdue lecture's DCGAN script: torchvision's ImageFolder and two workers, a sigmoid
at the end of the discriminator, float32. `bare_loop` is the fastest loop we know with kantor's arithmetic and no
framework around it. Setting, from the lecture: batch 32, Adam(1e-4, (0.5, 0.999)), 100 latent dimensions.

Neither imports kantor.
"""

import copy
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

BATCH, LATENT, WIDTH, CHANNELS = 32, 100, 64, 3
LEARNING_RATE, BETAS, EMA_DECAY = 1e-4, (0.5, 0.999), 0.999


def generator() -> nn.Sequential:
    """(B, 100, 1, 1) → (B, 3, 64, 64), in [-1, 1]."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(LATENT, 8 * WIDTH, 4, bias=False)]
    for size_in, size_out in itertools.pairwise([8 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH, CHANNELS]):
        up = nn.ConvTranspose2d(size_in, size_out, 4, stride=2, padding=1, bias=False)
        layers += [nn.BatchNorm2d(size_in), nn.ReLU(inplace=True), up]
    return _initialised(nn.Sequential(*layers, nn.Tanh()))


def discriminator() -> nn.Sequential:
    """(B, 3, 64, 64) → (B,), a logit."""
    layers: list[nn.Module] = [nn.Conv2d(CHANNELS, WIDTH, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    for size_in, size_out in itertools.pairwise([WIDTH, 2 * WIDTH, 4 * WIDTH, 8 * WIDTH]):
        down = nn.Conv2d(size_in, size_out, 4, stride=2, padding=1)
        layers += [down, nn.BatchNorm2d(size_out), nn.LeakyReLU(0.2, inplace=True)]
    return _initialised(nn.Sequential(*layers, nn.Conv2d(8 * WIDTH, 1, 4), nn.Flatten(0)))


def _initialised(network: nn.Sequential) -> nn.Sequential:
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
    return network


def lecture_loop(steps: int, *, threads: int, warmup: int, folder: Path) -> float:
    """Images per second of a plain loop of the lecture's form, fed by the pictures in `folder` (class folders)."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    torch.manual_seed(0)
    half = [0.5] * CHANNELS
    changes = torchvision.transforms.Compose(
        [
            torchvision.transforms.Resize(64),
            torchvision.transforms.CenterCrop(64),
            torchvision.transforms.ToTensor(),
            torchvision.transforms.Normalize(half, half),
        ]
    )
    pictures = torchvision.datasets.ImageFolder(str(folder), transform=changes)
    loader = torch.utils.data.DataLoader(pictures, batch_size=BATCH, shuffle=True, num_workers=2, drop_last=True)
    net_g, net_d = generator(), nn.Sequential(discriminator(), nn.Sigmoid())
    adam_g = torch.optim.Adam(net_g.parameters(), lr=LEARNING_RATE, betas=BETAS)
    adam_d = torch.optim.Adam(net_d.parameters(), lr=LEARNING_RATE, betas=BETAS)
    criterion, real_label, fake_label = nn.BCELoss(), torch.ones(BATCH), torch.zeros(BATCH)
    history: list[tuple[float, float]] = []

    def step(batches: Iterator[list[Tensor]]) -> None:
        real = next(batches)[0]
        net_d.zero_grad()
        loss_real = criterion(net_d(real), real_label)
        loss_real.backward()
        fake = net_g(torch.randn(BATCH, LATENT, 1, 1))
        loss_fake = criterion(net_d(fake.detach()), fake_label)
        loss_fake.backward()
        adam_d.step()
        net_g.zero_grad()
        loss = criterion(net_d(fake), real_label)  # through a discriminator that collects gradients, as there
        loss.backward()
        adam_g.step()
        history.append(((loss_real + loss_fake).item(), loss.item()))  # one loss fetched per step, as there

    batches = itertools.chain.from_iterable(loader for _ in itertools.count())
    return _rate(functools.partial(step, batches), steps=steps, warmup=warmup)


def bare_loop(steps: int, *, threads: int, warmup: int, pixels: np.ndarray, bfloat16: bool) -> float:
    """Images per second of the fastest bare loop with kantor's arithmetic.

    `pixels` is uint8 (N, 3, 64, 64). `bfloat16` runs the networks under CPU autocast, with losses, weights and the
    moving average in float32.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium")
    torch.manual_seed(0)
    net_g, net_d = (net().to(memory_format=torch.channels_last) for net in (generator, discriminator))
    average = copy.deepcopy(net_g).requires_grad_(False)
    adam_g = torch.optim.Adam(net_g.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
    adam_d = torch.optim.Adam(net_d.parameters(), lr=LEARNING_RATE, betas=BETAS, fused=True)
    weights, averages = list(net_g.parameters()), list(average.parameters())
    order, rng = np.random.default_rng(0).permutation(len(pixels)), np.random.default_rng(1)
    softplus = nn.functional.softplus

    def call(network: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return network(x)

    def step(index: int) -> None:
        rows = order[np.arange(index * BATCH, (index + 1) * BATCH) % len(order)]
        real = torch.from_numpy(pixels[rows]).float().mul_(1 / 127.5).sub_(1)
        noise = torch.from_numpy(rng.standard_normal((BATCH, LATENT, 1, 1), dtype=np.float32))
        fake = call(net_g, noise)
        net_d.requires_grad_(True)
        loss = softplus(-call(net_d, real).float()).mean() + softplus(call(net_d, fake.detach()).float()).mean()
        adam_d.zero_grad()
        loss.backward()
        adam_d.step()
        net_d.requires_grad_(False)
        adam_g.zero_grad()
        softplus(-call(net_d, fake).float()).mean().backward()
        adam_g.step()
        decay = min(EMA_DECAY, (1 + index) / (10 + index))
        torch._foreach_lerp_(averages, weights, 1 - decay)
        for kept, now in zip(average.buffers(), net_g.buffers(), strict=True):
            kept.copy_(now)

    indices = itertools.count()
    return _rate(lambda: step(next(indices)), steps=steps, warmup=warmup)


def _rate(step: Callable[[], None], *, steps: int, warmup: int) -> float:
    for _ in range(warmup):
        step()
    began = time.perf_counter()
    for _ in range(steps):
        step()
    return steps * BATCH / (time.perf_counter() - began)
