"""What every picture does: when it is drawn, where it is kept, what fits it, and that a run does not notice it."""

import re

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from PIL import Image
from tiny import (
    FEW_STEPS,
    MODELS,
    Normalised,
    TinyImages,
    each_model,
    fit,
    gan,
    image_cgan,
    image_gan,
    points,
    same,
    sampler_of,
    state,
    vae,
)
from tracking.made_runs import made as made_run
from tracking.told import Told

from kantor.callbacks.clock import Clock
from kantor.callbacks.denoising_error import DenoisingError
from kantor.callbacks.filters import Filters
from kantor.callbacks.flow_field import FlowField
from kantor.callbacks.forward_chain import ForwardChain
from kantor.callbacks.grids import Grids
from kantor.callbacks.interpolation import Interpolation
from kantor.callbacks.latent_plane import LatentPlane
from kantor.callbacks.latent_use import LatentUse
from kantor.callbacks.line_distances import LineDistances
from kantor.callbacks.neighbours import Neighbours
from kantor.callbacks.out_of_distribution import OutOfDistribution
from kantor.callbacks.pictures import (
    FRAMES,
    WIDTH,
    ImagePicture,
    Scene,
    Series,
    admitted,
    rendered,
    write_gif,
)
from kantor.callbacks.points import Points
from kantor.callbacks.reconstructions import Reconstructions
from kantor.callbacks.reverse_chain import ReverseChain
from kantor.callbacks.samples_by_steps import SamplesBySteps
from kantor.callbacks.side_by_side import SideBySide
from kantor.callbacks.traversal import Traversal
from kantor.data import pixels
from kantor.data.module import PointData
from kantor.data.points import Line
from kantor.errors import UserError
from kantor.models.latent import Uniform
from kantor.models.protocols import HasCode, HasDenoiser, HasFilters, HasLatentSpace, HasSurface
from kantor.nets.shift import Shift
from kantor.tracking.attached import Tracker, attached

PICTURES = {
    "points": (Points, {"n": 8, "extent": 3.0}),
    "line_distances": (LineDistances, {"points": 32}),
    "grids": (Grids, {"side": 3}),
    "side_by_side": (SideBySide, {"side": 2}),
    "interpolation": (Interpolation, {"rows": 2, "columns": 5}),
    "neighbours": (Neighbours, {"samples": 3, "neighbours": 4}),
    "denoising_error": (DenoisingError, {"n": 3, "levels": 2, "largest": 10_000}),
    "filters": (Filters, {"rows": 2, "columns": 2}),
    "flow_field": (FlowField, {"n": 8, "extent": 3.0, "flow": FEW_STEPS}),
    "forward_chain": (ForwardChain, {"n": 3, "extent": None, "columns": 4}),
    "out_of_distribution": (OutOfDistribution, {"n": 5}),
    "reverse_chain": (ReverseChain, {"n": 3, "extent": None, "columns": 3}),
    "reconstructions": (Reconstructions, {"n": 3}),
    "latent_plane": (LatentPlane, {"n": 12, "side": 3}),
    "latent_use": (LatentUse, {"n": 12}),
    "traversal": (Traversal, {"n": 12, "dimensions": 2, "columns": 3, "reach": 2.0}),
    "samples_by_steps": (SamplesBySteps, {"n": 3, "extent": None, "steps": (1, 2, 30)}),
}
OF_ENCODERS = {"reconstructions", "latent_use", "traversal"}
OF_DENOISERS = {"forward_chain", "reverse_chain", "samples_by_steps"}
PICTURES |= {
    f"{name}_of_points": (PICTURES[name][0], {**PICTURES[name][1], "extent": 3.0}) for name in sorted(OF_DENOISERS)
}
to_uint8 = pixels.to_uint8
each_picture = pytest.mark.parametrize("name", PICTURES)


class Mean(ImagePicture):
    """A picture of a user's own: one pixel that says how many steps there were."""

    name = "mean"

    def draw(self, model):
        return Image.new("L", (1, 1), model.steps)


def made(name, scene, **changed):
    kind, settings = PICTURES[name]
    return kind(scene, **{"every": 2, **settings, **changed})


def line():
    """A segment, and a model that has only a place for it."""
    latent = Uniform(1, 0.0, 1.0)
    return gan(generator=lambda: Shift(theta=0.5), latent=latent), points(distribution=Line(0.0))


def fitting(scene, model, data):
    """All pictures that can be drawn of a model."""
    here = {name: made(name, scene(data, sampler=sampler_of(model))) for name in PICTURES}
    return admitted(here, model, named=())[0]


