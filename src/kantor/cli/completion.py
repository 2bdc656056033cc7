"""Completion for bash, zsh and fish: the shell asks `kantor complete words …` for candidates."""

import os
from pathlib import Path

from kantor.cli import help_texts
from kantor.config.files import groups, options
from kantor.errors import UserError
from kantor.runs.directory import find_runs

SCRIPTS = {
    "bash": """\
_kantor() {
  local line="${COMP_LINE:0:$COMP_POINT}" word
  word="${line##* }"
  local prefix="${word%"${word##*[=:]}"}"
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ "$candidate" == "$word"* ]] && COMPREPLY+=("${candidate#"$prefix"}")
  done < <(kantor complete words $line 2>/dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
}
complete -o default -F _kantor kantor""",
    "zsh": """\
_kantor() {
  local -a candidates
  candidates=("${(@f)$(kantor complete words ${words[1,CURRENT-1]} 2>/dev/null)}")
  compadd -S '' -- $candidates
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _kantor kantor""",
    "fish": """\
complete -c kantor -f -a '(kantor complete words (commandline -opc) 2>/dev/null)'""",
}
KEYS = {
    "train": ("seed", "outputs", "rerun", "run", "budget.steps", "budget.images", "budget.minutes"),
    "sample": ("run", "n", "seed", "weights", "checkpoint", "out"),
    "evaluate": ("run", "images", "data", "out", "evaluation", "evaluation.n", "evaluation.draws", "trainer.devices"),
    "compare": ("out",),
    "data": ("out",),
    "status": (),
    "list": (),
    "complete": (),
}


def answer(words: list[str]) -> int:
    """Print a shell's script, or the candidates after some words.

    Raises:
        UserError: the shell is unknown.
    """
    if words and words[0] == "words":
        print("\n".join(candidates(words[2:])))
        return 0
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise UserError(f"complete {' '.join(words)}: expected one of {', '.join(SCRIPTS)}")
    print(SCRIPTS[words[0]])
    return 0


def candidates(words: list[str]) -> list[str]:
    """What may stand after `kantor WORDS …`."""
    commands = list(help_texts.COMMANDS)
    if not words or words[0] not in commands:
        return commands
    command = words[0]
    found = [f"{key}=" for key in KEYS[command]]
    if command == "train":
        found += [f"{group}={name}" for group in groups([]) for name in options(group, [])]
    if command == "data":
        found += options("data", [])
    if command == "evaluate":
        found += [f"evaluation={name}" for name in options("evaluation", [])]
        found += [f"data={name}" for name in options("data", [])]
    if command in ("sample", "evaluate", "compare"):
        paths = [os.fspath(run.path) for run in find_runs(Path("outputs"))]
        found += paths if command == "compare" else [f"run={path}" for path in ["latest", *paths]]
    return sorted(found)
