"""Recognisers that a run has left: what the models' files do not hold, and any rung made ready to recognise with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from minidl import language
from minidl.errors import ArgumentError, DataError
from minidl.speech import files, recognition
from minidl.speech.ctc import CtcNetwork
from minidl.speech.decoder import Grammar, Loop, OneOf
from minidl.speech.extraction import FeatureSettings
from minidl.speech.grammar import NGramGrammar
from minidl.speech.lexicon import Lexicon
from minidl.train.files import replacing

from .models import ALIGNER, STAGES, path_of, read_model
from .task import Task

SETUP, ARPA = "recogniser.json", "grammar.arpa"
_KIND = "minidl speech recogniser"
_MOST_BYTES = 1 << 20
_BEST_FIRST = ("dnn-realigned", "dnn", "gmm-tri", "gmm-mono", "ctc")  # where nothing was measured
_GRAMMARS = ("any words", "one word", "n-gram")


class Tuned(Protocol):
    """What is kept of a rung; a measured one of the ladder is one."""

    @property
    def name(self) -> str: ...
    @property
    def lm_weight(self) -> float: ...
    @property
    def insertion_penalty(self) -> float: ...
    @property
    def rate(self) -> float | None: ...


@dataclass(frozen=True)
class Weights:
    """A rung's name, its weights, and its word error rate, None if nothing was there to measure on."""

    name: str
    lm_weight: float
    insertion_penalty: float
    rate: float | None = None


@dataclass(frozen=True)
class Setup:
    """What :data:`SETUP` holds: which words may follow one another, and each rung's weights."""

    grammar: str
    rungs: Mapping[str, Weights]


@dataclass(frozen=True)
class Ready:
    """A rung to recognise with."""

    weights: Weights
    recogniser: recognition.Recogniser
    features: FeatureSettings


# -- writing and reading what belongs to a run -----------------------------------------------------------


def save_setup(task: Task, rungs: Sequence[Tuned]) -> None:
    """Write what decoding needs beside the models' files: the grammar and each rung's weights.

    Raises
    ------
    CheckpointError
        The directory cannot be written.
    """
    grammar = "one word" if isinstance(task.grammar, OneOf) else "any words"
    if isinstance(task.grammar, NGramGrammar):
        grammar, model = "n-gram", task.language_model
        assert isinstance(model, language.BackoffModel)
        with replacing(task.run / ARPA) as f:
            language.write_arpa(model, f)
    weights = {r.name: {"lm_weight": r.lm_weight, "insertion_penalty": r.insertion_penalty, "rate": r.rate} for r in rungs}
    with replacing(task.run / SETUP) as f:
        f.write((json.dumps({"kind": _KIND, "grammar": grammar, "rungs": weights}, indent=2) + "\n").encode())


def load_setup(run: Path) -> Setup:
    """Read what :func:`save_setup` wrote.

    Raises
    ------
    DataError
        No such run, or something else; damaged.
    """
    path = run / SETUP
    if not path.is_file():
        raise DataError(_nothing_in(run))
    try:
        with open(path, "rb") as f:
            told = json.loads(f.read(_MOST_BYTES))
        if told["kind"] != _KIND or told["grammar"] not in _GRAMMARS:
            raise ValueError("another kind of file")
        return Setup(told["grammar"], {name: _weights(name, own) for name, own in told["rungs"].items()})
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not what a training has written; it was altered") from error


def _weights(name: str, told: Mapping[str, Any]) -> Weights:
    weight, penalty, rate = (told[key] for key in ("lm_weight", "insertion_penalty", "rate"))
    numbers = [weight, penalty] if rate is None else [weight, penalty, rate]
    if name not in STAGES or not all(type(n) in (int, float) and abs(n) < 1e6 for n in numbers) or not weight > 0:
        raise ValueError(f"the weights of {name}")
    return Weights(name, weight, penalty, rate)


def _nothing_in(run: Path) -> str:
    if not run.is_dir():
        return f"no run called {run}: give the directory that a training has left (its --run)"
    inside = sorted(path.parent for path in run.glob(f"*/{SETUP}"))
    other = f"take one of those inside of it, such as {inside[0]}" if inside else "`python -m demos.speech train` writes one"
    return f"{run} holds no {SETUP}: {other}"


# -- making ready ----------------------------------------------------------------------------------------


def make_ready(run: Path, name: str | None = None) -> Ready:
    """A rung of a run: the named one, or the one with the fewest errors of those that are there.

    Raises
    ------
    ArgumentError
        No such rung in this run.
    CheckpointError, DataError
        No run; a file that is missing or damaged.
    """
    setup = load_setup(run)
    there = [own for rung, own in setup.rungs.items() if path_of(run, rung).is_file()]
    if name is not None and name not in [own.name for own in there]:
        raise ArgumentError(f"{run} has no {name}; it has {', '.join(own.name for own in there) or 'none at all'}")
    if not there:
        raise DataError(f"{run} holds no model of those that {SETUP} names")
    weights = next((own for own in there if own.name == name), None) or min(there, key=_goodness)
    lexicon = load_aligner(run).lexicon
    recogniser, features = _loaded(run, weights.name, lexicon, _grammar(run, setup.grammar, lexicon))
    return Ready(weights, recogniser, features)


def load_aligner(run: Path) -> files.Saved:
    """The model that knows where phones begin and end, and the lexicon; errors as :func:`make_ready`."""
    path = path_of(run, ALIGNER)
    if not path.is_file():
        raise DataError(f"{run} holds no {path.name}" if run.is_dir() else _nothing_in(run))
    return files.load_acoustic(path)


def _goodness(weights: Weights) -> tuple[float, int]:
    """Less is better."""
    rate = float("inf") if weights.rate is None else weights.rate
    return rate, _BEST_FIRST.index(weights.name)


def _grammar(run: Path, kind: str, lexicon: Lexicon) -> Grammar:
    if kind == "n-gram":
        return NGramGrammar(language.read_arpa(run / ARPA), lexicon.words)
    return OneOf(lexicon.words) if kind == "one word" else Loop(lexicon.words)


def _loaded(run: Path, name: str, lexicon: Lexicon, grammar: Grammar) -> tuple[recognition.Recogniser, FeatureSettings]:
    model, settings, _ = read_model(run, name)
    if isinstance(model, CtcNetwork):
        return recognition.ctc(model, lexicon, grammar), settings
    return recognition.hybrid(model, lexicon, grammar, frame_shift=settings.shift), settings
