import itertools

import numpy as np
import pytest
import torch

from kantor.data.images import ImageSet
from kantor.data.points import Line, SwissRoll, gaussians8, gaussians25
from kantor.data.share import Share
from kantor.data.stream import ImageBlocks, PointBlocks
from kantor.models.critic_steps import Bursts, Constant

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


def points(stream, n):
    return [block.samples for block in take(stream, n)]


@each
def test_a_block_is_the_same_whoever_asks_and_whenever(distribution):
    stream = blocks(distribution)
    walked = points(stream, 6)
    for k in (4, 0, 5, 2):
        assert torch.equal(stream.block(k).samples, walked[k])
        assert torch.equal(blocks(distribution).block(k).samples, walked[k])
    assert all(torch.equal(a, b) for a, b in zip(points(stream, 6), walked, strict=True))  # a second walk, too


@each
@each_schedule
@pytest.mark.parametrize("first_step", [1, 3])
def test_a_resumed_stream_goes_on_where_it_was(distribution, schedule, first_step):
    whole = points(blocks(distribution, schedule=schedule), 6)
    resumed = points(blocks(distribution, schedule=schedule, first_step=first_step), 6 - first_step)
    assert len(resumed) == 6 - first_step
    assert all(torch.equal(a, b) for a, b in zip(resumed, whole[first_step:], strict=True))


@each
@pytest.mark.parametrize("world", [2, 3, 4])
def test_the_ranks_slices_are_the_whole(distribution, world):
    whole = blocks(distribution).block(1).samples
    parts = [blocks(distribution, share=Share(rank, world)).block(1).samples for rank in range(world)]
    assert {part.shape[1] for part in parts} == {12 // world}
    assert torch.equal(torch.cat(parts, dim=1), whole)


@each_schedule
def test_block_sizes_follow_the_schedule(schedule):
    assert [block.shape for block in points(blocks(schedule=schedule), 8)] == [(schedule(k), 12, 2) for k in range(8)]


def test_blocks_of_points_are_float32_and_labelled_by_their_modes():
    block = blocks().block(0)
    assert block.samples.dtype == torch.float32 and block.labels.dtype == torch.int64
    modes = torch.from_numpy(gaussians8(0.1, 1.414).modes).float()
    assert torch.equal(block.labels, torch.cdist(block.samples, modes).argmin(-1))


def test_blocks_differ_between_steps_and_seeds():
    drawn = [blocks(schedule=Constant(1)).block(k).samples for k in range(10)]
    drawn += [blocks(schedule=Constant(1), seed=seed).block(0).samples for seed in range(6, 12)]
    assert len({tuple(block.flatten().tolist()) for block in drawn}) == len(drawn)


def test_batches_of_a_block_differ():
    block = blocks(schedule=Constant(3)).block(0).samples
    assert not torch.equal(block[0], block[1]) and not torch.equal(block[1], block[2])


@each
def test_blocks_follow_the_distribution(distribution):
    stream = blocks(distribution, schedule=Constant(4), batch_size=500)
    served = torch.cat([block.reshape(-1, 2) for block in points(stream, 4)]).numpy().astype(np.float64)
    drawn = distribution.sample(8000, np.random.default_rng(0))
    error = 5 * np.maximum(drawn.std(0), 1e-6) / np.sqrt(4000)
    assert (np.abs(served.mean(0) - drawn.mean(0)) <= error).all()
    assert served.std(0) == pytest.approx(drawn.std(0), rel=0.05, abs=1e-6)


def numbered(n, labelled=True):
    """n pictures of one pixel, which is the number of the picture; its label is that number + 100."""
    return ImageSet(np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1), np.arange(100, 100 + n) if labelled else None)


def image_blocks(n=50, *, schedule=SCHEDULES["bursts"], labelled=True, **changed):
    """Batches of 12 out of 50: none divides the other, so that epochs end within blocks, batches and shares."""
    settings = {
        "batch_size": 12, "batches_per_step": schedule, "batches_before": schedule.before, "first_step": 0, "seed": 5,
        "share": Share(), "flip": True, **changed,
    }  # fmt: skip
    return ImageBlocks(numbered(n, labelled), **settings)


def same_blocks(first, second):
    return all(
        torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) and torch.equal(a.mirrored, b.mirrored)
        for a, b in zip(first, second, strict=True)
    )


def served(stream, steps):
    """The numbers of the pictures, in the order in which they come."""
    return torch.cat([block.images.flatten() for block in take(stream, steps)]).tolist()


@each_schedule
@pytest.mark.parametrize("n", [50, 12, 7, 1])
def test_every_image_comes_once_an_epoch_and_none_is_left_out(schedule, n):
    numbers = served(image_blocks(n, schedule=schedule), 12)
    assert len(numbers) == 12 * schedule.before(12)
    epochs = [numbers[start : start + n] for start in range(0, len(numbers), n)]
    assert all(sorted(epoch) == list(range(n)) for epoch in epochs[:-1])
    assert len(set(epochs[-1])) == len(epochs[-1])


