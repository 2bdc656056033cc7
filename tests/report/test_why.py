import inspect
import re
from pathlib import Path

import pytest
from report_runs import edit, score

import kantor
from kantor.errors import UserError
from kantor.evaluation.likelihood_scores import BITS_PER_DIM, NLL
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS
from kantor.evaluation.point_scores import POINT_SCORES
from kantor.report.summary import summarise
from kantor.report.why import explained, place


def why(run, name=None, evaluation=None):
    explanation = explained(summarise(run), name, evaluation)
    return explanation.heading, dict(explanation.rows)


def digest_of(run):
    return run.card()["evaluations"][0]["digest"]


def test_every_part_of_a_number_is_told(make_run, evaluated):
    run = make_run("a", evaluations=[evaluated({"w1": score(0.051)}, n_generated=512)])
    heading, told = why(run, "w1")
    assert "w1 of" in heading and heading.endswith("0.051 [0.048, 0.054]")
    assert told["what it is"].startswith("what a test measures; lower is better. Good: what is good.")
    assert told["real data"].startswith(f"gaussians8, fingerprint {run.environment()['data']['fingerprint']} (kind")
    assert "reference_seed 0" in told["real data"]
    assert told["samples"].startswith("10 draws of 512 by ema, last") and f"SHA-256 {digest_of(run)}" in told["samples"]
    assert told["features"] == "points as they are"
    assert told["formula"].startswith("Kantorovich 1942; computed by kantor.metrics.transport.wasserstein (")
    assert told["formula"].endswith("solver exact, ground euclidean, arithmetic float64")
    assert told["value"] == "0.051, the mean over draws: " + ", ".join(["0.051"] * 10)
    assert told["interval"].startswith("[0.048, 0.054], mean ± t·s/√R over R = 10 fresh draws")
    assert told["real data score"].startswith("0.0250 [0.0240, 0.0260]: 10 draws of 1,024 real samples (fresh draws)")
    assert "evaluation.n (now 512)" in told["would change it"]
    assert "evaluation.draws=40 would make ± 0.0015 of it" in told["would change it"]
    assert "evaluation.seed (other samples: 95 of 100 times within 1.4 half-widths of this)" in told["would change it"]
    assert told["protocol"].startswith(summarise(run).evaluations[0].scores["w1"].protocol_hash)
    assert "others here" not in told


def test_without_a_name_it_is_the_primary_score_and_the_others_are_named(make_run):
    heading, told = why(make_run("a", scores={"mode_kl": score(0.1), "w1": score(0.051), "w2": score(0.07)}))
    assert heading.startswith("w1 of")
    assert told["others here"] == "mode_kl, w2"
    assert why(make_run("b", scores={"w2": score(0.051), "mode_kl": score(0.1)}))[0].startswith("w2 of")


def test_the_last_evaluation_that_has_it_is_told_or_the_one_named(make_run, evaluated):
    first, second = evaluated({"w1": score(0.5)}, name="toy"), evaluated({"w1": score(0.4)}, name="mine", n_real=64)
    run = make_run("a", evaluations=[first, second, evaluated({"w2": score(0.1)}, name="other", n_real=32)])
    assert "by evaluation mine at" in why(run, "w1")[0]
    assert "by evaluation toy at" in why(run, "w1", "toy")[0]


def test_what_is_not_there_is_refused_with_what_is(make_run):
    run = make_run("a", scores={"w1": score(0.051)})
    with pytest.raises(UserError, match=r"w2: .* has no such score \(nearest: w1\); expected one of w1"):
        why(run, "w2")
    with pytest.raises(UserError, match=r"evaluation=quick: .* was not scored by it; expected toy"):
        why(run, "w1", "quick")
    with pytest.raises(UserError, match="has no scores yet: `kantor evaluate run="):
        why(make_run("b", evaluations=[]))


def test_a_missing_value_and_a_missing_interval_say_why(make_run):
    gone, wide = score(None, reason="no such pictures"), score(0.5, None, reason="leaving out changes nothing")
    run = make_run("a", scores={"w1": gone, "w2": wide})
    assert why(run, "w1")[1]["value"] == "none: no such pictures"
    assert "interval" not in why(run, "w1")[1]
    assert why(run, "w2")[1]["interval"] == "none: leaving out changes nothing"


def test_few_draws_and_files_are_told_as_what_they_are(make_run, evaluated):
    sampling = {"checkpoint": "theirs.npz", "weights": "file", "sampler": "file", "nfe": None}
    run = make_run("a", evaluations=[evaluated({"w1": score(0.5)}, draws=3, sampling=sampling)])
    _, told = why(run, "w1")
    assert told["samples"].startswith(
        "3 draws of 1,024, dealt out at random from theirs.npz; their SHA-256 is " + digest_of(run)
    )
    assert "from within each draw" in told["interval"]
    assert told["would change it"].startswith("Another number, comparable with this: other samples.")


@pytest.mark.parametrize(
    "definition", [*POINT_SCORES, NLL, *PICTURE_SCORES, *PICTURE_TESTS, BITS_PER_DIM], ids=lambda one: one.name
)
def test_the_place_is_where_the_function_is_defined(definition):
    function = definition.function
    file, line = place(f"{function.__module__}.{function.__qualname__}").rpartition(" (")[2].rstrip(")").split(":")
    assert file == inspect.getsourcefile(function)
    assert re.match(rf"(def|class) {function.__name__}\b", Path(file).read_text().splitlines()[int(line) - 1])


def test_code_that_is_not_here_is_named_all_the_same():
    assert place("nowhere.at.all") == "nowhere.at.all"
    assert place("kantor.metrics.transport.gone").endswith("transport.py)")


@pytest.mark.parametrize("name", ["harmful_for_why.f", "harmful_for_why.inner.f", "harmful_for_why.inner.C.f"])
def test_finding_the_place_imports_nothing(tmp_path, monkeypatch, name):
    """The name stands in a card, which somebody else may have written."""
    (tmp_path / "harmful_for_why").mkdir()
    for module in ("__init__", "inner"):
        (tmp_path / "harmful_for_why" / f"{module}.py").write_text("raise SystemExit(9)\ndef f(): ...\nclass C: ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert place(name).startswith(f"{name} ({tmp_path}/harmful_for_why/")
    assert place(name).endswith((".py:2)", ".py:3)"))


@pytest.mark.parametrize("name", ["kantor./etc/passwd.f", "kantor.../x.f", "..f", ".", "", "kantor.\0.f", "os.j\n"])
def test_names_that_are_none_lead_nowhere(name):
    assert place(name) in (name, f"{name} ({kantor.__file__})")


@pytest.mark.parametrize(
    "evaluations",
    [
        "all",
        ["toy"],
        [{"scores": [1]}],
        [{"scores": {"w1": 0.5}}],
        [{"scores": {"w1": {"value": 0.5, "values": 3}}}],
        [{"scores": {"w1": {"value": 0.5, "floor": "low"}}}],
        [{"sampling": ["ema"], "scores": {}}],
        [{"protocol": "toy", "scores": {}}],
    ],
    ids=str,
)
def test_a_card_that_is_written_otherwise_is_damaged(make_run, evaluations):
    run = make_run("a")
    edit(run.card_json, evaluations=evaluations)
    with pytest.raises(UserError, match=r"card\.json is damaged \(evaluations.*: expected"):
        why(run, "w1")
