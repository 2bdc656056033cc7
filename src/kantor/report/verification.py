"""A verification on the terminal."""

from kantor.report.tables import Sheet, print_sheets
from kantor.runs.directory import RunDirectory
from kantor.runs.verification import DIFFERENT, UNCHECKED, Verification


def sheet_of(run: RunDirectory, verification: Verification) -> Sheet:
    """A row for each claim; below it the verdict, and what differs."""
    rows = [(one.claim, one.verdict, one.told) for one in verification.findings]
    return Sheet(f"{run.path}, level={verification.level}", ("claim", "verdict", "what was compared"), rows)


def sentences(verification: Verification) -> list[str]:
    """The verdict, where the training first differs, each claim that is different, and what was otherwise then."""
    first = "" if verification.first is None else f"; the first step that differs is {verification.first:,}"
    open_claims = sum(one.verdict == UNCHECKED for one in verification.findings)
    left = f"; not checked: {open_claims}" if open_claims else ""
    wrong = [f"{one.claim}: {one.told}" for one in verification.findings if one.verdict == DIFFERENT]
    told = [f"verdict  {verification.verdict}{first}{left}"]
    return [*told, *(f"differs  {one}" for one in (*wrong, *verification.differences))]


def print_verification(run: RunDirectory, verification: Verification) -> None:
    """Print it."""
    from kantor.messages import show

    print_sheets([sheet_of(run, verification)])
    show("\n".join(sentences(verification)))
