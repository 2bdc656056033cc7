import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from report_runs import SAMPLING, Family, edit, score, write_run

from kantor.errors import UserError
from kantor.evaluation.score import Score
from kantor.report.compare import compare, print_comparison
from kantor.report.comparison import Comparison
from kantor.report.comparison_page import to_html
from kantor.report.comparison_tables import sheets, to_markdown
from kantor.report.page import write_report
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
Evaluated = Callable[..., dict[str, Any]]
GP, CLIP = "1" * 64, "2" * 64


def order(comparison: Comparison) -> list[str]:
    return [one.summary.run.path.name for one in comparison.contestants]


def two(make_run: MakeRun, first: Score, second: Score, name: str = "w1") -> list[RunDirectory]:
    config = {"primary_score": name}
    return [
        make_run("a", experiment="demo_a", config_hash=GP, scores={name: first}, config=config),
        make_run("b", experiment="demo_b", config_hash=CLIP, scores={name: second}, config=config),
    ]


def seeds(make_run: MakeRun, method: str, config_hash: str, values: list[float]) -> list[RunDirectory]:
    return [
        make_run(f"{method}-{seed}", experiment=method, config_hash=config_hash, seed=seed, scores={"w1": score(value)})
        for seed, value in enumerate(values)
    ]


# refusals


def test_unlike_protocols_are_refused_by_name_and_nothing_is_written(
    make_run: MakeRun, evaluated: Evaluated, tmp_path: Path
):
    data = {"name": "gaussians8", "sigma": 0.02}
    run_a = make_run("a", evaluations=[evaluated({"w1": score(0.1)}, data=data)])
    run_b = make_run("b", evaluations=[evaluated({"w1": score(0.1)}, n_generated=512, data={**data, "sigma": 0.1})])
    with pytest.raises(UserError) as caught:
        compare([run_a, run_b], tmp_path / "out")
    message = str(caught.value)
    assert f"protocol.n_generated: 1024 ({run_a.path}) and 512 ({run_b.path})" in message
    assert f"protocol.data.sigma: 0.02 ({run_a.path}) and 0.1 ({run_b.path})" in message
    assert "protocol.data.name" not in message
    assert message.endswith("Their data differ: compare runs of one data set with the same settings")
    assert not (tmp_path / "out").exists()


def test_the_remedy_fits_cards_of_files(make_run: MakeRun, evaluated: Evaluated):
    """They have no run that could be scored again."""
    other = evaluated({"w1": score(0.1)}, n_real=512, sampling={"sampler": "file"})
    run_a, run_b = make_run("a"), make_run("b", evaluations=[other])
    with pytest.raises(UserError, match=rf"`kantor evaluate images=PATH data=NAME out={run_b.path} evaluation=toy`"):
        compare([run_a, run_b])
    with pytest.raises(UserError, match=rf"`kantor evaluate run={run_a.path} evaluation=toy`"):
        compare([run_b, run_a])


def test_the_nearest_of_several_evaluations_is_named(make_run: MakeRun, evaluated: Evaluated):
    def like(size: int, name: str) -> dict[str, Any]:
        return evaluated({"w1": score(0.1)}, n_generated=size, extractor=name)

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


