"""What the source of kantor calls: the few places that could run or import something by a name are known."""

import ast
from pathlib import Path

import kantor

HOME = Path(kantor.__file__).parent
ALLOWED = {
    "importlib.import_module": {"config/components.py", "config/targets.py", "data/decode.py"},
    "importlib.util.find_spec": {
        "data/mnist.py",
        "report/why.py",
        "runs/identity.py",
        "search/words.py",
        "tracking/sink.py",
    },
    "util.find_spec": {"config/packages.py"},
    "subprocess.run": {"queues.py", "ranks.py", "runs/provenance.py"},
    "pickle.dumps": {"workers.py", "led.py"},
    "pickle.loads": {"led.py"},
    "OmegaConf.create": {"config/compose.py"},
    "yaml.safe_load": {"report/labels.py"},
    "yaml.load": {"config/own_files.py", "runs/door.py"},
    "yaml.compose": {"config/own_files.py", "runs/manifest.py"},
    "yaml.parse": {"runs/door.py"},
}
"""Of kantor's own names: constants, its own files, and what has been checked."""
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "marshal.loads",
    "shelve.open", "yaml.unsafe_load", "yaml.full_load", "torch.hub.load", "torch.jit.load",
    "torch.serialization.add_safe_globals", "runpy.run_path", "subprocess.Popen", "subprocess.check_output",
    "hydra.utils.instantiate", "OmegaConf.load", "OmegaConf.register_new_resolver", "shutil.unpack_archive",
}  # fmt: skip
WATCHED = {"importlib", "pickle", "subprocess", "marshal", "shelve", "runpy", "yaml", "OmegaConf"}
QUIET = {"yaml.safe_dump", "OmegaConf.to_container", "OmegaConf.update", "OmegaConf.masked_copy", "OmegaConf.merge",
         "OmegaConf.structured", "OmegaConf.from_dotlist", "importlib.resources.files", "importlib.invalidate_caches",
         "importlib.util.resolve_name"}  # fmt: skip


OPENS = {"open", "fdopen", "read_text", "read_bytes", "loadtxt", "genfromtxt", "fromfile", "memmap", "open_memmap",
         "safe_open", "load_file", "ZipFile", "TarFile", "imread", "copyfile", "copytree"}  # fmt: skip
"""Last words of calls that open a file by its name."""
WRITES = {"write_text", "write_bytes", "tofile"}
"""Methods that write one."""
PARSES = {"json.load", "json.loads", "yaml.load", "yaml.safe_load", "yaml.parse", "yaml.compose", "torch.load",
          "numpy.load", "csv.reader", "csv.DictReader", "PIL.Image.open"}  # fmt: skip
