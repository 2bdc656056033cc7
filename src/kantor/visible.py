"""Text of anybody's, as a terminal, a page or a table may show it: what would steer a terminal, or lead a reader
astray, is spelled out.
"""


def visible(text: str) -> str:
    r"""Text in one line: white space of other kinds is a space, and other characters that are not printed (escape
    sequences, marks that turn the direction of writing, bytes of a file's name that are no UTF-8) stand as `\x1b`."""
    return text if text.isprintable() else "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """The same of a text whose lines stay."""
    return "\n".join(map(visible, text.split("\n")))


def _shown(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else letter.encode("unicode_escape").decode("ascii")
