"""What the commands on runs and plans that are there do with their words: each hands them to the engine or the report,
and prints what came of it.

Torch is imported when the words are understood.
"""

import os
from pathlib import Path

from kantor.causes import taking
from kantor.cli.command import Command
from kantor.cli.named import check_changes, open_run
from kantor.cli.words import number, typed, whole
from kantor.config.checks import check_code
from kantor.config.files import SCORING, check_option
from kantor.errors import UserError, require_at_least
from kantor.messages import say, show
from kantor.paths import path_of
from kantor.runs.finding import latest, named
from kantor.visible import visible


def sample(command: Command, words: list[str]) -> int:
    """`kantor sample`."""
    rest, config_dirs, _ = command.take_options(words)
    pairs = command.split(rest)
    given = dict(pairs)
    directory = open_run(given)
    n, seed = whole("n", given.get("n", "64")), whole("seed", given.get("seed", "0"))
    strength = number("strength", given["strength"]) if "strength" in given else None
    require_at_least(1, n=n)
    if "sampler" in given:
        check_option("sampler", given["sampler"], config_dirs)
    out = path_of(given.get("out", directory.path / "samples" / "samples.png"))
    from kantor.engine.redraw import Likeness
    from kantor.engine.sample import check_place
    from kantor.engine.sample import sample as draw
    from kantor.report import sampling
    from kantor.samples.files import check_target, write_samples

    check_target(out)
    if "out" in given:
        check_place(directory, out)
    drawn = draw(
        directory,
        n,
        seed=seed,
        weights=given.get("weights"),
        checkpoint=given.get("checkpoint", "last"),
        sampler=given.get("sampler"),
        overrides=[(key, typed(key, value)) for key, value in pairs if key.startswith(command.prefixes)],
        condition=given.get("condition"),
        likeness=Likeness.given(like=given.get("like"), mask=given.get("mask"), strength=strength),
        config_dirs=config_dirs,
    )
    write_samples(drawn.samples, out)
    show(f"{n} samples by {sampling.text(drawn.sampling)}  {out}")
    return 0


def evaluate(command: Command, words: list[str]) -> int:
    """`kantor evaluate`."""
    rest, config_dirs, _ = command.take_options(words)
    pairs = command.split(rest)
    given = dict(pairs)
    overrides = [(key, typed(key, value)) for key, value in pairs if key.startswith(command.prefixes)]
    if "images" in given:
        from kantor.engine import foreign_samples

        card = foreign_samples.evaluate_files(given, overrides, config_dirs=config_dirs)
        place = path_of(given["out"])
    else:
        check_own_samples(given)
        directory = open_run(given)
        chosen = {group: given[group] for group in SCORING if group in given}
        check_changes(directory, overrides, chosen, config_dirs)
        from kantor.engine.evaluate import evaluate as score

        with taking(()):  # no `out`: a run's scores lie with it
            card = score(directory, overrides, **chosen, config_dirs=config_dirs)
        place = directory.path
    from kantor.report.cards import read_evaluations
    from kantor.report.error_budget import budget_sheets
    from kantor.report.tables import print_card, print_sheets

    print_card(card)
    print_sheets(budget_sheets(read_evaluations(card)))
    show(f"card  {visible(str(place / 'card.json'))}\npage  {visible(str(place / 'report.html'))}")
    return 0


def check_own_samples(given: dict[str, str]) -> None:
    """Check that nothing is asked of a run's samples that can be asked of anybody's only.

    Raises:
        UserError: it is.
    """
    for key, why in (("data", "a run is scored against the data that it learned"), ("out", "a run keeps its own card")):
        if key in given:
            raise UserError(f"{key}={given[key]} without images=: {why}; leave it out, or score files by images=PATH")


