import copy
import json
import shutil
import sys

import pytest
import yaml
from small_runs import composed
from torch import nn

from kantor import load as kantor_load
from kantor.config import packages, trust
from kantor.config.checks import at
from kantor.config.components import all_components
from kantor.config.compose import changed
from kantor.config.schema import Configuration
from kantor.engine.guides import open_guide
from kantor.errors import UserError

MLP = {
    "_target_": "kantor.nets.mlp.MLP", "inputs": 2, "width": 4, "hidden_layers": 1, "outputs": 2, "initialise": None,
    "activation": {"_target_": "torch.nn.ReLU", "_partial_": True},
}  # fmt: skip


def of_run(plain):
    """A configuration that came with a run directory."""
    return Configuration(plain, of_run=True)


PYTHONS = [
    "os.system", "os.popen", "posix.system", "nt.system", "builtins.eval", "builtins.exec", "builtins.__import__",
    "builtins.open", "subprocess.run", "shutil.rmtree", "pickle.loads", "importlib.import_module", "runpy.run_path",
    "functools.partial", "functools.reduce", "operator.methodcaller", "pty.spawn", "webbrowser.open", "antigravity.x",
    "code.interact", "timeit.timeit", "ctypes.CDLL", "pathlib.Path.unlink", "codecs.open", "pydoc.locate",
    "__main__.x", "sys.exit", "asyncio.run", "multiprocessing.Process", "urllib.request.urlopen",
]  # fmt: skip
TORCHS = [
    "torch.load", "torch.save", "torch.hub.load", "torch.hub.load_state_dict_from_url", "torch.jit.load",
    "torch.compile", "torch.classes.load_library", "torch.ops.load_library", "torch.utils.cpp_extension.load",
    "torch.utils.cpp_extension.load_inline", "torch.utils.model_zoo.load_url", "torch.serialization.os.system",
    "torch.package.PackageImporter", "torch.distributed.run.main", "torch.multiprocessing.spawn", "torch.tensor",
    "torch.nn.attention._fa3._fa3_import_module", "torch.nn.attention._fa4._fa4_import_module",
    "torch.nn.utils._deprecation_utils.lazy_deprecated_import", "torch.nn.utils.skip_init",
    "torch.nn.utils.parametrize.register_parametrization", "torch.nn.utils.stateless.functional_call",
    "torch.nn.utils.spectral_norm", "torch.nn.modules.module.warnings.warn",
    "torch.nn.modules.module.functools.partial",
    "torch.nn.modules.module.partial", "torch.nn.modules.module.itertools.chain", "torch.nn.modules.lazy.warnings.warn",
    "torch.nn.modules.utils.consume_prefix_in_state_dict_if_present", "torch.nn.parallel.DistributedDataParallel",
    "torch.nn.DataParallel", "torch.nn.parallel.data_parallel", "torch.nn.modules", "torch.nn", "torch",
    "torch.nn.functional.importlib.import_module", "torch.nn.functional.boolean_dispatch", "torch.nn.factory_kwargs",
    "torch.nn.functional.handle_torch_function", "torch.nn.functional.Tensor", "torch.nn.functional.warnings.warn",
    "torch.nn.functional.triplet_margin_with_distance_loss", "torch.nn.init.Tensor", "torch.nn.Parameter",
    "torch.nn.Module.load_state_dict", "torch.nn.Module.apply", "torch.nn.Linear.__init__", "torch.nn.Linear.__class__",
    "torch.nn.Linear.forward", "torch.nn.__loader__", "torch.nn.__builtins__", "torch.nn.__spec__.loader",
    "torch.optim.Optimizer.load_state_dict", "torch.optim.optimizer.functools.partial", "torch.optim.Adam.step",
    "torch.optim.lr_scheduler.partial", "torch.optim.lr_scheduler.wraps", "torch.optim.lr_scheduler.Counter",
    "torch.optim.swa_utils.AveragedModel", "torch.optim.swap_in_optimizer_params_and_state",
    "torch.optim._functional.f",
    "torch.nn.qat", "torch.nn.quantized.dynamic.Linear", "torch.nnx.Linear", "torch.nn.Linear ", " torch.nn.Linear",
    "torch.nn..Linear", "torch.nn.Linear.", ".torch.nn.Linear", "torch.nn.linear", "Torch.nn.Linear", "",
]  # fmt: skip
KANTORS = [
    "kantor", "kantor.train", "kantor.load", "kantor.cli.main.main", "kantor.cli.sweep.sweep", "kantor.api.Run.open",
    "kantor.config.targets.locate", "kantor.config.targets.instantiate", "kantor.config.compose.changed",
    "kantor.engine.train.train", "kantor.workers.launch", "kantor.processes.Processes", "kantor.atomic.write_text",
    "kantor.runs.directory.RunDirectory", "kantor.runs.directory.os.system", "kantor.runs.directory.shutil.rmtree",
    "kantor.data.downloads.fetch", "kantor.data.downloads.resumed", "kantor.data.downloads.settle",
    "kantor.data.downloads.os.replace", "kantor.data.cache.remember", "kantor.data.cache.array",
    "kantor.data.cache.locked", "kantor.data.cache.os.system", "kantor.data.mnist.importlib.import_module",
    "kantor.data.mnist.tempfile.mkdtemp", "kantor.data.mnist.unpacked", "kantor.data.pictures.prepared",
    "kantor.data.archives.members", "kantor.data.celeba.contextlib.ExitStack", "kantor.data.celeba.CelebA.load",
    "kantor.data.images.ImageData", "kantor.data.decode.importlib.import_module",
    "kantor.data.foreign.functools.partial",
    "kantor.evaluation.tensor_files.write", "kantor.evaluation.tensor_files.read", "kantor.evaluation.images.Path",
    "kantor.evaluation.extractors.weights.Published", "kantor.evaluation.extractors.weights.pickle.loads",
    "kantor.evaluation.extractors.weights.torch.load", "kantor.evaluation.extractors.own.targets.instantiate",
    "kantor.evaluation.extractors.inception.torch_fidelitys", "kantor.callbacks.pictures.write_picture",
    "kantor.callbacks.page.Page", "kantor.callbacks.record.Record", "kantor.callbacks.checkpointing.Checkpointing",
    "kantor.tracking.fold.publish", "kantor.tracking.attached.log_picture", "kantor.tracking.replay.replay",
    "kantor.tracking.weights_and_biases.os.system", "kantor.nets.mlp.MLP.forward",
    "kantor.nets.mlp.MLP.__init__.__globals__", "kantor.nets.mlp.nn.Linear", "kantor.nets.mlp.__builtins__.eval",
    "kantor.models.base.GenerativeModel", "kantor.samplers.base._plain", "kantor.keyed.torch.load",
    "kantor.nets.classifiers.folded", "kantorx.evil", "kantor.nets.mlp.MLP\n",
]  # fmt: skip
OTHERS = ["numpy.load", "numpy.f2py.compile", "yaml.unsafe_load", "hydra.utils.instantiate", "omegaconf.OmegaConf.load",
          "torchvision.datasets.utils.download_url", "torchvision.models.get_model", "pytorch_lightning.Trainer",
          "scipy.io.loadmat", "pip.main", "wandb.init", "PIL.Image.open", "jinja2.Template", "sympy.sympify",
          "matplotlib.pyplot.savefig", "nothing_like_this.X"]  # fmt: skip


