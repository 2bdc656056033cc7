"""Completion for bash, zsh and fish: the shell asks `kantor complete words …` for candidates."""

from collections.abc import Mapping

from kantor.cli.command import Command
from kantor.errors import UserError

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


def answer(words: list[str], commands: Mapping[str, Command]) -> int:
    """Print a shell's script, or the candidates after some words.

    Args:
        words: a shell, or `words` and the command line so far.
        commands: all there are.

    Raises:
        UserError: the shell is unknown.
    """
    if words and words[0] == "words":
        print("\n".join(candidates(words[2:], commands)))
        return 0
    if len(words) != 1 or words[0] not in SCRIPTS:
        raise UserError(f"complete {' '.join(words)}: expected one of {', '.join(SCRIPTS)}")
    print(SCRIPTS[words[0]])
    return 0


def candidates(words: list[str], commands: Mapping[str, Command]) -> list[str]:
    """What may stand after `kantor WORDS …`."""
    return commands[words[0]].candidates() if words and words[0] in commands else list(commands)
