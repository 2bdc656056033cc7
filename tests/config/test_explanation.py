"""What is said of files that do not compose: the file, the key, and what to do."""

import re

import pytest
from hostile_runs import THINGS, YAMLS

from kantor.config.compose import compose, load_option
from kantor.errors import UserError

HEAD = "# @package _global_\ndefaults:\n"
CHOICES = {"data": "gaussians8", "model": "point_gan", "objective": "wasserstein_gp", "optimisation": "adam"}
DEFAULTS = "".join(f"  - override /{group}: {option}\n" for group, option in CHOICES.items())
GOOD = f"{HEAD}{DEFAULTS}budget: {{steps: 5}}\nprimary_score: w1\n"
WRONG = {
    GOOD + "foo: 3\n": "mine.yaml: there is no key 'foo'",
    GOOD + "trainer: {devics: 3}\n": "mine.yaml: there is no key 'trainer.devics' (nearest: trainer.devices)",
    GOOD + "seed: x\n": "mine.yaml: seed: expected a whole number, was given x",
    GOOD + "trainer: {nodes: two}\n": "mine.yaml: trainer.nodes: expected a whole number, was given two",
    GOOD + "trainer: {compile: perhaps}\n": "mine.yaml: trainer.compile: expected true or false, was given perhaps",
    GOOD + "trainer: {gradient_clip_val: 1}\n": "mine.yaml: there is no key 'trainer.gradient_clip_val' (nearest:",
    GOOD.replace("{steps: 5}", "5"): "mine.yaml: expected keys and values below it, was given one value",
    GOOD + YAMLS["alias bomb"].decode(): "mine.yaml: its aliases (*NAME) stand for over 100,000 values: write",
    GOOD + "x: &a [*a]\n": "mine.yaml: its aliases",
    GOOD + "x: " + "[" * 20_000: "mine.yaml: it is not valid YAML",
    GOOD
    + "x: !!python/object/apply:os.system ['touch executed']\n": "line 9: it is not valid YAML (could not determine",
    GOOD + "#" * (1 << 20): "mine.yaml has more than the 1,048,576 bytes allowed: expected a file of YAML",
    GOOD + "model: {a: [1,2\n": "mine.yaml, line 10: it is not valid YAML (expected ',' or ']'",
    GOOD + "model:\n\tx: 3\n": "mine.yaml, line 10: it is not valid YAML (found character '\\t'",
    GOOD + "seed: 1\nseed: 2\n": "mine.yaml, line 10: it is not valid YAML (found duplicate key seed)",
    "# caf\xe9\n" + GOOD: "mine.yaml is not in UTF-8",
    "seed: 1\0\n": "mine.yaml: it is not valid YAML",
    "3\n": "mine.yaml: expected keys and values, found int 3",
    "- a\n": "mine.yaml: expected keys and values, found list",
    "# @package _global_\ndefaults: 3\n": "mine.yaml: expected a list at defaults",
    GOOD.replace("gaussians8", "gausians8"): "mine.yaml: data=gausians8 is unknown (nearest: gaussians8): expected one",
    "# @package _global_\nbudget: {steps: 5}\n": "mine.yaml chooses no ",
    GOOD.replace("# @package _global_\n", ""): "its first line has to be `# @package _global_`",
    GOOD + "outputs: ${nokey}\n": "outputs: Interpolation key 'nokey' not found (there is no such key); give outputs=…",
    GOOD + "outputs: ${oc.env:NOBODY_SET_THIS}\n": "outputs: KeyError raised while resolving interpolation",
    GOOD + "outputs: ${\n": "`${` begins the name of another key",
}


@pytest.fixture
def own(tmp_path):
    """Writes experiment/mine.yaml, and says of it what composing it says."""
    (tmp_path / "experiment").mkdir()

    def said(text, *words):
        (tmp_path / "experiment" / "mine.yaml").write_text(text, encoding="latin-1")
        with pytest.raises(UserError) as caught:
            compose(["experiment=mine", *words], config_dirs=[str(tmp_path)])
        return str(caught.value)

    return said


def test_the_file_that_the_others_are_variants_of_composes(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(GOOD)
    assert compose(["experiment=mine"], config_dirs=[str(tmp_path)]).budget.steps == 5


@pytest.mark.parametrize(("text", "sentence"), WRONG.items(), ids=range(len(WRONG)))
def test_file_and_key_are_named_in_one_sentence(own, text, sentence):
    told = own(text)
    assert sentence in told
    assert "while composing" not in told and "\n" not in told


def test_a_few_aliases_are_nobodys_fault(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"{GOOD}seed: &n 3\ntrainer: {{log_every: *n}}\n")
    configuration = compose(["experiment=mine"], config_dirs=[str(tmp_path)])
    assert (configuration.seed, configuration.trainer.log_every) == (3, 3)


@pytest.mark.parametrize("kind", ["pipe", "link to a device", "link to nothing", "socket"])
def test_a_file_that_is_none_is_not_waited_for(tmp_path, kind):
    (tmp_path / "outside").mkdir()
    (tmp_path / "data").mkdir()
    THINGS[kind](tmp_path / "data" / "x.yaml")
    for read in (lambda: load_option("data", "x", [str(tmp_path)]),
                 lambda: compose(["experiment=point_demo_gp"], config_dirs=[str(tmp_path)])):  # fmt: skip
        with pytest.raises(UserError, match=r"x\.yaml (is|cannot be read).*expected a file of YAML"):
            read()


def test_an_option_of_another_group_that_is_broken_is_named(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.yaml").write_text("_target_: [\n")
    with pytest.raises(UserError, match=r"bad.yaml, line 2: it is not valid YAML"):
        load_option("data", "bad", [str(tmp_path)])
    with pytest.raises(UserError, match=r"bad.yaml, line 2: it is not valid YAML"):
        compose(["experiment=point_demo_gp", "data=bad"], config_dirs=[str(tmp_path)])


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("outputs=${nokey}", "outputs: Interpolation key 'nokey' not found"),
        ("outputs=${", "`${` begins the name of another key"),
        ("hydra=3", "hydra"),
        ("hydra/launcher=nosuch", "hydra/launcher=nosuch is unknown"),
    ],
)
def test_words_are_explained_too(word, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        compose(["experiment=point_demo_gp", word])


def test_interpolations_of_the_command_line_are_resolved(monkeypatch):
    monkeypatch.setenv("KANTOR_TEST_PLACE", "/x")
    configuration = compose(["experiment=point_demo_gp", "outputs=${oc.env:KANTOR_TEST_PLACE}/y"])
    assert configuration.outputs == "/x/y"
