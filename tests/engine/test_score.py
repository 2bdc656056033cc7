import pytest
from tiny import TinyImages, image_gan

from kantor.config.schema import Configuration
from kantor.engine.assembly import Assembly
from kantor.engine.score import score_model
from kantor.evaluation.extractors.pixels import Pixels
from kantor.evaluation.images import ImageEvaluation
from kantor.runs.directory import RunDirectory
from kantor.samplers.direct import Direct


@pytest.mark.parametrize(
    ("pictures", "n", "chunks"),
    [
        (60, 30, 4),  # half of the training pictures: 3 · 30 in chunks of 24
        (400, 64, 8),  # as many as are asked for: 3 · 64
    ],
)
def test_what_is_said_and_counted_is_what_is_drawn(tmp_path, capsys, monkeypatch, pictures, n, chunks):
    monkeypatch.setenv("KANTOR_CACHE", str(tmp_path / "cache"))
    evaluation = ImageEvaluation(
        n_real=None,
        name="quick", n=64, draws=3, chunk=24, seed=0, weights="ema", checkpoint="last", every=5, threads=1,
        sampler=Direct(), scores=None, classes=None, likelihood=None, nfe=None, extractor=Pixels(None), neighbours=3,
        memory=None, transport=False, infinity=None,
    )  # fmt: skip
    drawn = []
    model = image_gan()
    model.weights("ema")["generator"].register_forward_hook(lambda *call: drawn.append(call))
    run = Assembly(
        Configuration({}), "0" * 64, RunDirectory(tmp_path), TinyImages(n=pictures), model, Direct(), evaluation
    )
    record = score_model(run, None)
    assert f"scoring 3 draws of {n} samples" in capsys.readouterr().err
    assert record["protocol"]["n_generated"] == n
    assert record["chunks_per_process"] == [len(drawn)] == [chunks]
