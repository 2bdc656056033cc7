"""A run of two processes of each family, of which one is killed or hangs: named, and gone on with by one and by two."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from small_runs import environment

pytestmark = pytest.mark.long

STEPS = "budget.steps=120"
WORDS = ("train", STEPS, "trainer.threads=1", "trainer.accelerator=cpu", "trainer.checkpoint_every=10", "pictures=none",
         "trainer.log_every=10", "trainer.progress=false", "evaluation=none")  # fmt: skip
FAMILIES = {
    "GAN with clipping": ("experiment=point_demo_clip",),
    "GAN with gradient penalty": ("experiment=point_demo_gp",),
    "GAN without a distance": ("experiment=point_gan_ns",),
    "VAE": ("experiment=point_vae", "objective.warm_up=12"),
    "DDPM": ("experiment=point_ddpm",),
    "flow": ("experiment=point_flow",),
    "energy": ("experiment=point_ebm", "objective.steps=2"),
    "RBM": ("experiment=bars_rbm",),
}
PATIENCE = 300.0


def begun(place, *words):
    """A command, begun in a directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "kantor", *words], cwd=place, env=environment(), text=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def workers_of(pid):
    """The workers of a command by rank: children of its fork server, in the order in which they were made."""

    def children(parent):
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True)
        return sorted(map(int, listed.stdout.split()))

    return [worker for server in children(pid) for worker in children(server)]


def status(place):
    (file,) = place.rglob("status.json")
    return json.loads(file.read_text())


def digest(place):
    (weights,) = place.rglob("generator.safetensors")
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def finish(place, *words):
    done = begun(place, *words)
    told = done.communicate(timeout=PATIENCE)[1]
    assert done.returncode == 0, told
    assert status(place)["state"] == "finished"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rank_is_killed_and_the_run_goes_on_by_one_and_by_two(tmp_path, family):
    words = (*WORDS, *FAMILIES[family])
    killed, whole, alone = (tmp_path / name for name in ("killed", "whole", "alone"))
    for place in (killed, whole):
        place.mkdir()
    command = begun(killed, *words, "trainer.devices=2")
    began = time.monotonic()
    while not list(killed.rglob("last.ckpt")):
        assert command.poll() is None and time.monotonic() - began < PATIENCE
        time.sleep(0.01)
    os.kill(workers_of(command.pid)[1], signal.SIGKILL)
    told = command.communicate(timeout=60)[1]
    assert command.returncode == 1 and "process 1 of 2 died with exit code -9" in told
    assert status(killed)["state"] == "failed" and "process 1 of 2" in status(killed)["reason"]
    shutil.copytree(killed, alone)
    finish(killed, *words, "trainer.devices=2")
    finish(whole, *words, "trainer.devices=2")
    assert digest(killed) == digest(whole)
    finish(alone, *words, "trainer.devices=1")
    assert [attempt["processes"] for attempt in status(alone)["attempts"]] == [2, 1]


def test_a_rank_that_hangs_is_named_within_a_minute_and_the_run_goes_on(tmp_path):
    """The other one waits for it in a sum over both."""
    words = (*WORDS, *FAMILIES["GAN with gradient penalty"], "trainer.devices=2")
    command = begun(tmp_path, *words)
    began = time.monotonic()
    while not list(tmp_path.rglob("last.ckpt")):
        assert command.poll() is None and time.monotonic() - began < PATIENCE
        time.sleep(0.01)
    ranks = workers_of(command.pid)
    os.kill(ranks[1], signal.SIGSTOP)
    told = command.communicate(timeout=60)[1]
    assert command.returncode == 1 and "process 1 of 2 shows no life any more" in told
    assert status(tmp_path)["state"] == "failed" and "process 1 of 2" in status(tmp_path)["reason"]
    assert not any(os.path.exists(f"/proc/{rank}") for rank in ranks)
    finish(tmp_path, *words)
