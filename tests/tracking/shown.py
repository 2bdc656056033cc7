"""What trackers have of runs, read back and counted: PYTHONPATH=tests python -m tracking.shown RUN …"""

import sys
from collections import Counter
from pathlib import Path

from tracking.offline_files import Offline
from tracking.stores import of_mlflow, of_tensorboard


def of_run(run: Path) -> None:
    """A line for each tracker that has something of it."""
    if list(run.glob("wandb/offline-run-*")):
        has = Offline(run)
        pictures = Counter(key.removesuffix("/sha256") for row in has.rows for key in row if key.endswith("/sha256"))
        rows = sum("steps" in row for row in has.rows)
        told = ", ".join(f"{name.removeprefix('pictures/')} {count}" for name, count in sorted(pictures.items()))
        scores = sum(name.startswith("score/") for name in has.summary)
        print(f"wandb        id {has.begun.run_id}, group {has.begun.run_group}, tags {', '.join(has.begun.tags)}")
        print(f"             config lr {has.config['optimisation']['generator']['lr']}, seed {has.config['seed']}; "
              f"{rows} rows, {scores} values of scores, exit {has.exit_code}")  # fmt: skip
        print(f"             pictures: {told}")
        print(f"             artefact card: {', '.join(sorted(has.artefacts['card']))}")
    if (run / "tensorboard").is_dir():
        has = of_tensorboard(run)
        images = ", ".join(
            f"{name.removeprefix('pictures/')} {len(one)}" for name, one in sorted(has["images"].items())
        )
        print(f"tensorboard  {len(has['scalars']['steps'])} rows, texts {', '.join(sorted(has['texts']))}")
        print(f"             pictures: {images}")
    if Path("mlflow.db").exists():
        has = of_mlflow(run)
        rows = len({step for name, step, *_ in has["metrics"] if name == "steps"})
        print(
            f"mlflow       {has['state']}, {rows} rows, {len(has['metrics'])} values, {len(has['params'])} parameters,"
        )
        print(f"             {len(has['scores'])} values of scores, {len(has['artefacts'])} artefacts")


for given in sys.argv[1:]:
    of_run(Path(given))
