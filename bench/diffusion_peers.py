"""Training and sampling by other libraries, each with its own loop at its defaults, on a network that is given to it.

- denoising-diffusion-pytorch: its `Trainer` on a folder of PNG files, its `GaussianDiffusion.sample`;
- diffusers: a loop of the form of its example script for unconditional pictures (accelerate, AdamW, gradient clipping,
  its `EMAModel`, its scheduler's noise), its `DDIMScheduler`;
- azula: `KarrasDenoiser.loss` in a loop, its `DDIMSampler`;
- torchcfm: `ConditionalFlowMatcher` in a loop of the form of its examples on points.

Each function imports its library; `bench/peers.txt` says which releases.
"""

import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from diffusion_baselines import (
    BATCH,
    EVALUATIONS,
    LEARNING_RATE,
    POINTS_BATCH,
    POINTS_LEARNING_RATE,
    SAMPLES,
    STEPS,
    Make,
    rate,
)
from PIL import Image
from torch import Tensor, nn


def settle(threads: int) -> None:
    """torch's own settings, with so many threads."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    torch.manual_seed(0)


class OfSteps(nn.Module):
    """A network that is told the number of a step from 0 on, as lucidrains' and diffusers' are."""

    self_condition = False

    def __init__(self, network: nn.Module, channels: int) -> None:
        super().__init__()
        self.network, self.channels, self.out_dim = network, channels, channels

    def forward(self, x: Tensor, step: Tensor, x_self_cond: Tensor | None = None) -> Tensor:
        return self.network(x, (step + 1) / STEPS)


def lucidrains(network: nn.Module, size: int, evaluations: int = EVALUATIONS) -> nn.Module:
    """Its diffusion with DDPM's betas and the noise as what is predicted, sampled by DDIM."""
    from denoising_diffusion_pytorch import GaussianDiffusion

    settings = {"objective": "pred_noise", "beta_schedule": "linear", "auto_normalize": True}
    return GaussianDiffusion(network, image_size=size, timesteps=STEPS, sampling_timesteps=evaluations, **settings)


def lucidrains_unet(channels: int) -> nn.Module:
    """Its own UNet of the same widths."""
    from denoising_diffusion_pytorch import Unet

    return Unet(dim=64, dim_mults=(1, 2, 4), channels=channels)


def lucidrains_train(
    steps: int, *, make: Make, pixels: np.ndarray, device: str, threads: int, warmup: int, bfloat16: bool
) -> float:
    """Images per second; `make` gives what is told steps. Arguments as in `diffusion_baselines.train`."""
    from denoising_diffusion_pytorch import Trainer

    settle(threads)
    with tempfile.TemporaryDirectory() as place, accelerating(device):
        folder = Path(place) / "pictures"
        folder.mkdir()
        for index, image in enumerate(pixels[:1000]):
            Image.fromarray(image.squeeze(0)).save(folder / f"{index:05d}.png")
        trainer = Trainer(
            lucidrains(make(), pixels.shape[-1]),
            str(folder),
            train_batch_size=BATCH,
            train_num_steps=warmup + steps,
            save_and_sample_every=warmup + steps + 1,
            augment_horizontal_flip=False,
            calculate_fid=False,
            amp=bfloat16,
            mixed_precision_type="bf16",
            results_folder=f"{place}/results",
        )
        watch = Steps(trainer.ema.update)
        trainer.ema.update = watch
        trainer.train()
    return BATCH * watch.rate(warmup)


