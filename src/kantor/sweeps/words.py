"""The words of a sweep, `kantor train -m WORDS`, told apart without Hydra: those that say which runs there are, and
those that say how they are made. The first give the plan its name, so that the same sweep finds its plan again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kantor.config.checks import check_code
from kantor.digests import sha256
from kantor.errors import UserError
from kantor.paths import path_of
from kantor.search.words import identifying

LAUNCHER = "hydra/launcher"
"""The word that chooses what runs jobs; `hydra.launcher.*` are its settings."""

BASIC = "basic"
"""Jobs one after another in this process."""

SWEEPS = "sweeps"
"""The directory of plans below `outputs`."""

TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Words:
    """What a sweep was asked for by.

    Attributes:
        runs: the words that say which runs there are, in Hydra's grammar.
        config_dirs: directories with further groups, absolute.
        outputs: the root of run directories.
        launcher: by what jobs are run.
        launching: its settings.
        code: what becomes of finished runs that other code has made.
        rerun: whether all are trained again.
    """

    runs: tuple[str, ...]
    config_dirs: tuple[str, ...]
    outputs: Path
    launcher: str = BASIC
    launching: tuple[str, ...] = ()
    code: str = "refuse"
    rerun: bool = False

    @property
    def hash(self) -> str:
        """Of the words that say which runs there are, in any order, wherever they go, and however many a search asks
        for; 10 hex digits."""
        words = [word for word in identifying(self.runs) if not word.startswith("outputs=")]
        ordered = sorted(words, key=lambda word: word.partition("=")[0])  # of one key, the last holds
        return sha256({"words": ordered, "config_dirs": list(self.config_dirs)})[:10]

    @property
    def directory(self) -> Path:
        """Of the plan."""
        return self.outputs / SWEEPS / self.hash


def told_apart(words: Sequence[str], config_dirs: Sequence[str]) -> Words:
    """The words of a sweep.

    Raises:
        UserError: one says something that no sweep can be told.
    """
    how = {"code": "refuse", "rerun": "false", LAUNCHER: BASIC, "outputs": "outputs"}
    runs, launching = [], []
    for word in words:
        key, _, value = word.partition("=")
        if key in how:
            how[key] = value
        of_hydra = key.lstrip("+")  # by which a setting is given that the launcher's file does not have
        if of_hydra.startswith("hydra.launcher."):
            launching.append(word)
        elif key == "hydra/sweeper":
            raise UserError(f"{word}: a sweep is kantor's own plan; leave it out, and search by a word, search=tpe")
        elif of_hydra.startswith("hydra") and key != LAUNCHER:
            raise UserError(
                f"{word}: a sweep is kantor's own plan, and takes only {LAUNCHER}=NAME and hydra.launcher.* of Hydra; "
                "leave it out"
            )
        elif key not in how or key == "outputs":
            runs.append(word)
    if launching and how[LAUNCHER] == BASIC:
        raise UserError(f"{launching[0]}: the basic launcher has no settings; name another one, {LAUNCHER}=joblib")
    check_code(how["code"])
    if how["rerun"].lower() not in TRUTHS:
        raise UserError(f"rerun={how['rerun']}: expected true or false")
    return Words(
        runs=tuple(runs),
        config_dirs=tuple(str(path_of(entry).absolute()) for entry in config_dirs),
        outputs=_outputs(how["outputs"]),
        launcher=how[LAUNCHER],
        launching=tuple(launching),
        code=how["code"],
        rerun=TRUTHS[how["rerun"].lower()],
    )


def _outputs(value: str) -> Path:
    """The one directory that is named.

    Raises:
        UserError: several are, or none.
    """
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    text = value[1:-1].replace(f"\\{value[0]}", value[0]) if quoted else value
    if not text or text == "null" or (not quoted and "," in text):
        raise UserError(f"outputs={value}: expected one directory for all runs of a sweep; quote one that has commas")
    return path_of(text)
