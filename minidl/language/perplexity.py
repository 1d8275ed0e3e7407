"""Perplexity of a text: how many words, equally likely, a model hesitates between; with and without unknown words.

Tokens are words and sentence ends. Deep Learning, section 12.4.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from .model import LanguageModel
from .vocabulary import START_ID


@dataclass(frozen=True)
class Perplexity:
    """What came out.

    Attributes
    ----------
    including_unknown, excluding_unknown : float
        The second without the tokens that the model does not know; NaN if it knows none.
    tokens, unknown : int
    """

    including_unknown: float
    excluding_unknown: float
    tokens: int
    unknown: int


def perplexity(model: LanguageModel, sentences: Iterable[Sequence[str]]) -> Perplexity:
    """Score a text.

    Parameters
    ----------
    model : LanguageModel
    sentences : iterable of sequences of str

    Raises
    ------
    DataError
        The text is empty.
    """
    return perplexity_of_ids(model, model.vocabulary.encode_sentences(sentences))


def perplexity_of_ids(model: LanguageModel, ids: np.ndarray) -> Perplexity:
    """The same of a text's numbers, as :meth:`.Vocabulary.encode_sentences` gives them."""
    if not ids.size:
        raise DataError("perplexity: the text is empty")
    return perplexity_from(model.score_tokens(ids), ids)


def perplexity_from(log_probs: np.ndarray, ids: np.ndarray) -> Perplexity:
    """The same from what a model's :meth:`.LanguageModel.score_tokens` said of a text."""
    tokens, unknown = int((ids != START_ID).sum()), int((ids == 0).sum())
    known = log_probs[ids != 0].sum()
    return Perplexity(
        _exp(-log_probs.sum() / tokens), _exp(-known / (tokens - unknown)) if tokens > unknown else math.nan, tokens, unknown
    )


def _exp(x: float) -> float:
    return float(np.exp(min(x, 700.0)))
