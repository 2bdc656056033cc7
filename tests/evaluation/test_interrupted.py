"""An evaluation that is killed and called again: only missing chunks are drawn, and no bit of a score differs."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from albums import Album, Painter

from kantor.errors import NonFiniteError
from kantor.evaluation.base import Work
from kantor.evaluation.extractors.pixels import Pixels
from kantor.evaluation.generation import Finished, remaining_pieces
from kantor.evaluation.images import ImageEvaluation
from kantor.processes import Processes
from kantor.samplers.direct import Direct

EVALUATION = ImageEvaluation(
    n_real=None,
    name="quick", n=40, draws=3, chunk=24, seed=0, weights="ema", checkpoint="last", every=5, threads=1,
    sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=Pixels(None), neighbours=3,
    memory=None, transport=False, infinity=None,
)  # fmt: skip
CHUNKS = 5  # 120 pictures


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))


def data():
    return Album(train=200, test=200)


def averaged(model):
    return model.weights("ema")["generator"]


class Stop(BaseException):
    """As a signal would."""


def dying_model(after):
    """Draws so many chunks, and then dies."""
    model, drawn = Painter(), []

    def count(*call):
        if len(drawn) == after:
            raise Stop
        drawn.append(call)

    averaged(model).register_forward_hook(count)
    return model


def score(home, *, model=None, evaluation=EVALUATION, processes=None):
    """Scores, and how many chunks were drawn for them."""
    work = Work(home)
    found = evaluation.score(model or Painter(), data(), processes or Processes(), work)
    return found, work.drawn


def killed(home, after=2):
    with pytest.raises(Stop):
        score(home, model=dying_model(after))


@pytest.mark.parametrize("after", [0, 1, 4])
def test_only_missing_chunks_are_drawn_and_scores_are_the_same(tmp_path, capsys, after):
    whole, drawn = score(tmp_path / "whole")
    assert drawn == CHUNKS
    killed(tmp_path / "run", after)
    again, drawn = score(tmp_path / "run")
    assert again == whole and drawn == CHUNKS - after
    assert (f"{after} of 5 chunks are there" in capsys.readouterr().err) == (after > 0)
    assert not list((tmp_path / "run").rglob("*.safetensors"))
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.mark.parametrize("world", [2, 3])
def test_several_processes_go_on_with_what_one_left_and_deal_out_the_rest_anew(tmp_path, together, world):
    whole, _ = score(None)
    killed(tmp_path, 1)
    models = [Painter() for _ in range(world)]
    results = together(lambda p: score(tmp_path, model=models[p.rank], processes=p), world)
    assert [found for found, _ in results] == [whole] * world
    assert [drawn for _, drawn in results] == {2: [2, 2], 3: [2, 1, 1]}[world]


def other_weights():
    model = Painter()
    with torch.no_grad():
        next(averaged(model).parameters()).mul_(1.5)
    return model


class Another(Direct):
    def describe(self):
        return {"sampler": "another", "nfe": 2}


@pytest.mark.parametrize(
    "change",
    [
        {"evaluation": replace(EVALUATION, seed=1)},
        {"evaluation": replace(EVALUATION, weights="raw")},
        {"evaluation": replace(EVALUATION, chunk=20)},
        {"evaluation": replace(EVALUATION, extractor=Pixels(4))},
        {"evaluation": replace(EVALUATION, threads=2)},
        {"model": other_weights},
        {"evaluation": replace(EVALUATION, sampler=Another())},
    ],
    ids=["seed", "weights", "chunk", "extractor", "threads", "checkpoint", "sampler"],
)
def test_chunks_of_another_evaluation_are_not_taken(tmp_path, change):
    killed(tmp_path)
    evaluation, make = change.get("evaluation", EVALUATION), change.get("model", Painter)
    found, drawn = score(tmp_path, model=make(), evaluation=evaluation)
    assert drawn == -(-120 // evaluation.chunk)
    assert found == score(None, model=make(), evaluation=evaluation)[0]
    assert score(tmp_path)[1] == CHUNKS - 2  # and they are still there for their own


def test_more_draws_go_on_with_the_chunks_of_fewer(tmp_path):
    """Chunk c is the same for any number of draws."""
    killed(tmp_path)
    more = replace(EVALUATION, draws=4)
    found, drawn = score(tmp_path, evaluation=more)
    assert drawn == 7 - 2 and found == score(None, evaluation=more)[0]


def test_a_damaged_chunk_and_one_under_another_s_number_are_drawn_again(tmp_path):
    killed(tmp_path, 3)
    first, second, _ = sorted(tmp_path.rglob("*.safetensors"))
    first.write_bytes(first.read_bytes()[:-5])
    os.replace(second, second.with_name("000004.safetensors"))
    found, drawn = score(tmp_path)
    assert drawn == 5 - 1 and found == score(None)[0]


def test_a_chunk_that_diverged_is_not_kept_and_its_neighbours_are(tmp_path):
    model = Painter()
    calls = []

    def spoil(module, inputs, output):
        calls.append(output)
        return output * (float("nan") if len(calls) == 2 else 1)

    averaged(model).register_forward_hook(spoil)
    with pytest.raises(NonFiniteError, match="diverged"):
        score(tmp_path, model=model)
    assert [path.name for path in tmp_path.rglob("*.safetensors")] == ["000000.safetensors"]


def test_nothing_is_kept_where_no_home_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    killed(None)
    assert not list(tmp_path.rglob(".partial-*"))


def test_a_disk_that_takes_nothing_does_not_stop_the_evaluation(tmp_path):
    home = tmp_path / "home"
    home.write_text("no directory")
    assert score(home)[0] == score(None)[0]


def test_a_piece_that_cannot_be_made_leaves_everybody_without(tmp_path, together):
    def make(c):
        return None if c == 3 else {"x": torch.tensor([c])}

    def attempt(processes):
        return remaining_pieces(make, 6, Finished(tmp_path, {}), processes, found=lambda count: None)

    assert together(attempt, 2) == [None, None]


DRAWS_SLOWLY = """
import os, signal, sys
sys.path[:0] = [{tests!r}, {here!r}]
import torch
torch.set_num_threads(1)
from pathlib import Path
import test_interrupted as t
model = t.Painter()
calls = []
def kill_at_fourth(*call):
    calls.append(call)
    if len(calls) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
t.averaged(model).register_forward_hook(kill_at_fourth)
t.score(Path({home!r}), model=model)
"""


def test_after_sigkill_the_same_call_draws_the_rest(tmp_path):
    here = Path(__file__).parent
    script = DRAWS_SLOWLY.format(tests=str(here.parent), here=str(here), home=str(tmp_path / "run"))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    found, drawn = score(tmp_path / "run")
    assert drawn == CHUNKS - 3
    assert found == score(None)[0]
