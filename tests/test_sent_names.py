"""Names in a run that somebody sent, which become paths: nothing is written to where they lead, whatever is done with
the run."""

import json
import shutil

import pytest
import yaml
from small_runs import composed

from kantor.engine.check import check_data_root
from kantor.errors import UserError
from kantor.fences import OF_LEASES

OUT = "../../../evil"
"""Three directories above the run, and in it a name that would be new."""

REFUSED = {
    ("config.yaml", "experiment"): "experiment: expected a name",
    ("config.yaml", "seed"): "seed: expected a whole number",
    ("config.yaml", "evaluation", "name"): "evaluation.name: expected a name",
    ("environment.json", "experiment"): "experiment: expected a name",
    ("environment.json", "config_hash"): "config_hash: expected a SHA-256",
    ("environment.json", "preset"): "preset: expected a name",
    ("environment.json", "charts", 0, "file"): "charts[0].file: expected a name",
    ("status.json", "files", 0): "files[0]: expected a path that leads to nothing outside of the run",
}


@pytest.fixture
def sent(finished, tmp_path):
    """A finished run three directories below where nothing may appear."""
    return shutil.copytree(finished, tmp_path / "a" / "b" / "c" / "sent")


def changed(run, value, file, *place):
    path = run / file
    whole = yaml.safe_load(path.read_text()) if file.endswith(".yaml") else json.loads(path.read_text())
    node = whole
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    path.write_text(yaml.safe_dump(whole) if file.endswith(".yaml") else json.dumps(whole))


def everything(root):
    """But the leases, whose numbers say that somebody has held the run."""
    return sorted(str(path) for path in root.rglob("*") if not OF_LEASES.fullmatch(path.name))


@pytest.mark.parametrize("place", REFUSED, ids=lambda place: ".".join(map(str, place)))
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(kantor, sent, tmp_path, place):
    changed(sent, OUT, *place)
    if place == ("config.yaml", "experiment"):  # whoever sends a run makes its files agree
        changed(sent, OUT, "environment.json", "experiment")
    before = everything(tmp_path)
    for words in (("train", f"run={sent}", "budget.steps=41"), ("evaluate", f"run={sent}")):
        assert REFUSED[place] in kantor(*words, check=2).stderr
    assert everything(tmp_path) == before


def test_a_longer_run_lies_beside_the_one_that_was_sent_whatever_that_calls_its_outputs(kantor, sent, tmp_path):
    changed(sent, OUT, "config.yaml", "outputs")
    changed(sent, "../..", "status.json", "extends")
    kantor("train", f"run={sent}", "budget.steps=41", "evaluation=none", "pictures=none")
    new = [path for path in tmp_path.rglob("status.json") if path.parent != sent]
    assert len(new) == 1 and sent.parent.parent in new[0].parents
    assert not list(tmp_path.rglob("evil*")) and not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("root", [OUT, "/evil/kantor", "~/evil", "data/../../evil"])
def test_data_are_put_nowhere_because_a_run_says_so(monkeypatch, tmp_path, root):
    monkeypatch.chdir(tmp_path)
    sent = composed("experiment=mnist_wgan_gp_quick")
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    named = sent.replaced("data.root", root)
    check_data_root(named)  # one's own command
    of_run = type(sent)(named.plain, of_run=True)
    with pytest.raises(UserError, match=r"the run directory names this place, and there is nothing there"):
        check_data_root(of_run)
    check_data_root(type(sent)(named.plain, of_run=True, given=frozenset({"data.root"})))
    check_data_root(of_run.replaced("data.root", "data"))
    check_data_root(of_run.replaced("data.root", str(tmp_path.parent)))  # is there
