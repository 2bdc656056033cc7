"""Code of the user's that runs, against the file that it was imported from: notebooks edit files after their import."""

import inspect
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType


def outdated(module: str) -> str | None:
    """The first function of a module, such as `Generator.forward`, that is another one in its file by now; None where
    all that runs stands there, or the module has not been imported from a plain file.

    Values that a module or a class holds are not looked at: they may have been computed.
    """
    live = sys.modules.get(module)
    spec = None if live is None else live.__spec__
    if live is None or spec is None or type(spec.loader) is not SourceFileLoader or spec.origin is None:
        return None
    try:
        written = spec.loader.source_to_code(Path(spec.origin).read_bytes(), spec.origin)
    except (OSError, SyntaxError):
        return next((name for name, _ in _functions(live)), None)
    there: dict[str, list[CodeType]] = {}
    for code in _codes(written):
        there.setdefault(code.co_qualname, []).append(_placeless(code))
    for name, function in _functions(live):
        code = function.__code__
        if code.co_filename == spec.origin and _placeless(code) not in there.get(code.co_qualname, ()):
            return name
    return None


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """What a module defines, and what its classes do, without their decorators."""
    for name, value in list(vars(module).items()):
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield name, inspect.unwrap(value)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for inner, held in list(vars(value).items()):
                function = getattr(held, "fget", None) or inspect.unwrap(getattr(held, "__func__", held))
                if isinstance(function, FunctionType):
                    yield f"{name}.{inner}", function


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _placeless(code: CodeType) -> CodeType:
    """The same wherever it stands in whatever file."""
    inner = tuple(_placeless(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_filename="", co_firstlineno=1, co_linetable=b"", co_consts=inner)
