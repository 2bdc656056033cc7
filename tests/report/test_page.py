"""The page: self-contained, escaped, honest about what is missing."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from report_runs import Family, edit, score

from kantor.report import units
from kantor.report.page import write_report
from kantor.runs.directory import RunDirectory

MakeRun = Callable[..., RunDirectory]
Evaluated = Callable[..., dict[str, Any]]
EVIL = '<script>alert("x")</script> & "\'>'


class Tags(HTMLParser):
    """Collects start tags with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(html)
    return parser.tags


def page(run: RunDirectory) -> str:
    path = write_report(run)
    assert path == run.report_html
    return path.read_text()


def check_self_contained(html: str) -> None:
    for tag, attributes in tags_of(html):
        assert tag not in ("script", "link", "iframe", "object", "embed")
        for name in ("src", "href", "xlink:href", "srcset", "poster"):
            value = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:)?//|javascript:", value), value
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/")
            assert attributes["alt"]
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html).lower())


def test_a_finished_run(make_run: MakeRun, family: Family):
    html = page(make_run("a", seed=3))
    check_self_contained(html)
    assert "<h1>demo_a <small>seed 3, 1111111111</small></h1>" in html
    assert "state-finished" in html
    assert "[0.048, 0.054]" in html
    assert "over draws" in html
    assert "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}1,024" in html
    assert "<dt>what real data score</dt>" in html and "docs/glossary.md" in html
    assert "<small>what a test measures; good: what is good; suspicious: what is suspicious</small>" in html
    assert "300 MiB" in html
    assert "25 s" in html
    assert html.count("data:image/gif") == 1
    assert html.count("data:image/png") == 4  # newest, two of the film, contours
    assert f"A step is {family.run.model.step_is}." in html
    for name, count in {**family.counters(500), **family.run.model.parameter_counts()}.items():
        assert re.search(rf"<dt>{units.words(name)}( parameters)?</dt><dd>{count:,}</dd>", html)
    for column in ("weights", "checkpoint", "sampler", "nfe"):
        assert re.search(rf'<th scope="col"[^>]*>{column}</th>', html)
    charts = [chart for chart in family.run.model.charts() if set(chart.lines) & set(family.metrics()[0])]
    scores = [] if any("val/w1" in chart.lines for chart in charts) else ["Score w1"]
    for title in ("Losses", *(chart.title for chart in charts), *scores):
        assert html.count(f'aria-label="{title} over training steps') == 1
    assert 'http-equiv="refresh"' not in html


def test_a_finished_page_is_the_same_each_time(make_run: MakeRun):
    run = make_run("a")
    assert page(run) == page(run)


def test_a_page_is_one_element_of_each_id(make_run: MakeRun):
    ids = [attributes["id"] for _, attributes in tags_of(page(make_run("a"))) if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_a_running_page_refreshes_and_says_so(without_charts: None, make_run: MakeRun):
    html = page(make_run("a", state="running"))
    assert '<meta http-equiv="refresh" content="5">' in html
    assert "loads itself again every 5 seconds" in html


def test_a_run_whose_last_attempt_has_ended_does_not_refresh(without_charts: None, make_run: MakeRun):
    run = make_run("a", state="interrupted", steps=300)
    edit(run.status_json, state="running")
    html = page(run)
    assert "refresh" not in html
    assert "state-stopped" in html
    assert "0 to 300" in html


@pytest.mark.parametrize("state", ["new", "running"])
def test_a_run_with_nothing_yet(make_run: MakeRun, state: str):
    html = page(make_run("a", state=state, bare=True))
    check_self_contained(html)
    assert "No scores yet" in html
    assert "Nothing logged yet" in html


def test_only_a_status(make_run: MakeRun):
    run = make_run("a", bare=True)
    run.config_yaml.unlink()
    check_self_contained(page(run))


def test_evaluation_none(make_run: MakeRun):
    run = make_run("a", evaluations=[], config={"evaluation": {"_target_": None}})
    assert f"No scores yet: <code>kantor evaluate run={run.path} evaluation=toy</code> makes them" in page(run)


def test_a_page_speaks_of_no_network_by_two_names(make_run: MakeRun, every_family: dict[str, Family]):
    run = make_run("a", family=every_family["adversarial"])
    assert "critic steps" in page(run) and "discriminator" not in page(run)
    edit(run.environment_json, words={"critic": "discriminator"}, charts=[])
    text = re.sub(r"<details>.*?</details>|<svg.*?</svg>", "", page(run), flags=re.DOTALL)
    assert "discriminator steps" in text and "critic" not in text


def test_a_card_alone_has_a_page(make_run: MakeRun):
    """Of somebody's samples: scores and what was given, and nothing of a training."""
    run = make_run("a", experiment="pictures")
    edit(run.card_json, config_hash=None, seed=None, budget={}, cost={})
    for path in (run.status_json, run.config_yaml, run.environment_json, run.metrics_csv):
        path.unlink()
    html = page(run)
    check_self_contained(html)
    assert "<h1>pictures <small></small></h1>" in html
    assert "0.051" in html and 'class="plot"' in html
    for absent in ("Nothing logged yet", "How it was made", "Budget and cost", "None"):
        assert absent not in re.sub(r"base64,[^\"]*", "", html)


def test_plots_turn_dark_on_dark_pages_and_pictures_do_not(make_run: MakeRun):
    run = make_run("a")
    assert page(run).count('class="plot"') == 5  # newest, animation, two of the film, contours
    edit(run.environment_json, content="pictures")
    assert 'class="plot"' not in page(run)


def test_a_null_score_has_its_reason_and_the_floor_is_marked(make_run: MakeRun):
    scores = {
        "w1": score(0.0255, half=0.001),
        "nll": score(None, reason="no likelihood"),
        "density": score(1.1, better="target", target=1),
        "critic_w1": score(0.3, better="none", has_floor=False),
        "precision": score(0.8, half=None, better="higher"),
    }
    html = page(make_run("a", scores=scores))
    check_self_contained(html)
    assert "not computed: no likelihood" in html
    assert 'class="at-floor">as real data' in html
    assert "target 1" in html
    assert "not ranked" in html
    assert "None" not in re.sub(r"base64,[^\"]*", "", html)


def test_hostile_names_and_reasons_are_text(without_charts: None, make_run: MakeRun, evaluated: Evaluated):
    evaluation = evaluated({EVIL: score(None, reason=EVIL)}, name="toy", estimators={EVIL: EVIL})
    run = make_run("a", state="failed", reason=EVIL, config={EVIL: EVIL}, evaluations=[evaluation])
    (run.samples / f"step_{EVIL.replace('/', '')}.png").write_bytes((run.samples / "step_00000500.png").read_bytes())
    edit(run.environment_json, step=EVIL)
    edit(run.card_json, experiment=EVIL)
    names = run.metrics_csv.read_text().replace("val/w1", "val/<script>")
    run.metrics_csv.write_text(names)
    html = page(run)
    check_self_contained(html)
    assert "&lt;script&gt;" in html


def test_a_broken_picture_is_left_out(without_charts: None, make_run: MakeRun):
    run = make_run("a")
    (run.samples / "step_00000300.png").write_bytes(b"\x89PNG torn")
    (run.samples / "step_00000600.png").write_bytes(b"")
    check_self_contained(page(run))


def test_the_headline_is_the_primary_score(make_run: MakeRun):
    scores = {"w2": score(0.4), "w1": score(0.051)}
    html = page(make_run("a", scores=scores))
    assert "<b>0.051</b>" in html and "what a test measures (w1), lower is better" in html
