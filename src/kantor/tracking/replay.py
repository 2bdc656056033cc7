"""`kantor track`: runs from their files into a tracker, as often as one likes."""

from collections.abc import Mapping, Sequence
from typing import Any

from kantor.causes import is_denied
from kantor.config import targets
from kantor.config.compose import load_option, replaced
from kantor.config.files import options
from kantor.errors import Held, UserError, nearest
from kantor.messages import say
from kantor.runs.directory import RunDirectory
from kantor.tracking.answers import Away
from kantor.tracking.fold import publish
from kantor.tracking.sink import Sink, as_sink, untracked

GROUP = "logger"
"""Of configurations: a tracker that is told later is the one that `logger=` tells meanwhile."""


def sink_of(to: str, settings: Mapping[str, Any], config_dirs: list[str] | None = None) -> Sink:
    """The tracker of a name.

    Args:
        to: an option of the group `logger`.
        settings: other values for its keys.
        config_dirs: directories with further groups.

    Raises:
        UserError: there is none of that name, it has no such setting, or its package is not installed.
    """
    known = options(GROUP, config_dirs or [])
    node = load_option(GROUP, to, config_dirs) if to in known else {}
    if node.get("_target_") is None:
        there = [name for name in known if load_option(GROUP, name, config_dirs)["_target_"] is not None]
        why = f"is no tracker{nearest(to, there)}" if to not in known else "is in every run by itself"
        raise UserError(f"to={to} {why}: expected one of {', '.join(there)}")
    foreign = [f"{key}={value}" for key, value in settings.items() if key not in node or key.startswith("_")]
    if foreign:
        raise UserError(f"{foreign[0]}: to={to} has no such setting; leave it out")
    whole = replaced({GROUP: node}, [(f"{GROUP}.{key}", value) for key, value in settings.items()])
    sink = as_sink(targets.instantiate(whole[GROUP], key=GROUP))
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
        except Away as error:
            raise UserError(f"{error}; {done} of {len(runs)} runs are in {sink.name}") from error
        except UserError as error:
            say(str(error))
            refused += 1
            continue
        except OSError as error:
            denied = is_denied(error)
            say(_unwritable(run, error) if denied else untracked(run, sink, error))
            refused, failed = refused + denied, failed + (not denied)
            continue
        except Exception as error:  # whatever a tracker's client raises
            say(untracked(run, sink, error))
            failed += 1
            continue
        done += 1
    if refused and not failed:
        raise UserError(f"{refused} of {len(runs)} runs are not in {sink.name}, as said above; the others are")
    return done, refused + failed


def _unwritable(run: RunDirectory, error: OSError) -> str:
    """The sentence on a directory that cannot be held."""
    return (
        f"{run.path}: cannot write there ({error.strerror}), and a run is held while it is read; have it permitted, or "
        "copy the run and track the copy, which is the same run to every tracker"
    )
