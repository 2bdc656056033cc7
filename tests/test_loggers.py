from types import SimpleNamespace

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger

from kantor.loggers import log_picture

RED = Image.new("RGB", (3, 2), "red")
COUNTERS = {"images_seen": 640, "steps": 10}


def test_wandb_gets_a_picture_over_images_seen():
    logged = []

    class Offline(WandbLogger):
        def __init__(self):
            pass

        @property
        def experiment(self):
            return SimpleNamespace(log=logged.append)

    log_picture(Offline(), "pictures/grids", RED, counters=COUNTERS)
    (row,) = logged
    picture = row.pop("pictures/grids")
    assert row == {**COUNTERS, "trainer/global_step": 10} and picture.image.size == (3, 2)


def test_tensorboard_gets_a_picture_at_its_step(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(save_dir=tmp_path, name="", version="")
    log_picture(logger, "pictures/grids", Image.new("L", (3, 2), 7), counters=COUNTERS)
    logger.finalize("success")
    events = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    events.Reload()
    (shown,) = events.Images("pictures/grids")
    assert (shown.step, shown.width, shown.height) == (10, 3, 2)


def test_others_get_none(tmp_path):
    before = np.asarray(RED).copy()
    log_picture(CSVLogger(tmp_path), "pictures/grids", RED, counters=COUNTERS)
    assert not list(tmp_path.rglob("*.png")) and np.array_equal(np.asarray(RED), before)
