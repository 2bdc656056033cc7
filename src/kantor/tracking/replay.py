"""`kantor track`: runs from their files into a tracker, as often as one likes."""

from collections.abc import Callable, Mapping, Sequence

from kantor.errors import Held, UserError
from kantor.messages import say
from kantor.runs.directory import RunDirectory
from kantor.tracking.attached import untracked
from kantor.tracking.event_files import TensorBoard
from kantor.tracking.fold import publish
from kantor.tracking.mlflow_runs import MLflow
from kantor.tracking.sink import Sink
from kantor.tracking.weights_and_biases import WandB

PROJECT = "kantor"
"""Where none is named."""

KEYS = {"wandb": ("project", "group"), "tensorboard": (), "mlflow": ("project",)}
"""The trackers, and what can be said of each."""


def sink_of(to: str, settings: Mapping[str, str]) -> Sink:
    """The tracker of a name.

    Raises:
        UserError: there is none of that name, it has no such setting, or its package is not installed.
    """
    if to not in KEYS:
        raise UserError(f"to={to}: expected one of {', '.join(KEYS)}")
    foreign = [f"{key}={value}" for key, value in settings.items() if key not in KEYS[to]]
    if foreign:
        raise UserError(f"{foreign[0]}: to={to} has no such setting; leave it out")
    project = settings.get("project", PROJECT)
    made: dict[str, Callable[[], Sink]] = {
        "wandb": lambda: WandB(project=project, group=settings.get("group")),
        "tensorboard": TensorBoard,
        "mlflow": lambda: MLflow(project=project),
    }
    sink = made[to]()
    sink.check()
    return sink


def replay(runs: Sequence[RunDirectory], sink: Sink) -> tuple[int, int]:
    """Give a tracker all that it does not have of some runs; one that is being trained is left out, with a word.

    Args:
        runs: run directories; those without a configuration, such as somebody's samples, are left out too.
        sink: the tracker.

    Returns:
        How many it has now; and how many it has not, since its client failed, which is said of each.

    Raises:
        UserError: some are damaged or the tracker refuses them; the others are there.
    """
    done, refused, failed = 0, 0, 0
    for run in runs:
        if not run.exists:
            say(f"left out: {run.path} has a card, and nothing that was trained")
            continue
        try:
            RunDirectory.open(run.path)
            with run.lock():
                publish(run, sink)
        except Held:
            say(f"left out: {run.path} is held by another process; its own logger= shows it, or track it later")
            continue
        except UserError as error:
            say(str(error))
            refused += 1
            continue
        except Exception as error:  # whatever a tracker's client raises
            say(untracked(run, sink, error))
            failed += 1
            continue
        done += 1
    if refused and not failed:
        raise UserError(f"{refused} of {len(runs)} runs are not in {sink.name}, as said above; the others are")
    return done, refused + failed
