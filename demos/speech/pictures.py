"""The report of the ladder: error rates, what was taken for what, training, and one utterance as two models hear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special

from minidl.speech import pictures, wer
from minidl.speech.hmm import Mixtures
from minidl.speech.phones import AcousticModel, align
from minidl.speech.times import phone_segments, word_segments
from minidl.train import figures
from minidl.train.report import Report, environment

from .measure import Rung
from .stages import Stage
from .task import FBANK, Task

_MOST_WORDS = 24  # of a confusion matrix
_SHOWN = 4  # utterances with errors


def make_report(task: Task, stages: Sequence[Stage], rungs: Sequence[Rung], found: Mapping[str, Any]) -> Report:
    """Everything that was found, on one page."""
    corpus = task.corpus
    page = Report(
        f"Speech: {next(iter(found['wer']))}",
        f"{len(corpus.train)} utterances to learn from, {len(corpus.test)} to measure on. One decoder and one lexicon; what "
        "scores the frames changes from rung to rung.",
    )
    page.numbers(_numbers(rungs, found))
    if rungs:
        _add_rates(page, rungs)
        _add_errors(page, min(rungs, key=lambda rung: rung.rate))
    _add_training(page, stages)
    if corpus.test:
        _add_utterance(page, task, {stage.name: stage for stage in stages})
    if task.set_aside:
        page.table("Utterances that were not used", list(task.set_aside.items()), ("utterance", "reason"))
    page.table("Environment", list(environment().items()))
    return page


def _numbers(rungs: Sequence[Rung], found: Mapping[str, Any]) -> dict[str, str]:
    numbers = {}
    for kind in ("gmm", "dnn", "ctc"):
        own = [rung for rung in rungs if rung.name.startswith(kind)]
        if own:
            best = min(own, key=lambda rung: rung.rate)
            numbers[f"word error, {best.name}"] = f"{100 * best.rate:.1f} %"
    if "improvement" in found:
        numbers["fewer errors"] = f"{100 * found['improvement']['relative']:.0f} %"
    if "boundaries_within_20_ms" in found:
        numbers["phone boundaries within 20 ms"] = f"{100 * found['boundaries_within_20_ms']:.1f} %"
    return numbers


def _add_rates(page: Report, rungs: Sequence[Rung]) -> None:
    rates = {r.name: (100 * r.rate, 100 * r.interval.low, 100 * r.interval.high) for r in rungs}
    n = rungs[0].score.total.words
    caption = f"Of {n:,} words. Lines are 95 % intervals: the test's utterances drawn anew 10,000 times."
    page.figure("The ladder", pictures.error_ladder(rates), caption)
    header = ["recogniser", "WER %", "substituted", "deleted", "inserted", "parameters", "training s", "real-time factor"]
    rows = [
        [r.name, f"{100 * r.rate:.2f}", e.substitutions, e.deletions, e.insertions, f"{r.parameters:,}", f"{r.seconds:.1f}",
         f"{r.real_time_factor:.3f}"]
        for r in rungs for e in [r.score.total]
    ]  # fmt: skip
    page.table(
        "Recognisers", rows, header,
        "The weight of the grammar and the penalty of words were chosen on held-out utterances. Real-time factor: seconds "
        "of scoring and searching a second of speech.",
    )  # fmt: skip


def _add_errors(page: Report, best: Rung) -> None:
    alignments = best.score.alignments
    counts = wer.confusions(alignments.values())
    words, table = wer.confusion_matrix(counts)
    if 1 < len(words) <= _MOST_WORDS:
        page.figure(
            f"What {best.name} took for what", figures.confusion(table, [*words, "(none)"]),
            "Words that were said, down, and recognised, across; the last row and column are insertions and deletions.",
        )  # fmt: skip
    wrong = [(said or "(none)", heard or "(none)", n) for (said, heard), n in counts.most_common() if said != heard][:20]
    if wrong and len(words) > _MOST_WORDS:
        page.table(f"The most frequent errors of {best.name}", wrong, ("said", "recognised", "times"))
    bad = sorted((n for n, a in alignments.items() if a.errors.errors), key=lambda n: -alignments[n].errors.errors)[:_SHOWN]
    if bad:
        text = "\n\n".join(f"{name}\n{wer.alignment_text(alignments[name])}" for name in bad)
        page.verbatim(f"The worst utterances of {best.name}", text)


def _add_training(page: Report, stages: Sequence[Stage]) -> None:
    lines = {
        stage.name: (list(range(1, len(stage.passes) + 1)), [p.log_likelihood for p in stage.passes])
        for stage in stages if len(stage.passes) > 1
    }  # fmt: skip
    if lines:
        panels = [("pass", "log-likelihood a frame", {name: line}) for name, line in lines.items()]
        page.figure(
            "Training of mixtures", figures.lines(panels),
            "Each pass adds Gaussians, so the likelihood rises; features without differences in time (aligner) have fewer "
            "numbers, and other likelihoods.",
        )  # fmt: skip
    mixtures = next((s for s in reversed(stages) if s.model is not None and isinstance(s.model.emission, Mixtures)), None)
    if mixtures is not None and mixtures.occupancy.size:
        assert mixtures.model is not None and isinstance(mixtures.model.emission, Mixtures)
        sizes = mixtures.model.emission.model.sizes
        page.figure(
            f"States of {mixtures.name}", pictures.occupancy(mixtures.occupancy, sizes),
            "Frames that each tied state had in the last pass, and the Gaussians it was given.",
        )  # fmt: skip
    for stage in stages:
        if stage.history is not None and len(stage.history.epochs) > 1:
            page.figure(f"Training of {stage.name}", figures.curves(stage.history, ("loss", "frame_accuracy")))


def _add_utterance(page: Report, task: Task, stages: Mapping[str, Stage]) -> None:
    """One utterance of the test: its spectrogram with what was said when, and how likely two models find each phone."""
    aligner = stages.get("aligner")
    if aligner is None or aligner.model is None:
        return
    name = next(iter(task.features(aligner.kind, "test")), None)
    if name is None:
        return
    words = task.transcripts(aligner.kind, "test")[name]
    features = {name: task.features(aligner.kind, "test")[name]}
    aligned = align(aligner.model, features, {name: words}, task.lexicon).alignments
    if name not in aligned:
        return
    settings, phones = task.feature_settings[aligner.kind], aligner.model.phones
    segments = phone_segments(aligned[name], phones, settings)
    tiers = {"phones": segments, "words": word_segments(aligned[name], words, settings)}
    true = next((u.segments for u in task.corpus.test if u.name == name), ())
    if len(true):
        tiers["true phones"] = tuple(true)
    bands = task.features(FBANK, "test")[name][:, :40]
    page.figure(
        f"One utterance, aligned: {' '.join(words)}", pictures.spectrogram(bands, settings.shift, tiers, settings.offset),
        "Log-mel features, and when the aligner finds each phone and word.", form="png",
    )  # fmt: skip
    shown = {
        label: phone_posteriors(stage.model, task.features(stage.kind, "test")[name], stage.occupancy)
        for label in ("gmm-tri", "dnn") for stage in [stages.get(label)] if stage is not None and stage.model is not None
    }  # fmt: skip
    if shown:
        figure = pictures.posteriorgrams(shown, phones.names, settings.shift, segments, settings.offset)
        caption = "How likely each phone is at each frame, by that frame and its neighbours alone; lines: the alignment."
        page.figure("The same utterance, as two models hear it", figure, caption, form="png")


def phone_posteriors(model: AcousticModel, features: np.ndarray, occupancy: np.ndarray) -> np.ndarray:
    """The probability of each phone at each frame, (frames, phones), by scores of pdfs and how frequent those are."""
    logits = model.emission.log_likelihood(features)
    priors = occupancy if occupancy.size else getattr(model.emission, "priors", np.ones(model.tying.n_pdfs))
    posteriors = scipy.special.softmax(logits + np.log(np.maximum(priors, 1e-10)), axis=1)
    phones = np.zeros((len(features), len(model.phones)))
    for phone, table in enumerate(model.tying.tables):
        phones[:, phone] = posteriors[:, np.unique(table)].sum(1)
    return phones
