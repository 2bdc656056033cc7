import pytest

from kantor.data.share import check_shares
from kantor.errors import UserError


@pytest.mark.parametrize(("batch_size", "processes"), [(8, 1), (8, 2), (9, 3), (6, 6)])
def test_even_shares_are_accepted(batch_size, processes):
    assert check_shares(batch_size, processes) is None


@pytest.mark.parametrize(("batch_size", "processes", "nearby"), [(9, 2, 8), (256, 3, 255), (2, 3, 3), (1, 4, 4)])
def test_uneven_shares_are_refused_with_a_multiple_that_works(batch_size, processes, nearby):
    with pytest.raises(UserError, match=f"data.batch_size={batch_size} .*by {processes} processes.*{nearby}$"):
        check_shares(batch_size, processes)
    check_shares(nearby, processes)
