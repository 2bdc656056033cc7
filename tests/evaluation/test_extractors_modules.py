"""Any network as an extractor, and DINOv2, whose network is stood in for: its code comes over the network."""

import urllib.error

import pytest
import torch
from inception_file import random_pictures
from safetensors.torch import save_file
from torch import nn
from torch_fidelity.feature_extractor_dinov2 import MODEL_METADATA, FeatureExtractorDinoV2

from kantor.config import targets
from kantor.errors import UserError
from kantor.evaluation.extractors.digests import code_digest, state_digest
from kantor.evaluation.extractors.dinov2 import HUB_NAMES, DINOv2
from kantor.evaluation.extractors.modules import Module
from kantor.nets import classifiers


def linear(value=1.0, outputs=2):
    """The sum of all inputs, times 1, 2, …"""
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, outputs, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(value * torch.arange(1, outputs + 1)[:, None].expand(-1, 4))
    return net


def extractor(module, **changed):
    return Module(**{"module": module, "weights": None, "range": "levels", "batch": 4, "classes": None} | changed)


LEVELS = torch.tensor([[[[0, 51], [102, 255]]]], dtype=torch.uint8)


@pytest.mark.parametrize(("range", "total"), [("levels", 408.0), ("unit", 1.6), ("symmetric", -0.8)])
def test_images_come_in_the_range_that_is_named(range, total):
    found = extractor(linear(), range=range)(LEVELS)
    torch.testing.assert_close(found.features, torch.tensor([[total, 2 * total]]).double(), rtol=1e-6, atol=1e-6)
    assert found.logits is None


def test_networks_with_two_outputs_have_logits():
    torch.manual_seed(0)
    images = random_pictures(5, (1, 28, 28))
    net = classifiers.digits()
    found = extractor(net, range="symmetric")(images)
    features, logits = net(images.float() / 127.5 - 1)
    torch.testing.assert_close(found.features, features.double())
    torch.testing.assert_close(found.logits, logits.double())


