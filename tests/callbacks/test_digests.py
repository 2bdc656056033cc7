"""Digests of a training's state: equal for equal bits, those of the checkpoint, and of every part of it."""

import pytest
import torch
from tiny import each_model, fit, gan, points

from kantor.callbacks.checkpointing import Checkpointing
from kantor.callbacks.digests import Digests, digest_of_optimizers
from kantor.evaluation import tensor_files


def trained(directory, model, data, steps, every):
    fit(model, data, steps, Digests(directory, every=every), Checkpointing(directory, every=every))
    return directory.digest_rows()


@pytest.mark.parametrize(("every", "expected"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (100, [5])])
def test_a_row_is_added_with_each_checkpoint(directory, every, expected):
    assert [row.steps for row in trained(directory, gan(), points(), 5, every)] == expected


@each_model
def test_a_row_is_of_what_the_checkpoint_holds(directory, kind):
    *_, row = trained(directory, kind.model(), kind.data(), 3, 2)
    held = torch.load(directory.checkpoints / "last.ckpt", weights_only=True)
    assert row.weights == tensor_files.digest(held["state_dict"])
    assert row.optimizers == digest_of_optimizers(held["optimizer_states"])


def test_what_is_exported_has_the_digest_of_its_row(directory):
    from safetensors.torch import load_file

    *_, row = trained(directory, gan(), points(), 3, 2)
    assert row.sampling == tensor_files.digest(load_file(directory.checkpoints / "generator.safetensors"))


def test_equal_trainings_have_equal_rows_and_others_have_not(directory):
    rows = []
    for seed in (3, 3, 4):
        directory.digests_csv.unlink(missing_ok=True)
        rows.append(trained(directory, gan(), points(seed=seed), 3, 1))
    assert rows[0] == rows[1]
    assert all(one[1:] != other[1:] for one, other in zip(rows[0], rows[2], strict=True))


STATE = [{"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}]


@pytest.mark.parametrize(
    "other",
    [
        [{**STATE[0], "param_groups": [{"lr": 0.2}]}],
        [{**STATE[0], "state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.ones(2)}}}],
        [{**STATE[0], "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.tensor([1, 1.0000001])}}}],
        [{**STATE[0], "state": {1: STATE[0]["state"][0]}}],
        [*STATE, *STATE],
        [],
    ],
)
def test_every_part_of_an_optimizer_counts(other):
    assert digest_of_optimizers(STATE) != digest_of_optimizers(other)
    assert digest_of_optimizers(STATE) == digest_of_optimizers([dict(reversed(STATE[0].items()))])
