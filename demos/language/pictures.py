"""The report of the table: pictures, samples, and words as a network sees them."""

from __future__ import annotations

import numpy as np

from minidl.language.bands import perplexity_by_frequency
from minidl.language.generate import generate
from minidl.language.mixture.linear import weight_curve
from minidl.language.neighbours import neighbours, project_2d
from minidl.language.neural import NeuralModel
from minidl.language.report import language_report
from minidl.language.vocabulary import SPECIAL, START_ID
from minidl.train.evaluate import to_host
from minidl.train.report import Report

from .entries import BASE, Lines, n_words
from .measured import Table

WORDS = 60  # in the plane


def make_report(table: Table, by_order: Lines, by_size: Lines, seed: int) -> Report:
    """Everything that was found, on one page."""
    neural = table.names("neural")
    static = [name for name in neural if isinstance(table.models[name], NeuralModel)]
    best = table.best("mixture")
    shown = [BASE, *([table.best("neural")] if neural else []), best]
    return language_report(
        f"Language models: {table.corpus.name}",
        f"{n_words(table.train):,} tokens to learn from, {n_words(table.test):,} to measure on, "
        f"{len(table.vocabulary):,} words in the vocabulary.",
        results=table.results, weight_curves=curves(table, static),
        by_band={name: perplexity_by_frequency(table.said(name, "test"), table.test, table.counts) for name in shown},
        by_size=by_size, by_order=by_order, histories=table.histories,
        samples={name: sample(table, name, seed) for name in dict.fromkeys([BASE, *static[-1:], best])},
        **words(table, static),
    )  # fmt: skip


def curves(table: Table, names: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The validation text's perplexity by the weight of the n-gram model, mixed with each network."""
    tokens = table.valid != START_ID
    base = table.said(BASE, "valid")[tokens]
    return {f"{BASE} and {name}": weight_curve(base, table.said(name, "valid")[tokens]) for name in names}


def sample(table: Table, name: str, seed: int) -> str:
    """Sixty words that a model makes up."""
    return generate(table.models[name], seed, max_tokens=60, top_p=0.95, stop_at_end=False, allow_unknown=False).text


def words(table: Table, names: list[str]) -> dict[str, object]:
    """Neighbours of frequent words, and many words in the plane, by the best network's vectors."""
    if not names:
        return {}
    best = min(names, key=table.of)
    vectors = to_host(table.models[best].network.body.embedding.weight.data)
    long = [i for i, word in enumerate(table.vocabulary.words) if i >= len(SPECIAL) and len(word) > 3 and word.isalpha()]
    rows = long[:WORDS]
    picked = [table.vocabulary.words[i] for i in rows]
    if len(rows) < 3:
        return {}
    return {
        "nearest": {word: neighbours(vectors, table.vocabulary, word, 6) for word in picked[:8]},
        "word_map": (project_2d(vectors[rows]), picked),
    }
