import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kantor.errors import UserError
from kantor.report.comparison import Comparison, compare, print_comparison
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
Make = Callable[..., dict[str, Any]]
GP, CLIP = "1" * 64, "2" * 64


def order(comparison: Comparison) -> list[str]:
    return [one.run.path.name for one in comparison.contestants]


def two(make_run: MakeRun, first: dict[str, Any], second: dict[str, Any], name: str = "w1") -> list[RunDirectory]:
    config = {"primary_score": name}
    return [
        make_run("a", experiment="point_demo_gp", config_hash=GP, scores={name: first}, config=config),
        make_run("b", experiment="point_demo_clip", config_hash=CLIP, scores={name: second}, config=config),
    ]


def seeds(
    make_run: MakeRun, card_score: Make, method: str, config_hash: str, values: list[float]
) -> list[RunDirectory]:
    return [
        make_run(
            f"{method}-{seed}", experiment=method, config_hash=config_hash, seed=seed, scores={"w1": card_score(value)}
        )
        for seed, value in enumerate(values)
    ]


# refusals


def test_unlike_protocols_are_refused_by_name_and_nothing_is_written(
    make_run: MakeRun, card_score: Make, card_evaluation: Make, tmp_path: Path
):
    run_a = make_run("a")
    other = card_evaluation({"w1": card_score(0.1)}, protocol_hash="b" * 64)
    other["protocol"] = {**other["protocol"], "n_generated": 512, "data": {"name": "gaussians8", "sigma": 0.1}}
    run_b = make_run("b", evaluations=[other])
    with pytest.raises(UserError) as caught:
        compare([run_a, run_b], tmp_path / "out")
    message = str(caught.value)
    assert f"protocol.n_generated: 1024 ({run_a.path}) and 512 ({run_b.path})" in message
    assert f"protocol.data.sigma: 0.02 ({run_a.path}) and 0.1 ({run_b.path})" in message
    assert "protocol.data.name" not in message
    assert message.endswith("Their data differ: compare runs of one data set with the same settings")
    assert not (tmp_path / "out").exists()


def test_the_remedy_fits_cards_of_files(make_run: MakeRun, card_score: Make, card_evaluation: Make):
    """They have no run that could be scored again."""
    other = card_evaluation({"w1": card_score(0.1)}, protocol_hash="b" * 64, sampling={"sampler": "file"})
    run_a, run_b = make_run("a"), make_run("b", evaluations=[other])
    with pytest.raises(UserError, match=rf"`kantor evaluate images=PATH data=NAME out={run_b.path} evaluation=toy`"):
        compare([run_a, run_b])
    with pytest.raises(UserError, match=rf"`kantor evaluate run={run_a.path} evaluation=toy`"):
        compare([run_b, run_a])


def test_the_nearest_of_several_evaluations_is_named(make_run: MakeRun, card_score: Make, card_evaluation: Make):
    def like(size: int, name: str) -> dict[str, Any]:
        protocol = {"n_generated": size, "extractor": name}
        return card_evaluation({"w1": card_score(0.1)}, protocol_hash=f"{name}{size}", protocol=protocol)

    runs = [
        make_run("a", evaluations=[like(1024, "pixels"), like(1024, "identity")]),
        make_run("b", evaluations=[like(512, "identity")]),
    ]
    with pytest.raises(
        UserError, match=r"n_generated: 1024 .* and 512.*Score them under one.*kantor evaluate"
    ) as caught:
        compare(runs)
    assert "extractor" not in str(caught.value)


def test_fewer_than_two_runs_are_refused(make_run: MakeRun):
    run = make_run("a")
    for runs in ([], [run], [run, RunDirectory(run.path)]):
        with pytest.raises(UserError, match="compare needs at least two runs"):
            compare(runs)


@pytest.mark.parametrize("settings", [{"bare": True}, {"evaluations": []}])
def test_a_run_without_scores_is_named_with_the_command(make_run: MakeRun, settings: dict[str, Any]):
    run = make_run("b", **settings)
    with pytest.raises(UserError, match=re.escape(f"kantor evaluate run={run.path}")):
        compare([make_run("a"), run])


