"""What is said of launchers that Hydra does not take."""

import pytest

from kantor.errors import UserError
from kantor.sweeps.launchers import refused
from kantor.sweeps.words import Words


@pytest.mark.parametrize(
    ("launcher", "said"),
    [
        ("jobli", ["there is none here (nearest: joblib)", "basic, joblib", "pip install 'kantor[sweeps]'"]),
        ("joblib", ["hydra/launcher=joblib: no njobs", "its settings are n_jobs, "]),
    ],
)
def test_a_launcher_that_there_is_not_is_told_from_a_setting_that_it_has_not(tmp_path, launcher, said):
    words = Words(("experiment=point_demo_gp",), (), tmp_path, launcher)
    with pytest.raises(UserError) as caught:
        raise refused(words, "no njobs")
    told = str(caught.value)
    assert all(part in told for part in said), told
    assert launcher == "jobli" or "pip" not in told
