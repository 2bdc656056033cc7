"""A given sample drawn anew: where it is not known, from a level of noise, or both."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import FEW_STEPS, TinyImages, flow, image_ddpm, image_gan, points
from walks import KINDS, LINEAR, ON_GRID, gaussian

from kantor import keyed
from kantor.cli import table
from kantor.data import pixels
from kantor.engine.redraw import Likeness
from kantor.errors import UserError
from kantor.models.sampling import Sampling
from kantor.samplers.direct import Direct
from kantor.samplers.inpainting import Redrawing

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
each_on_grid = pytest.mark.parametrize("kind", ON_GRID.values(), ids=ON_GRID.keys())
SAMPLE = torch.tensor([0.7, -0.2, 0.1, 0.5])
DRAWN = torch.tensor([False, False, True, True])


def redrawn(sampler, *, drawn=DRAWN, strength=1.0, denoiser=None, n=8, sample=SAMPLE, seed=0):
    again = Redrawing(sampler=sampler, path=LINEAR, sample=sample, drawn=drawn, strength=strength)
    denoiser = gaussian(0.25) if denoiser is None else denoiser
    return again.draw(denoiser, LINEAR, (n, *sample.shape), keyed.Rng(seed))


@each_kind
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_what_is_known_stays_exactly_and_the_rest_varies(kind, strength):
    found = redrawn(kind.of(6), strength=strength)
    assert torch.equal(found[:, :2], SAMPLE[:2].expand(8, 2))
    assert (found[:, 2:].std(0) > 0.05).all()


@each_on_grid
def test_the_rest_has_its_own_law_where_it_does_not_depend_on_what_is_known(kind):
    found = redrawn(kind.of(60), n=1500)[:, 2:]
    assert found.std().item() == pytest.approx(0.5, rel=0.2) and abs(found.mean().item()) < 0.05


@pytest.mark.parametrize(("name", "least"), [("ancestral, β̃", 0.85), ("annealed Langevin", 1.1)])
def test_the_rest_follows_what_is_known_where_it_depends_on_it(name, least):
    """N(0, [[1, 0.9], [0.9, 1]]): where the first is 1.5 the second is 1.35 on average. One walk down does not get all
    the way; some steps at each level do."""
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])

    def denoiser(x, level):
        a, s = level.alpha.item(), level.sigma.item()
        return a * x @ torch.linalg.solve(a**2 * covariance + s**2 * torch.eye(2), covariance)

    known, drawn = torch.tensor([1.5, 0.0]), torch.tensor([False, True])
    found = redrawn(KINDS[name].of(60), drawn=drawn, denoiser=denoiser, sample=known, n=800)[:, 1]
    assert least < found.mean() < 1.45


TRUE = [
    name for name in KINDS if name not in ("ancestral, β", "annealed Langevin", "Langevin")
]  # which make it a little more


@pytest.mark.parametrize("name", TRUE)
def test_the_denoiser_sees_what_is_known_with_the_noise_of_its_level(name):
    """The known part of x_t is α·x + σ·ε with ε of deviation 1 at every level."""
    seen = []

    def denoiser(x, level):
        seen.append(((x[:, :2] - level.alpha.float() * SAMPLE[:2]) / level.sigma.float()).std().item())
        return torch.zeros_like(x)

    redrawn(KINDS[name].of(6), denoiser=denoiser, n=3000)
    assert seen == pytest.approx([1.0] * len(seen), rel=0.06)


def test_more_strength_keeps_less_of_it():
    sample = torch.linspace(-0.9, 0.9, 50)

    def distance(strength):
        return (
            (redrawn(KINDS["Heun"].of(20), drawn=None, strength=strength, sample=sample) - sample).abs().mean().item()
        )

    far = [distance(strength) for strength in (0.1, 0.4, 0.7, 1.0)]
    assert far == sorted(far) and far[0] < 0.15 and far[-1] > 0.4


@each_on_grid
def test_the_evaluations_of_the_steps_that_are_left_are_told(kind):
    count = 0

    def denoiser(x, level):
        nonlocal count
        count += 1
        return torch.zeros_like(x)

    again = Redrawing(sampler=kind.of(10), path=LINEAR, sample=SAMPLE, drawn=None, strength=0.6)
    again.draw(denoiser, LINEAR, (2, 4), keyed.Rng(0))
    assert again.levels.u[0].item() == pytest.approx(0.6)
    assert again.describe()["nfe"] == count == kind.of(6).nfe and again.describe()["strength"] == 0.6


@pytest.mark.parametrize(
    ("strength", "sentence"),
    [
        (0.0, r"strength=0.0: expected a number in \(0, 1\]"),
        (1.2, r"strength=1.2: expected a number in \(0, 1\]"),
        (0.05, "strength=0.05: none of the sampler's 6 steps begins so low; take more strength, or more sampler.steps"),
    ],
)
def test_a_strength_that_is_none_is_refused(strength, sentence):
    with pytest.raises(UserError, match=sentence):
        redrawn(KINDS["DDIM"].of(6), strength=strength)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Pictures by name, in the working directory."""
    monkeypatch.chdir(tmp_path)
    grey = np.random.default_rng(0).integers(256, size=(8, 8), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:7] = 255
    colours = np.random.default_rng(0).integers(256, size=(8, 8, 3), dtype=np.uint8)
    for name, picture in {
        "grey": grey, "mask": mask, "colours": colours, "large": np.zeros((9, 8), np.uint8), "black": 0 * mask,
    }.items():  # fmt: skip
        Image.fromarray(picture).save(f"{name}.png")
    (tmp_path / "text.png").write_text("no picture")
    return grey, mask


