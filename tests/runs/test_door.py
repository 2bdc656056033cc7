"""Damaged and hostile run directories: one sentence that names the file, and nothing outside is read, shown or
written."""

import errno
import os
import sys
from pathlib import Path

import pytest
from hostile_runs import CSVS, ESCAPES, SECRET, THINGS, WRONG, YAMLS, instead, of_files, of_values
from run_files import CARD, CONFIG, ENVIRONMENT, EVALUATION, HEALTH, STATUS, write_files

from kantor.config.compose import compose
from kantor.errors import UserError
from kantor.report import compare, page, status
from kantor.report.summary import summarise
from kantor.report.why import explained
from kantor.runs import door, metric_rows, schemas, shapes
from kantor.runs.directory import RunDirectory
from kantor.runs.finding import find_runs, latest

FILES = of_files()


@pytest.fixture
def beside(tmp_path):
    """A place for runs, with a directory of somebody else's beside them."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    write_files(tmp_path / "good", config_hash="1" * 64)
    return tmp_path


def untouched(beside):
    return [path.name for path in (beside / "outside").iterdir()] == ["secret.txt"] and not Path("executed").exists()


def looked_at(beside):
    """What is said of a run named `bad` beside a whole one: each of the ways to read it gives a value or a sentence."""
    run, sentences = RunDirectory(beside / "bad"), []

    def tried(read):
        try:
            return str(read())
        except UserError as error:
            sentences.append(str(error))
            return ""

    rows = status.status_rows(beside)
    assert [row.state for row in rows if row.path.name == "good"] == ["finished"]
    shown = [
        str([status.cells_of(row) for row in rows]),
        tried(lambda: compare.sheets(compare.compared([run, RunDirectory(beside / "good")]))),
        tried(lambda: explained(summarise(run), None, None)),
        tried(lambda: page.report_html(run)),
        tried(lambda: [RunDirectory.open(run.path).config(), run.environment(), run.evaluation_files()]),
    ]
    assert all("\n" not in sentence.strip() and "bad" in sentence for sentence in sentences), sentences
    assert SECRET not in "".join(shown) and untouched(beside)
    return sentences


READERS = {
    "config.yaml": RunDirectory.config, "status.json": RunDirectory.status, "card.json": RunDirectory.card,
    "environment.json": RunDirectory.environment, "metrics.csv": RunDirectory.metrics,
    "evaluations": RunDirectory.evaluation_files, ".": lambda run: door.check_plain(run.path),
}  # fmt: skip


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
@pytest.mark.parametrize("call", ["stat", "open", "scandir"])
def test_a_disk_that_fails_is_not_taken_for_damage(call, number, beside, monkeypatch, capsys):
    run, real = write_files(beside / "bad", config_hash="2" * 64), getattr(os, call)
    sentences = []

    def failing(path, *words, **given):
        if Path(path).is_relative_to(run.path):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *words, **given)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        for read in READERS.values():
            try:
                read(run)
            except UserError as error:
                sentences.append(str(error))
        rows = status.status_rows(beside)
    sentences += [row.reason for row in rows if row.state == "damaged"] + capsys.readouterr().err.splitlines()
    assert [row.state for row in rows if row.path.name == "good"] == ["finished"]
    assert sentences and all(os.strerror(number) in one for one in sentences), sentences
    assert not any(wrong in one for one in sentences for wrong in ("is damaged (", "take it away")), sentences


@pytest.mark.skipif(sys.platform != "linux", reason="a plain file whose first byte cannot be read is Linux's")
@pytest.mark.parametrize("name", ["config.yaml", "status.json", "environment.json", "card.json", "metrics.csv"])
def test_a_file_that_fails_while_it_is_read_is_not_taken_for_damage(name, beside, monkeypatch):
    run, real = RunDirectory(beside / "good"), os.open
    file = run.path / name
    monkeypatch.setattr(os, "open", lambda path, flags: real("/proc/self/mem" if Path(path) == file else path, flags))
    for read in (READERS[name], lambda _: metric_rows.read_last_rows(file, 1000)):
        with pytest.raises(UserError, match="Input/output error: nothing already written is damaged"):
            read(run)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("checkpoints/last.ckpt", Path.mkdir, "a directory: expected a file; take it away"),
        ("samples", Path.touch, "a file: expected a directory; take it away"),
        ("figures", os.mkfifo, "a pipe: expected a directory, for nothing in a run may lead out of it; take it away"),
    ],
)
def test_what_lies_in_the_place_of_another_kind_is_told_with_the_reason(name, make, said, tmp_path):
    place = tmp_path / "run" / name
    place.parent.mkdir(parents=True)
    make(place)
    with pytest.raises(UserError) as refused:
        door.check_plain(tmp_path / "run")
    assert f"{place} is {said}" in str(refused.value)


def test_a_whole_run_is_read(beside):
    write_files(beside / "bad")
    assert looked_at(beside) == []


@pytest.mark.parametrize("kind", list(FILES)[::5])  # each kind of each file: `make faults`
def test_files_that_are_none_and_files_of_nothing(kind, beside, monkeypatch):
    monkeypatch.setattr(page, "charts_of", lambda summary: [])
    monkeypatch.setattr(page, "budget_charts_of", lambda summary: [])
    run = write_files(beside / "bad")
    FILES[kind](run.path)
    looked_at(beside)
    assert untouched(beside)


@pytest.mark.parametrize("kind", ["link to a file outside", "link to a directory outside", "socket", "pipe"])
@pytest.mark.parametrize("name", ["status.json", ".lease.1", "samples", "samples/step_00000040.png", "anything"])
def test_what_is_no_plain_file_is_refused_wherever_a_run_is_opened(name, kind, beside):
    run = write_files(beside / "bad")
    instead(name, THINGS[kind])(run.path)
    for read in (summarise, RunDirectory.create, page.report_html):
        with pytest.raises(
            UserError, match=rf"bad/{name} is (a|damaged \(it is a) (link|socket|pipe)(: expected a|, no plain file)"
        ):
            read(run)
    assert untouched(beside)


def test_directories_that_lie_too_deep_are_refused(beside):
    run = write_files(beside / "bad")
    (run.samples / "/".join("a" * door.LEVELS)).mkdir(parents=True)
    with pytest.raises(UserError, match=r"samples/a/a/a/a/a/a/a/a lies 8 directories deep and more.*take it away"):
        summarise(run)


def test_directories_that_are_called_like_files_stay(beside):
    run = write_files(beside / "bad")
    for name in (".x.tmp", "step_00000099"):
        (run.samples / name).mkdir(parents=True)
    run.sweep_temporaries()
    run.cut_samples(5)
    assert {path.name for path in run.samples.iterdir()} >= {".x.tmp", "step_00000099"}


def test_a_damaged_card_is_written_anew_by_a_command_that_names_it(beside):
    run = write_files(beside / "it's bad")
    run.card_json.write_text("{")
    with pytest.raises(UserError) as caught:
        run.card()
    assert f"`kantor evaluate 'run={beside}/it'\"'\"'s bad'` writes it anew" in str(caught.value)


def test_loggers_may_have_links_in_directories_of_their_own(beside):
    run = write_files(beside / "bad")
    (run.path / "wandb" / "run").mkdir(parents=True)
    (run.path / "wandb" / "latest-run").symlink_to("run")
    assert looked_at(beside) == []


# What is in them


@pytest.mark.parametrize("kind", YAMLS)
def test_yaml_that_is_no_plain_mapping_of_bounded_size(kind, beside):
    run = write_files(beside / "bad")
    run.config_yaml.write_bytes(YAMLS[kind])
    with pytest.raises(UserError, match=r"bad/config\.yaml is damaged \(.*restore the file"):
        run.config()


@pytest.mark.parametrize("kind", [kind for kind in CSVS if kind not in ("no limits", "escapes in names")])
def test_metrics_that_are_no_table_of_numbers(kind, beside):
    run = write_files(beside / "bad")
    run.metrics_csv.write_bytes(CSVS[kind])
    with pytest.raises(UserError, match=r"bad/metrics\.csv is damaged"):
        run.metrics()


def test_metrics_that_nobody_can_compute_with_are_none(beside):
    run = write_files(beside / "bad")
    run.metrics_csv.write_bytes(CSVS["no limits"])
    assert run.metrics() == {"steps": [5, 10], "seconds": [None, None], "train/loss": [None, None]}


@pytest.mark.parametrize(
    ("whole", "shape"),
    [
        (STATUS, schemas.STATUS), (ENVIRONMENT, schemas.ENVIRONMENT), (CARD, schemas.card), (HEALTH, schemas.HEALTH),
        ({**EVALUATION, "seconds": 1.0}, schemas.evaluation), (CONFIG, schemas.CONFIG),
    ],
)  # fmt: skip
def test_the_shapes_are_those_of_whole_files(whole, shape):
    assert shape(whole, "") is None  # a shape that something is unlike raises


@pytest.mark.parametrize("place", ["a.b", "a.b[1]"])
def test_a_shape_says_where_and_what_was_expected(place):
    shape = shapes.record({"a": shapes.record({"b": shapes.one_of(shapes.listed(shapes.count), shapes.count)})})
    with pytest.raises(shapes.Unlike, match=r"a\.b: expected a"):
        shape({"a": {"b": "x"}}, "")
    with pytest.raises(shapes.Unlike, match="a: expected b, which is missing"):
        shape({"a": {}}, "")


def test_the_trainer_of_a_run_is_that_of_the_schema():
    from dataclasses import fields

    from kantor.config.schema import Budget, Trainer

    for key, kind in (("trainer", Trainer), ("budget", Budget)):
        assert set(CONFIG[key]) == {field.name for field in fields(kind)}
        with pytest.raises(shapes.Unlike, match="no more"):
            schemas.CONFIG({**CONFIG, key: {**CONFIG[key], "more": 1}}, "")


def test_one_wrong_value_is_a_sentence_or_no_harm(tmp_path):
    """Every value of every file, by every wrong one in turn; `make faults` tries all of them with all commands."""
    run = write_files(tmp_path / "bad").path
    changes = of_values(run)
    readers = {
        "status": (STATUS, schemas.STATUS), "environment": (ENVIRONMENT, schemas.ENVIRONMENT),
        "card": (CARD, schemas.card), "config": (CONFIG, schemas.CONFIG),
    }  # fmt: skip
    assert len(changes) > 3000 and set(readers) < {name.partition(".")[0] for name in changes}
    kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for kind in list(changes)[:: len(changes) // 150]:
        changes[kind](run)
        row = status.status_row(RunDirectory(run))
        assert row.state in ("finished", "new", "running", "stopped", "failed", "damaged"), kind
        assert all(cell.isprintable() for cell in status.status_sheet([row], tmp_path).rows[0]), kind
        for path, content in kept.items():
            path.write_bytes(content)


@pytest.mark.parametrize(
    "value", [WRONG["a path"], "..", ".", "/etc", "a/b", "", "x" * 300, ESCAPES, ".hidden", 3, None]
)
def test_names_that_become_paths_match_a_pattern(value, beside):
    run = write_files(beside / "bad")
    for shape, whole, put in (
        (schemas.CONFIG, CONFIG, {"experiment": value}),
        (schemas.CONFIG, CONFIG, {"evaluation": {"_target_": None, "name": value}}),
        (schemas.ENVIRONMENT, ENVIRONMENT, {"experiment": value}),
        (schemas.evaluation, {**EVALUATION, "seconds": 1.0}, {"name": value}),
        (schemas.ENVIRONMENT, ENVIRONMENT, {"charts": [{**ENVIRONMENT["charts"][0], "file": value}]}),
    ):
        with pytest.raises(shapes.Unlike, match="a name that begins with a letter"):
            shape({**whole, **put}, str(run.path))


@pytest.mark.parametrize("seed", ["../x", 0.5, True, 10**30, None, [1]])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(shapes.Unlike, match="seed: expected a whole number"):
        schemas.CONFIG({**CONFIG, "seed": seed}, "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"budget": {"steps": "many"}}, r"budget\.steps: expected a whole number"),
        ({"budget": {"steps": "10"}}, r"budget\.steps: expected a whole number"),
        ({"trainer": 5}, "trainer: expected a mapping"),
        ({"trainer": {**CONFIG["trainer"], "wings": 2}}, "trainer: expected no wings"),
        ({"data": "x"}, "data: expected a mapping"),
        ({"model": None}, "model: expected a mapping"),
        ({"likelihood": [1]}, "likelihood: expected a mapping"),
        ({"rerun": "yes"}, "rerun: expected true or false"),
    ],
    ids=str,
)
def test_a_configuration_is_of_the_types_of_the_schema(change, said):
    with pytest.raises(shapes.Unlike, match=said):
        schemas.CONFIG({**CONFIG, **change}, "")


# Finding them


def test_runs_are_found_in_a_tree_of_any_depth_and_links_are_not_followed(beside):
    (beside / "/".join("a" * 400)).mkdir(parents=True)
    (beside / "loop").symlink_to(beside)
    assert [run.path.name for run in find_runs(beside)] == ["good"]


def test_the_latest_run_is_one(beside):
    (beside / "newer").mkdir()
    os.mkfifo(beside / "newer" / "status.json")
    (beside / "newest").mkdir()
    (beside / "newest" / "status.json").symlink_to("nowhere")
    assert latest(beside).path.name == "good"


def test_a_path_that_no_file_can_have_is_no_run():
    for path in ("x" * 5000, "a\0b", "~nobody-at-all/x"):
        with pytest.raises(UserError, match="is no run"):
            RunDirectory.open(path)


def test_a_file_is_read_only_up_to_its_limit(tmp_path):
    (tmp_path / "x").write_bytes(bytes(100))
    assert door.content(tmp_path / "x", 100) == bytes(100)
    with pytest.raises(UserError, match="more than the 99 bytes allowed"):
        door.content(tmp_path / "x", 99)


@pytest.mark.parametrize("word", ["evaluation.name=../../x", "evaluation.name=.x", f"seed={1 << 63}"])
def test_a_run_that_could_not_be_read_is_not_begun(word):
    with pytest.raises(UserError, match=rf"{word.partition('=')[0]}=.*: expected"):
        compose(["experiment=point_demo_gp", "trainer.accelerator=cpu", word])