def test_a_network_is_used_in_evaluation():
    """Batch normalisation and dropout would make features depend on the others, or on chance."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Flatten())
    images = random_pictures(6, (3, 8, 8))
    network = extractor(net)
    whole = network(images).features
    assert torch.equal(torch.cat([network(part).features for part in images.split(1)]), whole)
    assert net[1].num_batches_tracked == 0


def test_networks_never_see_another_number_of_pictures_than_the_batch():
    seen = []

    class Watching(nn.Flatten):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    assert extractor(Watching())(random_pictures(9, (1, 4, 4))).features.shape == (9, 16)
    assert seen == [4, 4, 4]


def test_weights_are_read_from_a_file(tmp_path):
    save_file(linear(3.0).state_dict(), tmp_path / "three.safetensors")
    three = extractor(linear(), weights=str(tmp_path / "three.safetensors"))
    assert three(LEVELS).features.tolist() == [[3 * 408.0, 6 * 408.0]]
    assert three.identity() == extractor(linear(3.0)).identity()


@pytest.mark.parametrize("wrong", ["missing", "text", "shape"])
def test_wrong_weights_are_refused(tmp_path, wrong):
    path = tmp_path / "weights.safetensors"
    if wrong == "text":
        path.write_text("no weights")
    if wrong == "shape":
        save_file(linear(outputs=3).state_dict(), path)
    with pytest.raises(UserError, match=rf"weights={path}: no weights of torch.nn.modules.container.Sequential"):
        extractor(linear(), weights=str(path)).prepare()


def test_identities_tell_code_weights_and_range_apart():
    found = extractor(linear()).identity()
    assert found == extractor(linear(), batch=7).identity()
    assert found["weights"] != extractor(linear(2.0)).identity()["weights"]
    assert found["range"] != extractor(linear(), range="unit").identity()["range"]
    torch.manual_seed(0)
    kantors = extractor(classifiers.digits()).identity()
    assert kantors["name"] == "kantor.nets.classifiers.Classifier" and kantors["code"] != found["code"]
    assert code_digest(classifiers.shapes()) == kantors["code"]  # the same file


def test_a_state_is_its_names_types_shapes_and_numbers():
    class Bare(nn.Module):
        def __init__(self, name, value):
            super().__init__()
            self.register_buffer(name, value)

    states = [("a", torch.zeros(4)), ("b", torch.zeros(4)), ("a", torch.zeros(2, 2)), ("a", torch.ones(4)),
              ("a", torch.zeros(4, dtype=torch.int32)), ("a", torch.zeros(()))]  # fmt: skip
    assert len({state_digest(Bare(*state)) for state in states}) == len(states)
    assert state_digest(Bare(*states[0])) == state_digest(Bare(*states[0]))


def test_a_class_without_a_file_is_refused():
    made = type("Made", (nn.Flatten,), {"__module__": "nowhere"})
    with pytest.raises(UserError, match=r"nowhere\.Made is defined in no file: put it into a module"):
        extractor(made()).identity()


BAD = {
    "maps": (nn.Identity(), r"gives \(4, 1, 2, 2\) for 4 pictures: expected one row for each"),
    "one": (nn.Flatten(0), r"gives \(16,\) for 4 pictures: expected one row for each, \(4, d\)"),
    "size": (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), r"cannot take pictures \(1, 2, 2\) \(.*mat1 and mat2"),
    "nan": (linear(float("nan")), r"features of 1 of 1 pictures are not finite \(the first is number 0\)"),
}


@pytest.mark.parametrize(("module", "message"), BAD.values(), ids=BAD.keys())
def test_networks_that_do_not_fit_are_said(module, message):
    with pytest.raises(UserError, match=message):
        extractor(module)(LEVELS)


def test_a_yaml_names_a_network():
    node = {
        "_target_": "kantor.evaluation.extractors.modules.Module",
        "module": {"_target_": "torch.nn.Flatten"},
        "weights": None, "range": "unit", "batch": 2, "classes": None,
    }  # fmt: skip
    found = targets.instantiate(node, key="evaluation.extractor")(LEVELS)
    torch.testing.assert_close(found.features, LEVELS.flatten(1).double() / 255)
    with pytest.raises(UserError, match=r"evaluation\.extractor\.batch=0: expected a number above 0"):
        targets.instantiate(node | {"batch": 0}, key="evaluation.extractor")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """torch.hub with an empty directory and a small network instead of a transformer."""

    class Hub(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            assert x.shape[1:] == (3, 224, 224)
            return self.scale * x.mean((2, 3))

    asked = []

    def load(repository, name):
        asked.append((repository, name))
        return Hub()

    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "load", load)
    return asked


def test_dinov2_sees_pictures_as_torch_fidelity_prepares_them(hub):
    images = random_pictures(3, (3, 32, 32))
    extractor = DINOv2(model="dinov2-vit-b-14")
    found = extractor(images)
    (expected,) = FeatureExtractorDinoV2("dinov2-vit-b-14", ["dinov2"])(images)
    assert torch.equal(found.features, expected.double()) and found.logits is None
    assert hub[0] == ("facebookresearch/dinov2", "dinov2_vitb14")
    grey = images[:, :1]
    assert torch.equal(extractor(grey).features, extractor(grey.expand(-1, 3, -1, -1)).features)
    assert extractor.identity()["weights"] == state_digest(extractor._network)


def test_dinov2_needs_a_network_once(tmp_path, hub, monkeypatch, capsys):
    def unreachable(*_):
        raise urllib.error.URLError("Name or service not known")

    working = torch.hub.load
    monkeypatch.setattr(torch.hub, "load", unreachable)
    sentence = (
        r"dinov2-vit-s-14 is not in .*hub and cannot be downloaded \(.*not known.*\): torch.hub gets both .*vits14"
    )
    with pytest.raises(UserError, match=sentence):
        DINOv2(model="dinov2-vit-s-14").prepare()
    monkeypatch.setattr(torch.hub, "load", working)
    capsys.readouterr()
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "facebookresearch_dinov2_main").mkdir()
    (tmp_path / "hub" / "checkpoints" / "dinov2_vits14_pretrain.pth").write_bytes(b"")
    DINOv2(model="dinov2-vit-s-14").prepare()
    assert "downloading" not in capsys.readouterr().err


def test_the_models_of_dinov2_are_torch_fidelitys():
    assert HUB_NAMES == MODEL_METADATA