def of_pictures(model=None, data=None, sampler=FEW_STEPS):
    model = image_ddpm(averaging=None) if model is None else model
    return SimpleNamespace(model=model, data=TinyImages(labelled=True) if data is None else data, sampler=sampler)


def test_pictures_of_files_are_drawn_anew_where_the_mask_is_white(files):
    grey, mask = files
    run = of_pictures()
    again = Likeness.given(like="grey.png", mask="mask.png", strength=None).sampler(run)
    found = Sampling("raw", again)(run.model, 5, rng=keyed.Rng(1))
    levels = ((found + 1) * 127.5).round().squeeze(1).numpy()
    assert (levels[:, mask == 0] == grey[mask == 0]).all()
    assert (levels[:, mask == 255] != grey[mask == 255]).mean() > 0.5 and not np.array_equal(levels[0], levels[1])


@pytest.mark.parametrize("name", ["it's a picture", "a  b=c,d(1)[2]", "~", "$(x)", "é%s{0}"])
@pytest.mark.parametrize("above", ["", "~/"])
def test_paths_of_pictures_may_hold_whatever_paths_hold(files, name, above, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for one in ("grey", "mask"):
        Path(f"{one}.png").rename(f"{name} {one}.png")
    grey, mask = (f"{above}{name} {one}.png" for one in ("grey", "mask"))
    said = dict(table.SAMPLE.split([f"like={grey}", f"mask={mask}"]))
    again = Likeness.given(like=said["like"], mask=said["mask"], strength=None).sampler(of_pictures())
    assert torch.equal(again.sample, pixels.to_model(torch.from_numpy(files[0].copy())[None]))
    assert again.drawn.sum() == 12


GREY = "expected a whole grey picture of 8 × 8 pixels, as the data are"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"like": "none.png", "strength": 0.5}, f"like=none.png: it is missing; {GREY}"),
        ({"like": ".", "strength": 0.5}, f"like=.: it is a directory, no plain file; {GREY}"),
        ({"like": "text.png", "strength": 0.5}, f"like=text.png: no picture in a format that can be read; {GREY}"),
        ({"like": "large.png", "strength": 0.5}, f"like=large.png: 8 × 9 pixels; {GREY}"),
        ({"like": "colours.png", "strength": 0.5}, f"like=colours.png: a picture in colours; {GREY}"),
        ({"like": "grey.png", "mask": "large.png"}, f"mask=large.png: 8 × 9 pixels; {GREY}"),
        ({"like": "grey.png", "mask": "black.png"}, "mask=black.png: it is black everywhere; expected white where"),
        ({"like": "grey.png"}, "like=grey.png: expected mask=PICTURE, white where it is drawn anew, or strength=0.6"),
        ({"mask": "mask.png"}, "mask=mask.png: it says how a picture is drawn anew; name the picture, like=PICTURE"),
        ({"strength": 0.5}, "strength=0.5: it says how a picture is drawn anew; name the picture, like=PICTURE"),
        ({"like": "grey.png", "strength": 2.0}, "strength=2.0: expected a number in"),
    ],
)
def test_what_is_no_such_picture_is_refused(files, given, sentence):
    with pytest.raises(UserError, match=f"^{sentence.replace('.png', '[.]png')}"):
        Likeness.given(**({"like": None, "mask": None, "strength": None} | given)).sampler(of_pictures())


def test_models_and_data_without_levels_or_pictures_are_refused(files):
    likeness = Likeness.given(like="grey.png", mask=None, strength=0.5)
    with pytest.raises(UserError, match=r"like=grey.png: a Adversarial draws from nothing but noise; name a run of"):
        likeness.sampler(of_pictures(image_gan(), sampler=Direct()))
    with pytest.raises(UserError, match=r"like=grey.png: the run draws points; leave it out"):
        likeness.sampler(of_pictures(flow(), data=points()))
