"""What pictures of denoisers show: the states that they say they show."""

import itertools
from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from tiny import DDPM, FEW_STEPS, FLOW, TinyImages, flow, image_ddpm, points

from kantor import keyed
from kantor.callbacks import flow_field, strips
from kantor.callbacks.flow_field import draw_paths, field
from kantor.callbacks.forward_chain import ForwardChain
from kantor.callbacks.reverse_chain import ReverseChain
from kantor.callbacks.samples_by_steps import SamplesBySteps
from kantor.data import pixels
from kantor.noising.betas import LinearBetas
from kantor.noising.levels import at_samples
from kantor.noising.path import Chain, Cosine, Exploding, Linear
from kantor.samplers.watched import MOMENTS, Watched

PATHS = {
    "chain": Chain(LinearBetas(1000, 1e-4, 0.02)), "linear": Linear(), "cosine": Cosine(),
    "exploding": Exploding(0.01, 50.0),
}  # fmt: skip
each_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())


def gaussian(x, level, *, variance=0.25):
    """The exact denoiser of N(0, variance)."""
    return at_samples(level.alpha * variance / (level.alpha**2 * variance + level.sigma**2), x) * x


def shown(monkeypatch, picture, model):
    """Strips and headings that a picture draws."""
    given = []
    monkeypatch.setattr(strips, "draw", lambda rows, headings, words, *, extent: given.append((rows, headings, words)))
    picture.draw(model)
    return given[0]


def test_the_forward_chain_is_the_path_of_real_samples(scene, monkeypatch):
    model, data = image_ddpm(), TinyImages(labelled=True)
    picture = ForwardChain(scene(data, sampler=FEW_STEPS), every=1, n=5, extent=None, columns=3)
    (strip,), headings, _ = shown(monkeypatch, picture, model)
    real = picture.real(model.device)
    assert headings == ["data", "t = 10", "t = 20"] and torch.equal(strip.states[0], real)
    training = {tuple(x.flatten().tolist()) for x in pixels.to_model(torch.from_numpy(data.pixels))}
    assert {tuple(x.flatten().tolist()) for x in real} <= training
    alpha_bar = model.path.alpha_bar[9]
    noise = (strip.states[1] - alpha_bar**0.5 * real) / (1 - alpha_bar) ** 0.5
    torch.testing.assert_close(
        strip.states[2], model.path.alpha_bar[-1] ** 0.5 * real + (1 - model.path.alpha_bar[-1]) ** 0.5 * noise
    )
    assert abs(float(noise.mean())) < 0.2 and float(noise.std()) == pytest.approx(1, abs=0.1)
    model.steps = 7
    assert picture.draw(model) is None


@pytest.mark.parametrize(
    ("path", "headings"),
    [
        (PATHS["chain"], ["t = 1000", "t = 500"]), (Linear(), ["t = 1", "t = 0.5"]),
        (Exploding(0.01, 100), ["σ = 1e+02", "σ = 1"]),
    ],
)  # fmt: skip
def test_levels_are_called_as_their_path_counts(path, headings):
    assert [strips.named(path.at(torch.tensor(t)), path) for t in (1.0, 0.5)] == headings


@each_path
def test_states_are_shown_in_the_size_of_the_data(path):
    level = path.at(torch.tensor(0.7))
    x = level.alpha * torch.randn(4000) + level.sigma * torch.randn(4000)
    assert float(strips.in_view(x, level).std()) == pytest.approx(1, abs=0.05)


@each_path
def test_a_watched_sampler_draws_what_it_draws_alone(path):
    sampler = replace(FEW_STEPS, steps=7)
    watched = Watched(sampler)
    with_, without = (one.draw(gaussian, path, (6, 2), keyed.Rng(1)) for one in (watched, sampler))
    assert torch.equal(with_, without) and watched.describe() == sampler.describe()
    levels = [float(moment.level.sigma) for moment in watched.moments]
    assert len(levels) == 7 and levels == sorted(levels, reverse=True)
    torch.testing.assert_close(watched.moments[0].x, path.start * keyed.Rng(1).normal(6, 2))
    for moment in watched.moments:
        torch.testing.assert_close(moment.data, gaussian(moment.x, moment.level))


def test_of_a_long_walk_some_moments_are_kept_as_far_apart_as_each_other():
    watched = Watched(replace(FEW_STEPS, steps=1000))
    watched.draw(gaussian, PATHS["chain"], (1, 2), keyed.Rng(1))
    steps = [round(1000 * float(PATHS["chain"].time(moment.level))) for moment in watched.moments]
    gaps = {a - b for a, b in itertools.pairwise(steps)}
    assert steps[0] == 1000 and len(gaps) == 1 and MOMENTS <= len(steps) <= 2 * MOMENTS


