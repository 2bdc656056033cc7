import csv
import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_runs import SAMPLING, Family, edit, score, write_run

from kantor.atomic import write_json
from kantor.errors import UserError
from kantor.evaluation.score import Kind, Score
from kantor.report.compare import compare, print_comparison
from kantor.report.comparison import Comparison
from kantor.report.comparison_figures import curve_drawings, score_drawings
from kantor.report.comparison_page import to_html
from kantor.report.comparison_tables import sheets, to_markdown
from kantor.report.page import write_report
from kantor.report.palette import ON_BLACK, SERIES
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
Evaluated = Callable[..., dict[str, Any]]
GP, CLIP = "1" * 64, "2" * 64


@pytest.fixture
def family(every_family: dict[str, Family]) -> Family:
    """One is enough: a comparison knows no family but by its counters, of which a test below has both."""
    return every_family["adversarial"]


def order(comparison: Comparison) -> list[str]:
    return [one.summary.run.path.name for one in comparison.contestants]


def labels(comparison: Comparison) -> list[str]:
    return [method.label for method in comparison.methods]


def page_of(comparison: Comparison) -> str:
    return to_html(comparison, Path("out"), [[] for _ in comparison.rounds], [])


def two(make_run: MakeRun, first: Score, second: Score, name: str = "w1") -> list[RunDirectory]:
    config = {"primary_score": name}
    return [
        make_run("a", experiment="demo_a", config_hash=GP, scores={name: first}, config=config),
        make_run("b", experiment="demo_b", config_hash=CLIP, scores={name: second}, config=config),
    ]


def seeds(make_run: MakeRun, method: str, config_hash: str, values: list[float], **more: Any) -> list[RunDirectory]:
    return [
        make_run(
            f"{method}-{seed}",
            experiment=method,
            config_hash=config_hash,
            seed=seed,
            scores={"w1": score(value)},
            **more,
        )
        for seed, value in enumerate(values)
    ]