def test_epochs_are_in_different_orders_that_depend_on_the_seed():
    numbers = served(image_blocks(), 40)
    orders = {tuple(numbers[start : start + 50]) for start in range(0, 300, 50)}
    assert len(orders) == 6 and tuple(range(50)) not in orders
    assert served(image_blocks(seed=6), 40) != numbers


def test_any_order_of_an_epoch_is_equally_likely():
    """Of 3 images, 1200 epochs: each of the 6 orders 200 times, within 5 standard deviations of 12.9."""
    stream = image_blocks(3)
    orders = [tuple(stream.order(epoch)) for epoch in range(1200)]
    counts = [orders.count(order) for order in itertools.permutations(range(3))]
    assert sum(counts) == 1200 and max(abs(count - 200) for count in counts) < 65


@each_schedule
@pytest.mark.parametrize("first_step", [1, 2, 5, 9])
def test_a_resumed_stream_of_images_goes_on_where_it_was(schedule, first_step):
    whole = take(image_blocks(schedule=schedule), 12)
    resumed = take(image_blocks(schedule=schedule, first_step=first_step), 12 - first_step)
    assert same_blocks(resumed, whole[first_step:])


def test_a_block_of_images_is_the_same_whoever_asks_and_whenever():
    stream = image_blocks()
    walked = take(stream, 8)
    for k in (7, 0, 5, 2):
        assert same_blocks([stream.block(k), image_blocks().block(k)], [walked[k]] * 2)
    assert same_blocks(take(stream, 8), walked)


@each_schedule
@pytest.mark.parametrize("world", [2, 3, 4, 12])
def test_the_ranks_slices_of_images_are_the_whole_with_the_same_flips(schedule, world):
    whole = take(image_blocks(schedule=schedule), 9)
    ranks = [take(image_blocks(schedule=schedule, share=Share(rank, world)), 9) for rank in range(world)]
    for step, block in enumerate(whole):
        parts = [blocks[step] for blocks in ranks]
        assert {part.images.shape[1] for part in parts} == {12 // world}
        assert torch.equal(torch.cat([part.images for part in parts], dim=1), block.images)
        assert torch.equal(torch.cat([part.labels for part in parts], dim=1), block.labels)
        assert torch.equal(torch.cat([part.mirrored for part in parts], dim=1), block.mirrored)


@each_schedule
@pytest.mark.parametrize("share", [Share(), Share(1, 3)], ids=["alone", "one of three"])
def test_every_image_comes_with_its_own_label(schedule, share):
    for block in take(image_blocks(schedule=schedule, share=share), 9):
        assert block.labels.dtype == torch.int64 and block.labels.shape == block.images.shape[:2]
        assert torch.equal(block.labels, block.images[..., 0, 0, 0].long() + 100)


def test_images_without_labels_are_served_without_and_in_the_same_order():
    plain, labelled = image_blocks(labelled=False), image_blocks()
    for k in range(6):
        assert plain.block(k).labels is None
        assert torch.equal(plain.block(k).images, labelled.block(k).images)


@each_schedule
def test_image_blocks_have_the_schedules_shape(schedule):
    for k, block in enumerate(take(image_blocks(schedule=schedule), 8)):
        assert block.images.shape == (schedule(k), 12, 1, 1, 1) and block.images.dtype == torch.uint8
        assert block.mirrored.shape == (schedule(k), 12) and block.mirrored.dtype == torch.bool


def test_half_of_the_images_are_mirrored_by_step_and_seed_alone():
    mirrored = torch.stack([image_blocks(schedule=Constant(3)).block(k).mirrored for k in range(200)])
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=5 * 0.5 / 7200**0.5)
    assert len({tuple(step.flatten().tolist()) for step in mirrored}) == 200
    other_images = image_blocks(9, schedule=Constant(3)).block(3).mirrored
    assert torch.equal(other_images, mirrored[3])
    assert not torch.equal(image_blocks(schedule=Constant(3), seed=6).block(3).mirrored, mirrored[3])


def test_without_flips_the_images_are_the_same_and_none_is_mirrored():
    plain, flipped = image_blocks(flip=False), image_blocks(flip=True)
    for k in range(6):
        assert plain.block(k).mirrored is None
        assert torch.equal(plain.block(k).images, flipped.block(k).images)


def test_the_order_of_an_epoch_is_pinned():
    """A change here changes every run on images: numpy's Philox and shuffle from the key ("order", epoch)."""
    stream = image_blocks(10)
    assert stream.order(0).tolist() == [5, 6, 3, 9, 7, 0, 8, 4, 1, 2]
    assert stream.order(1).tolist() == [3, 1, 8, 7, 6, 2, 5, 9, 0, 4]
    assert stream.order(0).dtype == np.uint32
