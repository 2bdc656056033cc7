"""Completion for bash, zsh and fish: the shell asks `kantor complete words …` for candidates.

What a directory is called is anybody's: bash puts a candidate on the line as it is, so that it is quoted there; zsh and
fish quote by themselves. A candidate with characters that are not printed is none.
"""

from collections.abc import Mapping

from kantor.cli.command import Command
from kantor.errors import UserError

SCRIPTS = {
    "bash": r"""
_kantor() {
  local line="${COMP_LINE:0:$COMP_POINT}" space=$'\x01' word prefix candidate quoted
  local -a given
  read -r -a given <<<"$line"
  word="${line//\\ /$space}" word="${word##* }" word="${word//$space/\\ }"
  prefix="${word%"${word##*[=:]}"}"
  COMPREPLY=()
  while IFS= read -r candidate; do
    printf -v quoted %q "$candidate"
    [[ "$quoted" == "$word"* ]] && COMPREPLY+=("${quoted#"$prefix"}")
  done < <(kantor complete words "${given[@]}" 2>/dev/null)
  [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
}
complete -o default -F _kantor kantor""".lstrip("\n"),
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
    found = commands[words[0]].candidates() if words and words[0] in commands else list(commands)
    return [candidate for candidate in found if candidate.isprintable()]