@pytest.mark.parametrize("name", [*PYTHONS, *TORCHS, *KANTORS, *OTHERS])
def test_code_from_elsewhere_is_not_trusted(name):
    """And the way to trust it is not told where it is no package of the user's."""
    with pytest.raises(UserError) as caught:
        trust.check({"model": {"_target_": name}})
    assert str(caught.value).startswith("model: the run directory names ")
    assert "KANTOR_TRUST" not in str(caught.value)


@pytest.mark.parametrize(
    "tree",
    [
        {"_target_": "os.system"},
        {"model": {"generator": {"_target_": "os.system", "x": 1}}},
        {"pictures": {"all": [1, {"deep": [{"_target_": "os.system", "_partial_": True}]}]}},
        {"model": {**MLP, "activation": {"_target_": "os.system"}}},
        {"model": {"_target_": None, "inner": {"_target_": "os.system"}}},
        {"a": {"b": {"_target_": "os.system"}}, "a.b": MLP},
        {"given": MLP, "given.not": {"_target_": "os.system"}},
        {"model": {"_target_": ["os.system"]}},
        {"model": {"_target_": {"_target_": "kantor.nets.mlp.MLP"}}},
        {"model": {"_target_": 5}},
    ],
    ids=str,
)
def test_wherever_it_stands(tree):
    with pytest.raises(UserError, match="the run directory names"):
        trust.check(tree, given={"given", "model.other"})


