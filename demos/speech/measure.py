"""Measures a recogniser: weights are chosen on held-out utterances, errors counted on the test's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minidl.errors import DataError
from minidl.speech import wer
from minidl.speech.decoder import tune
from minidl.speech.phones import align
from minidl.speech.recognition import recognise
from minidl.speech.times import boundaries_within, phone_segments

from .stages import Stage
from .task import Task, references

_WEIGHTS = {"ctc": (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)}  # of the grammar; what CTC says of labels is less exaggerated
_HYBRID_WEIGHTS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 14.0, 17.0)
_PENALTIES = (0.0, 0.5, 1.0)
HEADER = "recogniser        WER %  95 % interval    sub  del  ins     params  train s     RTF"


@dataclass(frozen=True)
class Rung:
    """What was measured of one recogniser.

    Attributes
    ----------
    name : str
    score : Score
        Of the test's utterances.
    interval : Interval
        Of the word error rate.
    words : dict
        What was recognised.
    lm_weight, insertion_penalty : float
    parameters : int
    seconds : float
        Of training.
    real_time_factor : float
        Of recognising, features not counted.
    """

    name: str
    score: wer.Score
    interval: wer.Interval
    words: Mapping[str, tuple[str, ...]]
    lm_weight: float
    insertion_penalty: float
    parameters: int
    seconds: float
    real_time_factor: float

    @property
    def rate(self) -> float:
        """Errors over words."""
        return self.score.total.rate

    def line(self) -> str:
        """For the table."""
        e, between = self.score.total, f"{100 * self.interval.low:.1f} to {100 * self.interval.high:.1f}"
        return (
            f"{self.name:<16}{e.percent:>7.2f}  {between:<15}{e.substitutions:>5}{e.deletions:>5}{e.insertions:>5}"
            f"{self.parameters:>11,}{self.seconds:>9.1f}{self.real_time_factor:>8.3f}"
        )

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        e = self.score.total
        return {
            "words": e.words, "substitutions": e.substitutions, "deletions": e.deletions, "insertions": e.insertions,
            "interval": [self.interval.low, self.interval.high], "lm_weight": self.lm_weight,
            "insertion_penalty": self.insertion_penalty, "parameters": self.parameters, "training_seconds": self.seconds,
            "real_time_factor": self.real_time_factor,
        }  # fmt: skip


def measure(task: Task, stage: Stage) -> Rung:
    """Choose the weights on the held-out part, if there is one, and recognise the test part.

    Raises
    ------
    DataError
        There is no test part.
    """
    weight, penalty = chosen_weights(task, stage)
    said = task.transcripts(stage.kind, "test")
    if not said:
        raise DataError(
            f"{task.corpus.name} has no utterances to measure on; add a test part, or use `train`, which needs none"
        )
    test = recognise(stage.recogniser, task.features(stage.kind, "test"), task.feature_settings[stage.kind].shift)
    words = test.words(weight, penalty)
    score = wer.score(said, words)
    interval = wer.bootstrap_interval(score.per_utterance)
    return Rung(
        stage.name, score, interval, words, weight, penalty, stage.n_parameters, stage.seconds, test.real_time_factor
    )


def chosen_weights(task: Task, stage: Stage) -> tuple[float, float]:
    """LM weight and insertion penalty, from utterances that are neither trained on nor measured."""
    weights: Sequence[float] = _WEIGHTS.get(stage.name, _HYBRID_WEIGHTS)
    said = task.transcripts(stage.kind, "dev")
    if task.corpus.isolated or not said:
        return (1.0 if stage.name == "ctc" else 10.0), 0.0
    held = recognise(stage.recogniser, task.features(stage.kind, "dev"))
    tuning = tune(list(held.found.values()), references(said, list(held.found)), weights, _PENALTIES)
    return tuning.lm_weight, tuning.insertion_penalty


def pooled(rungs: Sequence[Rung]) -> Rung:
    """The same recogniser trained and measured several times, on test parts that have nothing in common."""
    first = rungs[0]
    score = wer.Score({name: a for rung in rungs for name, a in rung.score.alignments.items()})
    words = {name: said for rung in rungs for name, said in rung.words.items()}
    n = len(rungs)
    return Rung(
        first.name, score, wer.bootstrap_interval(score.per_utterance), words,
        sum(r.lm_weight for r in rungs) / n, sum(r.insertion_penalty for r in rungs) / n, first.parameters,
        sum(r.seconds for r in rungs), sum(r.real_time_factor for r in rungs) / n,
    )  # fmt: skip


def boundary_figures(task: Task, aligner: Stage) -> dict[str, Any]:
    """The share of the test's phone boundaries that forced alignment puts within 20 ms of the truth, if that is known."""
    true = {u.name: u.segments for u in task.corpus.test if len(u.segments)}
    if not true or aligner.model is None:
        return {}
    said, settings = task.transcripts(aligner.kind, "test"), task.feature_settings[aligner.kind]
    aligned = align(aligner.model, task.features(aligner.kind, "test"), said, task.lexicon)
    close, every = np.sum([
        boundaries_within(phone_segments(a, aligner.model.phones, settings), true[name], task.lexicon.silence)
        for name, a in aligned.alignments.items() if name in true
    ], axis=0).tolist()  # fmt: skip
    return {"boundaries_within_20_ms": close / every, "boundaries": every}
