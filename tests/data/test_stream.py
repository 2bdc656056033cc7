import itertools

import numpy as np
import pytest
import torch

from kantor.data.points import Line, SwissRoll, gaussians8, gaussians25
from kantor.data.stream import PointBlocks, Share
from kantor.models.schedule import Bursts, Constant

DISTRIBUTIONS = {
    "gaussians8": gaussians8(0.1, 1.414),
    "gaussians25": gaussians25(0.05, 2.828),
    "swiss_roll": SwissRoll(0.25, 7.5),
    "line": Line(0.5),
}
SCHEDULES = {"constant": Constant(3), "bursts": Bursts(steps=1, burst=4, first=2, every=3)}
each = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())


def blocks(distribution=DISTRIBUTIONS["gaussians8"], *, schedule=SCHEDULES["bursts"], **changed):
    settings = {"batch_size": 12, "batches_per_step": schedule, "first_step": 0, "seed": 5, "share": Share(), **changed}
    return PointBlocks(distribution, **settings)


def take(stream, n):
    return list(itertools.islice(stream, n))


@each
def test_a_block_is_the_same_whoever_asks_and_whenever(distribution):
    stream = blocks(distribution)
    walked = take(stream, 6)
    for k in (4, 0, 5, 2):
        assert torch.equal(stream.block(k), walked[k])
        assert torch.equal(blocks(distribution).block(k), walked[k])
    assert all(torch.equal(a, b) for a, b in zip(take(stream, 6), walked, strict=True))  # a second walk, too


@each
@each_schedule
@pytest.mark.parametrize("first_step", [1, 3])
def test_a_resumed_stream_goes_on_where_it_was(distribution, schedule, first_step):
    whole = take(blocks(distribution, schedule=schedule), 6)
    resumed = take(blocks(distribution, schedule=schedule, first_step=first_step), 6 - first_step)
    assert len(resumed) == 6 - first_step
    assert all(torch.equal(a, b) for a, b in zip(resumed, whole[first_step:], strict=True))


@each
@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_ranks_slices_are_the_whole(distribution, world):
    whole = blocks(distribution).block(1)
    parts = [blocks(distribution, share=Share(rank, world)).block(1) for rank in range(world)]
    assert {part.shape[1] for part in parts} == {12 // world}
    assert torch.equal(torch.cat(parts, dim=1), whole)


@each_schedule
def test_block_sizes_follow_the_schedule(schedule):
    assert [block.shape for block in take(blocks(schedule=schedule), 8)] == [(schedule(k), 12, 2) for k in range(8)]


def test_blocks_are_float32():
    assert blocks().block(0).dtype == torch.float32


def test_blocks_differ_between_steps_and_seeds():
    drawn = [blocks(schedule=Constant(1)).block(k) for k in range(10)]
    drawn += [blocks(schedule=Constant(1), seed=seed).block(0) for seed in range(6, 12)]
    assert len({tuple(block.flatten().tolist()) for block in drawn}) == len(drawn)


def test_batches_of_a_block_differ():
    block = blocks(schedule=Constant(3)).block(0)
    assert not torch.equal(block[0], block[1]) and not torch.equal(block[1], block[2])


@each
def test_blocks_follow_the_distribution(distribution):
    stream = blocks(distribution, schedule=Constant(4), batch_size=500)
    served = torch.cat([block.reshape(-1, 2) for block in take(stream, 4)]).numpy().astype(np.float64)
    drawn = distribution.sample(8000, np.random.default_rng(0))
    error = 5 * np.maximum(drawn.std(0), 1e-6) / np.sqrt(4000)
    assert (np.abs(served.mean(0) - drawn.mean(0)) <= error).all()
    assert served.std(0) == pytest.approx(drawn.std(0), rel=0.05, abs=1e-6)
