import pytest
import torch
from image_runs import TinyImages, fit, image_model

from kantor.callbacks.clock import Clock
from kantor.callbacks.probabilities import D_FAKE, D_REAL
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.errors import UserError
from kantor.objectives.adversarial import Wasserstein


class Scripted(StopAtHalf):
    """Is told what D is at each step."""

    def __init__(self, model, *pairs, looks, every=1):
        super().__init__(model=model, clock=Clock(), seed=0, every=every, tolerance=0.05, looks=looks)
        self.pairs = pairs

    def measure(self, model, block, rng):
        real, fake = self.pairs[min(model.steps, len(self.pairs)) - 1]
        return {D_REAL: torch.tensor(real), D_FAKE: torch.tensor(fake)}


def ends_at(*pairs, looks=2, every=1, steps=8):
    model = image_model()
    fit(model, TinyImages(), steps, Scripted(model, *pairs, looks=looks, every=every))
    return model.steps


def at_half(model, **settings):
    return StopAtHalf(
        **{"model": model, "clock": Clock(), "seed": 0, "every": 1, "tolerance": 0.1, "looks": 1, **settings}
    )


def test_it_looks_for_itself_and_leaves_no_trace_in_the_weights():
    """What it sees are the probabilities of the step, whatever is logged, and training goes as without it."""
    watched, alone = image_model(), image_model()
    fit(watched, TinyImages(), 4, at_half(watched, every=2, looks=99))
    fit(alone, TinyImages(), 4)
    assert 0 < float(watched.values[D_REAL]) < 1 and D_REAL not in alone.values
    for name, tensor in watched.state_dict().items():
        assert torch.equal(tensor, alone.state_dict()[name])


APART, HALF, ONE_SIDED = (0.9, 0.1), (0.52, 0.47), (0.5, 0.4)


def test_it_ends_when_both_have_been_near_a_half_often_enough_in_a_row(capsys):
    assert ends_at(APART, HALF, HALF) == 3
    assert "have come to ½: training ends at step 3" in capsys.readouterr().err


def test_once_away_the_count_begins_anew():
    assert ends_at(APART, HALF, APART, HALF, HALF) == 5
    assert ends_at(APART, HALF, ONE_SIDED, HALF, HALF) == 5


def test_a_discriminator_that_has_learned_nothing_yet_is_no_end():
    assert ends_at(HALF) == 8
    assert ends_at(HALF, HALF, APART, HALF, HALF) == 5


def test_looks_stand_at_multiples_of_every():
    assert ends_at(HALF, APART, HALF, HALF, HALF, HALF, every=2) == 6


def test_a_resumed_run_counts_on(tmp_path):
    pairs, model = (APART, HALF, HALF, HALF), image_model()
    fit(model, TinyImages(), 2, Scripted(model, *pairs, looks=3)).save_checkpoint(tmp_path / "2.ckpt")
    model = image_model()
    fit(model, TinyImages(), 8, Scripted(model, *pairs, looks=3), checkpoint=tmp_path / "2.ckpt")
    assert model.steps == 4


def test_a_model_without_d_is_refused():
    with pytest.raises(UserError, match="no D\\(x\\) that could come to ½; take stop=none"):
        at_half(image_model(objective=Wasserstein()))


@pytest.mark.parametrize("wrong", [{"every": 0}, {"tolerance": 0.0}, {"tolerance": 0.5}, {"looks": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        at_half(image_model(), **wrong)