def many(make_run: MakeRun, methods: int, runs: int = 3) -> list[RunDirectory]:
    """Methods with means 1, 2, … and seeds 0.1 apart."""
    return [
        run
        for i in range(methods)
        for run in seeds(make_run, f"m{i}", f"{i:064x}", [1 + i + 0.1 * k for k in range(runs)])
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


def test_three_of_four_are_right_and_the_fourth_is_named(make_run: MakeRun, evaluated: Evaluated):
    """Also where the odd one stands first: whoever lacks what most have is named, and is left out."""
    odd = make_run("odd", config_hash="0" * 64, evaluations=[evaluated({"w1": score(0.1)}, n_generated=512)])
    runs = [odd, *many(make_run, 3, 1)]
    comparison = compare(runs)
    assert order(comparison) == ["m0-0", "m1-0", "m2-0"]
    (note,) = [note for note in comparison.notes if note.startswith("Left out")]
    assert str(odd.path) in note and "protocol.n_generated: 1024 (the others) and 512 (it)" in note
    assert f"kantor evaluate run={odd.path} evaluation=toy" in note


def test_of_one_method_seeds_can_be_left_out(make_run: MakeRun, evaluated: Evaluated):
    odd = make_run("odd", config_hash=GP, seed=7, evaluations=[evaluated({"w1": score(0.1)}, n_generated=512)])
    assert order(compare([odd, *seeds(make_run, "gp", GP, [0.1, 0.2])])) == ["gp-0", "gp-1"]


def test_leaving_out_never_leaves_one_method(make_run: MakeRun, evaluated: Evaluated):
    odd = make_run("odd", config_hash=CLIP, evaluations=[evaluated({"w1": score(0.1)}, n_generated=512)])
    runs = [odd, *seeds(make_run, "gp", GP, [0.1, 0.2, 0.3])]
    with pytest.raises(UserError, match=rf"{odd.path} lacks that of the others.*kantor evaluate run={odd.path}"):
        compare(runs)


@pytest.mark.parametrize("settings", [{"bare": True}, {"evaluations": []}])
def test_a_run_without_scores_is_left_out_with_the_command(make_run: MakeRun, settings: dict[str, Any]):
    run = make_run("b", config={"evaluation": {"_target_": None}}, **settings)
    comparison = compare([run, make_run("a")])
    assert order(comparison) == ["a"]
    assert any(note.startswith("Left out, for it has no scores") for note in comparison.notes)
    assert f"`kantor evaluate run={run.path} evaluation=toy`" in " ".join(comparison.notes)
    with pytest.raises(UserError, match=f"none of the runs has scores.*kantor evaluate run={run.path} evaluation=toy"):
        compare([run])


def test_a_run_that_was_stopped_is_to_be_finished_before_it_is_scored(make_run: MakeRun):
    run = make_run("b", state="running", evaluations=[])
    finishing = "it is stopped: its `kantor train …`, given again, finishes it"
    assert finishing in " ".join(compare([run, make_run("a")]).notes)
    with pytest.raises(UserError, match=finishing):
        compare([run])


def test_runs_have_to_be_there(make_run: MakeRun, tmp_path: Path):
    with pytest.raises(UserError, match="was given none"):
        compare([])
    with pytest.raises(UserError, match="does not exist"):
        compare([make_run("a"), RunDirectory(tmp_path / "nowhere")])


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
    assert "cannot be compared: only demo_b has it, 0.900" in comparison.verdict[0]


def test_without_agreement_the_first_shared_score_that_has_a_direction_ranks(make_run: MakeRun):
    scores = {"critic_w1": score(0.1, better="none"), "w2": score(0.3), "w1": score(0.2)}
    runs = [make_run(name, scores=scores, seed=i, config={"primary_score": f"w{i + 1}"}) for i, name in enumerate("ab")]
    comparison = compare(runs)
    assert comparison.primary == "w2"
    assert any("different primary scores" in note for note in comparison.notes)


def test_the_score_to_rank_by_can_be_chosen(make_run: MakeRun):
    values = {"a": (0.3, 0.1), "b": (0.2, 0.4)}
    runs = [
        make_run(name, config_hash=name * 64, experiment=name, scores={"w1": score(w1), "w2": score(w2),
                 "critic_w1": score(0.1, better="none")})
        for name, (w1, w2) in values.items()
    ]  # fmt: skip
    assert [order(compare(runs, score=name)) for name in ("w1", "w2")] == [["b", "a"], ["a", "b"]]
    for name in ("critic_w1", "kid", "w_1"):
        with pytest.raises(UserError, match=rf"score={name} cannot rank these runs.*expected one of w1, w2"):
            compare(runs, score=name)


def test_a_score_is_compared_where_its_own_protocol_is_equal(make_run: MakeRun, evaluated: Evaluated):
    def run(name: str, k: int, value: float) -> RunDirectory:
        entry = evaluated({"w1": score(value), "precision": score(value, better="higher")},
                          estimators={"w1": {}, "precision": {"k": k}})  # fmt: skip
        return make_run(name, experiment=name, config_hash=name * 64, evaluations=[entry])

    comparison = compare([run("a", 3, 0.1), run("b", 5, 0.2), run("c", 3, 0.3)])
    assert len(comparison.rounds) == 1 and comparison.main.ranked_names == ["w1", "precision"]
    assert [comparison.main.of(method, "precision").values for method in comparison.methods] == [(0.1,), (), (0.3,)]
    assert [comparison.main.of(method, "w1").values for method in comparison.methods] == [(0.1,), (0.2,), (0.3,)]
    (note,) = [note for note in comparison.notes if "precision" in note]
    assert "precision.k: 3 (a seed 0, c seed 0) and 5 (b seed 0)" in note


def test_the_last_of_several_evaluations_of_one_protocol_counts(make_run: MakeRun, evaluated: Evaluated):
    twice = [evaluated({"w1": score(value)}, at_step=step) for value, step in ((0.9, 250), (0.01, 500))]
    comparison = compare([make_run("a", config_hash=GP), make_run("b", config_hash=CLIP, evaluations=twice)])
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
        "What a test measures (w1, lower is better): demo_a has the lowest, 0.051 [0.048, 0.054] (one run, 95% over "
        "draws).",
        "Worse than it: demo_b by 0.210 [0.206, 0.214].",
        "Worse is what differs at the level of 5%; intervals of differences are 95% over draws.",
        "One training seed each, where 5 are needed: statements about these runs, not about the methods.",
    ]


def test_two_runs_not_told_apart(make_run: MakeRun):
    verdict = compare(two(make_run, score(0.051), score(0.053))).verdict
    assert verdict[0].endswith("but the two cannot be told apart.")
    assert "Not told apart from it: demo_b at 0.053" in verdict[1] and "[-0.002, 0.006]" in verdict[1]


