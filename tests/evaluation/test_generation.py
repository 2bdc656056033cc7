import numpy as np
import pytest
import torch

from kantor import keyed
from kantor.evaluation.generation import generate
from kantor.processes import Processes

CPU = torch.device("cpu")


class Recorder:
    """A sampler of chunks of 8, each of which depends on itself as a whole; remembers which it was asked for."""

    def __init__(self):
        self.chunks = []

    def __call__(self, chunk, rng):
        self.chunks.append(chunk)
        z = rng.normal(8, 2)
        return z - z.mean(0)  # as batch statistics would: a chunk that is cut before gives other samples


def key(c):
    return keyed.seed(0, "evaluate", c)


def draw(n, *, chunk=8, processes=None, sample=None):
    return generate(sample or Recorder(), n, chunk=chunk, key=key, processes=processes or Processes(), device=CPU)


@pytest.mark.parametrize("n", [1, 7, 8, 9, 16, 30])
@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_any_number_of_processes_gives_the_same_samples(together, n, world):
    alone = draw(n)
    assert alone.shape == (n, 2)
    for found in together(lambda processes: draw(n, processes=processes), world):
        assert np.array_equal(found, alone)


@pytest.mark.parametrize("n", [1, 8, 13])
def test_a_chunk_is_drawn_whole_and_then_cut(n):
    sample = Recorder()
    found = draw(n, sample=sample)
    assert sample.chunks == list(range(-(-n // 8)))
    assert np.array_equal(found, draw(24)[:n])


def test_chunk_c_has_its_own_key_and_place():
    found = draw(24)
    for c in range(3):
        assert np.array_equal(found[8 * c : 8 * c + 8], Recorder()(c, keyed.Rng(key(c))).numpy())


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 5, 12])
def test_mine_partitions_the_work(world, count):
    shares = [list(Processes(rank, world).mine(count)) for rank in range(world)]
    assert sorted(c for share in shares for c in share) == list(range(count))
    for rank, share in enumerate(shares):
        assert {c % world for c in share} <= {rank}


def test_each_rank_draws_its_own_chunks_only(together):
    def count(processes):
        sample = Recorder()
        draw(5 * 8, processes=processes, sample=sample)
        return len(sample.chunks)

    assert together(count, 2) == [3, 2]


def test_a_lone_process_gathers_its_own_value():
    assert Processes().gather("x") == ["x"]