def test_out_must_not_be_a_file(make_run: MakeRun, card_score: Make, tmp_path: Path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="out="):
        compare(two(make_run, card_score(0.1), card_score(0.2)), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


# order


@pytest.mark.parametrize(
    ("better", "first", "second", "best"),
    [("lower", 0.3, 0.1, "b"), ("higher", 0.3, 0.1, "a"), ("target", 0.3, 0.46, "b"), ("target", 0.45, 0.9, "a")],
)
def test_the_best_stands_first(
    make_run: MakeRun, card_score: Make, better: str, first: float, second: float, best: str
):
    runs = two(make_run, *(card_score(value, better=better, target=0.5) for value in (first, second)), name="s")
    comparison = compare(runs)
    assert order(comparison)[0] == best
    assert comparison.ranks() == [1, 2]


def test_a_run_without_the_primary_score_stands_last(make_run: MakeRun, card_score: Make):
    comparison = compare(two(make_run, card_score(None, reason="diverged"), card_score(0.9)))
    assert order(comparison) == ["b", "a"]
    assert comparison.ranks() == [1, None]
    assert "not computed: diverged" in comparison.markdown()
    assert comparison.verdict == ["The primary score cannot be compared: only point_demo_clip seed 0 has it."]


def test_without_agreement_the_first_shared_score_that_has_a_direction_ranks(make_run: MakeRun, card_score: Make):
    scores = {"critic_w1": card_score(0.1, better="none"), "w2": card_score(0.3), "w1": card_score(0.2)}
    runs = [make_run(name, scores=scores, seed=i, config={"primary_score": f"w{i + 1}"}) for i, name in enumerate("ab")]
    comparison = compare(runs)
    assert comparison.primary == "w2"
    assert any("different primary scores" in note for note in comparison.notes)


def test_the_last_of_several_evaluations_of_one_protocol_counts(
    make_run: MakeRun, card_score: Make, card_evaluation: Make
):
    twice = [card_evaluation({"w1": card_score(value)}) for value in (0.9, 0.01)]
    comparison = compare([make_run("a", experiment="x"), make_run("b", experiment="y", evaluations=twice)])
    assert order(comparison) == ["b", "a"]


def test_only_shared_protocols_are_compared(make_run: MakeRun, card_score: Make, card_evaluation: Make):
    shared = card_evaluation({"w1": card_score(0.1)})
    extra = card_evaluation({"kid": card_score(0.1)}, protocol_hash="c" * 64, protocol={"n": 7})
    comparison = compare([make_run("a", evaluations=[extra, shared]), make_run("b", seed=1, evaluations=[shared])])
    assert [one.protocol_hash for one in comparison.rounds] == ["a" * 64]


# verdicts


def test_two_runs_told_apart(make_run: MakeRun, card_score: Make):
    comparison = compare(two(make_run, card_score(0.051), card_score(0.261)))
    # h = 0.003 each over 10 draws: standard error h / t_9, Welch with 18 degrees of freedom gives 0.0039
    assert comparison.verdict == [
        "Of these runs, point_demo_gp seed 0 has the lowest w1: 0.051 [0.048, 0.054], 0.210 below "
        "point_demo_clip seed 0 (difference 95% over draws: [0.206, 0.214]).",
        "One training seed each: a statement about these runs, not about the methods.",
    ]


def test_two_runs_not_told_apart(make_run: MakeRun, card_score: Make):
    verdict = compare(two(make_run, card_score(0.051), card_score(0.053))).verdict
    assert "cannot be told apart from point_demo_clip seed 0" in verdict[0]
    assert "[-0.002, 0.006]" in verdict[0]


@pytest.mark.parametrize(("better", "words"), [("higher", "above"), ("target", "nearer than")])
def test_the_lead_has_its_direction(make_run: MakeRun, card_score: Make, better: str, words: str):
    runs = two(make_run, *(card_score(value, better=better, target=0.5) for value in (0.45, 0.1)), name="s")
    verdict = compare(runs).verdict[0]
    assert f"0.350 {words} point_demo_clip seed 0" in verdict


def test_without_an_interval_there_is_no_claim_on_the_difference(make_run: MakeRun, card_score: Make):
    verdict = compare(two(make_run, card_score(0.1, half=None), card_score(0.2))).verdict[0]
    assert "no interval of the difference" in verdict


def test_below_five_seeds_a_verdict_is_about_these_runs(make_run: MakeRun, card_score: Make):
    runs = seeds(make_run, card_score, "gp", GP, [0.05, 0.06, 0.055, 0.052])
    runs += seeds(make_run, card_score, "clip", CLIP, [0.2, 0.21, 0.19, 0.2, 0.22])
    text = " ".join(compare(runs).verdict)
    assert text.startswith("Of these runs, gp seed 0")
    assert "4 to 5 training seeds per method, where 5 of each are needed" in text
    assert "not about the methods" in text


def test_from_five_seeds_on_it_is_about_methods(make_run: MakeRun, card_score: Make):
    runs = seeds(make_run, card_score, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, card_score, "clip", CLIP, [0.2, 0.21, 0.19, 0.2, 0.22])
    comparison = compare(runs)
    text = " ".join(comparison.verdict)
    assert "these runs" not in text
    assert "gp has on average the lowest w1: 0.055 [0.050, 0.060] (mean of 5 seeds, 95% over training seeds)." in text
    assert "gp is 0.149 below clip in w1 (difference 95% over training seeds: [0.135, 0.163], p < 0.001" in text
    assert "smallest detectable difference at 80% power" in text
    assert comparison.sheets()[-1].title == "Methods: means over training seeds"


def test_methods_that_cannot_be_told_apart(make_run: MakeRun, card_score: Make):
    runs = seeds(make_run, card_score, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, card_score, "clip", CLIP, [0.051, 0.06, 0.056, 0.052, 0.058])
    assert "gp and clip cannot be told apart by w1" in " ".join(compare(runs).verdict)


def test_three_methods_are_adjusted(make_run: MakeRun, card_score: Make):
    runs = [
        run
        for i, name in enumerate(("x", "y", "z"))
        for run in seeds(make_run, card_score, name, str(i) * 64, [i + 0.1 * k for k in range(5)])
    ]
    verdict = compare(runs).verdict
    assert len(verdict) == 4
    assert all("Holm over 3 pairs" in sentence for sentence in verdict[1:])


def test_copies_of_one_seed_are_no_seeds(make_run: MakeRun, card_score: Make):
    runs = [make_run(f"{n}{i}", experiment=n, config_hash=h) for n, h in (("gp", GP), ("clip", CLIP)) for i in range(5)]
    comparison = compare(runs)
    assert comparison.verdict[-1].startswith("One training seed each")
    assert any("copies count once" in note for note in comparison.notes)
    assert len({one.label for one in comparison.contestants}) == 10


def test_five_seeds_of_one_method(make_run: MakeRun, card_score: Make):
    verdict = compare(seeds(make_run, card_score, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])).verdict
    assert len(verdict) == 1
    assert verdict[0].startswith("These are 5 training seeds of one method, gp: mean w1 0.055")


