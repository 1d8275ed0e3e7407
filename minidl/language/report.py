"""The report of language models: which is best, alone and mixed, at what price, and at which words; with samples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..train import figures
from ..train.history import History
from ..train.report import Report, environment
from .bands import Band

_KINDS = ("n-gram", "neural", "mixture")  # so they have the same colours in every report
Line = tuple[Sequence[Any], Sequence[float]]  # x and y


@dataclass(frozen=True)
class Result:
    """What is known of one model.

    Attributes
    ----------
    name : str
    kind : str
        "n-gram", "neural", "mixture" or another; models of a kind have one colour.
    including_unknown, excluding_unknown : float
        Perplexity of the test text, see :class:`.Perplexity`.
    parameters : int
    seconds : float or None
        Of training.
    words_per_second : float or None
        Of scoring.
    surrogate : str
        What was minimised in training where that was not the exact negative log-likelihood.
    """

    name: str
    kind: str
    including_unknown: float
    excluding_unknown: float
    parameters: int
    seconds: float | None = None
    words_per_second: float | None = None
    surrogate: str = ""


def language_report(
    title: str,
    lead: str,
    *,
    results: Sequence[Result],
    weight_curves: Mapping[str, Line] | None = None,
    by_band: Mapping[str, Sequence[Band]] | None = None,
    by_size: Mapping[str, Line] | None = None,
    by_order: Mapping[str, Line] | None = None,
    histories: Mapping[str, History] | None = None,
    step_times: Mapping[str, Line] | None = None,
    samples: Mapping[str, str] | None = None,
    nearest: Mapping[str, Sequence[tuple[str, float]]] | None = None,
    word_map: tuple[np.ndarray, Sequence[str]] | None = None,
    numbers: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Report:
    """Put a report together; ``.write(path)`` makes the file. What is not given is left out.

    Parameters
    ----------
    results : sequence of Result
    weight_curves : mapping
        Of a mixture of two, ``(weights of the first, perplexities)``.
    by_band : mapping
        Of a model, what :func:`.bands.perplexity_by_frequency` found.
    by_size, by_order : mapping
        Of a model, ``(words of training text, perplexities)``; of a smoothing, ``(orders, perplexities)``.
    histories : mapping
        Of a network, its training; the validation loss is in nats a token.
    step_times : mapping
        Of an output layer, ``(vocabulary sizes, seconds a step)``.
    samples : mapping
        Of a model, a text that it wrote.
    nearest : mapping
        Of a word, what :func:`.neighbours.neighbours` found.
    word_map : (n, 2) array and n words
        What :func:`.neighbours.project_2d` made.
    numbers : mapping
        What stands at the top; by default the best models of the three best kinds.
    config : mapping
    """
    page = Report(title, lead)
    page.numbers(_best_of_kinds(results) if numbers is None else numbers)
    _add_results(page, results)
    _add_lines(page, weight_curves or {}, by_band or {}, by_size or {}, by_order or {})
    _add_training(page, histories or {}, step_times or {})
    _add_words(page, samples or {}, nearest or {}, word_map)
    if config:
        page.table("Configuration", [(name.replace("_", " "), value) for name, value in config.items()])
    page.table("Environment", list(environment().items()))
    return page


def _best_of_kinds(results: Sequence[Result]) -> dict[str, str]:
    best: dict[str, float] = {}
    for result in results:
        best[result.kind] = min(best.get(result.kind, np.inf), result.including_unknown)
    three = sorted(best.items(), key=lambda item: -item[1])[-3:]
    return {f"perplexity, best {kind}": f"{value:,.1f}" for kind, value in three}


def _add_results(page: Report, results: Sequence[Result]) -> None:
    """Bars and table of all models, the best first."""
    if not results:
        return
    ranked = sorted(results, key=lambda result: result.including_unknown)
    parts = [result for result in ranked if result.kind != "mixture"]
    caption = "Of the test text, unknown words included; lower is better."
    if parts and ranked[0].kind == "mixture":
        less = 1 - ranked[0].including_unknown / parts[0].including_unknown
        caption += f" The best mixture, {ranked[0].name}, is {100 * less:.1f} % below the best part, {parts[0].name}."
    kinds = list(dict.fromkeys([*_KINDS, *(result.kind for result in results)]))
    in_order = sorted(results, key=lambda result: kinds.index(result.kind))
    bars = {result.name: (result.including_unknown, result.kind) for result in in_order}
    page.figure("Perplexity", figures.ranked_bars(bars, "perplexity"), caption)
    header = ["model", "kind", "perplexity", "known words", "parameters", "seconds", "words/s"]
    page.table(
        "Models", [_row(result) for result in ranked], header,
        "Perplexity of all tokens (words and sentence ends), and without unknown words; always of exactly normalised "
        "probabilities, also where training minimised a cheaper surrogate of the likelihood. Seconds of training; words "
        "scored a second.",
    )  # fmt: skip


def _row(result: Result) -> list[str]:
    seconds = "" if result.seconds is None else f"{result.seconds:,.1f}"
    speed = "" if result.words_per_second is None else _short(result.words_per_second)
    perplexities = f"{result.including_unknown:,.1f}", f"{result.excluding_unknown:,.1f}"
    kind = f"{result.kind}; surrogate: {result.surrogate}" if result.surrogate else result.kind
    return [result.name, kind, *perplexities, _short(result.parameters), seconds, speed]


def _short(n: float) -> str:
    return f"{n / 1e6:,.2f} M" if n >= 1e6 else f"{n:,.0f}"


def _add_lines(
    page: Report,
    weight_curves: Mapping[str, Line],
    by_band: Mapping[str, Sequence[Band]],
    by_size: Mapping[str, Line],
    by_order: Mapping[str, Line],
) -> None:
    """On what perplexity depends."""
    if weight_curves:
        lows = [f"{name}: {min(y):,.1f} at {x[int(np.argmin(y))]:.2f}" for name, (x, y) in weight_curves.items()]
        drawing = figures.lines([("weight of the first", "perplexity", weight_curves)], wide=True, lowest=True)
        page.figure("Both together: what a part's weight does", drawing, f"Lowest (rings): {'; '.join(lows)}.")
    if by_band:
        _add_bands(page, by_band)
    if by_size:
        drawing = figures.lines([("words of training text", "perplexity", by_size)], log_x=True, log_y=True, wide=True)
        page.figure("More text", drawing, "Each model trained on a part of the text.")
    if by_order:
        drawing = figures.lines([("order (words of the longest n-grams)", "perplexity", by_order)], log_y=True, wide=True)
        page.figure("Longer n-grams", drawing, "n-gram models by order and smoothing.")


def _add_bands(page: Report, by_band: Mapping[str, Sequence[Band]]) -> None:
    """Rare and frequent words: perplexities differ a thousandfold between bands, so the picture compares models in each."""
    first = next(iter(by_band))
    named = {
        name: ([b.name for b in bands], [b.perplexity / a.perplexity for a, b in zip(by_band[first], bands, strict=True)])
        for name, bands in by_band.items()
    }
    panel = "occurrences in the training text", f"perplexity relative to {first}", named
    page.figure(
        "Who is good at rare words?", figures.lines([panel], log_y=True, wide=True),
        "Perplexity over the test text's words, by how often each stood in the training text.",
    )  # fmt: skip
    rows = [
        [bands[0].name, f"{bands[0].tokens:,}", *(f"{b.perplexity:,.{1 if b.perplexity < 1000 else 0}f}" for b in bands)]
        for bands in zip(*by_band.values(), strict=True)
    ]
    page.table("Perplexity by frequency", rows, ["occurrences", "tokens", *by_band])


def _add_training(page: Report, histories: Mapping[str, History], step_times: Mapping[str, Line]) -> None:
    """How networks were trained, and what an output layer's step costs."""
    panels = []
    for column, x_name in (("epoch", "epoch"), ("seconds", "seconds of training")):
        named = {name: _validation(history, column) for name, history in histories.items()}
        panels.append((x_name, "perplexity of the validation text", {name: line for name, line in named.items() if line[0]}))
    if panels[0][2]:
        page.figure("Training", figures.lines(panels, log_y=True), "After each epoch, against epochs and against time.")
    if len(histories) == 1:
        drawing = figures.curves(*histories.values(), names=["loss"])
        page.figure("Loss", drawing, "What training minimised, in nats a token; the pale line is of single steps.")
    if step_times:
        named = {name: (sizes, [1000 * s for s in seconds]) for name, (sizes, seconds) in step_times.items()}
        panel = "words in the vocabulary", "milliseconds a step", named
        page.figure(
            "Large output layers", figures.lines([panel], log_x=True, log_y=True, wide=True),
            "Time of a training step against the size of the vocabulary.",
        )  # fmt: skip


def _validation(history: History, column: str) -> Line:
    records = [record for record in history.epochs if "val_loss" in record and column in record]
    return [record[column] for record in records], [float(np.exp(min(record["val_loss"], 700))) for record in records]


def _add_words(
    page: Report,
    samples: Mapping[str, str],
    nearest: Mapping[str, Sequence[tuple[str, float]]],
    word_map: tuple[np.ndarray, Sequence[str]] | None,
) -> None:
    """What models wrote, and how a network sees words."""
    for name, text in samples.items():
        lines = [textwrap.fill(line, 105, subsequent_indent="    ") for line in text.splitlines()]
        page.verbatim(f"Written by {name}", "\n".join(lines))
    if nearest:
        rows = [(word, ", ".join(f"{other} {cosine:.2f}" for other, cosine in found)) for word, found in nearest.items()]
        page.table("Nearest neighbours", rows, caption="Words whose embeddings have the largest cosine with each word's.")
    if word_map is not None and len(word_map[1]):
        caption = "Embeddings along their first two principal components."
        page.figure("Words in the plane", figures.points(*word_map), caption)