def files(directory):
    return {path.name: path.read_bytes() for path in directory.path.rglob("*.[pg][ni]*")}


OF_IMAGES = {"grids", "side_by_side", "interpolation", "neighbours"}


@each_model
def test_a_model_gets_the_pictures_of_what_it_has(scene, kind):
    model, data = kind.model(), kind.data()
    kinds = {type(one) for one in fitting(scene, model, data)}
    expected = OF_IMAGES if isinstance(data, TinyImages) else {"points"}
    if not isinstance(model, HasLatentSpace):
        expected = expected - {"interpolation"}
    if isinstance(model, HasCode) and isinstance(data, TinyImages):
        expected = expected | OF_ENCODERS
    if isinstance(model, HasDenoiser):
        expected = expected | OF_DENOISERS | {"flow_field" if isinstance(data, PointData) else "denoising_error"}
    if isinstance(data, TinyImages) and isinstance(model, HasSurface) and model.surface_name is not None:
        expected = expected | {"out_of_distribution"}
    if isinstance(model, HasFilters) and model.filters(model.weights("ema")) is not None:
        expected = expected | {"filters"}
    assert kinds == {PICTURES[name][0] for name in expected}


def test_a_segment_has_a_picture_of_its_own(scene):
    assert {type(one) for one in fitting(scene, *line())} == {Points, LineDistances}


def test_a_picture_that_asks_networks_in_training_mode_leaves_no_trace(scene):
    class Asks(Mean):
        def draw(self, model):
            critic = model.networks()["discriminator"]
            assert critic.training
            return Image.new("L", (1, 1), int(critic(torch.rand(8, 1, 8, 8)).mean() > 0))

    drawn, alone, data = (*(image_gan(critic=Normalised) for _ in range(2)), TinyImages())
    fit(drawn, data, 3, Asks(scene(data), every=1), *fitting(scene, drawn, data))
    fit(alone, data, 3)
    assert any("running_mean" in name for name in state(alone)) and same(state(drawn), state(alone))


@each_model
def test_equal_models_make_equal_pictures_of_steps_that_are_due_and_are_as_one_that_is_not_drawn(
    scene, directory, kind
):
    found = []
    for _ in range(2):
        model, data = kind.model(), kind.data()
        pictures = fitting(scene, model, data)
        fit(model, data, 3, *pictures)
        found.append(files(directory))
    assert found[0] == found[1]
    alone = kind.model()
    fit(alone, kind.data(), 3)
    assert same(state(model), state(alone))
    steps = {"step_00000000.png", "step_00000002.png", "step_00000003.png", "samples.gif"}
    others = {f"{one.name}.png" for one in pictures if not isinstance(one, Series)}
    walks = {"reverse_chain", "traversal"} & {one.name for one in pictures}
    assert set(found[0]) == steps | others | {f"{name}.gif" for name in walks}
    with Image.open(directory.samples / "samples.gif") as gif:
        assert gif.n_frames == 3


def test_a_picture_is_kept_anew_each_time(scene, directory):
    data, seen = TinyImages(), []

    class Look(pl.Callback):
        def on_train_batch_end(self, *_):
            with Image.open(directory.figures / "mean.png") as picture:
                seen.append(picture.getpixel((0, 0)))

    fit(image_gan(), data, 5, Mean(scene(data), every=2), Look())
    assert seen == [0, 2, 2, 4, 5]


def test_the_clock_stands_still_and_no_gradient_is_made(scene):
    asked = []

    class Asks(Mean):
        def draw(self, model):
            asked.append((self.scene.clock._since, torch.is_grad_enabled()))

    data, clock = TinyImages(), Clock()
    place = scene(data)
    asks = Asks(Scene(place.directory, data, clock, place.seed, place.sampling), every=1)
    fit(image_gan(), data, 2, clock, asks)
    assert asked == [(None, False)] * 3


