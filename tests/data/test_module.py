import ast
from pathlib import Path

import pytest
from tiny import TinyImages

import kantor.data
from kantor.data.images import ImageData
from kantor.data.module import PointData
from kantor.data.points import Line
from kantor.errors import UserError


def make(**changed):
    return PointData(**{"name": "line", "distribution": Line(0.0), "batch_size": 8, "seed": 0, **changed})


@pytest.mark.parametrize("batch_size", [0, -8])
def test_a_batch_has_points(batch_size):
    with pytest.raises(UserError, match=f"batch_size={batch_size}: expected a number above 0"):
        make(batch_size=batch_size)


def test_points_have_no_classes():
    assert make().classes is None and make().label_shares() is None


def imported(path):
    """The modules that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("path", sorted(Path(kantor.data.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_data_know_no_model_and_no_run(path):
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("kantor.")}
    assert rooms <= {
        "atomic", "causes", "data", "digests", "errors", "global_generators", "keyed", "locks", "marks", "messages",
        "paths", "places", "plain_files", "progress_bar", "seals", "visible",
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "made"), [(PointData, make), (ImageData, TinyImages)])
def test_data_of_the_kind_that_is_required_are_given_back(kind, made):
    data = made()
    assert kind.require(data, purpose="it draws", remedy="another") is data


@pytest.mark.parametrize(
    ("kind", "made", "sentence"),
    [
        (PointData, TinyImages, "^it draws points, data=tiny are pictures; take pictures=images$"),
        (ImageData, make, "^it draws pictures, data=line are points; take pictures=images$"),
    ],
)
def test_data_of_another_kind_are_refused_with_a_remedy(kind, made, sentence):
    with pytest.raises(UserError, match=sentence):
        kind.require(made(), purpose="it draws", remedy="pictures=images")
