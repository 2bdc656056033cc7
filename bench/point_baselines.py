"""Two plain PyTorch loops that train a WGAN-GP on 8 Gaussians: what kantor's speed is compared with.

`lecture_loop` does what the Purdue lecture's `wgan_for_point_distros.py` does, step by step, with its defaults.
`bare_loop` is the fastest loop we know with kantor's arithmetic and no framework around it. Setting, from the
lecture: 512-wide ReLU MLPs, batch 256, Adam(1e-4, (0.5, 0.9)), lambda 0.1, 5 critic steps per generator step.

    .venv/bin/python bench/point_baselines.py --steps 30 --repeats 7

Neither imports kantor. Matmuls take over 80% of the time, so what counts is threads, precision and fewer matmuls.
"""

import argparse
import copy
import functools
import itertools
import random
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

BATCH, WIDTH, CRITIC_STEPS = 256, 512, 5
LAMBDA, LEARNING_RATE, BETAS = 0.1, 1e-4, (0.5, 0.9)
EMA_DECAY = 0.999
RADIUS, SPREAD, SCALE = 2.0, 0.1, 1.414
ANGLES = np.arange(8) * np.pi / 4
CENTRES = RADIUS * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)  # (8, 2), before the division by SCALE


class _CutReLU(torch.autograd.Function):
    """ReLU whose double backward knows that ReLU'' = 0.

    PyTorch's own sends a tensor of zeros back through the whole forward graph, with every matmul on the way.
    """

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        y = x.clamp_min(0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grad, y.detach(), 0)


class CutReLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _CutReLU.apply(x)


def _mlp(outputs: int, *, activation: Callable[[], nn.Module], width: int = WIDTH) -> nn.Sequential:
    sizes = [2, width, width, width, outputs]
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.normal_(linear.weight, 0.0, 0.02)
        nn.init.zeros_(linear.bias)
        layers += [linear, activation()]
    return nn.Sequential(*layers[:-1])  # no activation after the last layer


def _rate(step: Callable[[int], None], *, steps: int, warmup: int) -> float:
    """Calls per second of `step(index)`, after `warmup` calls that are not timed."""
    for index in range(warmup):
        step(index)
    start = time.perf_counter()
    for index in range(warmup, warmup + steps):
        step(index)
    return steps / (time.perf_counter() - start)


def _points_one_by_one() -> Iterator[np.ndarray]:
    centres = [tuple(centre) for centre in CENTRES]
    while True:
        points = []
        for _ in range(BATCH):
            point = np.random.randn(2) * SPREAD
            x, y = random.choice(centres)
            point[0] += x
            point[1] += y
            points.append(point)
        batch = np.array(points, dtype="float32")
        batch /= SCALE
        yield batch


def lecture_loop(steps: int, *, threads: int = 2, warmup: int = 5) -> float:
    """Generator steps per second of the lecture's loop on the CPU, in its default settings."""
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("highest")
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    relu = functools.partial(nn.ReLU, inplace=True)
    generator, critic = _mlp(2, activation=relu), _mlp(1, activation=relu)
    critic_adam = torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE, betas=BETAS)
    generator_adam = torch.optim.Adam(generator.parameters(), lr=LEARNING_RATE, betas=BETAS)
    data, plus, minus = _points_one_by_one(), torch.ones(1), -torch.ones(1)
    history: list[tuple[float, float, float]] = []

    def penalty(real: Tensor, generated: Tensor) -> Tensor:
        epsilon = torch.rand(BATCH, 1).expand(real.size())
        between = (epsilon * real + (1 - epsilon) * generated).requires_grad_()
        scores = critic(between)
        slopes = torch.autograd.grad(
            scores, between, torch.ones(scores.size()), create_graph=True, retain_graph=True, only_inputs=True
        )[0]
        return ((slopes.norm(2, dim=1) - 1) ** 2).mean() * LAMBDA

    def critic_step() -> tuple[Tensor, Tensor]:
        real = torch.tensor(next(data)).requires_grad_(True)
        critic.zero_grad()
        real_score = critic(real).mean().unsqueeze(0)
        real_score.backward(minus)
        # The graph runs on through the generator: the lecture does not detach, and pays for that backward too.
        generated = generator(torch.randn(BATCH, 2).requires_grad_(True))
        generated_score = critic(generated).mean().unsqueeze(0)
        generated_score.backward(plus)
        gp = penalty(real, generated.data)
        gp.backward()
        critic_adam.step()
        return generated_score - real_score + gp, real_score - generated_score

    def step(_: int) -> None:
        for parameter in critic.parameters():
            parameter.requires_grad = True
        for _ in range(CRITIC_STEPS):
            critic_loss, distance = critic_step()
        for parameter in critic.parameters():
            parameter.requires_grad = False
        generator.zero_grad()
        score = critic(generator(torch.randn(BATCH, 2).requires_grad_(True))).mean().unsqueeze(0)
        score.backward(minus)
        generator_adam.step()
        losses = (critic_loss, distance, -score)
        history.append(tuple(loss.cpu().data.numpy()[0] for loss in losses))  # one loss fetched per step, as there

    return _rate(step, steps=steps, warmup=warmup)


