"""One of two processes that train two networks in turns, for tests/engine/test_turns.py: no process imports a test."""

from multiprocessing.connection import Connection
from pathlib import Path

import pytorch_lightning as pl
import torch
import torch.distributed
from pytorch_lightning.plugins.environments import LightningEnvironment
from torch import nn

from kantor.engine.turns import InTurns


class TwoNetworks(pl.LightningModule):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.generator, self.critic = nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False)
        for weight in self.parameters():
            nn.init.constant_(weight, scale)


def backward(strategy: InTurns, model: TwoNetworks, *, generator: bool, x: float) -> None:
    """One pass for the critic, or for the generator through a critic whose weights want no gradient."""
    model.critic.requires_grad_(not generator)
    samples = model.generator(torch.full((1, 2), x))
    loss = model.critic(samples if generator else samples.detach()).sum()
    strategy.pre_backward(loss)
    loss.backward()
    strategy.post_backward(loss)


def rank(place: Path, number: int, answer: Connection) -> None:
    store = torch.distributed.FileStore(str(place), 2)
    torch.distributed.init_process_group("gloo", store=store, rank=number, world_size=2)
    environment = LightningEnvironment()
    environment.set_world_size(2)
    model, sent = TwoNetworks(scale=1.0 + number), []
    strategy = InTurns(cluster_environment=environment)
    strategy.connect(model)
    strategy.configure_ddp()
    model.generator(torch.ones(1, 2)).sum().backward()  # of a measurement
    model.zero_grad()
    reduce = torch.distributed.all_reduce
    torch.distributed.all_reduce = lambda flat: (sent.append(flat.numel()), reduce(flat))
    for generator in (False, True, True):
        backward(strategy, model, generator=generator, x=2.0 + 4.0 * number)
    answer.send(
        (sent, [weight.tolist() for weight in model.parameters()], [w.grad.tolist() for w in model.parameters()])
    )
    torch.distributed.destroy_process_group()
