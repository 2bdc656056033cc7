"""What messages propose is accepted when it is given; tests/faults tries all bad inputs of the suite."""

import shlex
import shutil
from pathlib import Path

import pytest
from remedies import commands, helps, proposed, told, with_remedy

GAN, FLOW, SHAPES = "experiment=point_demo_gp", "experiment=point_flow", "experiment=shapes_dcgan_dg1"
BAD = {
    (GAN, "data.batch_size=100", "trainer.devices=3"): [["data.batch_size=99"]],
    (GAN, "budget.steps=null"): [["budget.steps=1000"]],
    (GAN, "trainer.compile=true"): [["trainer.compile=false"]],
    (GAN, "evaluation=quick"): [["evaluation=toy"]],
    (FLOW, "sampler.guidance=2"): None,
    (SHAPES, "optimisation.accumulate=3"): [["optimisation.generator_noise=fresh"]],
    (GAN, "primary_score=a=b"): [['primary_score="a=b"']],
    (GAN, "seed=1 budget.steps=9"): [["seed=1", "budget.steps=9"]],
    (GAN, "budget.steps=9", "schedule=linear", "schedule.steps=8"): [["budget.steps=8"]],
}


@pytest.mark.parametrize(("given", "expected"), BAD.items(), ids=map(" ".join, BAD))
def test_what_is_proposed_is_accepted(given, expected):
    sentence = told(given)
    found = proposed(sentence, given)
    assert found and (expected is None or found == expected), sentence
    assert [(remedy, wrong) for remedy in found if (wrong := helps(given, remedy)) is not None] == []


def test_remedies_are_read_off_sentences():
    said = "likelihood=flow: no; take likelihood=bound likelihood.variance=learned, or leave out ~likelihood.probes."
    assert proposed(said, ["likelihood=flow"]) == [
        ["likelihood=bound", "likelihood.variance=learned"],
        ["~likelihood.probes"],
    ]
    assert proposed("seed=x: expected a whole number", ["seed=x"]) == []
    assert proposed("run= is missing: give run=DIR, or budget.steps=N", []) == []
    assert commands("see `kantor list data`, `kantor train … --cfg` or `kantor sample run=DIR`") == ["list data"]
    assert with_remedy(["a.b=1", "a.c.d=2", "e=3"], ["a.b=2", "~a.c"]) == ["e=3", "a.b=2", "~a.c"]
    assert helps([GAN], ["nosuch=1"]) is not None and helps([GAN], ["seed=1"]) is None


def test_commands_that_are_proposed_about_a_run_name_it_and_work(kantor, finished):
    """Whatever it is called."""
    one, other = "it's $(a) run", 'the "other" one'
    for place in (one, other):
        shutil.copytree(finished, place)
    shutil.rmtree(f"{one}/evaluations")
    brief = ("evaluation.n=64", "evaluation.draws=1")

    def given(said, *expected):
        (command,) = commands(said.stderr)
        words = shlex.split(command)
        assert words[1] in [f"run={place}" for place in expected]
        kantor(*words, *brief)

    Path(one, "card.json").write_text('{"evaluations": 3}')
    given(kantor("why", one, check=2), one)
    given(kantor("compare", one, other, check=2), one, other)