def test_out_must_not_be_a_file(make_run: MakeRun, tmp_path: Path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="out="):
        compare(two(make_run, score(0.1), score(0.2)), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


# order


@pytest.mark.parametrize(
    ("better", "first", "second", "best"),
    [("lower", 0.3, 0.1, "b"), ("higher", 0.3, 0.1, "a"), ("target", 0.3, 0.46, "b"), ("target", 0.45, 0.9, "a")],
)
def test_the_best_stands_first(make_run: MakeRun, better: str, first: float, second: float, best: str):
    runs = two(make_run, *(score(value, better=better, target=0.5) for value in (first, second)), name="s")
    comparison = compare(runs)
    assert order(comparison)[0] == best
    assert comparison.ranks() == [1, 2]


def test_a_run_without_the_primary_score_stands_last(make_run: MakeRun):
    comparison = compare(two(make_run, score(None, reason="diverged"), score(0.9)))
    assert order(comparison) == ["b", "a"]
    assert comparison.ranks() == [1, None]
    assert "not computed: diverged" in to_markdown(comparison)
    assert comparison.verdict == ["The primary score cannot be compared: only demo_b seed 0 has it."]


def test_without_agreement_the_first_shared_score_that_has_a_direction_ranks(make_run: MakeRun):
    scores = {"critic_w1": score(0.1, better="none"), "w2": score(0.3), "w1": score(0.2)}
    runs = [make_run(name, scores=scores, seed=i, config={"primary_score": f"w{i + 1}"}) for i, name in enumerate("ab")]
    comparison = compare(runs)
    assert comparison.primary == "w2"
    assert any("different primary scores" in note for note in comparison.notes)


def test_the_last_of_several_evaluations_of_one_protocol_counts(make_run: MakeRun, evaluated: Evaluated):
    twice = [evaluated({"w1": score(value)}, at_step=step) for value, step in ((0.9, 250), (0.01, 500))]
    comparison = compare([make_run("a", experiment="x"), make_run("b", experiment="y", evaluations=twice)])
    assert order(comparison) == ["b", "a"]


def test_only_shared_protocols_are_compared(make_run: MakeRun, evaluated: Evaluated):
    shared = evaluated({"w1": score(0.1)})
    extra = evaluated({"kid": score(0.1)}, n_real=7)
    comparison = compare([make_run("a", evaluations=[extra, shared]), make_run("b", seed=1, evaluations=[shared])])
    assert [one.protocol_hash for one in comparison.rounds] == [shared["protocol_hash"]]


# verdicts


def test_two_runs_told_apart(make_run: MakeRun):
    comparison = compare(two(make_run, score(0.051), score(0.261)))
    # h = 0.003 each over 10 draws: standard error h / t_9, Welch with 18 degrees of freedom gives 0.0039
    assert comparison.verdict == [
        "Of these runs, demo_a seed 0 has the lowest w1: 0.051 [0.048, 0.054], 0.210 below "
        "demo_b seed 0 (difference 95% over draws: [0.206, 0.214]).",
        "One training seed each: a statement about these runs, not about the methods.",
    ]


def test_two_runs_not_told_apart(make_run: MakeRun):
    verdict = compare(two(make_run, score(0.051), score(0.053))).verdict
    assert "cannot be told apart from demo_b seed 0" in verdict[0]
    assert "[-0.002, 0.006]" in verdict[0]


@pytest.mark.parametrize(("better", "words"), [("higher", "above"), ("target", "nearer than")])
def test_the_lead_has_its_direction(make_run: MakeRun, better: str, words: str):
    runs = two(make_run, *(score(value, better=better, target=0.5) for value in (0.45, 0.1)), name="s")
    verdict = compare(runs).verdict[0]
    assert f"0.350 {words} demo_b seed 0" in verdict


def test_without_an_interval_there_is_no_claim_on_the_difference(make_run: MakeRun):
    verdict = compare(two(make_run, score(0.1, half=None), score(0.2))).verdict[0]
    assert "no interval of the difference" in verdict


def test_below_five_seeds_a_verdict_is_about_these_runs(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052])
    runs += seeds(make_run, "clip", CLIP, [0.2, 0.21, 0.19, 0.2, 0.22])
    text = " ".join(compare(runs).verdict)
    assert text.startswith("Of these runs, gp seed 0")
    assert "4 to 5 training seeds per method, where 5 of each are needed" in text
    assert "not about the methods" in text


