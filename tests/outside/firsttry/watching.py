"""A picture, and an early end."""

from dataclasses import dataclass

import pytorch_lightning as pl
from PIL import Image

from kantor.callbacks.pictures import ImagePicture


@dataclass(eq=False, kw_only=True)
class FirstSamples(ImagePicture):
    n: int
    name = "first_samples"

    def draw(self, model):
        samples = self.scene.samples(model, self.n)
        row = samples.view(-1, samples.shape[-1])
        return Image.fromarray(((row + 1) * 127.5).byte().numpy())


class StopAfter(pl.Callback):
    def __init__(self, model, clock, seed, steps: int):
        self.steps = steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if pl_module.steps >= self.steps:
            trainer.should_stop = True