@pytest.mark.parametrize(
    ("better", "words"), [("higher", "the highest"), ("target", "the one nearest to its target 0.5")]
)
def test_the_lead_has_its_direction(make_run: MakeRun, better: str, words: str):
    runs = two(make_run, *(score(value, better=better, target=0.5) for value in (0.45, 0.1)), name="s")
    verdict = compare(runs).verdict
    assert f"demo_a has {words}" in verdict[0]
    assert "Worse than it: demo_b by 0.350" in verdict[1]


def test_without_an_interval_there_is_no_claim_on_the_difference(make_run: MakeRun):
    comparison = compare(two(make_run, score(0.1, half=None), score(0.2)))
    verdict = " ".join(comparison.verdict)
    assert comparison.verdict[0].endswith("but their difference has no interval.")
    assert "No interval of the difference" in verdict
    assert "Worse" not in verdict and "told apart" not in verdict and "Holm" not in to_markdown(comparison)


def test_equal_methods_share_a_rank_and_the_caption_of_their_pairs_is_whole(make_run: MakeRun):
    runs = two(make_run, score(8.0, half=None, better="higher"), score(8.0, half=None, better="higher"))
    runs += [make_run("c", experiment="demo_c", config_hash="3" * 64, scores={"w1": score(2.0, better="higher")})]
    comparison = compare(runs)
    assert comparison.ranks() == [1, 1, 3]
    assert "demo_a has the highest, 8 (one run), and 1 of the other 2 is equal" in comparison.verdict[0]
    (pairs,) = [sheet for sheet in sheets(comparison) if sheet.title.startswith("Pairs")]
    assert pairs.caption == ""


def test_where_only_others_than_the_best_can_be_held_together_the_caption_says_so(make_run: MakeRun):
    runs = two(make_run, score(0.1, half=None), score(0.2))
    runs += [make_run("c", experiment="demo_c", config_hash="3" * 64, scores={"w1": score(0.3)})]
    (pairs,) = [sheet for sheet in sheets(compare(runs)) if sheet.title.startswith("Pairs")]
    assert pairs.caption.endswith("interval and p by Holm's adjustment, of the others over 1 pair")


def test_without_a_primary_score_one_with_intervals_ranks(make_run: MakeRun):
    """Counts of modes that are 8 in each draw would say nothing."""
    runs = [
        make_run(name, experiment=name, config_hash=digit * 64, config={"primary_score": ""},
                 scores={"modes": score(8.0, half=None, better="higher"), "w1": score(value)})
        for name, digit, value in (("a", "1", 0.1), ("b", "2", 0.2))
    ]  # fmt: skip
    comparison = compare(runs)
    assert comparison.primary == "w1"
    assert any("ranked by the one that the most have, with the most intervals, w1" in note for note in comparison.notes)


def test_what_one_run_alone_has_does_not_rank_where_others_share_a_score(make_run: MakeRun):
    scores = ({"js": score(0.1), "w1": score(0.1)}, {"w1": score(0.2)}, {})
    runs = [
        make_run(name, experiment=name, config_hash=digit * 64, config={"primary_score": ""}, scores={**each, **extra})
        for name, digit, each, extra in zip("abc", "123", scores, ({}, {}, {"tv": score(0.1)}), strict=True)
    ]
    assert compare(runs).primary == "w1"


def test_what_real_data_score_by_critics_is_no_one_number(make_run: MakeRun):
    runs = [
        make_run(name, experiment=name, config_hash=digit * 64,
                 scores={"w1": score(0.1), "critic_w1": bound})
        for name, digit, bound in (("a", "1", critics(0.1)), ("b", "2", critics(0.2)))
    ]  # fmt: skip
    comparison = compare(runs)
    (table,) = [sheet for sheet in sheets(comparison) if sheet.title.startswith("Scores")]
    names, (*_, real) = table.columns, table.rows
    assert real[names.index("critic_w1")] == "-" and real[names.index("w1 (lower)")].startswith("0.025")