# marks


def test_unfinished_runs_budgets_and_samplings_are_marked(make_run: MakeRun, card_score: Make, card_evaluation: Make):
    raw = card_evaluation({"w1": card_score(0.1)}, sampling={"weights": "raw"}, at_step=300)
    budget = {"images_seen": 384_000, "steps": 300, "critic_steps": 1500}
    run = make_run("b", seed=1, state="running", evaluations=[raw], card={"budget": budget})
    notes = " ".join(compare([make_run("a"), run]).notes)
    assert "point_demo_gp seed 1 is stopped, not finished: scored at step 300." in notes
    assert "Budgets differ, images_seen: 640,000 (point_demo_gp seed 0), 384,000 (point_demo_gp seed 1)." in notes
    assert "Sampling differs, weights: ema (point_demo_gp seed 0), raw (point_demo_gp seed 1)." in notes


def test_how_much_was_drawn_is_said(make_run: MakeRun, card_score: Make, card_evaluation: Make):
    few = card_evaluation({"w1": card_score(0.1, half=None)}, draw={"seed": 0, "chunk": 1024, "draws": 2})
    runs = [make_run("a"), make_run("b", seed=1)]
    assert "10 draws of 1,024 samples each" in compare(runs).markdown()
    differing = compare([*runs, make_run("c", seed=2, evaluations=[few])])
    assert "2 to 10 draws of 1,024 samples each" in differing.markdown()
    assert "Draws differ: 10 (point_demo_gp seed 0; point_demo_gp seed 1), 2 (point_demo_gp seed 2)." in differing.notes


