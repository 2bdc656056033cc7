"""The command line on real files: what it prints, writes and refuses, with its exit codes."""

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_runs import FAST, OWN, SMALL

from kantor.cli import main as cli

TRAIN = ("train", "experiment=point_demo_gp", "budget.steps=4", *SMALL)
VAE = ("train", "experiment=toy_vae_points", "--config-dir", OWN)
FILES = ("evaluate", "images=x.npz", "data=gaussians8", "out=o")
SWEPT = ("train", "-m", "experiment=point_demo_gp", "seed=0,x")
GAN = ("train", "experiment=point_demo_gp", "--config-dir", OWN)


def copy_of(run: Path, tmp_path: Path, name: str = "run") -> Path:
    return Path(shutil.copytree(run, tmp_path / name))


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from kantor.cli.main import main; main(['--help']); main(['list']); "
        "print([m for m in ('torch', 'hydra', 'matplotlib', 'numpy') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], "nearest: train"),
        (["train"], "expected experiment=NAME"),
        (["train", "experiment=point_wgan_pg"], "nearest: point_wgan_gp"),
        (["train", "experiment=point_demo_gp", "model.generator.widht=3"], "nearest: model.generator.width"),
        (["train", "experiment=point_demo_gp", "data=gausians8"], "nearest: gaussians8"),
        (["train", "experiment=point_demo_gp", "evaluatoin=toy"], "nearest: evaluation"),
        (["train", "experiment=point_demo_gp", "trainer.devices=two"], "trainer.devices=two"),
        (["train", "experiment=point_demo_gp", "model.generator.width=wide"], "model.generator.width='wide'"),
        (["train", "experiment=point_demo_gp", "model.critic.width=0"], "model.critic.width=0"),
        (["train", "experiment=point_demo_gp", "data.batch_size=-8"], "data.batch_size=-8"),
        (["train", "experiment=point_demo_gp", "evaluation.n=0"], "evaluation.n=0"),
        (["train", "experiment=point_demo_gp", "pictures.every=0"], "every=0"),
        (["train", "experiment=point_demo_gp", "budget.steps=null"], "given none"),
        (["train", "experiment=point_demo_gp", "budget.images=100", "budget.steps=5"], "expected exactly one"),
        (["train", "experiment=point_demo_gp", "budget.steps=0"], "budget.steps=0"),
        (["train", "experiment=point_demo_gp", "data.batch_size=100", "trainer.devices=3"], "data.batch_size=99"),
        (["train", "experiment=point_demo_gp", "seed=0,1"], "kantor train -m"),
        (["train", "experiment=point_demo_gp", "trainer.precision=16-mixed"], "bf16-mixed"),
        (["train", "experiment=point_demo_gp", "trainer.compile=true"], "gradient penalty"),
        (["train", "experiment=point_demo_gp", "primary_score=fid"], "primary_score=fid"),
        ([*VAE, "objective=minimax"], "model: ToyVAE expects NegativeELBO for its 'objective', and was given Minimax"),
        ([*VAE, "optimisation=adam"], "ToyVAE expects OneOptimizer for its 'optimisation'"),
        ([*VAE, "model=point_gan"], "Adversarial expects AdversarialObjective for its 'objective'"),
        ([*GAN, "objective=negative_elbo"], "was given NegativeELBO: take another objective"),
        ([*GAN, "optimisation=one_adam"], "Adversarial expects AdversarialOptimisation"),
        ([*GAN, "model=toy_vae_points"], "was given WassersteinGradientPenalty"),
        (
            [*VAE, "trainer.accelerator=cpu", "trainer.precision=16-mixed"],
            "trainer.precision=16-mixed: on a CPU it would be bfloat16 without a word; take bf16-mixed or 32-true",
        ),
        (["train", "experiment=point_demo_gp", "--verbose"], "expected one of --cfg, --config-dir DIR, -m"),
        (["list", "-m"], "expected one of --config-dir DIR"),
        (["list", "--config-dir"], "expected a directory after it"),
        (["train", "-m", "experiment=point_demo_gp", "seed=0,1", "--cfg"], "leave one of the two out"),
        (SWEPT, "seed=x: expected a whole number, was given x"),
        (["train", "run=nowhere", "budget.steps=5"], "run=nowhere is no run"),
        (["train", "experiment=point_demo_gp", "sampler=ode"], "sampler=ode is unknown"),
        (["train", "experiment=point_demo_gp", "ema.decay=1"], "decay=1: expected a number in [0, 1)"),
        (
            ["train", "experiment=point_demo_gp", "budget.steps=9", "schedule=linear", "schedule.steps=8"],
            "ends at 0 after 8 steps, and the budget after 9: steps beyond would train nothing",
        ),
        (["train", "experiment=point_demo_gp", "schedule=cosin"], "nearest: cosine"),
        (["sample"], "run= is missing"),
        (["sample", "run=nowhere"], "run=nowhere is no run"),
        (["sample", "rnu=x"], "nearest: run"),
        (["evaluate", "run=nowhere"], "run=nowhere is no run"),
        (["evaluate", "images=x.npz", "data=gaussians8"], "out= is missing"),
        (["evaluate", "images=x.npz", "data=gaussians8", "out=o"], "there is no such file"),
        (
            ["evaluate", "run=nowhere", "data=gaussians8"],
            "data=gaussians8 without images=: a run is scored against the",
        ),
        (["evaluate", "run=nowhere", "out=o"], "out=o without images=: a run keeps its own card"),
        ([*FILES, "evaluation.weights=raw"], "evaluation.weights=raw with images=: it is about runs"),
        ([*FILES, "evaluation.checkpoint=best"], "evaluation.checkpoint=best with images=: it is about runs"),
        ([*FILES, "evaluation.every=5"], "evaluation.every=5 with images=: it is about runs"),
        ([*FILES, "evaluation.n=5", "evaluation.n=6"], "evaluation.n=5 evaluation.n=6: evaluation.n= is given twice"),
        (["sample", "run=x", "weights=raw", "weights=ema"], "weights=raw weights=ema: weights= is given twice"),
        (["train", "run=x", "budget.steps=5", "budget.steps=6"], "budget.steps= is given twice"),
        (["compare"], "compare needs runs, was given none"),
        (["compare", "nowhere"], "there is nothing there"),
        (["data", "gausians8"], "nearest: gaussians8"),
        (["data"], "expected a name"),
        (["status", "nowhere"], "makes outputs/"),
        (["list", "experimnts"], "nearest: experiments"),
        (["complete", "tcsh"], "expected one of bash"),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.startswith("kantor: ")
    assert "Traceback" not in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # nothing was written


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["verify", "level=fil"], "level=fil: expected one of"),
        (["verify", "data.x=1"], "data.x: another value proves nothing"),
        (["verify", "level=score", "evaluation=to"], "evaluation=to is unknown (nearest: toy)"),
        (["evaluate", "evaluation=nix"], "evaluation=nix is unknown"),
        (["evaluate", "evaluation.nn=3"], "nearest: evaluation.n"),
        (["sample", "n=0"], "n=0: expected at least 1"),
        (["sample", "sampler=eulr"], "nearest: euler"),
    ],
)
def test_words_are_checked_before_torch_is_there(kantor, finished, monkeypatch, words, sentence):
    for heavy in ("torch", *(f"kantor.engine.{name}" for name in ("verify", "evaluate", "sample", "redraw"))):
        monkeypatch.setitem(sys.modules, heavy, None)
    assert sentence in kantor(words[0], f"run={finished}", *words[1:], check=2).stderr