def apart(command: Command, words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The words that stand alone, paths with "=" among them, and what is given by key.

    Raises:
        UserError: the command has no such key, or it is given twice.
    """
    alone = [word for word in words if "=" not in word or os.path.lexists(path_of(word))]
    return alone, dict(command.split([word for word in words if word not in alone]))


def verify(command: Command, words: list[str]) -> int:
    """`kantor verify`; 1 where something differs."""
    rest, config_dirs, _ = command.take_options(words)
    pairs = command.split(rest)
    given = dict(pairs)
    directory = open_run(given)
    steps = whole("steps", given["steps"]) if "steps" in given else None
    overrides = [(key, typed(key, value)) for key, value in pairs if key.startswith(command.prefixes)]
    chosen, level = {group: given[group] for group in SCORING if group in given}, given.get("level", "files")
    from kantor.engine.provable import check_words

    check_words(directory, level, [*chosen, *(key for key, _ in overrides)], steps)
    if level != "files":
        check_changes(directory, overrides, chosen, config_dirs)
    from kantor.engine.verify import verify as proved
    from kantor.report.verification import print_verification
    from kantor.runs.verification import DIFFERENT, keep

    found = proved(directory, level, overrides, steps=steps, chosen=chosen, config_dirs=config_dirs)
    print_verification(directory, found)
    try:
        show(f"kept     {visible(str(keep(directory, found)))}")
    except OSError as error:
        say(f"the verdict is not kept: {directory.verifications} cannot be written to ({error.strerror or error})")
    return 1 if found.verdict == DIFFERENT else 0


def compare(command: Command, words: list[str]) -> int:
    """`kantor compare`."""
    paths, given = apart(command, words)
    from kantor.report import compare as report

    out = path_of(given["out"]) if "out" in given else None
    report.print_comparison(report.compare(named(paths), out, given.get("score")))
    if out is not None:
        show(f"page  {visible(str(out / 'compare.html'))}")
    return 0


def track(command: Command, words: list[str]) -> int:
    """`kantor track`."""
    rest, config_dirs, _ = command.take_options(words)
    paths, given = apart(command, rest)
    if "to" not in given or not paths:
        raise UserError("track: expected runs and a tracker, such as `kantor track outputs to=wandb`")
    from kantor.tracking.replay import replay, sink_of

    to = given.pop("to")
    own = {key.removeprefix("logger."): typed(key, value) for key, value in given.items() if key.startswith("logger.")}
    sink = sink_of(to, {**own, **{key: given[key] for key in ("project", "group") if key in given}}, config_dirs)
    runs = named(paths)
    done, failed = replay(runs, sink)
    show(f"{done} of {len(runs)} runs are in {sink.name}")
    return 1 if failed else 0


def why(command: Command, words: list[str]) -> int:
    """`kantor why`."""
    alone, given = apart(command, words)
    for key in ("run", "score"):
        if key not in given and alone:
            given[key] = alone.pop(0)
    if alone or "run" not in given:
        raise UserError("why: expected a run and perhaps a score, as in `kantor why latest w1`")
    runs = [latest(Path("outputs"))] if given["run"] == "latest" else named([given["run"]])
    if len(runs) > 1:
        raise UserError(f"{given['run']} has {len(runs)} runs below it: expected one, such as {runs[0].path}")
    from kantor.report.summary import summarise
    from kantor.report.why import explained, print_explanation

    print_explanation(explained(summarise(runs[0]), given.get("score"), given.get("evaluation")))
    return 0


def data(command: Command, words: list[str]) -> int:
    """`kantor data`."""
    rest, config_dirs, _ = command.take_options(words)
    if not rest:
        raise UserError("data: expected a name, such as `kantor data gaussians8`; `kantor list data` shows all")
    pairs, name = command.split(rest[1:]), rest[0].removeprefix("data=")
    check_option("data", name, config_dirs)
    from kantor.cli import data_card

    settings = [(key, typed(key, value)) for key, value in pairs if key != "out"]
    data_card.show(name, settings, dict(pairs).get("out"), config_dirs)
    return 0


def work(command: Command, words: list[str]) -> int:
    """`kantor work`."""
    plans, given = apart(command, words)
    if len(plans) != 1:
        raise UserError("work: expected one plan, such as `kantor work outputs/sweeps/HASH`, which `train -m` names")
    code, failed = given.get("code", "refuse"), given.get("failed", "skip")
    check_code(code)
    if failed not in ("again", "skip"):
        raise UserError(f"failed={failed}: expected again or skip")
    from kantor.cli import sweep

    return sweep.work(plans[0], code=code, failed=failed)


def status(command: Command, words: list[str]) -> int:
    """`kantor status`."""
    if len(words) > 1:
        raise UserError(f"status takes one directory, was given {len(words)}: {' '.join(words)}")
    place = path_of(words[0] if words else "outputs")
    from kantor.sweeps.plan import is_plan, named_plan

    if is_plan(place):
        from kantor.cli import sweep

        sweep.show_plan(named_plan(str(place)))
        return 0
    from kantor.report.status import print_status

    print_status(place)
    return 0


def list_names(command: Command, words: list[str]) -> int:
    """`kantor list`."""
    from kantor.cli import listing

    rest, config_dirs, _ = command.take_options(words)
    listing.show_options(rest, config_dirs)
    return 0