def test_from_five_seeds_on_it_is_about_methods(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, "clip", CLIP, [0.2, 0.21, 0.19, 0.2, 0.22])
    comparison = compare(runs)
    text = " ".join(comparison.verdict)
    assert "these runs" not in text
    assert "gp has on average the lowest w1: 0.055 [0.050, 0.060] (mean of 5 seeds, 95% over training seeds)." in text
    assert "gp is 0.149 below clip in w1 (difference 95% over training seeds: [0.135, 0.163], p < 0.001" in text
    assert "smallest detectable difference at 80% power" in text
    assert sheets(comparison)[-1].title == "Methods: means over training seeds"


def test_methods_that_cannot_be_told_apart(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, "clip", CLIP, [0.051, 0.06, 0.056, 0.052, 0.058])
    assert "gp and clip cannot be told apart by w1" in " ".join(compare(runs).verdict)


def test_three_methods_are_adjusted(make_run: MakeRun):
    runs = [
        run
        for i, name in enumerate(("x", "y", "z"))
        for run in seeds(make_run, name, str(i) * 64, [i + 0.1 * k for k in range(5)])
    ]
    verdict = compare(runs).verdict
    assert len(verdict) == 4
    assert all("Holm over 3 pairs" in sentence for sentence in verdict[1:])


def test_copies_of_one_seed_are_no_seeds(make_run: MakeRun):
    runs = [make_run(f"{n}{i}", experiment=n, config_hash=h) for n, h in (("gp", GP), ("clip", CLIP)) for i in range(5)]
    comparison = compare(runs)
    assert comparison.verdict[-1].startswith("One training seed each")
    assert any("copies count once" in note for note in comparison.notes)
    assert len({one.label for one in comparison.contestants}) == 10


def test_five_seeds_of_one_method(make_run: MakeRun):
    verdict = compare(seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])).verdict
    assert len(verdict) == 1
    assert verdict[0].startswith("These are 5 training seeds of one method, gp: mean w1 0.055")


# marks


def test_unfinished_runs_budgets_and_samplings_are_marked(make_run: MakeRun, evaluated: Evaluated, family: Family):
    raw = evaluated({"w1": score(0.1)}, sampling={**SAMPLING, "weights": "raw"}, at_step=300)
    run = make_run("b", seed=1, evaluations=[raw], steps=300)
    edit(run.status_json, state="running")
    seen = [f"{family.counters(steps)['images_seen']:,}" for steps in (500, 300)]
    notes = " ".join(compare([make_run("a"), run]).notes)
    assert "demo_a seed 1 is stopped, not finished: scored at step 300." in notes
    assert f"Budgets differ, images_seen: {seen[0]} (demo_a seed 0), {seen[1]} (demo_a seed 1)." in notes
    assert "Budgets differ, steps: 500 (demo_a seed 0), 300 (demo_a seed 1)." in notes
    assert f"A step is {family.run.model.step_is}." in notes
    assert "Sampling differs, weights: ema (demo_a seed 0), raw (demo_a seed 1)." in notes


def test_how_much_was_drawn_is_said(make_run: MakeRun, evaluated: Evaluated):
    few = evaluated({"w1": score(0.1, half=None)}, draws=2)
    runs = [make_run("a"), make_run("b", seed=1)]
    assert "10 draws of 1,024 samples each" in to_markdown(compare(runs))
    differing = compare([*runs, make_run("c", seed=2, evaluations=[few])])
    assert "2 to 10 draws of 1,024 samples each" in to_markdown(differing)
    assert "Draws differ: 10 (demo_a seed 0; demo_a seed 1), 2 (demo_a seed 2)." in differing.notes


def test_a_foreign_card_is_compared(make_run: MakeRun):
    run = make_run("pictures")
    edit(run.card_json, experiment=None, config_hash=None, seed=None, budget={"images_seen": None}, cost={})
    for path in (run.status_json, run.config_yaml, run.environment_json, run.metrics_csv):
        path.unlink()
    comparison = compare([make_run("a"), run])
    assert {one.label for one in comparison.contestants} == {"demo_a seed 0", "pictures"}
    assert "None" not in to_markdown(comparison) + to_html(comparison, Path("out"))