def critics(value: float) -> Score:
    return replace(score(value), kind=Kind("none", aspect="bound"))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_runs_that_differ_in_their_seed_are_one_method_at_any_number(make_run: MakeRun, count: int):
    gp, clip = [0.05, 0.06, 0.055, 0.052][:count], [0.2, 0.21, 0.19, 0.22][:count]
    comparison = compare([*seeds(make_run, "gp", GP, gp), *seeds(make_run, "clip", CLIP, clip)])
    assert labels(comparison) == ["gp", "clip"]
    assert [one.values for one in comparison.scores()] == [tuple(gp), tuple(clip)]
    text = " ".join(comparison.verdict)
    assert f"mean of {count} training seeds, 95% over training seeds" in text
    assert f"{count} training seeds for each method, where 5 are needed: weak evidence about methods." in text
    assert "gp seed" not in text


def test_from_five_seeds_on_the_evidence_is_not_weak(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, "clip", CLIP, [0.2, 0.21, 0.19, 0.2, 0.22])
    comparison = compare(runs)
    text = " ".join(comparison.verdict)
    assert "weak" not in text and "these runs" not in text
    assert "gp has the lowest, 0.055 [0.050, 0.060] (mean of 5 training seeds, 95% over training seeds)" in text
    assert "Worse than it: clip by 0.149 [0.135, 0.163]." in text
    assert "is found with 80% power" in text


def test_one_seed_beside_many_is_told_from_nothing(make_run: MakeRun):
    """Scatter over seeds says nothing of the method that has one, and its draws say nothing of another seed."""
    comparison = compare([*seeds(make_run, "gp", GP, [0.05, 0.06]), *seeds(make_run, "clip", CLIP, [0.2])])
    (pair,) = comparison.pairs
    assert pair.difference is None
    assert comparison.verdict[0].endswith("but their difference has no interval.")
    assert "1 to 2 training seeds for each method, where 5 are needed" in comparison.verdict[-1]


def test_methods_that_cannot_be_told_apart(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058])
    runs += seeds(make_run, "clip", CLIP, [0.051, 0.06, 0.056, 0.052, 0.058])
    assert "the two cannot be told apart" in compare(runs).verdict[0]


def test_equal_settings_are_one_method_whatever_the_experiment_is_called(make_run: MakeRun):
    runs = [make_run(name, experiment=name, seed=seed) for seed, name in enumerate("ab")]
    comparison = compare(runs)
    assert [len(method.runs) for method in comparison.methods] == [2] and comparison.pairs == []


def test_copies_of_one_seed_are_no_seeds(make_run: MakeRun):
    runs = [make_run(f"{n}{i}", experiment=n, config_hash=h) for n, h in (("gp", GP), ("clip", CLIP)) for i in range(5)]
    comparison = compare(runs)
    assert comparison.verdict[-1].startswith("One training seed each")
    assert [len(method.runs) for method in comparison.methods] == [1, 1]
    assert any(note.startswith("Repeats of method and seed") for note in comparison.notes)
    assert len({one.label for one in comparison.contestants}) == 10


@pytest.mark.parametrize("count", [1, 5])
def test_one_method_is_not_set_against_itself(make_run: MakeRun, count: int):
    comparison = compare(seeds(make_run, "gp", GP, [0.05, 0.06, 0.055, 0.052, 0.058][:count]))
    assert comparison.pairs == [] and labels(comparison) == ["gp"]
    assert "of one method, gp: 0.05" in comparison.verdict[0]
    assert ("single runs from 0.050 to 0.060" in comparison.verdict[0]) == (count > 1)
    assert not {"Worse", "told apart"} & set(" ".join(comparison.verdict).split())
    assert "One method" in page_of(comparison)


# seeds that failed


NAN = "critic_loss is nan at step 40: training diverged; the last checkpoint is from before"


def lost(make_run: MakeRun, name: str, config_hash: str, seed: int, reason: str = NAN, **more: Any) -> RunDirectory:
    more = {"bare": True, **more}
    return make_run(
        f"{name}-lost-{seed}",
        experiment=name,
        config_hash=config_hash,
        seed=seed,
        state="failed",
        reason=reason,
        **more,
    )


