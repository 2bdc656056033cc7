"""Whose line an error came from."""

import runpy

import pytest
import torch

from kantor import user_code
from kantor.errors import UserError, require_positive


def caught(act):
    try:
        act()
    except Exception as error:
        return error
    pytest.fail("it raised nothing")


class Layer(torch.nn.Module):
    def forward(self, x):
        return torch.zeros(2, 3).view(4)  # in torch, below this line


def test_the_innermost_line_of_the_users_package_is_named():
    error = caught(lambda: torch.nn.Sequential(Layer())(torch.zeros(1)))
    line = Layer.forward.__code__.co_firstlineno + 1
    assert user_code.own_line(error).endswith(f"test_user_code.py, line {line}, in Layer.forward")
    assert user_code.told(error).startswith("shape '[4]' is invalid for input of size 6 (")


def test_errors_that_passed_through_no_code_of_the_users_are_nobodys(tmp_path):
    (error,) = (caught(lambda: require_positive(n=0)),)
    assert isinstance(error, UserError)
    error.__traceback__ = error.__traceback__.tb_next.tb_next  # without this file
    assert user_code.own_line(error) is None and user_code.told(error) is None


def test_what_is_no_python_is_named_by_its_place(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text("one = 1\ndef two(:\n")
    error = caught(lambda: runpy.run_path(str(path)))
    error.__traceback__ = None
    assert user_code.reason(error) == f"SyntaxError: {str(error).splitlines()[0]} ({path}, line 2)"
