import pytest
import torch
from tiny import Normalised, TinyImages, fit, image_gan

from kantor.callbacks.clock import Clock
from kantor.callbacks.stop_at_half import StopAtHalf
from kantor.errors import UserError
from kantor.objectives.adversarial import Wasserstein


def ends_at(*pairs, looks=2, every=1, steps=8, model=None, checkpoint=None):
    """The step at which training ends when D is what `pairs` say at each step, the last of them for ever."""
    model = model or image_gan()

    def probabilities(block, rng):
        return tuple(torch.full((4,), value) for value in pairs[min(model.steps, len(pairs)) - 1])

    model.probabilities = probabilities
    fit(model, TinyImages(), steps, at_half(model, every=every, tolerance=0.05, looks=looks), checkpoint=checkpoint)
    return model.steps


def at_half(model, **settings):
    return StopAtHalf(
        **{"model": model, "clock": Clock(), "seed": 0, "every": 1, "tolerance": 0.1, "looks": 1, **settings}
    )


def test_it_looks_for_itself_and_leaves_no_trace():
    """What it sees are the probabilities of the step, whatever is logged, and training goes as without it."""
    watched, alone = (image_gan(critic=Normalised) for _ in range(2))
    seen = []
    ask = watched.probabilities
    watched.probabilities = lambda block, rng: seen.append(ask(block, rng)) or seen[-1]
    fit(watched, TinyImages(), 4, at_half(watched, every=2, looks=99))
    fit(alone, TinyImages(), 4)
    assert len(seen) == 2 and all(0 < float(d.min()) < float(d.max()) < 1 for pair in seen for d in pair)
    assert watched.values.keys() == alone.values.keys()
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
    first = image_gan()
    at = at_half(first, tolerance=0.05, looks=3)
    first.probabilities = lambda block, rng: tuple(map(torch.tensor, [APART, HALF][first.steps - 1]))
    fit(first, TinyImages(), 2, at).save_checkpoint(tmp_path / "2.ckpt")
    assert ends_at(APART, HALF, HALF, HALF, looks=3, checkpoint=tmp_path / "2.ckpt") == 4


def test_a_model_without_d_is_refused():
    with pytest.raises(UserError, match="no D\\(x\\) that could come to ½; take stop=none"):
        at_half(image_gan(objective=Wasserstein()))


@pytest.mark.parametrize("wrong", [{"every": 0}, {"tolerance": 0.0}, {"tolerance": 0.5}, {"looks": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        at_half(image_gan(), **wrong)