def test_a_foreign_card_is_compared(make_run: MakeRun):
    run = make_run(
        "pictures", card={"experiment": None, "config_hash": None, "seed": None, "budget": None, "cost": None}
    )
    for path in (run.status_json, run.config_yaml, run.report_html, run.metrics_csv):
        path.unlink()
    comparison = compare([make_run("a"), run])
    assert {one.label for one in comparison.contestants} == {"point_demo_gp seed 0", "pictures"}
    assert "None" not in comparison.markdown() + comparison.html(Path("out"))


# files


def test_what_is_written(make_run: MakeRun, card_score: Make, tmp_path: Path):
    scores = [{"w1": card_score(w1), "modes_covered": card_score(8, half=0, better="higher")} for w1 in (0.0252, 0.2)]
    runs = [make_run(f"runs/{name} é", seed=i, scores=scores[i], config={"lr": i}) for i, name in enumerate("ab")]
    compare(runs, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"compare.html", "compare.md", "compare.csv"}
    html = (tmp_path / "out" / "compare.html").read_text()
    assert 'href="../runs/a%20%C3%A9/report.html"' in html
    assert not re.search(r'(?:src|href)="(?!data:|#|\.\./)', html)
    assert len(re.findall(r"<img ", html)) == len(re.findall(r'<img src="data:image/', html)) == 4
    assert "at the floor" in html
    assert "<code>lr</code>" in html
    assert "no lower bound" in html
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html).lower())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "compare.csv").read_text())))
    assert [(row["score"], row["value"], row["rank"]) for row in rows[:2]] == [
        ("w1", "0.0252", "1"),
        ("modes_covered", "8.0", "1"),
    ]
    assert {row["protocol_hash"] for row in rows} == {"a" * 64}
    assert "0.025 [0.022, 0.028] (at the floor)" in (tmp_path / "out" / "compare.md").read_text()


@pytest.mark.parametrize(
    ("count", "head"), [(1, "| run | s0 (lower) |"), (5, "| score | a | b | floor of the first run |")]
)
def test_what_there_is_more_of_goes_down_the_rows(make_run: MakeRun, card_score: Make, count: int, head: str):
    """Many scores of few runs side by side are wider than any page."""
    scores = {f"s{i}": card_score(0.1 + i) for i in range(count)}
    runs = [make_run(name, scores=scores, config_hash=name * 64, experiment=name) for name in "ab"]
    text = compare(runs).markdown().replace(" seed 0", "")
    assert head in text
    assert text.count("0.1") >= 2


def test_hostile_names_are_text(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    evil = '<script>alert("x")</script>[red]'
    comparison = compare([make_run("a", experiment=evil), make_run("b", experiment=evil, seed=1)], tmp_path / "out")
    for name in ("compare.html", "compare.md"):
        assert "<script" not in (tmp_path / "out" / name).read_text()
    print_comparison(comparison)
    assert evil in capsys.readouterr().out


def test_many_runs(make_run: MakeRun, card_score: Make, tmp_path: Path):
    runs = [make_run(f"r{i}", seed=i, config_hash=str(i) * 64, scores={"w1": card_score(0.1 * i)}) for i in range(9)]
    comparison = compare(runs, tmp_path / "out")
    assert order(comparison) == [f"r{i}" for i in range(9)]


def test_a_refusal_stays_readable_however_many_runs_there_are():
    from kantor.report.protocols import few

    assert few(["a"]) == "a" and few(["a", "b"]) == "a, b"
    assert few([str(i) for i in range(20)]) == "0, 1 and 18 more"