def bare_loop(
    steps: int,
    *,
    threads: int = 2,
    warmup: int = 5,
    matmul: str = "medium",
    bfloat16: bool = False,
    activation: Callable[[], nn.Module] = nn.ReLU,
    width: int = WIDTH,
    learning_rate: float = LEARNING_RATE,
    betas: tuple[float, float] = BETAS,
) -> float:
    """Generator steps per second of the fastest bare loop with kantor's arithmetic.

    `matmul` is PyTorch's float32 matmul precision ("medium" takes effect in full only on CPUs with AMX);
    `bfloat16` runs the networks under CPU autocast, with scores, losses and weights in float32.
    `activation=CutReLU` has the same gradients as nn.ReLU, bit for bit, with fewer matmuls under the penalty.
    """
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(matmul)
    torch.manual_seed(0)
    generator, critic = (_mlp(outputs, activation=activation, width=width) for outputs in (2, 1))
    average = copy.deepcopy(generator).requires_grad_(False)
    # fused Adam refuses integer betas; floats they are
    critic_adam = torch.optim.Adam(critic.parameters(), lr=learning_rate, betas=betas, fused=True)
    generator_adam = torch.optim.Adam(generator.parameters(), lr=learning_rate, betas=betas, fused=True)
    weights, average_weights = list(generator.parameters()), list(average.parameters())
    centres, sigma = (CENTRES / SCALE).astype(np.float32), np.float32(SPREAD / SCALE)

    def call(network: nn.Module, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return network(x).float()

    def noise(rng: np.random.Generator, count: int) -> Tensor:
        return torch.from_numpy(rng.standard_normal((count, 2), dtype=np.float32))

    def critic_step(rng: np.random.Generator, generated: Tensor) -> None:
        points = sigma * rng.standard_normal((BATCH, 2), dtype=np.float32)
        real = torch.from_numpy(centres[rng.integers(8, size=BATCH)] + points)
        epsilon = torch.from_numpy(rng.random((BATCH, 1), dtype=np.float32))  # one per sample
        scores = call(critic, torch.cat([real, generated]))  # (2B, 1)
        x_hat = torch.lerp(generated, real, epsilon).requires_grad_()
        (slopes,) = torch.autograd.grad(call(critic, x_hat).sum(), x_hat, create_graph=True)
        gp = (torch.linalg.vector_norm(slopes.flatten(1), dim=1) - 1).square().mean()
        critic_adam.zero_grad()
        (scores[BATCH:].mean() - scores[:BATCH].mean() + LAMBDA * gp).backward()
        critic_adam.step()

    def step(index: int) -> None:
        rng = np.random.Generator(np.random.Philox(key=[0, index]))
        critic.requires_grad_(True)
        with torch.no_grad():  # the generator stands still for all critic steps: one forward draws their batches
            batches = call(generator, noise(rng, CRITIC_STEPS * BATCH)).split(BATCH)
        for generated in batches:
            critic_step(rng, generated)
        critic.requires_grad_(False)
        generator_adam.zero_grad()
        (-call(critic, call(generator, noise(rng, BATCH))).mean()).backward()
        generator_adam.step()
        decay = min(EMA_DECAY, (1 + index) / (10 + index))  # short memory first: no trace of the initial weights
        torch._foreach_lerp_(average_weights, weights, 1 - decay)

    return _rate(step, steps=steps, warmup=warmup)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    loops: dict[str, Callable[[], float]] = {
        "lecture": lambda: lecture_loop(arguments.steps, threads=arguments.threads),
        "bare": lambda: bare_loop(arguments.steps, threads=arguments.threads),
        "bare, cut": lambda: bare_loop(arguments.steps, threads=arguments.threads, activation=CutReLU),
        "bare, bfloat16": lambda: bare_loop(arguments.steps, threads=arguments.threads, bfloat16=True),
        "bare, bfloat16, cut": lambda: bare_loop(
            arguments.steps, threads=arguments.threads, bfloat16=True, activation=CutReLU
        ),
    }
    rounds = [{name: loop() for name, loop in loops.items()} for _ in range(arguments.repeats)]  # alternating
    for name in loops:
        rates = [round_[name] for round_ in rounds]
        ratio = statistics.median(round_[name] / round_["lecture"] for round_ in rounds)
        print(f"{name:20s} {statistics.median(rates):6.2f} it/s ({min(rates):.2f}-{max(rates):.2f})  x{ratio:.2f}")


if __name__ == "__main__":
    main()
