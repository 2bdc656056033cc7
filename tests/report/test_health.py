import json
from collections.abc import Callable

import pytest

from kantor.errors import UserError
from kantor.report.health import health_json, read_findings
from kantor.report.page import report_html
from kantor.runs.directory import RunDirectory


def test_findings_stand_on_the_page(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    assert read_findings(run) == [] and 'aria-label="Health"' not in report_html(run)
    message = "mode collapse: <b>all</b> alike. Try this"
    found = [{"step": step, "check": "x", "message": message, "gone": gone} for step, gone in ((1500, None), (9, 1800))]
    health_json(run).write_text(json.dumps({"findings": found}))
    html = report_html(run)
    assert 'aria-label="Health"' in html
    assert "<b>At step 1,500</b> mode collapse: &lt;b&gt;all&lt;/b&gt; alike. Try this." in html
    assert "<b>At step 9</b> (gone by step 1,800) mode collapse" in html


def test_a_damaged_file_is_named(make_run: Callable[..., RunDirectory]):
    run = make_run("a")
    health_json(run).write_text("{")
    with pytest.raises(UserError, match=r"health\.json is damaged"):
        read_findings(run)
