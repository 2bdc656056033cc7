"""What is checked of a run before anything is written: what no single component can see, asked of the components."""

from pathlib import Path

import torch

from kantor.callbacks.clock import Clock
from kantor.callbacks.stopping import StopOnSignal
from kantor.callbacks.untouched import untouched
from kantor.config.schema import Configuration, Trainer
from kantor.data.images import ImageData
from kantor.data.manifest import threads
from kantor.data.module import BlockData
from kantor.engine.assembly import Assembly
from kantor.engine.fit import make_callbacks, make_pictures
from kantor.errors import UserError
from kantor.evaluation.base import Evaluation
from kantor.evaluation.error_budget import check_error_budget
from kantor.evaluation.likelihood_scores import BITS_PER_DIM, NLL
from kantor.live_code import outdated
from kantor.marks import check_apart
from kantor.messages import say
from kantor.models.base import GenerativeModel
from kantor.models.networks import evaluating
from kantor.paths import path_of
from kantor.processes import check_world, ranks_exist
from kantor.runs.source import modules_of

CROWD = {"devices": 16, "threads": 256}
"""How many processes, and threads of each, any machine may be asked for, whatever its cores: a run that somebody sent
says how many it wants."""


def check(run: Assembly) -> None:
    """Check that the parts of a run go together and with this machine.

    Raises:
        UserError: some do not.
    """
    check_found_again(run.configuration)
    check_as_in_its_file(run.configuration)
    check_model(run.model, run.data)
    check_sampling(run)
    check_precision(run.model, run.configuration.trainer)
    check_machine(run.model, run.configuration.trainer)
    check_schedule(run)
    check_parts(run)
    check_outputs(run)
    if run.evaluation is not None:
        check_primary(run.configuration.primary_score, run.evaluation, run.data)
        check_error_budget(run.evaluation, run.model, run.data)
    clock = Clock()
    if run.sink is not None:
        run.sink.check()
    pictures, refused = make_pictures(run, clock)
    make_callbacks(run, clock, StopOnSignal(), pictures)
    for reason in dict.fromkeys(refused.values()):
        names = ", ".join(name for name, why in refused.items() if why == reason)
        say(f"left out of pictures.callbacks: {names}: {reason}")


def check_found_again(configuration: Configuration) -> None:
    """Check that other processes will find the code that a run names.

    Raises:
        UserError: some is a notebook's or a script's own.
    """
    for name in configuration.foreign(*configuration.plain):
        if name.startswith("__main__."):
            raise UserError(
                f"{name} lives in this notebook or script alone, where nobody who opens the run would find it: write "
                "it into a module, such as mylab/nets.py"
            )


def check_as_in_its_file(configuration: Configuration) -> None:
    """Check that code which is not kantor's is what its file says: that is what is written down as having run.

    Raises:
        UserError: a file was edited after its import.
    """
    for name in configuration.foreign(*configuration.plain):
        for module, file in modules_of(name).items():
            function = outdated(module)
            if function is not None:
                raise UserError(
                    f"{module}.{function} runs as it was when it was imported, and {file} has another one by now: "
                    f"importlib.reload({module}), or begin the notebook anew"
                )


def check_outputs(run: Assembly) -> None:
    """Check that runs are not put among data by name; where they lie there by default, they are marked and left out.

    Raises:
        UserError: they are.
    """
    if isinstance(run.data, ImageData) and "outputs" in run.configuration.named:
        check_apart("outputs", run.configuration.outputs, run.data.inputs)


def check_data_root(configuration: Configuration) -> None:
    """Check that no run directory has published data put where it says: below the directory that the command is given
    in, or where there is something already.

    Raises:
        UserError: it names another place.
    """
    root = configuration.plain["data"].get("root")
    if not configuration.of_run or "data.root" in configuration.given or not isinstance(root, str):
        return
    place = path_of(root)
    if not place.is_dir() and not place.resolve().is_relative_to(Path.cwd()):
        raise UserError(
            f"data.root={root}: the run directory names this place, and there is nothing there; data are put outside "
            "of this directory only where you say so: give data.root=DIR, where they are or have to go"
        )


def check_model(model: GenerativeModel, data: BlockData) -> None:
    """Check a model against the data, and its networks against objective and optimisation.

    Raises:
        UserError: they do not go together.
    """
    if model.classes is not None and data.classes != model.classes:
        labels = "no labels" if data.classes is None else f"labels of {data.classes} classes"
        raise UserError(
            f"model.classes={model.classes}: data={data.name} have {labels}; take data with as many, or "
            f"model.classes={'null, an unconditional model' if data.classes is None else data.classes}"
        )
    try:
        model.check_objective(data.sample_shape)
    except UserError as error:
        raise UserError(f"objective.{error}") from error
    model.check_batch(data.batch_size)
    with untouched(model.networks().values(), 0), evaluating(model.networks()):
        try:
            model.check_shapes(data.sample_shape)
        except UserError as error:
            raise UserError(f"model.{error}") from error
    for name, network in model.networks().items():
        classes = getattr(network, "classes", model.classes)
        if classes != model.classes:
            raise UserError(
                f"model: its {name} is made for labels of {classes} classes, and model.classes={model.classes}; leave "
                "out the classes of single networks, which are those of the model"
            )
    model.check_networks()


def check_drawing(run: Assembly) -> None:
    """Check a run that is drawn from, which somebody else may have made.

    Raises:
        UserError: its networks do not compute, or the sampler does not draw from such a model.
    """
    check_model(run.model, run.data)
    check_sampling(run)