# files


def test_what_is_written(make_run: MakeRun, family: Family, tmp_path: Path):
    scores = [{"w1": score(w1), "modes_covered": score(8, half=0, better="higher")} for w1 in (0.0252, 0.2)]
    runs = [make_run(f"runs/{name} é", seed=i, scores=scores[i], config={"lr": i}) for i, name in enumerate("ab")]
    for run in runs:
        write_report(run)
    compare(runs, tmp_path / "out")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {".kantor", "compare.html", "compare.md", "compare.csv"}
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
    assert len({row["protocol_hash"] for row in rows}) == 1
    assert {(row["weights"], row["sampler"], row["nfe"]) for row in rows} == {("ema", "direct", "1")}
    assert {name: int(rows[0][name]) for name in family.counters(500)} == family.counters(500)
    assert "0.025 [0.022, 0.028] (at the floor)" in (tmp_path / "out" / "compare.md").read_text()


@pytest.mark.parametrize(
    ("count", "head"), [(1, "| run | s0 (lower) |"), (5, "| score | a | b | floor of the first run |")]
)
def test_what_there_is_more_of_goes_down_the_rows(make_run: MakeRun, count: int, head: str):
    """Many scores of few runs side by side are wider than any page."""
    scores = {f"s{i}": score(0.1 + i) for i in range(count)}
    runs = [make_run(name, scores=scores, config_hash=name * 64, experiment=name) for name in "ab"]
    text = to_markdown(compare(runs)).replace(" seed 0", "")
    assert head in text
    assert text.count("0.1") >= 2


def test_a_step_of_each_family_is_said(every_family: dict[str, Family], tmp_path: Path):
    """Runs of two families stand on one page, each with what it counts."""
    gan, vae = (
        write_run(tmp_path / name, family, experiment=name, config_hash=name * 4, scores={"w1": score(value)})
        for value, (name, family) in zip((0.1, 0.2), every_family.items(), strict=True)
    )
    comparison = compare([gan, vae])
    assert comparison.verdict[0].startswith("Of these runs, adversarial seed 0 has the lowest w1")
    steps = [family.run.model.step_is for family in every_family.values()]
    assert f"A step is {steps[0]} (adversarial seed 0), {steps[1]} (variational seed 0)." in comparison.notes
    rows = [dict(zip(sheets(comparison)[0].columns, row, strict=True)) for row in sheets(comparison)[0].rows]
    assert [row["critic_steps"] for row in rows] == ["2,500", "-"]
    assert [row["steps"] for row in rows] == ["500", "500"]
    html = to_html(comparison, tmp_path / "out")
    assert 'data-label="critic steps">2,500<' in html and 'data-label="critic steps">-<' in html
    assert 'data-label="sampler">direct<' in html and 'data-label="nfe">1<' in html


def test_hostile_names_are_text(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    evil = '<script>alert("x")</script>[red]'
    comparison = compare([make_run("a", experiment=evil), make_run("b", experiment=evil, seed=1)], tmp_path / "out")
    for name in ("compare.html", "compare.md"):
        assert "<script" not in (tmp_path / "out" / name).read_text()
    print_comparison(comparison)
    assert evil in capsys.readouterr().out


def test_many_runs(make_run: MakeRun, tmp_path: Path):
    runs = [make_run(f"r{i}", seed=i, config_hash=str(i) * 64, scores={"w1": score(0.1 * i)}) for i in range(9)]
    comparison = compare(runs, tmp_path / "out")
    assert order(comparison) == [f"r{i}" for i in range(9)]


def test_a_refusal_stays_readable_however_many_runs_there_are():
    from kantor.report.protocols import few

    assert few(["a"]) == "a" and few(["a", "b"]) == "a, b"
    assert few([str(i) for i in range(20)]) == "0, 1 and 18 more"
