"""The words that pages use, each in a sentence or two; docs/glossary.md has all of them.

What is said of a score comes from its card, and of a chart from the model that declares it; here is the rest.
"""

from collections.abc import Iterable

from kantor.models.charts import Chart
from kantor.report.cards import Score

PLACE = "docs/glossary.md"

TERMS: dict[str, str] = {
    "95% interval": "In 95 of 100 repetitions it holds the mean over all of what it covers: over draws, samples of the "
    "same weights; over pictures, others that are held out; over training seeds, trainings of the same method.",
    "budget": "How much a run may consume: training steps, real samples or minutes.",
    "checkpoint": "The weights that were scored: the last, or the best by a score while training.",
    "critic": "The network that scores samples in a Wasserstein model: high on real ones, low on generated ones.",
    "discriminator": "The network that gives the logit of a sample's being real, in any other GAN.",
    "draw": "A fresh set of samples that is scored by itself; the value of a score is the mean over draws.",
    "extractor": "The network whose features of pictures are compared; other features make other scores.",
    "floor": "In cards, CSV files and code the name of what real data score.",
    "group": "A best method and who is not told apart from it, with the interval adjusted for all pairs that were "
    "looked at; who is in one is not shown to be worse than its best, which is no proof of being equal.",
    "method": "Everything that determines the weights but the training seed: runs that differ in the seed only are one "
    "method.",
    "nfe": "Network evaluations that one sample takes.",
    "not told apart": "The data do not show which of two is better; that is no proof that they are equal.",
    "p": "How often a difference at least this large would be seen if there were none, after Holm's adjustment for all "
    "pairs that were looked at.",
    "protocol": "All that two people must share for their scores to be comparable; its hash is its name.",
    "real samples seen": "How many samples of the training data training has consumed, repeats included.",
    "sample": "What a model draws: a point or a picture.",
    "training seed": "The number from which all randomness of a training follows; one seed says little of a method.",
    "weak evidence": "Fewer than five training seeds: the interval over seeds is wide, and its width itself uncertain.",
    "weights": "Those of the last step (raw), or their moving average over steps (ema); one of several is named by its "
    "decay (ema:0.999), or by its width as a share of the training (ema:0.05).",
    "what real data score": "The score of fresh real data against the same reference at the n it names: the mark to "
    "hold a score against. It is itself random and no bound: copies of the training data go beyond it.",
}
OF_RUN = (
    "95% interval",
    "checkpoint",
    "draw",
    "nfe",
    "protocol",
    "real samples seen",
    "weights",
    "what real data score",
)
OF_COMPARISON = ("95% interval", "draw", "group", "method", "not told apart", "p", "protocol", "real samples seen",
                 "training seed", "weak evidence", "what real data score")  # fmt: skip

LOSSES = Chart(
    "losses", "Losses", {},
    meaning="what each network is trained to make small; raw values faint, their moving average on top",
    good="settling down, which of adversarial losses need not be near 0",
    suspicious="growth without end, or one loss at 0: one network has won",
)  # fmt: skip
TERMS_OF_LOSSES = Chart(
    "terms", "Terms of the losses", {},
    meaning="the parts that the losses are sums of",
    good="no part drowns the others",
    suspicious="a penalty larger than all the rest, or one that never acts",
)  # fmt: skip
ERROR_BUDGET = Chart(
    "error_budget", "Error budget", {},
    meaning="how far samples are from real data at each number of network evaluations: the network's, those of the "
    "exact denoiser by the same sampler, and the distance between these two, drawn from the same noise",
    good="the exact denoiser's as low as real data, and the distance between the two near 0",
    suspicious="a distance between the two that stays: the network has not learned enough, and no sampler mends that",
)  # fmt: skip
BY_EVALUATIONS = Chart(
    "by_evaluations", "Quality by network evaluations", {},
    meaning="the distance of the samples from real data at each number of network evaluations",
    good="down to what real data score, and flat from there on",
    suspicious="still falling at the right end: more steps would be worth their time",
)  # fmt: skip
BY_SECONDS = Chart(
    "by_seconds", "Quality by time", {},
    meaning="the same over the time that a sample takes, on the machine that scored it",
    good="the lowest curve is the best sampler for that time",
    suspicious="a sampler that is above another one throughout has nothing for it",
)  # fmt: skip
CHARTS = (LOSSES, TERMS_OF_LOSSES, ERROR_BUDGET, BY_EVALUATIONS, BY_SECONDS)
WHILE_TRAINING = (
    "one draw scored at some steps, without interval; it is to come down (or up, or to its target) to what real data "
    "score, and a turn back late in training is suspicious"
)


def sentence(one: Score | Chart) -> str:
    """What it is, what is good, what is suspicious; as far as it says so."""
    parts = [one.meaning, one.good and f"good: {one.good}", one.suspicious and f"suspicious: {one.suspicious}"]
    said = "; ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def entries(terms: Iterable[str]) -> list[tuple[str, str]]:
    """What a page's glossary says; what its scores and charts are stands beside them."""
    return [(term, TERMS[term]) for term in terms]
