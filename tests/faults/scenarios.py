"""What is killed: a command in a directory that others have prepared, given again until it ends."""

from dataclasses import dataclass

from faults.forks import PLAN
from small_runs import DIGIT_VAE, OWN

BRIEF = ("trainer.threads=1", "trainer.accelerator=cpu", "trainer.checkpoint_every=8", "trainer.log_every=4")
TINY = (*BRIEF, "budget.steps=20", "trainer.progress=false", "evaluation.n=64", "evaluation.chunk=32",
        "evaluation.every=10", "pictures.every=10", "data.batch_size=16")  # fmt: skip
GAN = ("train", "experiment=point_demo_gp", *TINY, "model.generator.width=16", "model.critic.width=16",
       "optimisation.n_critic.steps=1")  # fmt: skip
UNSCORED = ("evaluation=none", "pictures=none")
FLOW = ("train", "experiment=point_flow", *TINY, "model.denoiser.width=16", "sampler.steps=2")
ENERGY = ("train", "experiment=point_ebm", *TINY, "model.energy.network.width=16", "objective.steps=2",
          "objective.chains.size=64", "sampler.start=kept", "sampler.steps=3", "likelihood.cells=20")  # fmt: skip
SHORT = tuple(word for word in GAN if not word.startswith(("evaluation.", "pictures."))) + UNSCORED
DIGITS = ("train", *DIGIT_VAE, "trainer.progress=false", "budget.steps=12")
RUN = "run=latest"
HOLDS = (r"plan\.json|signatures\.key|study\.log|/jobs/|\.(lease|publication|asking)\.\d+(\.[0-9a-f]{16}\.d)?$"
         r"|\.\.(lease|publication|asking)\.\d+\..*tmp$")  # fmt: skip
"""The files by which workers of one plan agree: the plan and its signature, the study, notes of failures, leases and
their scratch directories; nothing that is written out of these."""
SEARCH = (*GAN, "-m", "primary_score=w1", "search=random", "search.trials=2",
          "optimisation.generator.lr=tag(log,interval(1e-4,1e-2))")  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """Commands before, the one that is killed, and the one that is given then.

    Attributes:
        name: in the table.
        command: the words of the one that is killed.
        before: those of the ones before it.
        again: those of the one after it; None for the same.
        trials: operations at which it is killed, evenly over all, at most.
        times: random moments at which it is.
        twice: pairs of operations at which it and the same command after it are killed, before it is given once more.
        each: a pattern; it is killed at every operation in which it is found, too.
        drawn: whether figures are drawn, which takes most of the time.
    """

    name: str
    command: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[str, ...] | None = None
    trials: int = 40
    times: int = 5
    twice: int = 0
    each: str | None = None
    drawn: bool = False


SCENARIOS = (
    Scenario("train", GAN, trials=200, times=20, twice=20),
    Scenario("train, with figures", GAN, trials=10, times=10, drawn=True),
    Scenario("train a flow", FLOW, trials=30),
    Scenario("train digits", DIGITS, trials=20),
    Scenario("train until a callback ends it", (*SHORT, "--config-dir", OWN, "stop=at_step"), trials=12, times=2),
    Scenario("kantor.train", ("kantor.train", *SHORT[1:]), trials=20, times=2),
    Scenario("train by two processes", (*SHORT, "trainer.devices=2"), trials=0, times=4),
    Scenario("train an energy", ENERGY, trials=20, times=2),
    Scenario("train an energy by two processes", (*ENERGY, "trainer.devices=2"), trials=0, times=4),
    Scenario("rerun=true", (*GAN, "rerun=true"), (GAN,), trials=40),
    Scenario("rerun=true, then without", (*GAN, "rerun=true"), (GAN,), GAN, trials=40),
    Scenario("extend", ("train", RUN, "budget.steps=30"), (GAN,), trials=40),
    Scenario("evaluate", ("evaluate", RUN, "evaluation.seed=5", "evaluation.n=32"), (GAN,), trials=20),
    Scenario("evaluate, then train", ("evaluate", RUN), (GAN,), GAN, trials=12, times=2),
    Scenario("sample .npz", ("sample", RUN, "n=40", "out=a.npz"), (SHORT,), trials=8, times=2),
    Scenario("sample .png", ("sample", RUN, "n=40", "out=a.png"), (SHORT,), trials=8, times=2),
    Scenario("sample a directory", ("sample", RUN, "n=20", "out=drawn"), (DIGITS,), trials=20, times=2),
    Scenario("evaluate images", ("evaluate", "images=a.npz", "data=gaussians8", "out=scored", "evaluation.n=32",
                                 "evaluation.draws=2"),
             (SHORT, ("sample", RUN, "n=64", "out=a.npz")), trials=16, times=2),
    Scenario("compare", ("compare", "outputs", "out=compared"), (GAN, (*GAN, "seed=1")), trials=30, drawn=True),
    Scenario("sweep", (*SHORT, "-m", "seed=0,1"), trials=30, each=HOLDS),
    Scenario("work", ("work", PLAN), (("prepare", *SHORT[1:], "-m", "seed=0,1"),), trials=20, each=HOLDS),
    Scenario("search", SEARCH, trials=20, each=HOLDS),
)  # fmt: skip
