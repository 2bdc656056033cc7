"""What the files of a run have to hold, as far as anybody uses it; what else is in them is nobody's business."""

from typing import Any

from kantor.runs.shapes import (
    Shape,
    Unlike,
    amount,
    anything,
    count,
    digest,
    either,
    inside,
    listed,
    long_text,
    mapped,
    maybe,
    name,
    number,
    one_of,
    record,
    row,
    text,
    truth,
    whole,
)

ASPECTS = ("whole", "fidelity", "variety", "nearness", "bound", "apart", "copied", "memorised", "narrow")
FIGURES = 500
"""Charts of a run, and scores of an evaluation: each is a figure of a page."""
STATES = ("new", "running", "finished", "failed")

ATTEMPT = record(
    {"outcome": maybe(text)},
    {
        "started": maybe(text), "ended": maybe(text), "from_step": maybe(count), "to_step": maybe(count),
        "id": text, "host": text, "device": text, "processes": count, "threads": count, "torch": text,
    },
)  # fmt: skip
COST = record({"train_seconds": maybe(amount), "peak_memory_bytes": maybe(amount)})
STATUS = record(
    {
        "state": either(*STATES),
        "reason": maybe(long_text),
        "budget": record({"steps": maybe(count), "minutes": maybe(amount)}),
        "counters": record({"steps": count}, {"images_seen": count}),
        "cost": record({"train_seconds": amount, "peak_memory_bytes": amount}),
        "attempts": listed(ATTEMPT),
    },
    {"extends": text, "files": listed(inside)},
)

GIT = maybe(record({"commit": text, "dirty": truth}))
MADE_BY = maybe(
    record({"command": listed(long_text), "kantor": record({"version": text, "git": GIT}), "project": GIT}),
)
CHART = record(
    {"file": name, "title": text, "lines": mapped(text)},
    {
        "mark": maybe(row(number, text)),
        "limits": maybe(row(number, number)),
        "floor_of": maybe(text),
        "meaning": text,
        "good": text,
        "suspicious": text,
    },
    closed=True,
)
ENVIRONMENT = record(
    {
        "kantor": text,
        "experiment": name,
        "seed": whole,
        "config_hash": digest,
        "code": mapped(text),
        "processes": count,
        "parameters": mapped(count),
        "made_by": MADE_BY,
    },
    {
        "code_before": listed(mapped(text)),
        "data": mapped(anything),
        "content": either("points", "pictures"),
        "preset": name,
        "search": record({"study": text, "trial": count}),
        "step": text,
        "words": mapped(name, most=100),
        "charts": listed(CHART, most=FIGURES),
    },
)

ESTIMATE = {"value": maybe(number), "low": maybe(number), "high": maybe(number)}


def ordered(other: Shape) -> Shape:
    """An estimate whose interval does not end before it begins."""

    def shape(value: Any, place: str) -> None:
        other(value, place)
        low, high = value.get("low"), value.get("high")
        if low is not None and high is not None and low > high:
            raise Unlike(f"{place}.low", "a number that is not above the interval's high")

    return shape


DRAWS = {"reason": maybe(text), "values": maybe(listed(maybe(number)))}
FLOOR = ordered(record(ESTIMATE, {**DRAWS, "n": maybe(count), "kind": maybe(text)}))
PLAIN_SCORE = ordered(
    record(
        ESTIMATE,
        {
            **DRAWS,
            **dict.fromkeys(("meaning", "good", "suspicious", "function", "source", "covers"), maybe(text)),
            "protocol_hash": text,
            "better": either("lower", "higher", "target", "none"),
            "aspect": either(*ASPECTS),
            "depends_on_n": truth,
            "bounds": maybe(row(maybe(number), maybe(number))),
            "target": maybe(number),
            "floor": maybe(FLOOR),
        },
    )
)


def score(value: Any, place: str) -> None:
    """A score; one that has a target says which."""
    PLAIN_SCORE(value, place)
    if value.get("better") == "target" and value.get("target") is None:
        raise Unlike(f"{place}.target", "a number")


ESTIMATES = mapped(ordered(record(ESTIMATE)))
BUDGET_ROW = record(
    {"nfe": count, "seconds": amount, "whole": ESTIMATES}, {"discretisation": ESTIMATES, "learning": ESTIMATES}
)