class Steps:
    """Notes when a function that ends each step has been called.

    Args:
        function: which it calls.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function, self.times = function, []

    def __call__(self) -> None:
        self.function()
        self.times.append(time.perf_counter())

    def rate(self, warmup: int) -> float:
        """Steps per second after the first `warmup`."""
        counted = self.times[warmup - 1 :]
        return (len(counted) - 1) / (counted[-1] - counted[0])


@contextlib.contextmanager
def accelerating(device: str) -> Iterator[None]:
    """accelerate keeps the precision of the first loop for the whole process; here it forgets it."""
    from accelerate.state import AcceleratorState

    os.environ["ACCELERATE_USE_CPU"] = "true" if device == "cpu" else "false"
    AcceleratorState._reset_state(True)
    try:
        yield
    finally:
        AcceleratorState._reset_state(True)


def lucidrains_sample(
    repeats: int,
    *,
    make: Make,
    shape: tuple[int, ...],
    evaluations: int,
    device: str,
    threads: int,
    warmup: int,
    bfloat16: bool,
) -> float:
    """Images per second; `make` gives what is told steps."""
    settle(threads)
    diffusion = lucidrains(make(), shape[-1], evaluations).to(device).eval()
    return _draws(lambda: diffusion.sample(batch_size=SAMPLES), repeats, warmup, device, bfloat16)


def diffusers_train(
    steps: int, *, make: Make, pixels: np.ndarray, device: str, threads: int, warmup: int, bfloat16: bool
) -> float:
    """Images per second; `make` gives what is told steps."""
    from accelerate import Accelerator
    from diffusers import DDPMScheduler
    from diffusers.optimization import get_scheduler
    from diffusers.training_utils import EMAModel
    from tqdm import tqdm

    settle(threads)
    with accelerating(device):
        accelerator = Accelerator(mixed_precision="bf16" if bfloat16 else "no")
        model, scheduler = make(), DDPMScheduler(num_train_timesteps=STEPS, beta_schedule="linear")
        average = EMAModel(model.parameters(), decay=0.9999, use_ema_warmup=True, power=0.75)
        adam = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.95, 0.999), weight_decay=1e-6)
        rates = get_scheduler("cosine", adam, num_warmup_steps=500, num_training_steps=100_000)
        loader = torch.utils.data.DataLoader(Pictures(pixels), batch_size=BATCH, shuffle=True, drop_last=True)
        model, adam, loader, rates = accelerator.prepare(model, adam, loader, rates)
        average.to(device)
        batches, bar = itertools.chain.from_iterable(loader for _ in itertools.count()), tqdm(total=warmup + steps)

        def step() -> None:
            clean = next(batches)
            noise, k = torch.randn_like(clean), torch.randint(0, STEPS, (len(clean),), device=device)
            with accelerator.accumulate(model):
                given = model(scheduler.add_noise(clean, noise, k), k)
                loss = nn.functional.mse_loss(given.float(), noise.float())
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                adam.step()
                rates.step()
                adam.zero_grad()
            average.step(model.parameters())
            bar.update(1)
            bar.set_postfix(loss=loss.detach().item(), lr=rates.get_last_lr()[0])

        return BATCH * rate(step, steps=steps, warmup=warmup)


class Pictures(torch.utils.data.Dataset):
    """As the example script has them: each picture goes through torchvision's transforms when it is asked for."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.images = [Image.fromarray(image.squeeze(0)) for image in pixels]
        self.change = torchvision.transforms.Compose(
            [torchvision.transforms.ToTensor(), torchvision.transforms.Normalize([0.5], [0.5])]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.change(self.images[index])


def diffusers_sample(
    repeats: int,
    *,
    make: Make,
    shape: tuple[int, ...],
    evaluations: int,
    device: str,
    threads: int,
    warmup: int,
    bfloat16: bool,
) -> float:
    """Images per second; `make` gives what is told steps."""
    from diffusers import DDIMScheduler

    settle(threads)
    model = make().to(device).eval()
    scheduler = DDIMScheduler(num_train_timesteps=STEPS, beta_schedule="linear", timestep_spacing="trailing")

    def draw() -> None:
        x = torch.randn(SAMPLES, *shape, device=device)
        scheduler.set_timesteps(evaluations)
        for k in scheduler.timesteps:
            x = scheduler.step(model(x, k.expand(SAMPLES).to(device)), k, x).prev_sample

    return _draws(draw, repeats, warmup, device, bfloat16)


def azula_train(
    steps: int, *, make: Make, pixels: np.ndarray, device: str, threads: int, warmup: int, bfloat16: bool
) -> float:
    """Images per second; the network is told log σ/α, which costs the same."""
    from azula.denoise import KarrasDenoiser
    from azula.noise import VPSchedule

    settle(threads)
    denoiser = KarrasDenoiser(make(), VPSchedule()).to(device)
    adam = torch.optim.Adam(denoiser.parameters(), lr=LEARNING_RATE)
    loader = torch.utils.data.DataLoader(Pictures(pixels), batch_size=BATCH, shuffle=True, drop_last=True)
    batches = itertools.chain.from_iterable(loader for _ in itertools.count())

    def step() -> None:
        x = next(batches).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            loss = denoiser.loss(x, torch.rand(len(x), device=device))
        loss.backward()
        adam.step()
        adam.zero_grad()

    return BATCH * rate(step, steps=steps, warmup=warmup)


def azula_sample(
    repeats: int,
    *,
    make: Make,
    shape: tuple[int, ...],
    evaluations: int,
    device: str,
    threads: int,
    warmup: int,
    bfloat16: bool,
) -> float:
    """Images per second."""
    from azula.denoise import KarrasDenoiser
    from azula.noise import VPSchedule
    from azula.sample import DDIMSampler

    settle(threads)
    denoiser = KarrasDenoiser(Expanding(make()), VPSchedule()).to(device).eval()
    sampler = DDIMSampler(denoiser, steps=evaluations, silent=True)
    return _draws(lambda: sampler(sampler.init((SAMPLES, *shape), device=device)), repeats, warmup, device, bfloat16)


class Expanding(nn.Module):
    """A network that is told one level of noise for all samples."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return self.network(x, noise.expand(len(x)))


def _draws(draw: Callable[[], object], repeats: int, warmup: int, device: str, bfloat16: bool) -> float:
    @torch.no_grad()
    def drawn() -> None:
        with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
            draw()

    return SAMPLES * rate(drawn, steps=repeats, warmup=warmup)


def torchcfm_train(steps: int, *, make: Make, points: Tensor, threads: int, warmup: int) -> float:
    """Steps per second of flow matching on points (N, 2) in memory, from Gaussian noise."""
    from torchcfm.conditional_flow_matching import ConditionalFlowMatcher

    settle(threads)
    network, matcher = make(), ConditionalFlowMatcher(sigma=0.0)
    adam = torch.optim.Adam(network.parameters(), POINTS_LEARNING_RATE)

    def step() -> None:
        adam.zero_grad()
        x1 = points[torch.randint(len(points), (POINTS_BATCH,))]
        t, x_t, velocity = matcher.sample_location_and_conditional_flow(torch.randn_like(x1), x1)
        loss = torch.mean((network(x_t, t) - velocity) ** 2)
        loss.backward()
        adam.step()

    return rate(step, steps=steps, warmup=warmup)