def test_a_method_of_which_a_seed_failed_is_not_ranked_by_its_survivors(make_run: MakeRun, tmp_path: Path):
    """Without the one that diverged it would be the best."""
    gp = [*seeds(make_run, "gp", GP, [0.01, 0.02, 0.015, 0.012]), lost(make_run, "gp", GP, 4)]
    clip = seeds(make_run, "clip", CLIP, [0.2, 0.21, 0.19, 0.22, 0.2])
    third = seeds(make_run, "third", "3" * 64, [0.3, 0.31, 0.29, 0.32, 0.3])
    comparison = compare([*gp, *clip, *third], tmp_path / "out")
    assert labels(comparison) == ["clip", "third", "gp"] and comparison.ranks() == [1, 2, None]
    assert [(pair.better, pair.worse, pair.family) for pair in comparison.pairs] == [(0, 1, 1)]
    text = " ".join(comparison.verdict)
    assert (
        "Not ranked, for what the seeds that are left score is no score of a method: "
        "gp (4 of 5; 1 diverged; the others at 0.014)." in text
    )
    assert f"gp seed 4 diverged: {NAN} ({gp[-1].path})." in comparison.notes
    methods, *_, runs = sheets(comparison)
    row = dict(zip(methods.columns, methods.rows[-1], strict=True))
    assert (row["rank"], row["group"], row["seeds"], row["w1"]) == ("-", "-", "4 of 5; 1 diverged", "(0.014)")
    assert runs.rows[-1][0] == "gp seed 4" and "diverged" in runs.rows[-1]
    assert "diverged" in page_of(comparison) and "(0.014)" in page_of(comparison)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "compare.csv").read_text())))
    assert [(row["method"], row["seed"], row["value"]) for row in rows if row["state"] == "diverged"] == [
        ("gp", "4", "")
    ]


def test_a_failed_run_stops_no_comparison_and_a_score_of_what_came_before_counts_for_nothing(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.1, 0.2])
    runs += [lost(make_run, "gp", GP, 2, "the disk is full", bare=False), lost(make_run, "clip", CLIP, 0)]
    comparison = compare(runs)
    assert labels(comparison) == ["gp", "clip"] and comparison.ranks() == [None, None]
    assert [method.seeds_text for method in comparison.methods] == ["2 of 3; 1 failed", "0 of 1; 1 diverged"]
    assert comparison.scores()[0].values == (0.1, 0.2)
    assert "every method has a seed without it" in comparison.verdict[0]
    assert "no seed has a score" in to_markdown(comparison) + page_of(comparison)


def test_a_lost_seed_stands_in_its_place_with_how_it_was_lost(make_run: MakeRun, tmp_path: Path):
    """A comma, its number and the badge are one thing that does not break."""
    there = seeds(make_run, "gp", GP, [0.1, 0.2, 0.3])
    other = seeds(make_run, "clip", CLIP, [0.2, 0.3, 0.4, 0.5])
    gone = lost(make_run, "gp", GP, 1)
    shutil.rmtree(there[1].path)
    write_report(gone)
    comparison = compare([there[0], there[2], gone, *other])
    *_, runs = sheets(comparison)
    assert [row[0] for row in runs.rows][-3:] == ["gp seed 0", "gp seed 1", "gp seed 2"]
    cell = re.findall(r'data-label="training seeds">(.*?)</td>', page_of(comparison), re.DOTALL)[-1]
    assert [re.sub("<.*?>", "", one) for one in cell.split('<span class="seed">')[1:]] == [
        "0, ",
        "1 diverged, ",
        "22 of 3; 1 diverged",
    ]
    assert f'{gone.path.name}/report.html">1</a> <span class="state state-failed">diverged</span>,</span>' in cell
    assert ".seed { white-space: nowrap; }" in page_of(comparison)


def test_no_figure_says_that_a_seed_failed_which_was_left_out(make_run: MakeRun):
    runs = [*seeds(make_run, "gp", GP, [0.1, 0.2, 0.3]), *seeds(make_run, "clip", CLIP, [0.2, 0.3, 0.4])]
    write_json(runs[1].card_json, {})  # damaged
    (drawing,) = score_drawings(comparison := compare(runs), comparison.main)
    (axes,) = drawing.figure.axes
    assert "rings alone: a seed has no value" in axes.get_xlabel()
    assert "gp (2 of 3; 1 left out)" in {text.get_text() for text in axes.texts}
    assert "failed" not in f"{axes.get_xlabel()} {drawing.alt} {drawing.caption}"
    assert 'class="state state-stopped">left out<' in page_of(comparison)


