import pytest
from tracking.made_runs import made, picture
from tracking.told import Told

from kantor.errors import UserError
from kantor.runs.directory import RunDirectory
from kantor.tracking.about import about
from kantor.tracking.attached import Tracker, attached, log_picture
from kantor.tracking.fold import publish


def test_rows_pictures_figures_card_and_state_in_the_order_of_steps(tmp_path):
    sink = Told()
    publish(made(tmp_path / "run", steps=20), sink)
    assert sink.calls == [
        ("pictures/samples", {"images_seen": 0, "steps": 0}, "step_00000000.png"),
        ("row", {"images_seen": 50, "steps": 5}, {"seconds": 0.625, "train/loss": 0.2}),
        ("row", {"images_seen": 100, "steps": 10}, {"seconds": 1.25, "train/loss": 0.1, "val/w1": 10 / 3}),
        ("pictures/samples", {"images_seen": 100, "steps": 10}, "step_00000010.png"),
        ("row", {"images_seen": 150, "steps": 15}, {"seconds": 1.875, "train/loss": 1 / 15}),
        ("row", {"images_seen": 200, "steps": 20}, {"seconds": 2.5, "train/loss": 0.05}),
        ("pictures/samples", {"images_seen": 200, "steps": 20}, "step_00000020.png"),
        ("pictures/contours", {"images_seen": 200, "steps": 20}, "contours.png"),
        ("pictures/animation", {"images_seen": 200, "steps": 20}, "samples.gif"),
        ("card", "finished", ["card.json", "config.yaml", "report.html"]),
    ]
    assert sink.ends == ["finished"]


def test_a_training_hands_on_what_a_replay_gives(tmp_path):
    """The rows as metrics.csv has them, each once; what there is at its beginning comes first."""
    run, live, later = made(tmp_path / "run", steps=10), Told(), Told()
    with attached(Tracker(run, live), step=10, last=False) as logger:
        whole = made(tmp_path / "run", steps=20)
        for row in whole.metric_rows()[2:]:
            logger.log_metrics({name: float(cell) if cell else float("nan") for name, cell in row.items()}, step=0)
        counters = {"images_seen": 200, "steps": 20}
        log_picture([logger], "pictures/samples", whole.samples / "step_00000020.png", counters=counters)
    assert not live.ends
    publish(whole, later)
    assert live.calls == later.calls[:-3]


def test_other_ranks_have_no_tracker(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    sink = Told()
    with attached(Tracker(made(tmp_path / "run"), sink), step=0, last=True) as logger:
        assert logger is None
    assert not sink.calls and not sink.ends


def test_a_tracker_that_fails_while_training_is_said_once_and_left(tmp_path, capsys):
    run, sink = made(tmp_path / "run", steps=10), Told(fails=lambda what: what == "pictures/new")
    with attached(Tracker(run, sink), step=10, last=True) as logger:
        for step in (15, 20):
            log_picture([logger], "pictures/new", run.samples / "step_00000010.png", counters={"steps": step})
            logger.log_metrics({"steps": step, "images_seen": 0}, step=step)
    said = capsys.readouterr().err
    assert said.count("told got no more (the tracker is away)") == 1 and "`kantor track" in said
    assert [call[1]["steps"] for call in sink.calls if call[0] == "row"] == [5, 10] and sink.ends == ["running"]


@pytest.mark.parametrize("back", [True, False])
def test_a_tracker_that_failed_while_training_is_spoken_to_once_more_at_the_end(tmp_path, capsys, back):
    """That it is still away is not said again."""
    run, away = made(tmp_path / "run", steps=10), [True]
    tracker = Tracker(run, sink := Told(fails=lambda what: away[0]))
    with attached(tracker, step=10, last=False):
        pass
    assert not tracker.absent and sink.calls == []
    away[0] = not back
    tracker.tell()
    assert [call[0] for call in sink.calls[-1:]] == (["card"] if back else [])
    assert capsys.readouterr().err.count("got no more") == 1


def test_a_tracker_in_which_a_run_cannot_be_begun_is_not_spoken_to_again(tmp_path, capsys):
    class Away(Told):
        begun = 0

        def begin(self, about):
            self.begun += 1
            raise ConnectionError("away")

    tracker = Tracker(made(tmp_path / "run", steps=10), sink := Away())
    with attached(tracker, step=10, last=True) as logger:
        logger.log_metrics({"steps": 15, "images_seen": 0}, step=15)
    tracker.tell()
    assert (sink.begun, sink.calls, tracker.absent) == (1, [], True)
    assert capsys.readouterr().err.count("got no more (away)") == 1


def test_a_picture_between_rows_is_where_its_step_is(tmp_path):
    run, sink = made(tmp_path / "run", steps=20), Told()
    picture(run.samples / "step_00000012.png", 12)
    publish(run, sink)
    assert ("pictures/samples", {"images_seen": 120, "steps": 12}, "step_00000012.png") in sink.calls


def test_a_replay_that_fails_lets_go_of_the_run(tmp_path):
    sink = Told(fails=lambda what: what == "card")
    with pytest.raises(ConnectionError):
        publish(made(tmp_path / "run"), sink)
    assert sink.ends == ["running"]


def test_what_is_no_picture_is_named_and_left_out(tmp_path, capsys):
    run, sink = made(tmp_path / "run"), Told()
    (run.figures / "program.png").write_bytes(b"%!PS\n(x) show")
    publish(run, sink)
    assert "left out: " in (said := capsys.readouterr().err) and "program.png is no picture" in said
    assert "pictures/program" not in [call[0] for call in sink.calls]


def test_attempts_and_copies_are_one_run_seeds_experiments_and_code_are_others(tmp_path):
    from run_files import ENVIRONMENT

    from kantor.atomic import write_json

    def id_of(name, **changes):
        run = made(tmp_path / name)
        write_json(run.environment_json, {**ENVIRONMENT, **changes})
        return about(RunDirectory(run.path)).id

    first = id_of("a")
    assert first == id_of("b") == id_of("c", code={"x.y": "1" * 64}, code_before=[ENVIRONMENT["code"]])
    others = [id_of("d", seed=1), id_of("e", experiment="other"), id_of("f", config_hash="b" * 64),
              id_of("g", code={"x.y": "1" * 64})]  # fmt: skip
    assert len({first, *others}) == 5 and all(len(one) == 16 for one in others)


def test_the_group_is_the_sweep_that_made_the_run(tmp_path, monkeypatch):
    run = made(tmp_path / "run")
    assert (about(run).group, about(run).tags) == ("small", ("small", "gaussians8"))
    monkeypatch.setenv("KANTOR_SWEEP", "0123456789")
    assert about(run).group == "0123456789"


def test_a_run_reaches_as_far_as_its_rows_its_pictures_or_its_checkpoint(tmp_path):
    run = made(tmp_path / "run", steps=20)
    assert about(run).reached == 20 and about(run, reached=23).reached == 23
    picture(run.samples / "step_00000022.png", 1)
    assert about(run).reached == 22


def test_a_damaged_run_is_refused_before_the_tracker_hears_of_it(tmp_path):
    run, sink = made(tmp_path / "run"), Told()
    run.metrics_csv.write_text("steps\nx\n")
    with pytest.raises(UserError, match=r"metrics\.csv is damaged"):
        publish(run, sink)
    assert not sink.calls
