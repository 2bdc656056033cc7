"""The commands: the one place that says what the command line takes; its help and its completion are made from it."""

from functools import partial

from kantor.cli import commands, completion, training, training_keys
from kantor.cli.command import CONFIG_DIR, Command, Key, of_group
from kantor.cli.named import plan_paths, run_names, run_paths
from kantor.config.checks import CODE
from kantor.config.files import groups, options
from kantor.runs.verification import LEVELS


def complete(command: Command, words: list[str]) -> int:
    """`kantor complete SHELL`, and what the shell then asks."""
    return completion.answer(words, COMMANDS)


CHECKPOINT = Key("checkpoint=last", "or best, chosen by scores while training", lambda: ["last", "best"])

TRAIN = Command(
    name="train",
    run=training.train,
    usage=(
        ("experiment=NAME [key=value …]", "train, score, write a run directory and its page"),
        ("-m experiment=A,B seed=0,1,2", "the same for every combination, as a plan"),
        ("-m search=tpe KEY=interval(A,B)", "the same for settings that a search asks for"),
        ("run=DIR budget.steps=N", "go on with a finished run to a larger budget, as a new run"),
    ),
    about="""Trains and scores one run in outputs/NAME/HASH-sSEED, where HASH names everything that determines the
        weights. The same command again goes on with an unfinished run and does nothing with a finished one.""",
    keys=training_keys.KEYS,
    prefixes=("",),
    notes="""Any key that --cfg shows can be given. Paths stand as they are; other values follow Hydra's grammar: quote
        those with = ~ ( ) or commas, as in 'key="a=b"'.

        With run=DIR, only the budget and what is outside the weights can differ: sampler, evaluation, extractor,
        likelihood, primary_score, pictures, logger, outputs, where data lie, and of trainer all but precision,
        matmul_precision and compile.

        Ctrl-C saves and exits; the same command goes on. A second Ctrl-C stops at once.""",
)
WORK = Command(
    name="work",
    run=commands.work,
    usage=(("PLAN", "do what is missing of such a plan"),),
    about="""Does what is missing of the plan that `kantor train -m` has made, job after job, until nothing is; any
        number of them at once, on any machines that share the directory. A job that somebody else holds is put off and
        looked at again. PLAN is outputs/sweeps/HASH, or plan.json in it.""",
    keys=(
        Key("failed=skip", "or again: of jobs that failed before", lambda: ["skip", "again"]),
        Key("code=refuse", "or accept, or rerun: of finished runs that other code has made", lambda: list(CODE)),
    ),
    positional=plan_paths,
    notes="""On a SLURM cluster: sbatch --array=1-8 --wrap "kantor work PLAN". Exit codes: 0 when all jobs are done, 2
        when only wrong input or other code stands in the way of the rest, 1 otherwise.""",
)
PREPARE = Command(
    name="prepare",
    run=training.prepare,
    usage=(("experiment=NAME [key=value …] [-m]", "fill the caches that training reads from"),),
    about="""Takes from the network, and makes, what runs need and share: data, weights of extractors, features of real
        pictures; says what is there then. On the login node of a cluster whose other nodes have no network. With -m, of
        every combination, whose plan it makes and names for `kantor work`; no run is begun.""",
    keys=(
        of_group("experiment", "see `kantor list experiments`"),
        of_group("data", "what is learned; data.* changes it"),
        of_group("evaluation", "how it is scored, or none; evaluation.* changes it"),
        Key("-m", "every combination of comma-separated values"),
        CONFIG_DIR,
    ),
    prefixes=("",),
    notes="Any other key of `kantor train` can be given too. Features are those of the processor; a GPU makes its own.",
)
SAMPLE = Command(
    name="sample",
    run=commands.sample,
    usage=(("run=DIR n=64 out=PATH", "samples from a run: .png, .npz or a directory"),),
    about="Draws samples. The first 64 of n=100 are those of n=64.",
    keys=(
        Key("run=DIR", "or run=latest", run_names),
        Key("n=64", "how many"),
        Key("seed=0", "another seed takes other samples"),
        Key(
            "weights=ema",
            "the moving average of the weights; of several ema:0.999, of ema=power ema:0.05; or raw",
            lambda: ["ema", "raw"],
        ),
        CHECKPOINT,
        of_group("sampler", "how they are drawn, instead of the run's own way"),
        Key("sampler.*", "its settings"),
        Key(
            "sampler.guidance=3",
            "of a conditional model trained with model.label_dropout: more than its label asks for",
        ),
        Key("sampler.guide=RUN", "away from a worse run, with sampler.guidance=2", run_names),
        Key("condition=3", "of a conditional model: one class, or all, one class after the other", lambda: ["all"]),
        Key("like=PICTURE", "of a denoising model: variants of a picture, of the data's size"),
        Key("mask=PICTURE", "white where it is drawn anew, black where it stays"),
        Key("strength=0.6", "how much noise is put on it, up to 1: nothing else is left"),
        Key(
            "out=PATH",
            """.png (a picture), .npz (`samples`: float32 (N, 2), or of pictures uint8 (N, H, W, C)), or a new or empty
            directory for one PNG each; default: samples/samples.png in the run directory""",
        ),
        CONFIG_DIR,
    ),
    prefixes=("sampler.",),
)
EVALUATE = Command(
    name="evaluate",
    run=commands.evaluate,
    usage=(
        ("run=DIR [key=value …]", "score a run again"),
        ("images=PATH data=NAME out=DIR", "score anybody's samples"),
    ),
    about="""Scores a run again, from its own configuration with the given keys changed, and writes card and page anew.
        Results of unlike protocols are kept side by side.""",
    keys=(
        Key("run=DIR", "or run=latest", run_names),
        Key("images=PATH", "somebody's samples: an .npz file or a directory of pictures"),
        of_group("data", "what they are scored against; data.* changes it"),
        Key("out=DIR", "gets their card and page"),
        of_group("evaluation", "see `kantor list evaluations`"),
        of_group("extractor", "other features than the evaluation's own; extractor.* changes them"),
        Key("evaluation.n=1024", "samples in a draw; part of the protocol: only equal protocols are compared"),
        Key("evaluation.draws=10", "fresh draws; from 10 on their scatter gives intervals"),
        Key("evaluation.seed=0", "another random sample"),
        Key("evaluation.nfe=[5,10,20,50,100]", "an error budget at these numbers of network evaluations"),
        Key("evaluation.weights=ema", "of several ema:0.999, of ema=power ema:0.05; or raw"),
        of_group(
            "likelihood", "nll of points or bits_per_dim of pictures: flow, bound, or none; likelihood.* changes it"
        ),
        of_group("sampler", "how the samples of a run are drawn, instead of its own way"),
        Key("sampler.*", "its settings"),
        Key("trainer.devices=2", "processes; they change nothing in the result"),
        CONFIG_DIR,
    ),
    prefixes=("evaluation.", "extractor.", "likelihood.", "trainer.", "data.", "sampler."),
    notes="""With images=, the array `samples` of an .npz file is scored, points (N, 2) or pictures uint8 (N, H, W, C),
        or a directory of pictures of the data set's size. They are split at random into draws of evaluation.n, and
        fewer draws are scored when there are not enough of them. Copies of training pictures are counted; a set of
        nothing else is refused. In Inception's features (evaluation=standard), torch-fidelity's scores are printed
        below.""",
)
COMPARE = Command(
    name="compare",
    run=commands.compare,
    usage=(("DIR DIR … [score=NAME] [out=DIR]", "one table and one page for several methods"),),
    about="""Compares methods: runs that differ in their seed only are one, named by the settings that differ. Scores
        must have been made by the same protocol; a run without scores, or without the protocol of most others, is left
        out with a note, and where no two methods share one, the fields that differ are named. DIR may be a run, a
        directory with runs below it, or a glob. With fewer than five seeds of each method the evidence is said to be
        weak; a method of which a seed failed is not ranked; trials of a search are no seeds of a method.""",
    keys=(
        Key("score=NAME", "the score to rank by, such as score=kid, instead of the runs' primary score"),
        Key(
            "out=DIR",
            """gets compare.html (self-contained), compare.md, compare.csv, compare.tex (booktabs), pairs.csv, and
            figures/ as SVG and PDF""",
        ),
    ),
    positional=run_paths,
)
TRACK = Command(
    name="track",
    run=commands.track,
    usage=(("DIR … to=wandb|tensorboard|mlflow", "give runs to a tracker, from their files"),),
    about="""Gives a tracker what it does not have of runs, from their files: configuration, rows of metrics.csv,
        pictures, card. DIR may be a run, a directory with runs below it, or a glob. Given again, after a kill too,
        nothing is there twice. A run that is being trained is left out; logger=NAME shows it meanwhile.""",
    keys=(
        Key(
            "to=NAME",
            "wandb, tensorboard, mlflow, or a tracker of yours; see `kantor list loggers`",
            partial(options, "logger", []),
        ),
        Key("project=kantor", "of W&B, or the experiment of MLflow"),
        Key("group=NAME", "of W&B; else the sweep that made the run, or its experiment"),
        Key("logger.*", "any setting of the tracker, as `kantor train` has it"),
        CONFIG_DIR,
    ),
    prefixes=("logger.",),
    positional=run_paths,
    notes="""wandb: with WANDB_API_KEY it is sent; else DIR/wandb gets one directory a run, for `wandb sync`.

        tensorboard: event files in DIR/tensorboard. mlflow: the store of MLFLOW_TRACKING_URI, else mlflow.db here.""",
)
VERIFY = Command(
    name="verify",
    run=commands.verify,
    usage=(("run=DIR level=files|score|prefix|full", "prove what a finished run claims"),),
    about="""Proves a finished run again: by its files alone, by scoring its weights again, by training its first steps
        or all of them again. The verdict is equal (to the bit), within the interval, or different; the exit code of the
        last is 1. It names the first step that differs, and what was otherwise then: code, packages, processor,
        threads, processes, data, lines of config.yaml. It is kept in the run's verifications/, and nothing else is
        changed.""",
    keys=(
        Key("run=DIR", "a finished run, or latest", run_names),
        Key("level=files", "or score, prefix, full: what is done again, see below", lambda: list(LEVELS)),
        Key("steps=N", "with level=prefix: on to the last digests up to there"),
        Key("trainer.threads=N", "here, where it differs; so trainer.nodes, .devices, .accelerator, .progress"),
        Key(
            "data.root=DIR", "where the data lie here, and how they are read: data.archive, .resident, .verify, .broken"
        ),
        of_group("evaluation", "with level=score: what was asked for by `kantor evaluate` later; evaluation.* too"),
        of_group("extractor", "with level=score"),
        of_group("likelihood", "with level=score"),
        of_group("sampler", "with level=score"),
        CONFIG_DIR,
    ),
    prefixes=("trainer.", "data.", "evaluation.", "extractor.", "likelihood.", "sampler."),
    notes="""level=files: the files agree with manifest.json and with one another; nothing is computed again.

        level=score: also, the run's own weights are scored again.

        level=prefix: the files, and the training is done again up to the first digests of its state in digests.csv.

        level=full: the files, and all of the training is done again, and scored.""",
)
WHY = Command(
    name="why",
    run=commands.why,
    usage=(("RUN [SCORE]", "where a score comes from, and what would change it"),),
    about="""Explains one score of a run, or of somebody's samples that were scored: real data, samples, features,
        formula and its place in the code, interval, what real data score, and what would change it. Without SCORE, the
        one that the experiment is judged by.""",
    keys=(
        Key("run=RUN", "a directory with a card, or latest; its name alone will do", run_names),
        Key("score=SCORE", "its name alone will do"),
        Key("evaluation=NAME", "the evaluation that made it, where several did; else the last"),
    ),
    positional=run_names,
)
DATA = Command(
    name="data",
    run=commands.data,
    usage=(("NAME [data.key=value …]", "check a data set: card and picture"),),
    about="Checks a data set and shows what it is: a card on the terminal, a picture as a file.",
    keys=(
        Key("data.*", "its settings"),
        Key("out=DIR", "gets the picture; default outputs/data/NAME"),
        CONFIG_DIR,
    ),
    prefixes=("data.",),
    positional=partial(options, "data", []),
)
STATUS = Command(
    name="status",
    run=commands.status,
    usage=(("[DIR]", "every run below a directory"), ("PLAN", "every job of a sweep")),
    about="""Every run below DIR (default outputs): state, progress, time left, primary score. Of a plan
        (outputs/sweeps/HASH), every job: what it differs by, state, progress, primary score, time, and why it is not
        done.""",
    positional=plan_paths,
)
LIST = Command(
    name="list",
    run=commands.list_names,
    usage=(("[GROUP …]", "what can be named: experiments, models, data, …"),),
    about="What can be named on the command line, each with one line. Without GROUP, all groups.",
    keys=(CONFIG_DIR,),
    positional=partial(groups, []),
)
COMPLETE = Command(
    name="complete",
    run=complete,
    usage=(("bash|zsh|fish", "completion for your shell"),),
    about="""Prints a completion script.

        For this session: eval "$(kantor complete bash)"; for good, add that line to ~/.bashrc.

        zsh: eval "$(kantor complete zsh)" in ~/.zshrc.

        fish: kantor complete fish > ~/.config/fish/completions/kantor.fish""",
    positional=lambda: list(completion.SCRIPTS),
)
COMMANDS = {
    one.name: one
    for one in (
        TRAIN, PREPARE, WORK, SAMPLE, EVALUATE, COMPARE, TRACK, VERIFY, WHY, DATA, STATUS, LIST, COMPLETE,
    )
}  # fmt: skip