def test_a_seed_that_failed_and_was_trained_elsewhere_is_not_lost(make_run: MakeRun):
    comparison = compare([*seeds(make_run, "gp", GP, [0.1, 0.2]), lost(make_run, "gp", GP, 1, "killed")])
    assert [method.lost for method in comparison.methods] == [()] and comparison.ranks() == [1]


def test_where_all_failed_the_reason_of_the_first_is_said(make_run: MakeRun):
    with pytest.raises(UserError, match=r"all failed, the first, .*gp-lost-0, for this reason: critic_loss is nan"):
        compare([lost(make_run, "gp", GP, seed) for seed in range(2)])


# groups and pairs


def test_groups_and_adjusted_intervals_agree_with_the_p_values(make_run: MakeRun):
    comparison = compare(many(make_run, 6))
    for pair in comparison.pairs:
        assert pair.difference is not None and pair.difference.includes_zero != pair.told_apart
    assert comparison.groups()[0] == (1,)
    methods, *_ = sheets(comparison)
    assert "a group is a best one and who is not told apart from it" in methods.caption


def test_twenty_methods_are_ten_lines_of_words_and_a_matrix(make_run: MakeRun):
    comparison = compare(many(make_run, 20))
    assert len(comparison.verdict) + len(comparison.notes) <= 10
    html = page_of(comparison)
    assert html.count('class="apart"') + html.count('class="tied"') == 20 * 19


# marks


def test_unfinished_runs_budgets_and_samplings_are_marked(make_run: MakeRun, evaluated: Evaluated, family: Family):
    raw = evaluated({"w1": score(0.1)}, sampling={**SAMPLING, "weights": "raw"}, at_step=300)
    run = make_run("b", seed=1, evaluations=[raw], steps=300)
    edit(run.status_json, state="running")
    seen = [f"{family.counters(steps)['images_seen']:,}" for steps in (500, 300)]
    notes = " ".join(compare([make_run("a"), run]).notes)
    assert "demo_a seed 1 is stopped, not finished: scored at step 300." in notes
    assert f"Budgets differ, real samples seen: {seen[0]} (demo_a seed 0), {seen[1]} (demo_a seed 1)." in notes
    assert "Budgets differ, steps: 500 (demo_a seed 0), 300 (demo_a seed 1)." in notes
    assert f"A step is {family.run.model.step_is}." in notes
    assert "Sampling differs, weights: ema (demo_a seed 0), raw (demo_a seed 1)." in notes


def test_settings_of_unlike_samplers_are_told_together(make_run: MakeRun, evaluated: Evaluated):
    """`sampler.steps: 4 (…), null (…)` would be a difference of one thing."""
    heun = {**SAMPLING, "sampler": "heun", "nfe": 7, "sampler.steps": 4, "sampler.churn_to": None}
    runs = [
        make_run("a", evaluations=[evaluated({"w1": score(0.1)})]),
        make_run("b", seed=1, evaluations=[evaluated({"w1": score(0.1)}, sampling=heun)]),
    ]
    notes = [note for note in compare(runs).notes if "ampl" in note and "real samples" not in note]
    assert "Settings of the samplers: none (demo_a seed 0), steps 4 (demo_a seed 1)." in notes
    assert not [note for note in notes if "sampler.steps" in note or "churn" in note]


def test_what_all_runs_of_a_method_share_is_said_of_the_method(make_run: MakeRun):
    runs = [*seeds(make_run, "gp", GP, [0.1, 0.2, 0.3]), *seeds(make_run, "clip", CLIP, [0.1, 0.2], steps=300)]
    assert "Budgets differ, steps: 300 (clip), 500 (gp)." in compare(runs).notes


def test_seeds_of_other_code_are_marked(make_run: MakeRun):
    runs = seeds(make_run, "gp", GP, [0.1, 0.2])
    assert not any("same code" in note for note in compare(runs).notes)
    edit(runs[1].environment_json, code={"kantor.models.adversarial.Adversarial": "f" * 64})
    assert any(note.startswith("Not all seeds ran the same code: gp") for note in compare(runs).notes)


