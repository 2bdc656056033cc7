"""What can be forged of a finished run, and what `kantor verify` says of it."""

import csv
import json

import torch
import yaml
from safetensors.torch import load_file, save_file
from small_runs import command_line

from kantor.atomic import append_rows, replacing
from kantor.runs.card import write_card
from kantor.runs.directory import RunDirectory
from kantor.runs.manifest import write_manifest
from kantor.seals import seal_zip


def edited(path, change):
    """A JSON or YAML file with something changed in it."""
    is_json = path.suffix == ".json"
    whole = json.loads(path.read_text()) if is_json else yaml.safe_load(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole) if is_json else yaml.safe_dump(whole, sort_keys=False))


def the_evaluation(run):
    (path,) = (run / "evaluations").glob("*.json")
    return path


def covered_up(run):
    """What a forger makes anew, so that nothing tells but the numbers."""
    directory = RunDirectory(run)
    write_card(directory, directory.status())
    write_manifest(directory, directory.status())


def verified(run, *words, verdict, code=None):
    """The verification, as it was kept."""
    said = command_line("verify", f"run={run}", *words, check=int(verdict == "different") if code is None else code)
    assert f"verdict  {verdict}" in said.stdout
    newest = max((run / "verifications").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    found = json.loads(newest.read_text())
    assert found["verdict"] == verdict
    assert all(f"differs  {claim}: {told}" in said.stdout for claim, told in wrong(found).items())
    return found


def wrong(found):
    return {one["claim"]: one["told"] for one in found["findings"] if one["verdict"] == "different"}


def better(record):
    record["scores"]["w1"]["value"] /= 2


def of_more_samples(record):
    record["protocol"]["n_generated"] = 4096


def counted(whole):
    (whole["counters"] if "counters" in whole else whole["budget"]).update(steps=39)


def a_row(run):
    """Another loss at step 10."""
    path = run / "metrics.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    rows[1]["train/critic_loss"] = "-0.125"
    append_rows(path, list(rows[0]), rows, whole=True)


def other_weights(run):
    """A network that was trained otherwise, with nothing left that tells but its numbers."""
    path = run / "checkpoints" / "last.ckpt"
    held = torch.load(path, weights_only=True)
    for name, tensor in held["state_dict"].items():
        held["state_dict"][name] = tensor * 1.01 if tensor.is_floating_point() else tensor
    with replacing(path) as file:
        torch.save(held, file)
        seal_zip(file)


def exchange(path):
    save_file({name: tensor + 1 for name, tensor in load_file(path).items()}, path, metadata={"weights": "ema"})