def test_every_component_may_be_named():
    trust.check({str(number): {"_target_": name} for number, name in enumerate(all_components())})


def test_checking_imports_nothing(tmp_path, monkeypatch):
    """The check comes before any import: a module's top level could do harm by itself."""
    package = tmp_path / "harmful_for_test"
    package.mkdir()
    for name in ("__init__", "inner"):
        (package / f"{name}.py").write_text("raise SystemExit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("harmful_for_test.run", "harmful_for_test.inner.run"):
        with pytest.raises(UserError, match="set KANTOR_TRUST=harmful_for_test and give the command again"):
            trust.check({"model": {"_target_": name}})
    assert "harmful_for_test" not in sys.modules


@pytest.fixture
def mylab(tmp_path, monkeypatch):
    """A package of the user's, trusted."""
    (tmp_path / "mylab_of_test").mkdir()
    (tmp_path / "mylab_of_test" / "__init__.py").write_text("from mylab_of_test.nets import Net\n")
    (tmp_path / "mylab_of_test" / "nets.py").write_text(
        "import os, functools\nfrom os import system\nfrom torch.nn import ReLU, Module\n"
        "from torch.nn.utils import skip_init\nclass Net(Module):\n    def method(self): ...\n"
        "made = functools.partial(os.system, 'true')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("KANTOR_TRUST", " mylab_of_test , other.sub")
    yield "mylab_of_test"
    for name in [name for name in sys.modules if name.startswith("mylab_of_test")]:
        del sys.modules[name]


def test_the_user_can_trust_a_package(mylab):
    trust.check({str(n): {"_target_": f"{mylab}.{name}"} for n, name in enumerate(["nets.Net", "Net", "nets.ReLU"])})
    for name in ("mylab_of_testx.f", "other.f", "other.subx.f"):
        with pytest.raises(UserError, match="none of the components"):
            trust.check({"model": {"_target_": name}})


@pytest.mark.parametrize(
    "name",
    ["nets.os.system", "nets.system", "nets.skip_init", "nets.made", "nets.functools.partial", "nets.Net.method",
     "nets.Net.__init__", "nets.__builtins__", "nets.nothing"],
)  # fmt: skip
def test_a_trusted_package_is_no_way_to_what_it_imports(mylab, name):
    with pytest.raises(UserError):
        trust.check({"model": {"_target_": f"{mylab}.{name}"}})


@pytest.mark.parametrize("value", ["", " , ,"])
def test_an_empty_trust_trusts_nothing_more(monkeypatch, value):
    monkeypatch.setenv("KANTOR_TRUST", value)
    with pytest.raises(UserError):
        trust.check({"model": {"_target_": "os.system"}})


@pytest.mark.parametrize("value", ["os", "builtins", "torch", "torch.hub", "kantor", "mylab,subprocess"])
def test_nobody_can_trust_all_of_python_torch_or_kantor(monkeypatch, value):
    monkeypatch.setenv("KANTOR_TRUST", value)
    with pytest.raises(UserError, match=r"^KANTOR_TRUST=.*: expected packages of your own"):
        trust.check({"model": MLP})


@pytest.mark.parametrize(
    ("told", "own"),
    [(None, False), ({"url": "HERE", "dir_info": {}}, True), ({"url": "HERE/gone", "dir_info": {}}, False),
     ({"url": "https://example.org/a.whl", "archive_info": {}}, False)],
    ids=["from an index", "from here", "from a directory of another machine", "from a file"],
)  # fmt: skip
def test_what_was_installed_is_the_users_where_it_came_from_a_directory_of_his(tmp_path, monkeypatch, told, own):
    place = tmp_path / "site-packages"
    information = place / "lab_installed-1.dist-info"
    information.mkdir(parents=True)
    (place / "lab_installed").mkdir()
    (place / "lab_installed" / "__init__.py").write_text("")
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-installed\nVersion: 1\n")
    (information / "top_level.txt").write_text("lab_installed\n")
    if told is not None:
        (information / "direct_url.json").write_text(json.dumps(told).replace("HERE", tmp_path.as_uri()))
    monkeypatch.syspath_prepend(place)
    packages._distributions.cache_clear()
    assert packages.is_found("lab_installed") and packages.is_own("lab_installed") is own
    packages._distributions.cache_clear()


def test_a_trusted_configuration_is_given_back():
    assert of_run({"model": MLP}).build("model").body[0].in_features == 2


@pytest.mark.parametrize(
    "value",
    [
        "${oc.decode:'{_target_: os.system}'}", "${oc.create:{_target_:os.system}}", "${oc.env:HOME}", "${model.width}",
        "${hydra:runtime.cwd}", "a ${seed} b", "\\${seed}", "${", "${resolver:}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", [lambda v: {"model": v}, lambda v: {"model": {**MLP, "width": v}},
                                   lambda v: {"pictures": {"x": [{"y": v}]}}, lambda v: {"seed": v}])  # fmt: skip
def test_a_run_is_resolved(value, place):
    with pytest.raises(UserError, match=r"expected a value without \$\{"):
        of_run(place(value))


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"model": {5: "x"}}, "model: its key 5: expected a text"),
        ({"model": {"a.b": "x"}}, "model: its key 'a.b': expected a text without dots"),
        ({"model": {"\x1b[2J": b"x"}}, "model.\\x1b[2J="),
        ({"model": {"x": yaml.safe_load("2020-01-01")}}, "model.x=datetime.date(2020, 1, 1): expected a text"),
        ({"model": {"x": {1, 2}}}, "model.x="),
        ({"model": {"x": b"bytes"}}, "model.x="),
    ],
    ids=str,
)
def test_a_configuration_is_plain(plain, said):
    with pytest.raises(UserError) as caught:
        of_run(plain)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_what_the_user_puts_in_is_the_users(monkeypatch):
    """An option or a value from the user's own command line may name anything; what had come may not."""
    came = of_run({"model": {**MLP, "activation": {"_target_": "torch.nn.ReLU"}}, "sampler": {"_target_": None}})
    own = Configuration({**came.plain, "model": {"_target_": "shutil.which"}}, of_run=True, given=frozenset(["model"]))
    assert own.replaced("sampler", 5).given == {"model"}
    with pytest.raises(UserError):
        own.replaced("sampler", {"_target_": "shutil.which"})
    with pytest.raises(UserError):
        Configuration(own.plain, of_run=True, given=frozenset(["model.activation", "models"]))


