"""The picture of what a run sees first."""

import numpy as np
from PIL import Image
from tiny import MODELS, each_model, fit, same, state

from kantor.callbacks.clock import Clock
from kantor.callbacks.first_batch import FirstBatch
from kantor.data.share import Share
from kantor.samples.batches import drawn


@each_model
def test_it_is_the_batch_of_the_first_step_and_training_does_not_notice(directory, kind):
    seen, alone, data = kind.model(), kind.model(), kind.data()
    fit(seen, data, 3, FirstBatch(directory=directory, clock=Clock()))
    fit(alone, kind.data(), 3)
    assert same(state(seen), state(alone))
    block = data.on_after_batch_transfer(kind.data().blocks(kind.model(), Share(0, 1)).block(0), 0)
    with Image.open(directory.figures / "first_batch.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(drawn(block.samples[0])))


def test_a_run_that_goes_on_keeps_the_picture_of_its_beginning(directory):
    first = FirstBatch(directory=directory, clock=Clock())
    model, data = MODELS["gan of points"]
    model = model()
    fit(model, data(), 2, first)
    (directory.figures / "first_batch.png").write_bytes(b"of the beginning")
    fit(model, data(), 2, first)
    assert (directory.figures / "first_batch.png").read_bytes() == b"of the beginning"
