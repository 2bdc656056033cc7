"""Whatever was changed in the files of a finished run is found by them alone, and named."""

import re
import shutil

import pytest
from forgeries import (
    a_row,
    better,
    counted,
    edited,
    exchange,
    of_more_samples,
    other_weights,
    the_evaluation,
    verified,
    wrong,
)

EDITS = {
    "a value in the card": (("card.json",), lambda card: better(card["evaluations"][0]), {"card"}),
    "a value in the evaluation": (("evaluation",), better, {"files", "card"}),
    "the protocol in the evaluation": (("evaluation",), of_more_samples, {"files", "card", "evaluation toy"}),
    "the budget in the card": (("card.json",), counted, {"card"}),
    "the budget in the status": (("status.json",), counted, {"files", "budget", "card", "evaluation toy"}),
    "the budget in status and card": (("status.json", "card.json"), counted, {"files", "budget", "evaluation toy"}),
    "the threads": (("status.json",), lambda status: status["attempts"][0].update(threads=2), {"files"}),
    "the cost": (
        ("status.json", "card.json"), lambda whole: whole.get("cost", whole["budget"]).update(train_seconds=1.0),
        {"files"},
    ),
    "the state in the card": (("card.json",), lambda card: card.update(status="running"), {"card"}),
    "a setting that determines the weights": (
        ("config.yaml",), lambda plain: plain["model"]["critic"].update(width=16), {"files", "configuration"},
    ),
    "a setting that does not": (("config.yaml",), lambda plain: plain["evaluation"].update(n=64), {"files"}),
    "the seed": (("config.yaml",), lambda plain: plain.update(seed=1), {"files", "configuration"}),
    "the source": (("environment.json",), lambda made: made["code"].update(x="y"), {"files"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", EDITS)
def test_what_was_edited_is_found_by_the_files_alone(kantor, run, kind):
    names, change, expected = EDITS[kind]
    for name in names:
        edited(the_evaluation(run) if name == "evaluation" else run / name, change)
    assert set(wrong(verified(run, verdict="different"))) == expected


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


CHANGES = {
    "a row of metrics.csv": (a_row, {"files": "metrics.csv was changed"}),
    "the last weights": (
        other_weights,
        {"files": "checkpoints/last.ckpt was changed", "weights": "last.ckpt has other weights"},
    ),
    "a bit of the checkpoint": (
        lambda run: flip(run / "checkpoints" / "last.ckpt"),
        {"last.ckpt": "it is damaged", "files": "checkpoints/last.ckpt was changed"},
    ),
    "the exported weights": (
        lambda run: exchange(run / "checkpoints" / "generator.safetensors"),
        {"weights": "generator.safetensors has other weights", "evaluation toy": "drawn by other weights"},
    ),
    "a file taken away": (
        lambda run: (run / "metrics.csv").unlink(),
        {"files": "metrics.csv is missing"},
    ),
    "an evaluation put in": (
        lambda run: shutil.copy(the_evaluation(run), run / "evaluations" / "toy-1.json"),
        {"files": "evaluations/toy-1.json is not one of the files", "card": "card.json: "},
    ),
    "a row of digests.csv": (
        lambda run: (run / "digests.csv").write_text((run / "digests.csv").read_text()[:-65] + "0" * 64 + "\n"),
        {"files": "digests.csv was changed", "weights": "generator.safetensors has other weights"},
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_what_was_replaced_is_found_by_the_files_alone(kantor, run, kind):
    change, expected = CHANGES[kind]
    change(run)
    found = wrong(verified(run, verdict="different"))
    for claim, told in expected.items():
        assert told in found[claim]


def test_the_line_of_the_configuration_is_named(kantor, run):
    edited(run / "config.yaml", lambda plain: plain["model"]["critic"].update(width=16))
    lines = (run / "config.yaml").read_text().splitlines()
    told = wrong(verified(run, verdict="different"))["files"]
    line = int(re.search(r"config\.yaml was changed \(line (\d+), model\.critic\.width was 32, is 16\)", told)[1])
    assert lines[line - 1].strip() == "width: 16"
