"""What the source of kantor calls: the few places that could run or import something by a name are known."""

import ast
from pathlib import Path

import kantor

HOME = Path(kantor.__file__).parent
ALLOWED = {
    "importlib.import_module": {"config/components.py", "config/targets.py", "data/decode.py"},
    "importlib.util.find_spec": {"data/mnist.py", "report/why.py", "runs/identity.py"},
    "util.find_spec": {"config/packages.py"},
    "subprocess.run": {"runs/provenance.py"},
    "pickle.dumps": {"workers.py"},
    "OmegaConf.create": {"config/compose.py"},
    "yaml.safe_load": {"report/labels.py"},
    "yaml.load": {"runs/door.py"},
    "yaml.parse": {"runs/door.py"},
}
"""Of kantor's own names: constants, its own files, and what has been checked."""
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "marshal.loads",
    "shelve.open", "yaml.unsafe_load", "yaml.full_load", "torch.hub.load", "torch.jit.load",
    "torch.serialization.add_safe_globals", "runpy.run_path", "subprocess.Popen", "subprocess.check_output",
    "hydra.utils.instantiate", "OmegaConf.load", "OmegaConf.register_new_resolver", "shutil.unpack_archive",
}  # fmt: skip
WATCHED = {"importlib", "pickle", "subprocess", "marshal", "shelve", "runpy", "yaml", "OmegaConf"}
QUIET = {"yaml.safe_dump", "OmegaConf.to_container", "OmegaConf.update", "OmegaConf.masked_copy", "OmegaConf.merge",
         "OmegaConf.structured", "OmegaConf.from_dotlist", "importlib.resources.files",
         "importlib.util.resolve_name"}  # fmt: skip


def dotted(node):
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return None if inner is None else f"{inner}.{node.attr}"
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
