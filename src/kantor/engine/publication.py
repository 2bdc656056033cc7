"""What is put together from a run's other files: card, figures, page. It can be made again at any time, and is whenever
it is missing or made of something else than what is there now.
"""

from typing import Any

from kantor.errors import UserError
from kantor.plain_files import is_plain
from kantor.report.error_budget import write_budget_figures
from kantor.report.figures import write_figures
from kantor.report.page import is_current, write_report
from kantor.runs.card import card_of, write_card
from kantor.runs.directory import RunDirectory


def publish(directory: RunDirectory, status: dict[str, Any]) -> None:
    """Write card, figures and page, in this order: the page is made of the others. The caller holds
    `directory.publishing()`.

    Args:
        directory: the run.
        status: what status.json says or will say.
    """
    write_card(directory, status)
    write_figures(directory)
    write_budget_figures(directory)
    write_report(directory, status)


def is_published(directory: RunDirectory) -> bool:
    """Whether card and page are there, made of what the run holds now."""
    try:
        return directory.card() == card_of(directory, directory.status()) and is_current(directory)
    except UserError:  # the card is missing or damaged
        return False


def derived(directory: RunDirectory) -> list[str]:
    """The files that the end of training and `publish` make of others, as far as they are there, by path in the run."""
    found = [directory.checkpoints / "generator.safetensors", *directory.samples.glob("*.gif")]
    found += directory.figures.glob("*")
    return sorted(str(path.relative_to(directory.path)) for path in found if is_plain(path))