@pytest.mark.parametrize(("words", "sentence"), [(["data", "nix"], "data=nix"), (SWEPT, "seed=x")])
def test_names_and_sweeps_are_checked_before_torch_is_there(kantor, monkeypatch, words, sentence):
    for heavy in ("torch", "kantor.cli.data_card"):
        monkeypatch.setitem(sys.modules, heavy, None)
    assert sentence in kantor(*words, check=2).stderr


def test_outputs_that_cannot_be_written_to(kantor, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = kantor(*TRAIN, "outputs=file", check=2)
    assert "name another place, outputs=DIR" in done.stderr
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.fixture
def little_room():
    """Files above 20 kB cannot be written, as on a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_sentence_and_exit_code_1(kantor, tmp_path, little_room):
    done = kantor(*TRAIN, check=1)
    assert "Traceback" not in done.stderr and done.stderr.startswith("kantor: ")
    (status,) = tmp_path.rglob("status.json")
    assert json.loads(status.read_text())["state"] == "failed"
    assert not list(tmp_path.rglob("*.tmp"))


def test_train_writes_the_whole_directory(finished):
    expected = {
        "config.yaml",
        "environment.json",
        "status.json",
        "metrics.csv",
        "samples",
        "figures",
        "checkpoints",
        "evaluations",
        "card.json",
        "report.html",
    }
    assert expected <= {entry.name for entry in finished.iterdir()}
    assert {entry.name for entry in (finished / "checkpoints").iterdir()} == {
        "last.ckpt",
        "previous.ckpt",
        "best.ckpt",
        "generator.safetensors",
    }
    assert (finished / "samples" / "samples.gif").is_file()
    card = json.loads((finished / "card.json").read_text())
    assert card["budget"] == {"images_seen": 40 * 5 * 256, "steps": 40, "critic_steps": 200}
    assert card["status"] == "finished"
    assert finished.name == f"{card['config_hash'][:10]}-s0"
    scores = card["evaluations"][0]["scores"]
    assert set(scores) == {"modes_covered", "within_3_sigma", "mode_kl", "w1", "w2", "critic_w1"}
    assert scores["critic_w1"]["value"] <= scores["w1"]["value"]
    assert scores["within_3_sigma"]["target"] == 0.98889
    config = yaml.safe_load((finished / "config.yaml").read_text())
    assert "auto" not in json.dumps(config)


def test_a_finished_run_is_left_alone_unless_the_code_changed(kantor, finished, tmp_path):
    run = tmp_path / "outputs" / "point_demo_gp" / finished.name
    shutil.copytree(finished, run)
    words = ("train", "experiment=point_demo_gp", "budget.steps=40", *SMALL)
    before = {
        path: path.stat().st_mtime_ns
        for path in run.rglob("*")
        if path.is_file() and not path.name.startswith(".lease")
    }
    assert "finished already" in kantor(*words).stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before

    changed = kantor(*words, "evaluation.n=64", "trainer.log_every=7", "sampler=direct").stderr
    assert "nothing to do, and trainer.log_every=7 evaluation.n=64 was not what it was finished with" in changed
    (command,) = re.findall("`kantor (.*)`", changed)
    assert {"evaluation.n=64", "sampler=direct"} < set(shlex.split(command)) and "log_every" not in command
    kantor(*shlex.split(command))
    assert json.loads((run / "card.json").read_text())["evaluations"][-1]["protocol"]["n_generated"] == 64

    environment = json.loads((run / "environment.json").read_text())
    environment["code"]["kantor.nets.mlp.MLP"] = "0" * 64
    (run / "environment.json").write_text(json.dumps(environment))
    refused = kantor(*words, check=2).stderr
    assert "code=accept" in refused and "code=rerun" in refused and "kantor.nets.mlp.MLP" in refused
    assert "finished already" in kantor(*words, "code=accept").stderr
    kantor(*words, "code=rerun")
    assert json.loads((run / "environment.json").read_text())["code"]["kantor.nets.mlp.MLP"] != "0" * 64
    assert "finished already" in kantor(*words).stderr


def test_evaluation_none_trains_without_scores(kantor, tmp_path):
    kantor("train", "experiment=point_demo_gp", "budget.steps=4", *FAST)
    (card,) = tmp_path.rglob("card.json")
    found = json.loads(card.read_text())
    assert found["evaluations"] == [] and found["cost"]["evaluate_seconds"] == 0
    assert not (card.parent / "checkpoints" / "best.ckpt").exists()


def test_samples_as_files(kantor, finished, tmp_path):
    kantor("sample", f"run={finished}", "n=300", "seed=3", "out=many.npz")
    kantor("sample", f"run={finished}", "n=20", "seed=3", "out=few.npz")
    kantor("sample", f"run={finished}", "n=20", "seed=3", "weights=raw", "checkpoint=best", "out=raw.npz")
    kantor("sample", f"run={finished}", "n=20", "out=points.png")
    many, few, raw = (np.load(tmp_path / f"{name}.npz")["samples"] for name in ("many", "few", "raw"))
    assert many.shape == (300, 2) and many.dtype == np.float32
    assert np.array_equal(many[:20], few)
    assert not np.array_equal(few, raw)
    assert (tmp_path / "points.png").read_bytes().startswith(b"\x89PNG")
    told = kantor(
        "sample", f"run={finished}", "n=20", "sampler=direct", "seed=3", "weights=ema:0.9990", "out=again.npz"
    )
    assert told.stdout == "20 samples by ema:0.999, last, direct, nfe 1  again.npz\n"
    assert np.array_equal(np.load(tmp_path / "again.npz")["samples"], few)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("out=x.jpg", "expected one of these"),
        ("n=0", "n=0: expected at least 1"),
        ("weights=ema:0.9", "weights=ema:0.9 were not kept (nearest: ema:0.999): expected one of raw, ema, ema:0.999"),
        ("sampler=ode", "sampler=ode is unknown: expected one of"),
        ("sampler.steps=5", "sampler.steps=5: there is no key 'sampler.steps'"),
        ("condition=3", "condition=3: the model is unconditional"),
        ("condition=all", "condition=all: the model is unconditional"),
        ("checkpoint=first", "checkpoint=first: expected one of last, best"),
    ],
)
def test_wrong_samplings_are_refused_before_anything_is_written(kantor, finished, tmp_path, word, sentence):
    words = {"out": "out=x.npz", word.partition("=")[0]: word}
    assert sentence in kantor("sample", f"run={finished}", *words.values(), check=2).stderr
    assert list(tmp_path.iterdir()) == []


def test_evaluate_keeps_unlike_protocols_side_by_side(kantor, finished, tmp_path):
    run = copy_of(finished, tmp_path)
    kantor("evaluate", f"run={run}")
    assert len(json.loads((run / "card.json").read_text())["evaluations"]) == 1  # the same measurement replaces itself
    kantor("evaluate", f"run={run}", "evaluation.n=64")
    kantor("evaluate", f"run={run}", "evaluation.n=64", "evaluation.seed=1")
    evaluations = json.loads((run / "card.json").read_text())["evaluations"]
    assert len(evaluations) == 3
    assert len({entry["protocol_hash"] for entry in evaluations}) == 2
    kantor("evaluate", f"run={run}", "evaluation.n=64", "evaluation.weights=raw", "sampler=direct")
    last = json.loads((run / "card.json").read_text())["evaluations"][-1]
    assert (last["sampling"]["weights"], last["sampling"]["sampler"], last["sampling"]["nfe"]) == ("raw", "direct", 1)
    wrong = kantor("evaluate", f"run={run}", "evaluation.m=64", check=2).stderr
    assert "there is no key 'evaluation.m'" in wrong
    assert "sampler=ode is unknown" in kantor("evaluate", f"run={run}", "sampler=ode", check=2).stderr
    assert "were not kept" in kantor("evaluate", f"run={run}", "evaluation.weights=ema:0.5", check=2).stderr


def test_a_run_is_scored_again_by_an_evaluation_without_its_primary_score(kantor, finished, tmp_path):
    """As in other features: nothing is chosen by that score any more."""
    run = copy_of(finished, tmp_path)
    config = yaml.safe_load((run / "config.yaml").read_text())
    (run / "config.yaml").write_text(yaml.safe_dump({**config, "primary_score": "class_accuracy"}))
    kantor("evaluate", f"run={run}", "evaluation.n=64")
    assert len(json.loads((run / "card.json").read_text())["evaluations"]) == 2
    assert "class_accuracy" in kantor("compare", str(run), str(finished)).stdout


def test_why_tells_where_a_score_comes_from(kantor, finished, tmp_path):
    told = kantor("why", str(finished), "w1").stdout
    assert told.startswith("w1 of") and "metrics/transport.py:" in "".join(told.split())
    assert kantor("why", str(finished)).stdout.startswith("within_3_sigma of")
    assert "has no such score" in kantor("why", f"run={finished}", "score=fid", check=2).stderr
    assert "expected a run and perhaps a score" in kantor("why", str(finished), "w1", "w2", check=2).stderr


def test_some_scores_can_be_made_again(kantor, finished, tmp_path):
    """They join those of the same samples that there are; another setting of one leaves the others' hashes alone."""
    run = copy_of(finished, tmp_path)
    before = json.loads((run / "card.json").read_text())["evaluations"]
    kantor("evaluate", f"run={run}", "evaluation.scores=[w1]")
    assert [one["scores"] for one in json.loads((run / "card.json").read_text())["evaluations"]] == [
        one["scores"] for one in before
    ]


def test_somebody_elses_points_get_a_card_and_can_be_compared(kantor, finished, tmp_path):
    from kantor.data.points import gaussians8

    points = gaussians8(0.1, 1.414).sample(1280, np.random.default_rng(0))
    np.savez(tmp_path / "theirs.npz", samples=points.astype(np.float32))
    kantor("evaluate", "images=theirs.npz", "data=gaussians8", "out=theirs", "evaluation.n=128")
    card = json.loads((tmp_path / "theirs" / "card.json").read_text())
    assert card["config_hash"] is None and card["seed"] is None
    assert card["budget"] == {}
    within = card["evaluations"][0]["scores"]["within_3_sigma"]
    assert within["low"] <= within["target"] <= within["high"]
    done = kantor("compare", "theirs", str(finished), "out=comparison")
    written = {entry.name for entry in (tmp_path / "comparison").iterdir()}
    assert written == {".kantor", "compare.html", "compare.md", "compare.csv", "compare.tex", "pairs.csv", "figures"}
    assert 'href="../theirs/report.html"' in (tmp_path / "comparison" / "compare.html").read_text()
    assert "within_3_sigma" in (tmp_path / "theirs" / "report.html").read_text()
    assert done.stdout.index("theirs") < done.stdout.index("point_demo_gp")  # real points win


def test_compare_refuses_unlike_protocols_and_writes_nothing(kantor, finished, tmp_path):
    other = copy_of(finished, tmp_path)
    kantor("evaluate", f"run={other}", "evaluation.n=64")
    (only,) = [p for p in (other / "evaluations").iterdir() if json.loads(p.read_text())["protocol"]["n_real"] == 128]
    only.unlink()
    kantor("evaluate", f"run={other}", "evaluation.n=64")
    refused = kantor("compare", str(finished), str(other), "out=comparison", check=2).stderr
    assert "n_generated" in refused and "128" in refused and "64" in refused
    assert not (tmp_path / "comparison").exists()


def test_a_truncated_checkpoint_falls_back_to_the_one_before(kantor, finished, tmp_path):
    run = copy_of(finished, tmp_path)
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    said = kantor("sample", f"run={run}", "n=4", "out=x.npz").stderr
    assert "last.ckpt is damaged: taking the checkpoint before it" in said
    (run / "checkpoints" / "previous.ckpt").unlink()
    refused = kantor("sample", f"run={run}", "n=4", "out=y.npz", check=2).stderr
    assert "is damaged" in refused and "rerun=true" in refused


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("card.json", '{"kantor": ', "card.json is damaged"),
        ("status.json", '{"layout": 99, "state": "finished"}', "layout 99"),
        ("status.json", "[]", "expected a JSON object"),
        ("config.yaml", "a: [", "config.yaml is damaged"),
    ],
)
def test_damaged_directories_are_refused_in_one_sentence(kantor, finished, tmp_path, name, content, sentence):
    run = copy_of(finished, tmp_path)
    (run / name).write_text(content)
    command = ["compare", str(run)] if name == "card.json" else ["sample", f"run={run}", "out=x.npz"]
    done = kantor(*command, check=2)
    assert sentence in done.stderr and len(done.stderr.splitlines()) == 1
    for command in (["compare", str(run), str(finished)], ["status", str(tmp_path)]):  # which go on with the others
        assert sentence in " ".join(kantor(*command).stdout.split())


