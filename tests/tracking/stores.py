"""What a tracker has of a run, as plain values: equal where it shows the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tracking.offline_files import Offline


def of_wandb(run: Path) -> dict:
    found = Offline(run)
    return {
        "rows": found.rows,
        "summary": found.summary,
        "config": {key: value for key, value in found.config.items() if not key.startswith("_")},
        "id": found.begun.run_id,
        "artefacts": {kind: sorted(files) for kind, files in found.artefacts.items()},
    }


def of_tensorboard(run: Path) -> dict:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(
        str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0, "tensors": 0}, purge_orphaned_data=True
    )
    events.Reload()
    tags = events.Tags()
    return {
        "scalars": {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in tags["scalars"]},
        "images": {tag: [(one.step, one.encoded_image_string) for one in events.Images(tag)] for tag in tags["images"]},
        "texts": {
            tag: [(one.step, bytes(one.tensor_proto.string_val[0])) for one in events.Tensors(tag)]
            for tag in tags["tensors"] if tag.endswith("text_summary")
        },
        "settings": sorted(name for name in events.summary_metadata if name.startswith("_hparams_")),
    }  # fmt: skip


def of_mlflow(run: Path, project: str = "kantor") -> dict:
    """Of the only run of an experiment, in the store mlflow.db here."""
    with closing(sqlite3.connect("mlflow.db")) as store:
        (found,) = store.execute(
            "select run_uuid, status, artifact_uri from runs join experiments using (experiment_id) "
            "where experiments.name = ?",
            (project,),
        )
        metrics = store.execute(
            "select key, step, value, timestamp from metrics where run_uuid = ? and key not like 'score/%' "
            "order by key, step", found[:1],
        )  # fmt: skip
        params = store.execute("select key, value from params where run_uuid = ? order by key", found[:1])
        tags = store.execute("select key, value from tags where run_uuid = ? and key = 'kantor.id'", found[:1])
        latest = store.execute(
            "select key, value from latest_metrics where run_uuid = ? and key like 'score/%' order by key", found[:1]
        )
        place = Path(found[2].removeprefix("file://"))
        return {
            "state": found[1],
            "metrics": metrics.fetchall(),
            "params": params.fetchall(),
            "tags": tags.fetchall(),
            "scores": latest.fetchall(),
            "artefacts": sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()),
        }


STORES = {"wandb": of_wandb, "tensorboard": of_tensorboard, "mlflow": of_mlflow}


def curve(tracker: str, has: dict, name: str) -> list[tuple[int, float]]:
    """Steps and values of what is drawn."""
    if tracker == "wandb":
        return [(row["_step"], row[name]) for row in has["rows"] if name in row]
    if tracker == "tensorboard":
        return has["scalars"][name]
    return [(step, value) for key, step, value, _ in has["metrics"] if key == name]
