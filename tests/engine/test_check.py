"""What is refused before anything is written, where the command line cannot ask for it on every machine."""

from dataclasses import replace

import pytest
from small_runs import checked

from kantor.engine.check import check_machine, check_precision
from kantor.errors import UserError


def test_float16_is_not_clipped_while_it_is_scaled():
    for clip, words in ((None, ()), (0.5, ("optimisation.gradient_clip_norm=0.5",))):
        run = checked("experiment=toy_vae_points", *words)
        on_gpu = replace(run.configuration.trainer, accelerator="gpu")
        for precision in ("bf16-mixed", "32-true"):
            check_precision(run.model, replace(on_gpu, precision=precision))
        half = replace(on_gpu, precision="16-mixed")
        if clip is None:
            check_precision(run.model, half)
        else:
            with pytest.raises(UserError, match=r"gradient_clip_norm=0\.5 would bound gradients .* take bf16-mixed or"):
                check_precision(run.model, half)


@pytest.mark.parametrize("name", ["devices", "threads"])
def test_no_run_asks_for_more_processes_and_threads_than_any_machine_serves(name):
    run = checked("experiment=point_demo_gp")
    check_machine(run.model, replace(run.configuration.trainer, **{name: 16}))
    with pytest.raises(UserError, match=rf"trainer\.{name}=100000: this machine has \d+ cores; take trainer\.{name}="):
        check_machine(run.model, replace(run.configuration.trainer, **{name: 100_000}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("schedule=linear", "schedule.steps=8", "schedule.final=0.25"), "stay at 25% from step 8 on"),
        (("schedule=linear",), ""),
        (("schedule=warm_up", "schedule.warm_up=3"), ""),
    ],
    ids=str,
)
def test_it_is_said_where_learning_rates_stay(words, said, capsys):
    checked("experiment=point_demo_gp", "budget.steps=10", *words)
    told = capsys.readouterr().err
    assert said in told and ("learning rates" in told) == bool(said)


@pytest.mark.parametrize(("asked", "named"), [("auto", "ema:0.05"), ("ema:0.10", "ema:0.1"), ("raw", "raw")])
def test_scores_and_pictures_are_told_which_of_several_averages_draws(asked, named):
    run = checked("experiment=point_demo_gp", "ema=power", f"evaluation.weights={asked}")
    assert run.evaluation.sampling.describe()["weights"] == named
    assert run.sampling.describe()["weights"] == "ema:0.05"


def test_a_score_that_is_made_at_the_end_chooses_no_checkpoint_to_be_scored():
    with pytest.raises(UserError, match=r"^evaluation\.checkpoint=best: primary_score=nll .* at the end only; take"):
        checked("experiment=bars_rbm", "evaluation.checkpoint=best")
    checked("experiment=bars_rbm", "evaluation.checkpoint=best", "primary_score=kid")