def test_a_configuration_from_elsewhere_runs_no_foreign_code(kantor, finished, tmp_path):
    run = copy_of(finished, tmp_path)
    text = (run / "config.yaml").read_text().replace("kantor.nets.mlp.MLP", "os.system")
    (run / "config.yaml").write_text(text)
    refused = kantor("sample", f"run={run}", "out=x.npz", check=2).stderr
    assert "os.system" in refused and "KANTOR_TRUST" not in refused


def test_data_cards_with_pictures(kantor, tmp_path):
    """Those of other distributions: tests/cli/test_data_card.py."""
    first = kantor("data", "gaussians8").stdout
    assert "fingerprint" in first
    assert (tmp_path / "outputs" / "data" / "gaussians8" / "gaussians8.png").is_file()
    assert kantor("data", "data=gaussians8").stdout == first
    assert kantor("data", "gaussians8", "data.distribution.spread=0.02").stdout != first


def test_status_and_list(kantor, finished):
    assert "finished" in kantor("status", str(finished.parent)).stdout
    listed = kantor("list").stdout
    for name in ("point_wgan_gp", "point_wgan_clip", "point_gan_minimax", "point_gan_ns", "line_distances", "toy"):
        assert name in listed


def test_files_are_not_scored_into_a_run(kantor, finished, tmp_path):
    np.savez(tmp_path / "theirs.npz", samples=np.zeros((2000, 2)))
    words = ("evaluate", "images=theirs.npz", "data=gaussians8")
    before = (finished / "card.json").read_bytes()
    assert "a card of its own" in kantor(*words, f"out={finished}", check=2).stderr
    assert (finished / "card.json").read_bytes() == before
    assert "one of the two" in kantor(*words, "out=o", f"run={finished}", check=2).stderr
    assert "drawn already" in kantor(*words, "out=o", "sampler=direct", check=2).stderr
    assert "evaluation=none" in kantor(*words, "out=o", "evaluation=none", check=2).stderr


