"""Gradients of networks trained in turns, over two processes: DDP's averages, and nothing sent for who waits."""

import pytest
from apart import CONTEXT
from turning import rank


@pytest.fixture(scope="module")
def ranks(tmp_path_factory) -> list[tuple[list[int], list, list]]:
    place = tmp_path_factory.mktemp("turns") / "store"
    pipes = [CONTEXT.Pipe() for _ in range(2)]
    processes = [CONTEXT.Process(target=rank, args=(place, n, pipes[n][1]), daemon=True) for n in range(2)]
    for process in processes:
        process.start()
    for _, theirs in pipes:
        theirs.close()  # so that the death of a process is heard
    found = [mine.recv() for mine, _ in pipes]
    for process in processes:
        process.join(60)
    return found


def test_only_the_network_whose_turn_it_is_is_sent(ranks):
    for sent, _, _ in ranks:
        assert sent == [3, 6, 6]


def test_all_begin_with_the_weights_of_the_first(ranks):
    for _, weights, _ in ranks:
        assert weights == [[[1.0, 1.0]] * 3, [[1.0, 1.0, 1.0]]]


def test_gradients_are_the_mean_over_processes_also_of_passes_that_add_up(ranks):
    """d/dW of the critic is G(x) = 2x, of the generator x; x is 2 here and 6 there, whose pass comes twice."""
    for _, _, (generator, critic) in ranks:
        assert critic == [[8.0, 8.0, 8.0]]
        assert generator == [[8.0, 8.0]] * 3