def error_budget(value: Any, place: str) -> None:
    """Rows of the same parts, each in the same distances."""
    record({"rows": listed(BUDGET_ROW), "floor": ESTIMATES})(value, place)
    rows = value["rows"]
    if not rows or not rows[0]["whole"]:
        raise Unlike(f"{place}.rows", "some, in some distance")
    parts = [part for part in ("whole", "discretisation", "learning") if part in rows[0]]
    for index, one in enumerate(rows):
        there = [part for part in ("whole", "discretisation", "learning") if part in one]
        alike = all(list(one[part]) == list(rows[0]["whole"]) for part in there)
        if there != parts or not alike or one["nfe"] < 1:
            raise Unlike(f"{place}.rows[{index}]", "what the first row has, at one network evaluation or more")


PROTOCOL = record(
    {},
    {
        "data": maybe(mapped(anything)),
        "split": maybe(mapped(anything)),
        "extractor": maybe(one_of(text, mapped(anything))),
        "n_real": maybe(count),
        "n_generated": maybe(count),
        "estimators": mapped(anything),
    },
)


def sampling(value: Any, place: str) -> None:
    """How samples were drawn: words and numbers, and inside a mapping how others were."""
    record({}, {**dict.fromkeys(("checkpoint", "weights", "sampler"), maybe(text)), "nfe": maybe(number)})(value, place)
    if isinstance(value.get("chosen_by"), dict):
        sampling(value["chosen_by"], f"{place}.chosen_by")


EVALUATION_OF_CARD = record(
    {
        "name": name,
        "at_step": maybe(count),
        "protocol_hash": text,
        "protocol": PROTOCOL,
        "sampling": sampling,
        "draw": record({}, {"seed": maybe(whole), "chunk": maybe(count), "draws": maybe(count)}),
        "digest": text,
        "scores": mapped(score, most=FIGURES),
    },
    {"made_by": MADE_BY, "error_budget": error_budget},
)


def evaluation(value: Any, place: str) -> None:
    """A file below evaluations/."""
    EVALUATION_OF_CARD(value, place)
    record({"seconds": amount, "made_by": MADE_BY, "protocol": record({"estimators": mapped(anything)})})(value, place)


PLAIN_CARD = record(
    {
        "kantor": text,
        "experiment": text,
        "config_hash": maybe(digest),
        "seed": maybe(whole),
        "status": either(*STATES),
        "budget": mapped(maybe(count)),
        "cost": record(
            {},
            {
                **dict.fromkeys(("train_seconds", "evaluate_seconds", "peak_memory_bytes"), maybe(amount)),
                "parameters": mapped(count),
            },
        ),
        "evaluations": listed(EVALUATION_OF_CARD),
    },
    {
        "processes": maybe(count),
        "made_by": MADE_BY,
        "torch_fidelity": record({"version": text, "note": long_text, "scores": mapped(number)}),
    },
)


def card(value: Any, place: str) -> None:
    """card.json; a second opinion is one on the scores of its only evaluation."""
    PLAIN_CARD(value, place)
    if "torch_fidelity" in value:
        record({"evaluations": listed(anything, length=1)})(value, place)
        ours = value["evaluations"][0]["scores"]
        record({name: record({"value": number}) for name in value["torch_fidelity"]["scores"]})(ours, "scores")


HEALTH = record(
    {"findings": listed(record({"step": count, "check": text, "message": long_text}, {"gone": maybe(count)}))}
)

MANIFEST = record(
    {
        "files": mapped(record({"bytes": count, "sha256": digest}), most=100_000, key=inside),
        "status": record(dict.fromkeys(("attempts", "budget", "cost", "counters"), digest)),
        "settings": mapped(long_text),
    }
)

WANDB = record({"id": name, "group": text}, {"whole": digest})

NODE = mapped(anything)
GROUPS = (
    "model", "objective", "optimisation", "schedule", "sampler", "stop", "extractor", "likelihood", "pictures", "logger"
)  # fmt: skip
"""Of which a run of another version may lack some."""

CONFIG = record(
    {
        "experiment": name,
        "primary_score": maybe(text),
        "seed": whole,
        "outputs": text,
        "rerun": truth,
        "budget": record({}, {"steps": maybe(count), "images": maybe(count), "minutes": maybe(amount)}, closed=True),
        "trainer": record(
            {
                **dict.fromkeys(("accelerator", "precision", "matmul_precision"), text),
                **dict.fromkeys(("devices", "threads", "log_every", "checkpoint_every"), count),
                **dict.fromkeys(("compile", "progress"), truth),
            },
            {"nodes": count},
            closed=True,
        ),
        **dict.fromkeys(("data", "ema"), NODE),
        "evaluation": record({"_target_": maybe(text)}, {"name": name}),
    },
    {"code": text, **dict.fromkeys(GROUPS, NODE)},
)
