import pytest
import pytorch_lightning as pl
import torch
from image_runs import TinyImages, fit, image_model

from kantor.callbacks.probabilities import D_FAKE, D_REAL
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.errors import UserError
from kantor.objectives.adversarial import Wasserstein


class Scripted(pl.Callback):
    """Says what D is at each step."""

    def __init__(self, *pairs):
        self.pairs = pairs

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        real, fake = self.pairs[min(pl_module.generator_steps, len(self.pairs)) - 1]
        pl_module.values.update({D_REAL: torch.tensor(real), D_FAKE: torch.tensor(fake)})


def ends_at(*pairs, looks=2, every=1, steps=8):
    model = image_model()
    fit(model, TinyImages(), steps, Scripted(*pairs), StopAtHalf(every=every, tolerance=0.05, looks=looks))
    return model.generator_steps


APART, HALF, ONE_SIDED = (0.9, 0.1), (0.52, 0.47), (0.5, 0.4)


def test_it_ends_when_both_have_been_near_a_half_often_enough_in_a_row(capsys):
    assert ends_at(APART, HALF, HALF) == 3
    assert "have come to ½: training ends at generator step 3" in capsys.readouterr().err


def test_once_away_the_count_begins_anew():
    assert ends_at(APART, HALF, APART, HALF, HALF) == 5
    assert ends_at(APART, HALF, ONE_SIDED, HALF, HALF) == 5


def test_a_discriminator_that_has_learned_nothing_yet_is_no_end():
    assert ends_at(HALF) == 8
    assert ends_at(HALF, HALF, APART, HALF, HALF) == 5


def test_looks_stand_at_multiples_of_every():
    assert ends_at(HALF, APART, HALF, HALF, HALF, HALF, every=2) == 6


def test_a_resumed_run_counts_on(tmp_path):
    pairs, settings = (APART, HALF, HALF, HALF), {"every": 1, "tolerance": 0.05, "looks": 3}
    fit(image_model(), TinyImages(), 2, Scripted(*pairs), StopAtHalf(**settings)).save_checkpoint(tmp_path / "2.ckpt")
    model = image_model()
    fit(model, TinyImages(), 8, Scripted(*pairs), StopAtHalf(**settings), checkpoint=tmp_path / "2.ckpt")
    assert model.generator_steps == 4


def test_a_model_without_d_is_refused():
    with pytest.raises(UserError, match="no D\\(x\\) that could come to ½; take stop=none"):
        fit(image_model(objective=Wasserstein()), TinyImages(), 1, StopAtHalf(every=1, tolerance=0.1, looks=1))


@pytest.mark.parametrize("wrong", [{"every": 0}, {"tolerance": 0.0}, {"tolerance": 0.5}, {"looks": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        StopAtHalf(**{"every": 1, "tolerance": 0.1, "looks": 1, **wrong})
