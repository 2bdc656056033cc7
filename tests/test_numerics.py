"""How a process computes, and that what was set before comes back."""

import pytest
import torch

from kantor.numerics import full_float32, numerics


@pytest.fixture(autouse=True)
def medium():
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision("highest")


def now():
    return torch.get_num_threads(), torch.get_float32_matmul_precision()


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_threads_and_precision_are_set_and_put_back(precision):
    before = now()
    with pytest.raises(KeyError), numerics(threads=2, matmul_precision=precision):
        assert now() == (2, precision)
        raise KeyError
    assert now() == before


@pytest.mark.parametrize("before", [(False, True), (True, False)])
def test_convolutions_of_a_gpu_give_the_same_bits_each_time(before):
    cudnn = torch.backends.cudnn
    cudnn.deterministic, cudnn.benchmark = before
    try:
        with pytest.raises(KeyError), numerics(threads=1):
            assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
            raise KeyError
        assert (cudnn.deterministic, cudnn.benchmark) == before
    finally:
        cudnn.deterministic, cudnn.benchmark = False, False


def test_where_nothing_is_said_products_are_in_full():
    with numerics(threads=1):
        assert now() == (1, "highest")


def test_full_float32_keeps_the_threads_and_holds_convolutions_to_it_too():
    before, flags = now(), torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    try:
        with full_float32():
            assert now() == (before[0], "highest")
            assert not torch.backends.cudnn.allow_tf32 and torch.backends.cudnn.deterministic
        assert now() == before and torch.backends.cudnn.allow_tf32
    finally:
        torch.backends.cudnn.allow_tf32 = flags