def test_of_calls_at_one_level_the_last_is_kept():
    class Twice:
        def draw(self, denoiser, path, shape, rng):
            for t in (1.0, 0.5):
                for x in (torch.zeros(1, 2), torch.ones(1, 2)):
                    denoiser(x, path.at(torch.tensor(t)))

    watched = Watched(Twice())
    watched.draw(gaussian, Linear(), (1, 2), None)
    assert [float(moment.level.sigma) for moment in watched.moments] == [1, 0.5]
    assert all(torch.equal(moment.x, torch.ones(1, 2)) for moment in watched.moments)


def test_the_reverse_chain_begins_in_noise_and_ends_in_the_samples_of_all_pictures(scene, monkeypatch):
    model, place = flow(), scene(points(), sampler=replace(FEW_STEPS, steps=9))
    picture = ReverseChain(place, every=1, n=4, extent=3.0, columns=4)
    (noisy, guesses), headings, words = shown(monkeypatch, picture, model)
    assert headings == ["t = 1", "t = 0.67", "t = 0.33", "sample"] and "by ddim, 9 evaluations (step 0, EMA)" in words
    assert torch.equal(noisy.states[-1], place.samples(model, 4)) and torch.equal(guesses.states[-1], noisy.states[-1])
    assert torch.equal(noisy.states[0], place.noise(model).normal(4, 2))
    denoiser = model.denoiser_of(model.weights("ema"))
    torch.testing.assert_close(guesses.states[0], denoiser(noisy.states[0], model.path.at(torch.tensor(1.0))))


def test_the_animation_has_a_picture_of_each_moment(scene, directory):
    picture = ReverseChain(scene(points(), sampler=FEW_STEPS), every=1, n=4, extent=3.0, columns=4)
    picture.finish(flow())
    with Image.open(directory.figures / "reverse_chain.gif") as gif:
        assert gif.n_frames == FEW_STEPS.steps + 1


def test_samples_by_steps_are_those_of_that_many_steps(scene, monkeypatch):
    model, data = image_ddpm(), TinyImages(labelled=True)
    picture = SamplesBySteps(scene(data, sampler=FEW_STEPS), every=1, n=2, extent=None, steps=(1, 3, 20, 21))
    (strip,), headings, _ = shown(monkeypatch, picture, model)
    assert headings == ["1 step", "3 steps", "20 steps"]
    for steps, state in zip((1, 3, 20), strip.states, strict=True):
        assert torch.equal(state, scene(data, sampler=replace(FEW_STEPS, steps=steps)).samples(model, 2))


def test_numbers_of_steps_that_the_grid_has_not_are_left_out(scene, monkeypatch):
    leading = replace(FEW_STEPS, grid="leading")  # which cannot take one step
    picture = SamplesBySteps(
        scene(TinyImages(labelled=True), sampler=leading), every=1, n=2, extent=None, steps=(1, 2, 5)
    )
    _, headings, _ = shown(monkeypatch, picture, image_ddpm())
    assert headings == ["2 steps", "5 steps"]
    assert replace(picture, steps=(1,)).samplers(image_ddpm().path) == [leading]


@pytest.mark.parametrize(("objective", "steps"), [(FLOW, 40), (DDPM, 20)], ids=["continuous", "of 20 steps"])
def test_the_flow_takes_no_more_steps_than_a_chain_has(scene, monkeypatch, objective, steps):
    walked = []
    monkeypatch.setattr(flow_field, "draw_paths", lambda axes, moments, samples, extent: walked.append(moments))
    picture = flow_field.FlowField(
        scene(points(), sampler=FEW_STEPS), every=1, n=4, extent=3.0, flow=replace(FEW_STEPS, steps=40)
    )
    picture.draw(flow(objective=objective))
    assert len(walked[0]) == steps


@each_path
@pytest.mark.parametrize("u", [0.9, 0.5, 0.1])
def test_the_field_of_a_gaussian_leads_to_its_middle(path, u):
    """In y = (1 - u)·x + u·ε: D = (1 - u)·v/((1 - u)²·v + u²)·y and ε̂ = u/(…)·y."""
    y, v = torch.randn(5, 2), 0.25
    scale = (1 - u) ** 2 * v + u**2
    torch.testing.assert_close(field(gaussian, path, y, u), ((1 - u) * v - u) / scale * y, rtol=1e-3, atol=1e-4)


def test_paths_go_from_the_noise_to_the_samples(scene):
    sampler, axes = Watched(replace(FEW_STEPS, steps=5)), Figure().subplots()
    samples = sampler.draw(gaussian, Exploding(0.01, 50.0), (3, 2), keyed.Rng(1))
    draw_paths(axes, sampler.moments, samples, 3.0)
    lines, begins, ends = axes.collections
    assert [len(segment) for segment in lines.get_segments()] == [6] * 3
    starts = keyed.Rng(1).normal(3, 2) * 50 / 51
    torch.testing.assert_close(torch.tensor(begins.get_offsets()).float(), starts)
    torch.testing.assert_close(torch.tensor(ends.get_offsets()).float(), samples)
