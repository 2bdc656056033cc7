"""`kantor prepare`: what a run takes from the network or makes once for all runs, made now: data, weights of extractors
and features of real pictures. A node of a cluster that has no network then finds them in the cache.
"""

from collections.abc import Iterable, Iterator

from kantor.config.schema import Configuration
from kantor.data.images import ImageData
from kantor.data.module import BlockData
from kantor.digests import canonical
from kantor.engine.assembly import assemble
from kantor.evaluation.base import Evaluation
from kantor.report import units

PREPARED = ("data", "evaluation", "extractor", "likelihood")
"""Groups that what is prepared depends on."""


def prepare(configurations: Iterable[Configuration]) -> Iterator[str]:
    """Fill the caches that runs read from, once for those that need the same; yields a sentence for each thing made.

    Raises:
        UserError: something in a configuration is wrong, or cannot be had.
    """
    known: set[str] = set()
    for configuration in configurations:
        needs = canonical({group: configuration.plain[group] for group in PREPARED})
        if needs not in known:
            known.add(needs)
            yield from _of_run(configuration)


def _of_run(configuration: Configuration) -> Iterator[str]:
    run = assemble(on_this_machine(configuration))
    run.data.prepare_data()
    yield f"data={run.data.name}  {described(run.data)}"
    if run.evaluation is not None:
        yield from prepared(run.evaluation, run.data, configuration)


def prepared(evaluation: Evaluation, data: BlockData, configuration: Configuration) -> Iterator[str]:
    """What an evaluation makes of real samples before it sees any others."""
    for what in evaluation.prepare(data):
        yield f"evaluation={evaluation.name}  {what}"
    if configuration.trainer.accelerator == "gpu" and isinstance(data, ImageData):
        yield f"evaluation={evaluation.name}  features are of the processor: a GPU makes its own, once"


def described(data: BlockData) -> str:
    """How much there is of it."""
    if isinstance(data, ImageData):
        return f"{units.count(len(data.train))} pictures to train on, {units.count(len(data.test))} held out"
    return "drawn afresh: nothing to prepare"


def on_this_machine(configuration: Configuration) -> Configuration:
    """The same on the processor and in one process, as the machine that prepares may have no GPU."""
    alone = {**configuration.plain["trainer"], "accelerator": "cpu", "nodes": 1, "devices": 1}
    return configuration.replaced("trainer", alone)
