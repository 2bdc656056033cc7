"""docs/glossary.md says of terms, scores and charts what pages say, and leaves none out."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from kantor.evaluation.likelihood_scores import PICTURE_LIKELIHOODS, POINT_LIKELIHOODS
from kantor.evaluation.picture_scores import PICTURE_SCORES
from kantor.evaluation.picture_tests import PICTURE_TESTS
from kantor.evaluation.point_scores import POINT_SCORES
from kantor.evaluation.score_field import FIELD_SCORES
from kantor.models import adversarial_measurements as adversarial
from kantor.models import (
    average_health,
    denoising_measurements,
    energy_measurements,
    gradients,
    regret,
    schedules,
    spread,
    variational_health,
)
from kantor.models.charts import Chart
from kantor.models.ema import Exponential
from kantor.report import glossary
from kantor.report.readings import LEVEL, P_VALUES

GLOSSARY = (Path(__file__).parents[2] / glossary.PLACE).read_text(encoding="utf-8")
GRADIENTS = gradients.chart(["generator"])
CHARTS = (
    *glossary.CHARTS,
    *(*adversarial.OF_PROBABILITIES, *adversarial.OF_POTENTIALS, adversarial.OF_CLIPPING, GRADIENTS),
    *(
        spread.CHART,
        schedules.LEARNING_RATES,
        average_health.chart(Exponential(0.999, warm_up=True)),
        denoising_measurements.LEARNED,
        denoising_measurements.RANGE,
        regret.LOSSES,
        regret.REGRETS,
        variational_health.BOUND,
        variational_health.KL,
        variational_health.UNITS,
        energy_measurements.PHASES,
        energy_measurements.MIXED,
        energy_measurements.ACCEPTED,
    ),
)


def row(name: str, said: Iterable[str]) -> str:
    return "| " + " | ".join([name, *(text.replace("|", r"\|") for text in said)]) + " |"


@pytest.mark.parametrize(
    ("heading", "scores"),
    [
        ("points", (*POINT_SCORES, *FIELD_SCORES, *POINT_LIKELIHOODS)),
        ("pictures", (*PICTURE_SCORES, *PICTURE_TESTS, *PICTURE_LIKELIHOODS)),
    ],
)
def test_every_score_is_there_in_its_own_words(heading: str, scores: tuple):
    section = GLOSSARY.partition(f"## Scores of {heading}")[2].partition("\n## ")[0]
    rows = [row(f"`{one.name}`", (one.words.meaning, one.words.good, one.words.suspicious)) for one in scores]
    assert [line for line in section.splitlines() if line.startswith("| `")] == rows


def test_p_values_are_called_small_where_readings_find_them_small():
    for test in (each for each in PICTURE_TESTS if each.kind.aspect in P_VALUES):
        assert test.words.good.startswith(f"above {LEVEL}:") and test.words.suspicious.startswith(f"below {LEVEL}:")


def test_every_chart_is_there_in_its_own_words():
    section = GLOSSARY.partition("## Charts")[2].partition("\n## ")[0]
    rows = [row(f"{one.title}", (one.meaning, one.good, one.suspicious)) for one in CHARTS]
    assert [line for line in section.splitlines() if line.startswith("| ")][1:] == rows
    assert all(one.meaning and one.good and one.suspicious for one in CHARTS)


def test_every_term_is_there():
    section = GLOSSARY.partition("## Words")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("- ")] == [
        f"- **{term}**: {said}" for term, said in sorted(glossary.TERMS.items(), key=lambda pair: pair[0].lower())
    ]
    assert {*glossary.OF_RUN, *glossary.OF_COMPARISON} <= set(glossary.TERMS)


def test_a_chart_says_it_in_a_sentence():
    chart = Chart("x", "X", {}, meaning="what it is", good="low", suspicious="high")
    assert glossary.sentence(chart) == "What it is; good: low; suspicious: high."
    assert glossary.sentence(Chart("x", "X", {})) == ""