@pytest.mark.parametrize("make", [lambda: Image.new("RGB", (30, 20), "red"), lambda: Figure(figsize=(0.3, 0.2))])
def test_the_tracker_gets_them_and_no_logger_of_anybodys(scene, tmp_path, make):
    """Of Lightning's own loggers none is asked whether it shows pictures."""
    from pytorch_lightning.loggers import TensorBoardLogger
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    class Own(Mean):
        name = "own"

        def draw(self, model):
            return make()

    data, sink, board = TinyImages(), Told(), TensorBoardLogger(save_dir=tmp_path, name="board", version="")
    with attached(Tracker(made_run(tmp_path / "tracked", steps=5), sink), step=0, last=False) as logger:
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=4, max_epochs=-1, logger=[board, logger],
            callbacks=[Own(scene(data), every=2)], enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(image_gan(), datamodule=data)
    shown = [
        (counters["steps"], counters["images_seen"]) for name, counters, *_ in sink.calls if name == "pictures/own"
    ]
    assert [step for step, _ in shown] == [0, 2, 4] and [seen for _, seen in shown] == sorted(
        {seen for _, seen in shown}
    )
    board.finalize("success")
    read = EventAccumulator(str(tmp_path / "board"), size_guidance={"images": 0})
    assert read.Reload().Tags()["images"] == []


def test_the_caption_says_step_and_weights(scene):
    model = gan()
    model.steps = 12_000
    captions = [scene(points(), weights=weights).caption(model) for weights in ("ema", "raw", "ema:0.999")]
    assert captions == ["step 12,000, EMA", "step 12,000, raw weights", "step 12,000, EMA 0.999"]


@each_model
def test_samples_are_of_the_weights_that_are_asked_for_and_of_the_same_noise(scene, kind):
    model = kind.model()
    ema, raw = (scene(kind.data(), weights=weights, sampler=sampler_of(model)) for weights in ("ema", "raw"))
    first = ema.samples(model, 4)
    with torch.no_grad():
        for network in model.sampling_networks().values():
            for weight in network.parameters():
                weight.add_(1)
    assert torch.equal(ema.samples(model, 4), first) and torch.equal(ema.samples(model, 4), first)
    assert not torch.equal(raw.samples(model, 4), first)


