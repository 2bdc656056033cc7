"""How much each latent dimension says of a sample: its KL from the prior, largest first."""

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

from kantor.callbacks.codes import CodePicture
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.models.protocols import HasPosterior
from kantor.models.variational_health import VARIANCE
from kantor.objectives.posterior import Posterior
from kantor.report.palette import FLOOR, series_colour


@dataclass(eq=False, kw_only=True)
class LatentUse(CodePicture):
    """Bars of the mean KL over held-out pictures; grey where the dimension is not active."""

    name = "latent_use"

    def refusal(self, model: GenerativeModel) -> str | None:
        """Of a posterior alone."""
        if not isinstance(model, HasPosterior) or not model.has_posterior:
            return "a posterior of latent vectors is expected, the model has none"
        return super().refusal(model)

    def draw(self, model: GenerativeModel) -> Figure:
        """The model as it is now."""
        assert isinstance(model, HasPosterior)
        x, networks = self.codes(model).observed, model.weights(self.scene.sampling.weights)
        with evaluating(networks):
            found = [model.posterior(networks, part) for part in x.split(250)]
        q = Posterior(*(torch.cat([getattr(each, name) for each in found]) for name in ("mean", "log_variance")))
        kl, order = q.kl().mean(0).sort(descending=True)
        active = (q.mean.var(0) > VARIANCE)[order].cpu()
        figure = Figure(figsize=(7.5, 3.6), dpi=100, layout="constrained")
        axes = figure.subplots()
        axes.bar(range(len(kl)), kl.cpu(), color=[series_colour(0) if one else FLOOR for one in active.tolist()])
        axes.set(xlabel="latent dimension, by its KL", ylabel="KL from the prior, nats", xticks=[])
        axes.set_title(f"{int(active.sum())} of {len(kl)} latent dimensions are active ({self.scene.caption(model)})")
        return figure
