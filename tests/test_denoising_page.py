"""docs/denoising.md, as a reader takes it: its table is what the objectives are, its objective trains."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_class
from small_runs import check_run
from tiny import fit, flow, points, samples

from kantor.callbacks import denoising
from kantor.config.compose import compose, load_option
from kantor.config.files import CONF
from kantor.models import average_health, denoising_findings
from kantor.noising.bound import gaussian

PAGE = (Path(__file__).parents[1] / "docs" / "denoising.md").read_text(encoding="utf-8")
CHOICES = ("path", "parametrisation", "weight", "times")
PAPERS = ("ddpm", "flow", "edm", "ncsn", "improved_ddpm")
OURS = ("flow_log_normal", "ddpm_v", "ddpm_data")


def rows(heading):
    """The cells of the table below a heading, by the first of each row."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return {cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)}


def test_every_objective_is_on_the_page():
    nodes = {path.stem: yaml.safe_load(path.read_text()) for path in (CONF / "objective").glob("*.yaml")}
    named = {name for name, node in nodes.items() if "path" in node}
    assert named == {*PAPERS, *OURS} and all(f"`{name}` is" in PAGE for name in OURS)
    assert set(rows("The objectives of the papers")) == {"`objective=`", *(f"`{name}`" for name in PAPERS)}


@pytest.mark.parametrize("objective", PAPERS)
def test_each_objective_is_made_of_what_the_table_says(objective):
    node = load_option("objective", objective)
    given = dict(zip(CHOICES, rows("The objectives of the papers")[f"`{objective}`"], strict=False))
    for choice in CHOICES:
        assert re.findall(r"`(\w+)`", given[choice])[0] == node[choice]["_target_"].rpartition(".")[2]
    numbers = {float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?(?:e-\d+)?", given["path"])}
    flat = yaml.safe_dump(node["path"])
    assert numbers <= {float(number) for number in re.findall(r": ([\d.e-]+)$", flat, re.MULTILINE)}


def test_the_further_objective_needs_no_python(tmp_path):
    ((name, text),) = re.findall(r"`my_conf/objective/(\w+)\.yaml`:\n\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "objective").mkdir()
    (tmp_path / "objective" / f"{name}.yaml").write_text(text)
    (command,) = re.findall(r"^kantor train (--config-dir .*)$", PAGE, re.MULTILINE)
    words = [word for word in shlex.split(command) if word not in ("--config-dir", "my_conf")]
    assert f"objective={name}" in words
    run = check_run(compose([*words, "trainer.accelerator=cpu"], config_dirs=[str(tmp_path)]))
    model = flow(objective=run.model.objective)
    fit(model, points(), 2)
    assert model.steps == 2 and float(model.values["train/loss"]) > 0


def test_a_variance_is_learned_on_points():
    (command,) = re.findall(r"^kantor train (experiment=point_ddpm .*?[^\\])$", PAGE, re.MULTILINE | re.DOTALL)
    run = check_run(compose([*shlex.split(command.replace("\\\n", " ")), "trainer.accelerator=cpu"]))
    fit(run.model, points(), 2)
    assert run.model.steps == 2 and run.model.objective.decoder.func is gaussian
    # two steps teach nothing of the noise, which the cosine chain's first step divides by an α of nearly 0
    clipped = replace(run.sampler, steps=3, clip=True)
    drawn, beta = (samples(run.model, sampler=sampler) for sampler in (clipped, replace(clipped, variance="beta")))
    assert drawn.isfinite().all() and not drawn.equal(beta)


def test_what_is_watched_is_what_is_on_the_page():
    said = re.findall(r"`(\w+)`", " ".join(rows("What kantor watches")))
    checks = [check.__name__ for check in denoising_findings.CHECKS]
    assert said == [*checks, average_health.idle_average.__name__, average_health.stale_average.__name__]


def test_the_pictures_of_the_page_are_those_of_denoisers():
    named = {re.findall(r"`(\w+)`", cell)[0] for cell in rows("Pictures of what happens")}
    kinds = {
        get_class(node["_target_"])
        for path in (CONF / "pictures").glob("denoised_*.yaml")
        for node in yaml.safe_load(path.read_text())["callbacks"].values()
        if node is not None
    }
    assert kinds > set(denoising.DenoisingPicture.__subclasses__()) and {kind.name for kind in kinds} == named