DOORS = {
    "plain_files.py": ({"open", "os.open"}, "looks whether it is a plain file"),
    "runs/door.py": ({"json.loads", "yaml.load", "yaml.parse"}, "the door to a run, on plain_files"),
    "runs/metric_rows.py": ({"csv.reader"}, "text that the door has read"),
    "runs/digest_rows.py": ({"csv.reader"}, "text that the door has read"),
    "runs/manifest.py": ({"yaml.compose"}, "the same, for the lines of what it has checked"),
    "runs/contradictions.py": ({"json.loads"}, "text that the door has read"),
    "tracking/event_files.py": (
        {"?.open", "PIL.Image.open", "path.read_bytes"}, "a new file; pictures that the door has let in",
    ),
    "tracking/mlflow_runs.py": ({"path.read_bytes", "shutil.copyfile"}, "the same pictures, the card's plain files"),
    "tracking/weights_and_biases.py": (
        {"PIL.Image.open", "path.read_bytes"}, "the same; files of a run for their digest",
    ),
    "engine/rescoring.py": ({"json.loads"}, "what was just scored, as JSON holds it"),
    "engine/integrity.py": ({"safetensors.safe_open"}, "tensors of a plain file of a run, for their digest"),
    "runs/checkpoints.py": ({"path.open", "torch.load", "zipfile.ZipFile"}, "the door to checkpoints: sealed, shaped"),
    "runs/pictures.py": ({"PIL.Image.open"}, "the door to a run's pictures: named decoders, a file of plain_files"),
    "seals.py": ({"path.open"}, "reads bytes of a plain file for their digest"),
    "atomic.py": ({"aside.open", "path.open", "source.open"}, "the one that writes"),
    "fences.py": ({"json.loads", "os.open"}, "a lease's bytes; what a process has written for its own workers"),
    "runs/lease_files.py": ({"json.loads", "os.open"}, "new files; text that plain_files has read"),
    "runs/owners.py": ({"?.read_text"}, "the system's word on processes, below /proc"),
    "locks.py": ({"open", "os.open"}, "locks, follows no link, reads nothing"),
    "__main__.py": ({"os.open"}, "the device null, for a broken pipe"),
    "config/own_files.py": ({"yaml.compose", "yaml.load"}, "the user's configurations: text from plain_files"),
    "config/explanation.py": ({"path.read_text"}, "the same, after own_files has read them"),
    "config/packages.py": ({"?.read_text", "json.loads"}, "what pip wrote of an installed package"),
    "search/study.py": ({"journal.open"}, "the journal of Optuna, for half a line at its end"),
    "sweeps/stops.py": ({"mark.read_text"}, "a number that the first process of this very sweep wrote"),
    "sweeps/plan_file.py": ({"json.loads"}, "text that the door has read"),
    "tracking/answers.py": ({"?.open"}, "no file, but the address of a tracker that the user names"),
    "sweeps/planning.py": ({"path.read_bytes"}, "configurations and source, for their digest"),
    "callbacks/clock.py": ({"status.read_text"}, "the system's word on memory, below /proc"),
    "runs/attempts.py": ({"info.read_text"}, "the system's word on the processor, below /proc"),
    "runs/source.py": ({"?.read_bytes", "file.read_bytes"}, "source of code that is imported"),
    "live_code.py": ({"?.read_bytes"}, "the same, against what was imported"),
    "runs/provenance.py": ({"?.write_text", "shutil.copyfile"}, "git's index, in a directory of its own"),
    "report/labels.py": ({"file.read_text", "yaml.safe_load"}, "kantor's own files"),
    "report/why.py": ({"file.read_text"}, "source of code that is imported"),
    "samples/batches.py": ({"PIL.Image.open"}, "a picture drawn just now, in memory"),
    "data/archives.py": ({"self._archive.open", "tarfile.TarFile", "zipfile.ZipFile"}, "the door to archives: bounded"),
    "data/decode.py": ({"PIL.Image.open"}, "the door to pictures of data: named decoders, bounded"),
    "data/downloads.py": ({"partial.open"}, "what it downloads itself, known by its digest"),
    "data/cache.py": (
        {"json.loads", "memory.read_text", "numpy.lib.format.open_memmap", "numpy.load", "partial.open",
         "path.read_text", "state.read_text"},
        "this user's cache: sealed, or with a digest",
    ),
    "data/mnist.py": ({"gzip.open", "numpy.loadtxt", "numpy.memmap", "path.open"}, "published files, known by digests"),
    "evaluation/tensor_files.py": ({"json.loads", "safetensors.safe_open"}, "numbers, known by key and digest"),
    "evaluation/feature_cache.py": ({"file.read_bytes"}, "source of kantor's own"),
    "evaluation/extractors/digests.py": ({"file.read_bytes"}, "source of code that is imported"),
    "evaluation/extractors/modules.py": ({"safetensors.torch.load_file"}, "the user's weights: plain, no pickle"),
    "evaluation/extractors/own.py": ({"json.loads"}, "text from plain_files"),
    "evaluation/extractors/weights.py": ({"file.read_bytes", "torch.load"}, "published weights, known by digests"),
}  # fmt: skip
"""Who opens and reads files, by what, and why nobody's harm comes of it: what else reads one goes through these."""


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value) or '?'}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def calls(path):
    return [(dotted(node.func), node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def test_nothing_is_run_or_imported_by_a_name_but_where_it_is_known():
    places = [(path.relative_to(HOME).as_posix(), path) for path in sorted(HOME.rglob("*.py"))]
    found = [(place, name, call) for place, path in places for name, call in calls(path) if name is not None]
    assert len(found) > 1000
    for place, name, call in found:
        told = (place, call.lineno, name)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert name not in FORBIDDEN, told
        assert name != "torch.load" or given.get("weights_only") == "True", told
        assert name != "np.load" or given.get("allow_pickle", "False") == "False", told
        assert place in ALLOWED.get(name, {place}), told
        assert name.partition(".")[0] not in WATCHED or name in {*ALLOWED, *QUIET}, told


def full_names(tree):
    """What imported names stand for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Import):
            found |= {alias.asname: alias.name for alias in node.names if alias.asname is not None}
    return found


def opens(path):
    """The calls of a file that open, read or write one, by full name."""
    names, found = full_names(ast.parse(path.read_text())), set()
    for name, _ in calls(path):
        if name is None or name in ("RunDirectory.open", "Run.open"):
            continue
        head, dot, rest = name.partition(".")
        full = f"{names.get(head, head)}{dot}{rest}"
        before, _, last = full.rpartition(".")
        if not full.startswith("kantor.") and (last in OPENS or full in PARSES or (last in WRITES and before)):
            found.add(full)
    return found


def test_files_are_opened_where_it_is_known_why():
    found = {path.relative_to(HOME).as_posix(): opens(path) for path in sorted(HOME.rglob("*.py"))}
    assert {place: calls for place, calls in found.items() if calls} == {
        place: calls for place, (calls, _) in DOORS.items()
    }


def test_a_further_way_to_a_file_is_found(tmp_path):
    source = (
        "import numpy as np\nfrom yaml import safe_load as f\nf(open(x)); np.load(x); p().read_text(); y.write_text('')"
    )
    (tmp_path / "x.py").write_text(source)
    assert opens(tmp_path / "x.py") == {"yaml.safe_load", "open", "numpy.load", "?.read_text", "y.write_text"}


def test_no_test_is_left_out_where_a_package_is_missing():
    """A skip would count as passed; what tests need is in `dev`, pyproject.toml."""
    tests = [path for path in Path(__file__).parent.rglob("*.py") if path != Path(__file__)]
    assert len(tests) > 100
    assert [path.name for path in tests if "importorskip" in path.read_text()] == []