def test_a_run_of_a_version_without_a_setting_is_told_so(kantor, finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    plain = yaml.safe_load((run / "config.yaml").read_text())
    del plain["likelihood"]
    (run / "config.yaml").write_text(yaml.safe_dump(plain))
    before = (run / "card.json").read_bytes()
    said = kantor("evaluate", f"run={run}", "evaluation.n=64", check=2).stderr
    assert "likelihood: the configuration has none, so it was written by another version" in said
    assert (run / "card.json").read_bytes() == before


def test_a_run_that_cannot_be_written_to_is_told_before_it_is_scored(kantor, finished, monkeypatch):
    def denied(**named):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    said = kantor("evaluate", f"run={finished}", "evaluation.n=64", check=2)
    assert "cannot write there (Read-only file system)" in said.stderr and "have it permitted" in said.stderr
    assert "scoring" not in said.stderr and "out=" not in said.stderr


def test_auto_is_resolved_for_evaluate_too(kantor, finished, tmp_path):
    run = copy_of(finished, tmp_path)
    before = json.loads((run / "card.json").read_text())["evaluations"][0]["scores"]
    kantor("evaluate", f"run={run}", "trainer.accelerator=auto", "trainer.threads=auto")
    assert json.loads((run / "card.json").read_text())["evaluations"][0]["scores"] == before


@pytest.mark.parametrize(
    "beyond",
    [
        lambda: np.empty(1 << 60, np.uint8),
        lambda: torch.empty(1 << 60, dtype=torch.uint8),
        lambda: torch.empty(1 << 62),
    ],
    ids=["numpy", "torch", "no number for it"],
)
def test_what_is_larger_than_memory_is_wrong_input(beyond, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_dispatch", lambda words: beyond())
    assert cli.main(["list"]) == 2
    assert re.fullmatch(
        r"kantor: this takes more memory than there is \(.*\): smaller .* less\n", capsys.readouterr().err
    )