def test_code_from_the_network_is_asked_for_by_the_user():
    dinov2 = {"_target_": "kantor.evaluation.extractors.dinov2.DINOv2", "model": "dinov2-vit-s-14"}
    own = {"_target_": "kantor.evaluation.extractors.own.Own", "otherwise": dinov2}
    for node in (dinov2, own):
        with pytest.raises(UserError, match=r"runs code that comes over the network: .* extractor=dinov2$"):
            of_run({"extractor": node}).build("extractor")
        asked = Configuration({"extractor": node}, of_run=True, given=frozenset(["extractor"]))
        assert asked.build("extractor") is not None


def test_commands_refuse_a_hostile_run_and_leave_no_trace(kantor, finished, tmp_path):
    """By interpolation, by a function of torch's that imports, by kantor's own machinery, by YAML itself."""
    witness = tmp_path / "witness"
    text = (finished / "config.yaml").read_text()
    generator = yaml.safe_load(text)["model"]["generator"]
    hostile = {
        "decode": f"${{oc.decode:'{{_target_: os.system, command: touch {witness}}}'}}",
        "torch": {"_target_": "torch.nn.utils._deprecation_utils.lazy_deprecated_import", "all": []},
        "machinery": {"_target_": "kantor.cli.main.main", "words": ["train"]},
        "inner": {**generator, "activation": {"_target_": "os.system", "command": f"touch {witness}"}},
    }
    runs = {}
    for name, node in hostile.items():
        plain = yaml.safe_load(text)
        plain["model"]["generator"] = node
        runs[name] = yaml.safe_dump(plain)
    runs["tag"] = f"{text}\nrerun: !!python/object/apply:os.system ['touch {witness}']\n"
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    for name, changed_text in runs.items():
        (run / "config.yaml").write_text(changed_text)
        for words in (("sample", f"run={run}", "out=x.npz"), ("evaluate", f"run={run}", "evaluation.n=64"),
                      ("train", f"run={run}", "budget.steps=60")):  # fmt: skip
            said = kantor(*words, check=2).stderr
            assert said.count("\n") == 1 and "KANTOR_TRUST" not in said, (name, words, said)
        with pytest.raises(UserError, match=r"^sampler\.guide="):
            open_guide(str(run))
        with pytest.raises(UserError):
            kantor_load(run).sample(4)
    assert not witness.exists() and not (tmp_path / "x.npz").exists()


