"""What a sweep costs beside its training: a finished plan given again, `kantor status`, and the way from job to job.

    python bench/sweeps.py [--jobs 200] [--runs 1000] [--next 6]

One tiny run is trained and linked to the places of a plan's jobs, five seeds to a setting. Each command is a process of
its own, whose CPU and wall seconds count with Python's start; `imported` names what of torch and Hydra it has loaded.
The way from job to job is that of one worker, from the last file of a run to the first logged step of the next. Goals:
10 s of CPU and 2 s for a plan of 200 jobs, 3 s for the status of 1,000 runs, 1 s from job to job.
"""

import argparse
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from kantor.engine.train import train
from kantor.sweeps.plan import Plan
from kantor.sweeps.planning import planned
from kantor.sweeps.words import told_apart

SEEDS = 5
TINY = (
    "experiment=point_demo_gp", "trainer.progress=false", "trainer.threads=1", "trainer.accelerator=cpu",
    "trainer.log_every=1", "budget.steps=1", "evaluation.n=128", "evaluation.chunk=64",
)  # fmt: skip
PROBE = """
import sys
from kantor.cli.main import main
code = main(sys.argv[1:])
print([name for name in ("torch", "hydra") if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""


@dataclass(frozen=True)
class Took:
    """What a command took: seconds of CPU, seconds, and the heavy packages that it has loaded."""

    cpu: float
    wall: float
    imported: str


def took(*words: str) -> Took:
    """A command's process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(cpu, wall, done.stderr.splitlines()[-1])


def swept(root: Path, jobs: int) -> list[str]:
    """The words of a sweep of so many jobs."""
    return [*TINY, f"outputs={root}", f"objective.penalty_weight=range(1,{jobs // SEEDS + 1})", f"seed=range({SEEDS})"]


def finish(plan: Plan) -> None:
    """Make all runs of a plan: the first is trained, the others have its files."""
    first, *others = plan.jobs
    source = train(plan.configuration(first, code="refuse")).path
    for job in others:
        run = plan.directory_of(job)
        shutil.copytree(source, run.path, copy_function=os.link)
        for file in (run.environment_json, run.card_json):
            content = json.loads(file.read_text())
            file.unlink()  # the links are of one file
            file.write_text(json.dumps({**content, "seed": job.plain["seed"]}))


def from_job_to_job(root: Path, jobs: int) -> list[float]:
    """Seconds from the end of a run to the first step of the next, in one worker."""
    plan = planned(told_apart([*TINY, f"outputs={root}", f"seed=range({jobs})"], []))
    command = [sys.executable, "-m", "kantor", "work", str(plan.directory)]
    subprocess.run(command, check=True, capture_output=True)
    runs = [plan.directory_of(job) for job in plan.jobs]
    spans = sorted((run.metrics_csv.stat().st_mtime, last_written(run.path)) for run in runs)
    return [step - ended for (_, ended), (step, _) in itertools.pairwise(spans)]


def last_written(directory: Path) -> float:
    """When a run was last written to."""
    return max(file.stat().st_mtime for file in directory.rglob("*") if file.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--next", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        for title, jobs, again in (("finished plan again", given.jobs, True), ("status", given.runs, False)):
            root = Path(place) / f"of-{jobs}"
            words = swept(root, jobs)
            plan = planned(told_apart(words, []))
            finish(plan)
            commands = {f"{title}, {jobs} jobs": ["train", "-m", *words]} if again else {
                f"{title} of the plan, {jobs} jobs": ["status", str(plan.directory)],
                f"{title} of the directory, {jobs} runs": ["status", str(root)],
            }  # fmt: skip
            for name, command in commands.items():
                one = took(*command)
                print(f"{name:36s} {one.cpu:6.2f} s of CPU, {one.wall:6.2f} s, imported {one.imported}", flush=True)
        waits = from_job_to_job(Path(place) / "next", given.next)
        ends = f"({min(waits):.2f} to {max(waits):.2f})"
        print(f"{'to the first step of the next job':36s} {statistics.median(waits):6.2f} s {ends}")


if __name__ == "__main__":
    main()
