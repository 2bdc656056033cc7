import os

import pytest
from run_files import begun

from kantor.atomic import write_json
from kantor.errors import UserError
from kantor.runs.finding import find_runs, latest, named


def test_runs_are_found_at_every_depth(tmp_path):
    for name in ("b", "a/deep/er", "c"):
        begun(tmp_path / name)
    (tmp_path / "empty").mkdir()
    assert [found.path.relative_to(tmp_path).as_posix() for found in find_runs(tmp_path)] == ["a/deep/er", "b", "c"]
    assert [found.path for found in find_runs(tmp_path / "b")] == [tmp_path / "b"]
    assert find_runs(tmp_path / "nowhere") == []


def test_latest_is_the_run_written_to_last(tmp_path):
    for number, name in enumerate(["first", "last", "middle"]):
        when = 10**9 * {"first": 1, "middle": 2, "last": 3}[name] + number
        os.utime(begun(tmp_path / name).status_json, ns=(when, when))
    assert latest(tmp_path).path == tmp_path / "last"


def test_without_runs_there_is_no_latest(tmp_path):
    with pytest.raises(UserError, match="run=latest: there is no run below"):
        latest(tmp_path)


def test_somebody_s_samples_below_a_directory_are_found_by_their_card(tmp_path):
    theirs = tmp_path / "all" / "theirs"
    theirs.mkdir(parents=True)
    write_json(theirs / "card.json", {})
    begun(tmp_path / "all" / "a_run")
    assert [found.path.name for found in named([str(tmp_path / "all")])] == ["a_run", "theirs"]
