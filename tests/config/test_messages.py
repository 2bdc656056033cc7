"""What is refused stands at the head of its sentence as it was given, so that it can be found and given again."""

import pytest
from small_runs import check_run, composed

from kantor.config.compose import parse, replaced, resolved
from kantor.errors import UserError

FLOW, DDPM, EDM = "experiment=point_flow", "experiment=point_ddpm", "experiment=point_edm"
GAN = "experiment=point_demo_gp"
LEARNED = (DDPM, "objective=improved_ddpm", "model.denoiser.outputs=4",
           "objective.decoder._target_=kantor.noising.bound.gaussian", "sampler.variance=learned")  # fmt: skip
REFUSED = {
    (GAN,): [
        "likelihood=flow", "likelihood=bound", "evaluation.nfe=[5]", "objective.penalty_weight=-1.0",
        "ema.decay=1.0", "ema.decay=null", "ema.decay=[0.9,0.9]", "ema.decay=[]", "ema.decay=[0.5,1.5]",
        "ema.warm_up=null", "ema.warm_up=[true,null]",
    ],
    (FLOW,): [
        "evaluation.nfe=[0]", "evaluation.nfe=[0,5]", "evaluation.nfe=[]", "evaluation.nfe=5", "evaluation.nfe=[2.5]",
        "sampler.steps=0", "sampler.steps=2.5", "sampler.steps=null", "sampler.grid=leading", "sampler.grid=null",
        "sampler.clip=null", "sampler.guidance=-1.0", "sampler.guidance=2.0", "sampler.guide=nowhere",
        "sampler.churn=-1.0", "sampler.churn_from=-1.0", "sampler.churn_to=-1.0", "sampler.churn_noise=-1.0",
        "objective.times.low=2.0", "objective.times.low=-0.5", "objective.times.high=0.0", "objective.times.high=2.0",
        "objective.times.low=[0.0,1.0]",
        "objective.parametrisation._target_=kantor.noising.parametrisation.V",
        "objective.parametrisation._target_=kantor.noising.parametrisation.Epsilon",
    ],
    (FLOW, "likelihood=flow", "sampler=ddim"): [
        "likelihood.steps=0", "likelihood.probes=0", "likelihood.noise=0.0", "likelihood.pictures=1",
        "likelihood.pictures=2.5", "sampler.eta=2.0",
    ],
    (FLOW, "likelihood=bound", "sampler=annealed_langevin"): [
        "likelihood.steps=1", "likelihood.variance=learned", "sampler.inner=0", "sampler.step_size=0.0",
        "evaluation.nfe=[1]",
    ],
    (EDM, "ema=power"): [
        "ema.widths=0.5", "ema.widths=[0.05,0.5]", "ema.widths=[0.05,0.05]", "ema.widths=[]",
        "objective.path.low=0.0", "objective.path.high=0.001", "objective.times.deviation=0.0",
        "objective.parametrisation.sigma_data=0.0", "objective.weight.sigma_data=0.0",
    ],
    (DDPM, "likelihood=bound"): [
        "objective.path.betas.steps=1", "objective.path.betas.first=0.0", "objective.path.betas.last=1.5",
        "objective.path.betas.last=5e-05", "sampler.variance=learned", "sampler.steps=2000", "evaluation.nfe=[5,2000]",
        "likelihood.steps=2000", "likelihood.variance=learned",
    ],
    LEARNED: [
        "likelihood=flow", "objective.bound_weight=0.0", "objective.path.betas.offset=1.0",
        "objective.path.betas.largest=1.5", "evaluation.nfe=[5]",
    ],
}  # fmt: skip
EACH = [
    pytest.param(words, given, id=" ".join([*words[:2], given])) for words, all_ in REFUSED.items() for given in all_
]


@pytest.mark.parametrize(("words", "given"), EACH)
def test_the_value_that_is_refused_is_told_as_it_was_given(words, given):
    (override,) = parse([given])
    of_a_group = "." not in override.key_or_group
    configuration = composed(*words, *([given] if of_a_group else []))
    with pytest.raises(UserError) as refused:
        if not of_a_group:  # composed once for all of the same words
            configuration = resolved(replaced(configuration.plain, [(override.key_or_group, override.value())]))
        check_run(configuration)
    said = str(refused.value)
    assert said.startswith(given) and said[len(given)] in ":, "