def test_changing_keeps_where_it_came_from():
    came = of_run(composed("experiment=point_demo_gp").plain)
    assert came.of_run and not came.given and came.plain == composed("experiment=point_demo_gp").plain
    other = changed(came, chosen={"evaluation": "none"}, overrides=[("model.critic.width", 8)])
    assert other.of_run and other.named == {"model.critic.width": 8}
    assert {"evaluation", "model.critic.width"} <= other.given
    assert isinstance(other.build("model.critic"), nn.Module)
    with pytest.raises(UserError, match="none of the components"):
        other.replaced("model.critic.activation", {"_target_": "os.system"})
    theirs = changed(came, overrides=[("model.critic.activation._target_", "shutil.which")])
    assert theirs.plain["model"]["critic"]["activation"]["_target_"] == "shutil.which"  # which the user has said


@pytest.mark.parametrize("name", ["ema", "budget", "trainer", "likelihood", "trainer.accelerator", "budget.steps"])
def test_a_run_without_a_setting_is_of_another_version(name):
    plain = copy.deepcopy(dict(composed("experiment=point_demo_gp").plain))
    (at(plain, name.rpartition(".")[0]) if "." in name else plain).pop(name.rpartition(".")[2])
    with pytest.raises(UserError, match=f"^{name}: the configuration has none, so it was written by another version"):
        changed(of_run(plain))


@pytest.mark.parametrize("more", [{"hydra": {"searchpath": ["pkg://evil"]}}, {"defaults": [{"override x": "evil"}]}])
def test_a_run_with_more_than_a_configuration_has_is_refused(more):
    with pytest.raises(UserError, match=rf"^{next(iter(more))}=.*there is no such key"):
        changed(of_run({**composed("experiment=point_demo_gp").plain, **more}))