def test_how_much_was_drawn_is_said(make_run: MakeRun, evaluated: Evaluated):
    few = evaluated({"w1": score(0.1, half=None)}, draws=2)
    runs = [make_run("a"), make_run("b", seed=1)]
    assert "10 draws of 1,024 samples each" in to_markdown(compare(runs))
    differing = compare([*runs, make_run("c", seed=2, evaluations=[few])])
    assert "2 to 10 draws of 1,024 samples each" in to_markdown(differing)
    assert "Draws differ: 10 (demo_a seed 0, demo_a seed 1), 2 (demo_a seed 2)." in differing.notes
    one = make_run("d", evaluations=[evaluated({"w1": score(0.1, half=None)}, draws=1)])
    assert "1 draw of 1,024 samples each" in to_markdown(compare([one]))


def test_foreign_cards_are_a_method_each(make_run: MakeRun):
    foreign = [make_run("pictures"), make_run("others")]
    for run in foreign:
        edit(run.card_json, experiment="x", config_hash=None, seed=None, budget={"images_seen": None}, cost={})
        for path in (run.status_json, run.config_yaml, run.environment_json, run.metrics_csv):
            path.unlink()
    comparison = compare([make_run("a"), *foreign])
    assert labels(comparison) == ["demo_a", f"x ({foreign[0].path})", f"x ({foreign[1].path})"]
    assert "None" not in to_markdown(comparison) + page_of(comparison)


# files


def test_what_is_written(make_run: MakeRun, family: Family, tmp_path: Path):
    scores = [{"w1": score(w1), "modes_covered": score(8, half=0, better="higher")} for w1 in (0.0252, 0.2)]
    hashes = {"config_hash": GP}, {"config_hash": CLIP}
    runs = [make_run(f"runs/{name} é", scores=scores[i], experiment=name, **hashes[i]) for i, name in enumerate("ab")]
    for run in runs:
        write_report(run)
    out = tmp_path / "out"
    compare(runs, out)
    assert {path.name for path in out.iterdir()} == {
        ".kantor", "compare.html", "compare.md", "compare.csv", "compare.tex", "pairs.csv", "figures"
    }  # fmt: skip
    figures = {path.name for path in (out / "figures").iterdir()}
    assert {"toy-w1.svg", "toy-w1.pdf", "toy-modes_covered.pdf", "training-w1.svg"} <= figures
    assert len(figures) % 2 == 0
    assert (out / "figures" / "toy-w1.pdf").read_bytes().startswith(b"%PDF")
    assert "var(--" not in (out / "figures" / "toy-w1.svg").read_text()  # few programs know CSS variables
    html = (out / "compare.html").read_text()
    assert 'href="../runs/a%20%C3%A9/report.html"' in html
    assert not re.search(r'(?:src|href)="(?!data:|#|\.\./)', html)
    assert len(re.findall(r"<img ", html)) == len(re.findall(r'<img src="data:image/', html)) == 2
    assert "<dt>what real data score</dt>" in html and "docs/glossary.md" in html
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html).lower())
    rows = list(csv.DictReader(io.StringIO((out / "compare.csv").read_text())))
    assert [(row["method"], row["score"], row["value"], row["rank"]) for row in rows[:2]] == [
        ("a", "w1", "0.0252", "1"),
        ("a", "modes_covered", "8.0", "1"),
    ]
    assert len({row["protocol_hash"] for row in rows}) == 1
    assert {(row["weights"], row["sampler"], row["nfe"]) for row in rows} == {("ema", "direct", "1")}
    assert {name: int(rows[0][name]) for name in family.counters(500)} == family.counters(500)
    (pair,) = csv.DictReader(io.StringIO((out / "pairs.csv").read_text()))
    assert (pair["better"], pair["worse"], pair["told_apart"]) == ("a", "b", "true")
    assert float(pair["difference"]) == pytest.approx(0.1748)


@pytest.mark.parametrize(
    ("count", "head"), [(1, "| method | s0 (lower) |"), (5, "| score | a | b | what real data score |")]
)
def test_what_there_is_more_of_goes_down_the_rows(make_run: MakeRun, count: int, head: str):
    """Many scores of few methods side by side are wider than any page."""
    scores = {f"s{i}": score(0.1 + i) for i in range(count)}
    runs = [make_run(name, scores=scores, config_hash=name * 64, experiment=name) for name in "ab"]
    text = to_markdown(compare(runs))
    assert head in text
    assert text.count("0.1") >= 2


