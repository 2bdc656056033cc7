"""Each notebook runs from top to bottom as it stands, is stored without outputs, and defines nothing that others could
want.
"""

import ast
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client import KernelManager
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel called python3 that is this interpreter, whatever is installed for the user or the machine."""
    jupyter = tmp_path / "jupyter"
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    write_kernel_spec(str(jupyter / "kernels" / "python3"), overrides={"argv": command})
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(jupyter))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(jupyter / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(jupyter / "ipython"))
    # beside other tests, the threads of one matrix product would wait for each other most of the time
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    return "python3"


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def test_there_is_a_notebook():
    assert NOTEBOOKS


def shortened(source):
    """The same in a tenth of its steps, samplers and likelihoods too, with a quarter of the samples in each score,
    and no charts."""
    tenth = re.sub(r"((?:budget\.steps|sampler\.steps|likelihood\.\w+)=\d+)0\b", r"\1", source)
    return re.sub(r"(evaluation\.n=)\d+", r"\g<1>128", re.sub(r"(evaluation\.every=)\d+", r"\g<1>20", tenth))


WITHOUT_CHARTS = """from kantor.engine import publication
from kantor.report import page
page.charts_of = lambda summary: []
publication.write_figures = lambda directory: None
"""


@pytest.mark.parametrize(
    "as_read",
    [pytest.param(lambda source: source, marks=pytest.mark.long, id="as they stand"),
     pytest.param(shortened, id="shortened")],
)  # fmt: skip
def test_they_run_from_top_to_bottom_with_the_settings_that_a_reader_has(kernel, tmp_path, as_read):
    """One after the other in one kernel and directory, as in one sitting: what an earlier one trained is there."""
    if as_read is shortened:
        startup = Path(os.environ["IPYTHONDIR"], "profile_default", "startup")
        startup.mkdir(parents=True)
        (startup / "without_charts.py").write_text(WITHOUT_CHARTS)
    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel(cwd=str(tmp_path))
    try:
        for path in sorted(NOTEBOOKS, key=lambda path: path.stem != "first_run"):
            notebook = nbformat.read(path, as_version=4)
            cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
            for cell in cells:
                cell.source = as_read(cell.source)
            client = NotebookClient(notebook, km=manager, timeout=300)
            client.execute(cleanup_kc=False)  # raises CellExecutionError with the cell's traceback
            check_executed(cells)
    finally:
        manager.shutdown_kernel(now=True)
    assert len(list((tmp_path / "outputs").rglob("card.json"))) >= len(NOTEBOOKS)


def check_executed(cells):
    """Without an error, and with a bar where there was training; the last look of it is kept."""
    outputs = {cell.source: cell.outputs for cell in cells}
    assert not [output for found in outputs.values() for output in found if output.output_type == "error"]
    for source, found in outputs.items():
        if "kantor.train(" in source and "budget" in source:
            shown = [output.data for output in found if output.output_type == "display_data"]
            bars = [data["text/plain"] for data in shown if "<progress" in data.get("text/html", "")]
            assert [bar for bar in bars if re.search(r"seed 0: (\d+)/\1 steps, ", bar)], found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_stored_without_outputs(path):
    nbformat.validate(nbformat.read(path, as_version=4))
    for cell in code_cells(path):
        assert cell.outputs == []
        assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_says_which_kernel_and_no_more(path):
    metadata = nbformat.read(path, as_version=4).metadata
    assert metadata.kernelspec.name == "python3"
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata.language_info == {"name": "python"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_defines_nothing_reusable(path):
    defined = [
        node
        for cell in code_cells(path)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)
    ]
    assert not defined


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_imports_kantor_whole(path):
    """A notebook shows the public face: `import kantor`, and nothing from inside it."""
    names = []
    for cell in code_cells(path):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
    assert "kantor" in names
    assert not [name for name in names if name.startswith("kantor.")]