class Shows(torch.nn.Module):
    """A conditional network whose pictures show their noise and class: one number of the noise, and the label."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, z, labels):
        picture = (z[:, :1] / 4).clamp(-1, 1).view(-1, 1, 1, 1).repeat(1, 1, 8, 8) + 0 * self.weight
        picture[:, 0, 0, 0] = labels / 2 - 1
        return picture


def test_pictures_of_a_conditional_model_share_the_noise_of_the_grids(scene, monkeypatch):
    """Of each sample that a picture draws, the noise; the class too where samples are the first of the grids."""
    shown = {}
    for name in sorted(OF_IMAGES):
        model, here = image_cgan(generator=Shows), made(name, scene(TinyImages(labelled=True)))
        batches = []
        monkeypatch.setattr(pixels, "to_uint8", lambda x, keep=batches: keep.append(x) or to_uint8(x))
        here.draw(model)
        (shown[name],) = batches
    grid = shown["grids"]
    assert grid[:4, 0, 0, 0].tolist() == [-1, -0.5, 0, 0.5]
    assert torch.equal(shown["neighbours"], grid[:3])
    assert torch.equal(shown["side_by_side"][:, 0, 1:], grid[:4, 0, 1:])
    begin, end = (shown["interpolation"].unflatten(0, (2, 5))[:, column] for column in (0, -1))
    torch.testing.assert_close(begin, grid[:2])
    torch.testing.assert_close(end[:, 0, 1:], grid[2:4, 0, 1:])
    assert torch.equal(end[:, 0, 0, 0], begin[:, 0, 0, 0])


REFUSED = [
    ("points", MODELS["gan of pictures"], "points are expected, data=tiny are pictures; take pictures=images"),
    ("line_distances", MODELS["gan of points"], "a segment is expected, data=gaussians8 is none; take pictures=points"),
    *(
        (name, MODELS["vae of points"], "pictures are expected, data=gaussians8 are points; take pictures=points")
        for name in sorted(OF_IMAGES)
    ),
    ("filters", MODELS["gan of pictures"], "units with a weight for each pixel are expected, Adversarial has none"),
    (
        "out_of_distribution", MODELS["vae of pictures"],
        "a number for every picture is expected, such as an energy, ToyVAE has none",
    ),
    (
        "out_of_distribution", MODELS["energy of points"],
        "pictures are expected, data=gaussians8 are points; take pictures=points",
    ),
    ("flow_field", MODELS["conditional diffusion of pictures"], "points are expected, data=tiny are pictures"),
    ("flow_field", MODELS["gan of points"], "a denoiser is expected, Adversarial has none"),
    *(
        (name, MODELS["vae of pictures"], "a denoiser is expected, ToyVAE has none")
        for name in (*sorted(OF_DENOISERS), "denoising_error")
    ),
    *(
        (name, MODELS["variational model of points"], "pictures are expected, data=gaussians8 are points; take "
         "pictures=points")
        for name in sorted(OF_ENCODERS)
    ),
    *((name, MODELS["vae of pictures"], "an encoder is expected, ToyVAE has none")
      for name in ("reconstructions", "traversal", "latent_plane")),
    ("latent_use", MODELS["vae of pictures"], "a posterior of latent vectors is expected, the model has none"),
    ("latent_plane", MODELS["variational model of pictures"], "a latent plane is expected, model.latent.dim=2"),
    (
        "denoising_error", MODELS["flow of points"],
        "pictures are expected, data=gaussians8 are points; take pictures=points",
    ),
    (
        "forward_chain", MODELS["flow of points"],
        "data=gaussians8 are points, for which extent is a number; take pictures=denoised_points",
    ),
    (
        "reverse_chain_of_points", MODELS["conditional diffusion of pictures"],
        "data=tiny are pictures, for which extent is null; take pictures=denoised_images",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "reason"), REFUSED, ids=[name for name, *_ in REFUSED])
def test_what_does_not_fit_is_left_out_but_refused_to_those_who_asked_for_it(scene, name, kind, reason):
    model, data = kind.model(), kind.data()
    pictures = {name: made(name, scene(data)), "none": None, "other": pl.Callback()}
    key = f"pictures.callbacks.{name}"
    for named in ([], ["pictures"], ["pictures.callbacks.other", f"{key}s.every"]):
        assert admitted(pictures, model, named=named) == ([pictures["other"]], {name: reason})
    for named in (key, f"{key}.every"):
        with pytest.raises(UserError, match=re.escape(f"{key}: {reason}; without it: ~{key}")):
            admitted(pictures, model, named=["pictures", named])
    del pictures["other"]
    assert admitted(pictures, model, named=["seed"]) == ([], {name: reason})
    with pytest.raises(UserError, match=re.escape(f"pictures: none of those chosen fits: {reason}")):
        admitted(pictures, model, named=["pictures"])
    with pytest.raises(UserError, match=re.escape(f"{type(pictures[name]).__name__}: {reason}")):
        fit(model, data, 1, pictures[name])


def test_a_model_without_a_latent_space_has_no_interpolation(scene):
    model, data = MODELS["vae of pictures"].model(), TinyImages()
    del model.latent
    _, refused = admitted({"interpolation": made("interpolation", scene(data))}, model, named=())
    assert refused["interpolation"] == "a latent space is expected, ToyVAE has none"


def test_a_model_without_a_shift_has_no_line(scene):
    data = points(distribution=Line(0.0))
    _, refused = admitted({"line": made("line_distances", scene(data))}, vae(), named=())
    assert refused["line"].startswith("a kantor.nets.shift.Shift among the networks is expected")


@each_picture
def test_sizes_out_of_range_are_refused(scene, name):
    sizes = {size: value for size, value in PICTURES[name][1].items() if size != "flow"}
    for size, value in {"every": 1, **sizes}.items():
        with pytest.raises(UserError, match=f"{size}=0: expected"):
            made(name, scene(points()), **{size: (0, 1) if isinstance(value, tuple) else 0})


def test_file_names_sort_by_step(scene):
    grids, model, names = made("grids", scene(TinyImages())), image_gan(), []
    for model.steps in (0, 9, 10, 999, 10_000, 10_000_000):
        names.append(grids.path(model).name)
    assert sorted(names) == names and len(set(names)) == 6


def test_a_figure_is_rendered_as_it_would_be_saved(tmp_path):
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2, 3])
    figure.savefig(tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as saved:
        assert np.array_equal(np.asarray(rendered(figure)), np.asarray(saved.convert("RGB")))


def test_a_gif_of_nothing_is_not_written(tmp_path):
    write_gif([], tmp_path / "x.gif")
    assert not (tmp_path / "x.gif").exists()


def test_long_and_wide_series_are_made_small_for_the_animation(scene, directory):
    directory.samples.mkdir(exist_ok=True)
    for step in range(2 * FRAMES + 1):
        Image.new("L", (WIDTH + 2, 4), step).save(directory.samples / f"step_{step:08d}.png")
    made("grids", scene(TinyImages())).finish(image_gan())
    with Image.open(directory.samples / "samples.gif") as gif:
        assert gif.n_frames == FRAMES and gif.size == (WIDTH // 2 + 1, 2)