def test_a_method_has_one_colour_in_every_figure(make_run: MakeRun):
    comparison = compare(many(make_run, 8, 1))
    drawings = [*score_drawings(comparison, comparison.main), *curve_drawings(comparison)]
    assert len(drawings) >= 2
    for place in range(8):
        for drawing in drawings:
            colours = [line.get_color() for line in drawing.figure.axes[0].lines]
            assert SERIES[place] in colours
    assert len(set(SERIES)) == len(set(ON_BLACK)) == len(SERIES) == len(ON_BLACK) >= 20


def test_each_seed_is_a_dot(make_run: MakeRun):
    comparison = compare(seeds(make_run, "gp", GP, [0.05, 0.06, 0.055]))
    (drawing,) = score_drawings(comparison, comparison.main)
    lines = [sorted(line.get_xdata()) for line in drawing.figure.axes[0].lines]
    assert [0.05, 0.055, 0.06] in lines


def test_all_curves_of_a_page_have_one_axis(make_run: MakeRun, family: Family):
    comparison = compare([make_run("a"), make_run("b", config_hash=CLIP, experiment="demo_b")])
    limits = {drawing.figure.axes[0].get_xlim() for drawing in curve_drawings(comparison)}
    assert len(limits) == 1
    assert limits.pop()[1] >= family.counters(500)["images_seen"]


def test_a_step_of_each_family_is_said(every_family: dict[str, Family], tmp_path: Path):
    """Runs of two families stand on one page, each with what it counts."""
    gan, vae = (
        write_run(
            tmp_path / name, family, experiment=name, config_hash=f"{int(10 * value)}" * 64, scores={"w1": score(value)}
        )
        for value, (name, family) in zip((0.1, 0.2), every_family.items(), strict=True)
    )
    comparison = compare([gan, vae])
    assert "adversarial has the lowest" in comparison.verdict[0]
    steps = [family.run.model.step_is for family in every_family.values()]
    assert f"What a step is differs: {steps[0]} (adversarial), {steps[1]} (variational)." in comparison.notes
    runs = sheets(comparison)[-1]
    rows = [dict(zip(runs.columns, row, strict=True)) for row in runs.rows]
    assert [row["critic steps"] for row in rows] == ["2,500", "-"]
    assert [row["steps"] for row in rows] == ["500", "500"]
    html = page_of(comparison)
    assert 'data-label="critic steps" class="number">2,500<' in html
    assert 'data-label="critic steps" class="number">-<' in html
    assert 'data-label="sampler">direct<' in html and 'data-label="nfe" class="number">1<' in html


def test_hostile_names_are_text(make_run: MakeRun, capsys: pytest.CaptureFixture[str]):
    evil = '<script>alert("x")</script>[red]'
    runs = [make_run("a"), make_run("b", config_hash=CLIP)]
    for run, experiment in zip(runs, (evil, f"{evil}2"), strict=True):
        edit(run.card_json, experiment=experiment)
        run.status_json.unlink()  # no run, but somebody's card, which no other file speaks of
    comparison = compare(runs)
    assert "<script" not in page_of(comparison) + to_markdown(comparison)
    print_comparison(comparison)
    assert evil in capsys.readouterr().out


def test_no_table_in_a_pipe_is_wider_than_a_page(make_run: MakeRun, capsys: pytest.CaptureFixture[str]):
    print_comparison(compare(many(make_run, 4, 2)))
    tables = [line for line in capsys.readouterr().out.splitlines() if "───" in line]
    assert tables and max(map(len, tables)) <= 120


def test_a_refusal_stays_readable_however_many_runs_there_are():
    from kantor.report.protocols import few

    assert few(["a"]) == "a" and few(["a", "b"]) == "a, b"
    assert few([str(i) for i in range(20)]) == "0, 1 and 18 more"


def test_what_belongs_together_does_not_break(make_run: MakeRun):
    """A dot and the name of its method; a number and what it is of."""
    page = page_of(compare(many(make_run, 3)))
    assert page.count('class="chip') == len(
        re.findall(r'<span class="method">(<span class="place">\d+</span>)?<span class="chip', page)
    )
    assert "n = 1" not in page and "(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1,024)" in page


@pytest.mark.parametrize("selector", [".verdict p", ".notes"])
def test_long_names_and_paths_break_on_a_narrow_page(make_run: MakeRun, selector: str):
    rule = page_of(compare([make_run("a")])).partition(f"\n{selector} {{")[2].partition("}")[0]
    assert "overflow-wrap: anywhere" in rule
