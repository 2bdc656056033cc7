import numpy as np
import pytest
import torch

from kantor import keyed

# Published contract: BLAKE2b-64 of the text, as `printf 0/train/0 | b2sum -l 64` prints it.
GOLDEN = {
    (0, "train", 0): 0x57EE253D1FF3F5D5,
    (0, "train", 1): 0xC57546C8F2EA098E,
    (1, "train", 0): 0xBC73BC9BB487AC85,
    (0, "order", 0): 0x32C9E36C7D845760,
    (7, "evaluate", 3, 12): 0xB1DADE16FEE0E0B5,
    (-1, "init"): 0xAC9C9BC10826596C,
    (2**64, "x", 0): 0x2CFC0FFDB282D4C1,
}

DRAWS = {
    "normal": lambda rng, n: rng.normal(n, 3),
    "uniform": lambda rng, n: rng.uniform(n, 3),
    "scalars": lambda rng, n: rng.uniform(n),
}


@pytest.fixture(params=["CPU", "device"])
def place(request, monkeypatch):
    """Who draws; torch's generator of the CPU stands for that of a device."""
    if request.param == "device":
        monkeypatch.setattr(keyed, "generator_on", lambda device, key: torch.Generator().manual_seed(key))


each_place = pytest.mark.usefixtures("place")


each_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())


@pytest.mark.parametrize(("key", "number"), GOLDEN.items())
def test_seed_is_the_published_number(key, number):
    assert keyed.seed(*key) == number


def test_different_keys_give_different_numbers():
    keys = [(s, name, k, r) for s in range(6) for name in ("train", "order") for k in range(20) for r in range(4)]
    keys += [(s, name, k) for s in range(6) for name in ("train", "order") for k in range(20)]
    # digits must not run together: (1, 23) is not (12, 3)
    keys += [(1, "x", 1, 23), (1, "x", 12, 3), (1, "x", 123), (11, "x", 23)]
    assert len({keyed.seed(*key) for key in keys}) == len(keys)


def test_a_name_with_a_slash_is_refused():
    with pytest.raises(AssertionError, match="a/b"):
        keyed.seed(0, "a/b")


@each_place
@each_draw
@pytest.mark.parametrize("world", [2, 3])
def test_each_rank_gets_its_rows_of_what_one_process_draws(draw, world):
    n = 5
    alone = keyed.Rng(42)
    whole = [draw(alone, n * world) for _ in range(3)]  # draws one after another stay in step, too
    for rank in range(world):
        rng = keyed.Rng(42, rank=rank, world=world)
        for drawn in whole:
            assert torch.equal(draw(rng, n), drawn[rank * n : (rank + 1) * n])


@each_place
def test_ranks_stay_in_step_when_kinds_of_draws_alternate():
    def mixed(rng, n):
        return [rng.normal(n, 2), rng.uniform(n, 3), rng.uniform(n), rng.normal(n, 1)]

    alone, shared = mixed(keyed.Rng(3), 4), mixed(keyed.Rng(3, rank=1, world=2), 2)
    for whole, rows in zip(alone, shared, strict=True):
        assert torch.equal(rows, whole[2:])


@each_place
@each_draw
def test_equal_keys_draw_equal_numbers_and_others_do_not(draw):
    assert torch.equal(draw(keyed.Rng(1), 8), draw(keyed.Rng(1), 8))
    assert not torch.equal(draw(keyed.Rng(1), 8), draw(keyed.Rng(2), 8))


def test_all_64_bits_of_a_key_count():
    """torch's CPU generator would use 32 of them."""
    low = keyed.Rng(7).normal(8)
    for bit in (33, 48, 63):
        assert not torch.equal(low, keyed.Rng(7 + 2**bit).normal(8))


@each_place
@pytest.mark.parametrize(
    ("draw", "mean", "deviation"),
    [
        (lambda rng: rng.normal(20_000), 0.0, 1.0),
        (lambda rng: rng.uniform(20_000), 0.5, 12**-0.5),
    ],
)
def test_draws_have_the_moments_of_their_law(draw, mean, deviation):
    drawn = draw(keyed.Rng(9))
    assert drawn.dtype == torch.float32
    numbers = drawn.double()
    assert numbers.mean().item() == pytest.approx(mean, abs=5 * deviation / 20_000**0.5)
    assert numbers.std().item() == pytest.approx(deviation, rel=0.03)


@each_place
def test_uniform_numbers_stay_in_their_range():
    uniform = keyed.Rng(1).uniform(10_000)
    assert uniform.min() >= 0 and uniform.max() < 1


@each_place
def test_nothing_is_drawn_from_the_global_generators():
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    keyed.Rng(1).normal(10)
    keyed.Rng(1).uniform(10)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_device_draws_by_itself_with_all_64_bits():
    def drawn(key):
        return keyed.Rng(key, device="cuda").normal(8, 3)

    assert drawn(7).is_cuda and torch.equal(drawn(7), drawn(7))
    for bit in (33, 48, 63):
        assert not torch.equal(drawn(7), drawn(7 + 2**bit))
