import pytest
from image_runs import TinyImages

from kantor.config.checks import check_shares
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


@pytest.mark.parametrize(("batch_size", "processes"), [(8, 1), (8, 2), (9, 3), (6, 6)])
def test_even_shares_are_accepted(batch_size, processes):
    assert check_shares(batch_size, processes) is None


@pytest.mark.parametrize(("batch_size", "processes", "nearby"), [(9, 2, 8), (256, 3, 255), (2, 3, 3), (1, 4, 4)])
def test_uneven_shares_are_refused_with_a_multiple_that_works(batch_size, processes, nearby):
    with pytest.raises(UserError, match=f"data.batch_size={batch_size} .*trainer.devices={processes}.*{nearby}$"):
        check_shares(batch_size, processes)
    check_shares(nearby, processes)


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