def check_sampling(run: Assembly) -> None:
    """Check that the sampler draws from such a model.

    Raises:
        UserError: it does not.
    """
    kind = run.model.sampler_kind
    if not isinstance(run.sampler, kind):
        raise UserError(
            f"sampler: {type(run.model).__name__} draws by {kind.__module__}.{kind.__name__}, and not by "
            f"{type(run.sampler).__name__}; take one of that class, `kantor list sampler` shows those there are"
        )
    try:
        run.model.check_sampler(run.sampler)
    except UserError as error:
        raise UserError(f"sampler.{error}") from error


def check_precision(model: GenerativeModel, trainer: Trainer) -> None:
    """Check that the model can be trained in a precision.

    Raises:
        UserError: the model cannot, or the machine or the clipping of gradients would make something else of it.
    """
    limits, reason = model.limits.precisions, None
    if trainer.precision in limits:
        reason = limits[trainer.precision]
    elif trainer.precision == "16-mixed" and trainer.accelerator == "cpu":
        reason = "on a CPU it would be bfloat16 without a word"
    elif trainer.precision == "16-mixed" and model.optimisation.gradient_clip_norm is not None:
        norm = model.optimisation.gradient_clip_norm
        reason = f"optimisation.gradient_clip_norm={norm} would bound gradients that are scaled up for float16"
    if reason is not None:
        others = [precision for precision in ("bf16-mixed", "32-true") if precision not in limits]
        raise UserError(f"trainer.precision={trainer.precision}: {reason}; take {' or '.join(others)}")


def check_machine(model: GenerativeModel, trainer: Trainer) -> None:
    """Check what the model cannot do, and what this machine has not, its processes among it.

    Raises:
        UserError: either is asked for.
    """
    check_world(nodes=trainer.nodes, devices=trainer.devices)
    limits = model.limits
    for name, most in CROWD.items():
        given, allowed = getattr(trainer, name), max(most, threads())
        if given > allowed and not (name == "devices" and ranks_exist()):
            raise UserError(
                f"trainer.{name}={given}: this machine has {threads()} cores; take trainer.{name}={allowed} or less"
            )
    if trainer.compile and limits.compile is not None:
        raise UserError(f"trainer.compile=true: {limits.compile}; take trainer.compile=false")
    if trainer.accelerator == "gpu" and torch.cuda.device_count() < trainer.devices:
        raise UserError(
            f"trainer.accelerator=gpu trainer.devices={trainer.devices}: this machine has "
            f"{torch.cuda.device_count()} CUDA devices; take trainer.accelerator=cpu or fewer devices"
        )
    if trainer.accelerator == "mps" and not torch.backends.mps.is_available():
        raise UserError("trainer.accelerator=mps: this machine has none; take trainer.accelerator=cpu")


def check_schedule(run: Assembly) -> None:
    """Check that the learning rates come to the end of their schedule, and say where they stay beyond it.

    Raises:
        UserError: the budget ends before, or they would stay at 0.
    """
    schedule, budget = run.model.schedule, run.budget_steps
    if schedule is None or budget is None:
        return
    if schedule.end > budget:
        raise UserError(
            f"the schedule of the learning rates takes {schedule.end:,} steps, and the budget ends after {budget:,}, "
            f"where they would still be at {schedule(budget - 1):.0%}: take a larger budget, or a shorter schedule "
            f"(schedule.steps, schedule.warm_up)"
        )
    factor = schedule(schedule.end)
    if schedule.end < budget and factor == 0:
        raise UserError(
            f"the schedule of the learning rates ends at 0 after {schedule.end:,} steps, and the budget after "
            f"{budget:,}: steps beyond would train nothing; begin a new run with a longer schedule (schedule.steps), "
            f"or end it with budget.steps={schedule.end}"
        )
    if schedule.end < budget and factor < 1:
        say(f"learning rates stay at {factor:.0%} from step {schedule.end:,} on, where their schedule ends")


def check_parts(run: Assembly) -> None:
    """Check that each process can take its share of a batch in as many parts as gradients are accumulated over.

    Raises:
        UserError: it cannot.
    """
    devices, parts, batch = run.configuration.trainer.world, run.model.optimisation.accumulate, run.data.batch_size
    if batch % (devices * parts):
        nearby = max(1, round(batch / (devices * parts))) * devices * parts
        raise UserError(
            f"data.batch_size={batch} cannot be taken in optimisation.accumulate={parts} equal parts by each of "
            f"{devices} processes: take a multiple of {devices * parts}, such as data.batch_size={nearby}, or "
            "another optimisation.accumulate"
        )


def check_primary(primary: str | None, evaluation: Evaluation, data: BlockData) -> None:
    """Check that the score that runs are ranked by is one that can be better or worse, and that it chooses the
    checkpoint that is scored.

    Raises:
        UserError: it is none that the evaluation makes of such data, or not while training.
    """
    ranked = [score for score, kind in evaluation.kinds(data).items() if kind.better != "none"]
    if primary not in ranked:
        narrowed = "" if evaluation.scores is None else f", which are those of evaluation.scores: add {primary} to them"
        if primary in (NLL.name, BITS_PER_DIM.name) and not narrowed:
            narrowed = f"; {primary} takes a likelihood=…, of a model that has one of such data"
        raise UserError(f"primary_score={primary}: for data={data.name} expected one of {', '.join(ranked)}{narrowed}")
    if evaluation.checkpoint == "best" and primary in evaluation.at_the_end(data):
        raise UserError(
            f"evaluation.checkpoint=best: primary_score={primary} would choose it while training, and is measured at "
            "the end only; take evaluation.checkpoint=last, or another primary_score"
        )
