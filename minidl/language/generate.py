"""Writes text word by word as a model finds likely: sampling with temperature, top-k and top-p, or the likeliest word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..backend import random
from ..errors import ArgumentError
from .model import LanguageModel, Reader
from .vocabulary import END, END_ID, START, START_ID, UNKNOWN_ID


@dataclass(frozen=True)
class Generated:
    """What a model wrote.

    Attributes
    ----------
    words : list of str
        After the prompt; a sentence's end is a word.
    ids : list of int
        Their numbers.
    prompt : list of str
    unknown : list of str
        Words of the prompt that the model read as unknown ones.
    """

    words: list[str]
    ids: list[int]
    prompt: list[str]
    unknown: list[str]

    @property
    def text(self) -> str:
        """The prompt and what follows, a sentence a line."""
        lines = " ".join([*self.prompt, *self.words]).split(END)
        return "\n".join(line.strip() for line in lines).rstrip("\n")


def generate(
    model: LanguageModel,
    rng: np.random.Generator | int | None = None,
    prompt: Sequence[str] = (),
    *,
    max_tokens: int = 100,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    stop_at_end: bool = True,
    allow_unknown: bool = True,
) -> Generated:
    """Draw words, each given those before it.

    Parameters
    ----------
    model : LanguageModel
        Of any kind.
    rng : Generator, seed or None
        None: the default stream.
    prompt : sequence of str
        Words to begin with, at a sentence's start; those that the model does not know it reads as unknown.
    max_tokens : int
        At most so many words and sentence ends.
    temperature, top_k, top_p : see :func:`choice`
    stop_at_end : bool
        Write one sentence; otherwise the next begins.
    allow_unknown : bool
        Whether the unknown word may be drawn.

    Raises
    ------
    ArgumentError
        A value outside its range; a prompt that is no sequence of words; no word is left to draw.
    """
    if max_tokens < 1:
        raise ArgumentError(f"generate: max_tokens must be at least 1, got {max_tokens}")
    check_choice(temperature, top_k, top_p)
    rng = random.generator(rng)
    reader, unknown = _read_prompt(model, prompt)
    ids: list[int] = []
    while len(ids) < max_tokens:
        p = choice(reader.log_prob(), temperature, top_k, top_p, allow_unknown)
        word = int(p.argmax()) if temperature == 0 else int(rng.choice(p.size, p=p))
        ids.append(word)
        if word == END_ID and stop_at_end:
            break
        reader.read(word)
    return Generated(model.vocabulary.decode(ids), ids, list(prompt), unknown)


def most_likely_next(model: LanguageModel, prompt: Sequence[str] = (), n: int = 10) -> list[tuple[str, float]]:
    """The likeliest words after a prompt with their probabilities, the likeliest first.

    Raises
    ------
    ArgumentError
        n below 1, or a prompt that is no sequence of words.
    """
    if n < 1:
        raise ArgumentError(f"most_likely_next: n must be at least 1, got {n}")
    log_prob = _read_prompt(model, prompt)[0].log_prob()
    likeliest = [i for i in np.argsort(-log_prob, kind="stable")[: n + 1].tolist() if i != START_ID][:n]
    return [(model.vocabulary.words[i], math.exp(log_prob[i])) for i in likeliest]


def check_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Refuse what :func:`choice` cannot do.

    Raises
    ------
    ArgumentError
        A value outside its range; says which.
    """
    if not 0 <= temperature < math.inf:
        raise ArgumentError(f"generate: temperature must be 0 (the likeliest word) or more, and finite, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ArgumentError(f"generate: top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ArgumentError(f"generate: top_p must lie in (0, 1], got {top_p}")


def choice(
    log_prob: np.ndarray,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    allow_unknown: bool = True,
) -> np.ndarray:
    """From a model's log probabilities of the next word to those to draw with.

    Parameters
    ----------
    log_prob : (vocabulary,) array
    temperature : float
        Probabilities are raised to the power 1 / temperature: below 1 likely words become likelier. 0: the likeliest
        word alone.
    top_k : int, optional
        Keep the k likeliest words.
    top_p : float, optional
        Then keep the fewest likeliest words that have this probability together (Holtzman and others 2020).
    allow_unknown : bool

    Returns
    -------
    (vocabulary,) float64
        Sums to 1; 0 at a sentence's start. Of equally likely words the one with the lower number, which is the more
        frequent one, comes first.

    Raises
    ------
    ArgumentError
        No word is left.
    """
    x = np.array(log_prob, np.float64)
    x[START_ID] = -np.inf
    if not allow_unknown:
        x[UNKNOWN_ID] = -np.inf
    if np.isneginf(x).all():
        raise ArgumentError("generate: the model leaves no word to draw; allow the unknown word")
    order = np.argsort(-x, kind="stable")
    with np.errstate(over="ignore"):
        x = (x[order] - x.max()) / (temperature or 1.0)
    x[1 if temperature == 0 else top_k or x.size :] = -np.inf
    p = np.exp(x)
    p /= p.sum()
    if top_p is not None:
        p[1 + np.searchsorted(p.cumsum(), top_p) :] = 0
        p /= p.sum()
    out = np.zeros(x.size)
    out[order] = p
    return out


def _read_prompt(model: LanguageModel, prompt: Sequence[str]) -> tuple[Reader, list[str]]:
    """A reader that has read the prompt, and which words it did not know."""
    if isinstance(prompt, str):
        raise ArgumentError("generate: a prompt is a list of words, not one string; split it as the training text was split")
    if START in prompt:
        raise ArgumentError(f"generate: a prompt begins at a sentence's start as it is; leave {START} out")
    reader = model.reader()
    for word in model.vocabulary.encode(prompt).tolist():
        reader.read(word)
    return reader, [word for word in prompt if word not in model.vocabulary]
