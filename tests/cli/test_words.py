import pytest

from kantor.cli.words import split, take_options, typed
from kantor.errors import UserError


def test_words_are_split_at_the_first_equals_sign():
    pairs = split(["run=a=b", "data.x=", "n=3"], known=("run", "n"), prefixes=("data.",))
    assert pairs == [("run", "a=b"), ("data.x", ""), ("n", "3")]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("run", "'run': expected key=value, with one of the keys run, seed, data.\\*"),
        ("sed=3", r"sed=3: there is no key 'sed' here \(nearest: seed\): expected one of run, seed, data.\*"),
        ("data=3", "there is no key 'data' here"),
        ("=3", "there is no key ''"),
    ],
)
def test_other_words_are_refused(word: str, sentence: str):
    with pytest.raises(UserError, match=sentence):
        split([word], known=("run", "seed"), prefixes=("data.",))


def test_values_are_typed_as_yaml_types_them():
    assert [typed("seed", word) for word in ("1e-4", "3", "true", "null", "[1,2]", "toy")] == [
        1e-4,
        3,
        True,
        None,
        [1, 2],
        "toy",
    ]


def test_options_are_taken_out_wherever_they_stand():
    words = ["--config-dir", "a", "x=1", "--multirun", "--config-dir=b=c", "y"]
    assert take_options(words, ("--cfg", "-m", "--config-dir")) == (["x=1", "y"], ["a", "b=c"], {"-m"})


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--quiet"], "--quiet: there is no such option; expected one of --cfg, --config-dir DIR"),
        (["-m"], "-m: there is no such option"),
        (["--cfg=job"], "--cfg=job: there is no such option"),
        (["--config-dir"], "expected a directory after it"),
    ],
)
def test_an_option_must_be_one_of_the_command(words: list[str], sentence: str):
    with pytest.raises(UserError, match=sentence):
        take_options(words, ("--cfg", "--config-dir"))
