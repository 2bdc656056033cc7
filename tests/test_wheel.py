"""The wheel carries the configuration and the small classifiers: outside the repository the same can be named."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

from small_runs import environment

from kantor.evaluation.extractors.classifiers import WEIGHTS

ROOT = Path(__file__).parents[1]


def test_the_wheel_works_outside_the_repository(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    weights = tmp_path / "site" / "kantor" / "evaluation" / "extractors" / "weights"
    for name, digest in WEIGHTS.items():
        assert hashlib.sha256((weights / f"{name}.safetensors").read_bytes()).hexdigest() == digest
    code = (
        "import sys, pathlib; sys.path.insert(0, 'site'); import kantor; "
        "assert pathlib.Path(kantor.__file__).is_relative_to(pathlib.Path.cwd()), kantor.__file__; "
        "from kantor.cli.main import main; sys.exit(main(['list', 'experiments']) or main(['train', '--cfg', "
        "'experiment=point_wgan_gp']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "point_demo_gp" in done.stdout and "penalty_weight: 0.1" in done.stdout
