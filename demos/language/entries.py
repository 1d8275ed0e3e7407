"""The models of the table: n-grams, networks, and mixtures of both; and perplexity by order and by size of the text."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.common import say
from minidl import language, optim
from minidl.errors import DataError
from minidl.language import corpora, files
from minidl.language.cache import CacheModel
from minidl.language.mixture import LogLinearMixture, ensemble
from minidl.language.neural import DynamicModel, NeuralModel, make_network, train, updates_per_epoch
from minidl.language.ngram.brown import brown_clusters
from minidl.language.ngram.classes import class_model
from minidl.language.output.noise import unigram
from minidl.language.perplexity import perplexity_of_ids
from minidl.language.vocabulary import START_ID
from minidl.optim.schedules import OneCycle
from minidl.train import History
from minidl.train.history import read_metrics

from .common import say_once
from .measured import Table
from .settings import Recipe
from .smoothings import FALLBACKS, SMOOTHINGS

ORDER = 5
BASE = f"kneser-ney-{ORDER}"  # the n-gram model that is mixed with the networks
CACHE = 500  # words
LOG_LINEAR = (
    4000  # tokens of the validation part that its weights are fitted on: each pass asks for all words' probabilities
)
Lines = dict[str, tuple[list[int], list[float]]]


def add_ngrams(table: Table) -> None:
    """n-gram models, and a cache."""
    for name in ("kneser-ney", "katz", "witten-bell"):
        start = time.perf_counter()
        model = estimated(name, table.train, table.vocabulary, ORDER)
        table.add(f"{name}-{ORDER}", "n-gram", model, time.perf_counter() - start)
    start = time.perf_counter()
    classes = brown_clusters(table.train, len(table.vocabulary), min(table.settings.classes, len(table.vocabulary) // 4))
    model = class_model(table.train, table.vocabulary, classes, lambda ids, names: estimated("witten-bell", ids, names, 4))
    table.add("brown-classes-4", "n-gram", model, time.perf_counter() - start)


def estimated(name: str, ids: np.ndarray, vocabulary: language.Vocabulary, order: int) -> language.BackoffModel:
    """An n-gram model; where the text is too small for its estimates, with fixed ones, which is said."""
    counts = language.count(ids, len(vocabulary), min(order, longest(ids)))
    try:
        return SMOOTHINGS[name](counts, vocabulary)
    except DataError as error:
        if name not in FALLBACKS:
            raise
        say_once(f"note: {error}; taking {FALLBACKS[name]}")
        return SMOOTHINGS[name](counts, vocabulary, **FALLBACKS[name])


def longest(ids: np.ndarray) -> int:
    """Tokens of the longest sentence, with its start and end."""
    return int(np.diff(np.flatnonzero(ids == START_ID), append=ids.size).max())


def trained(
    table: Table, name: str, recipe: Recipe, ids: np.ndarray, args: argparse.Namespace, run: Path
) -> tuple[Any, History]:
    """A network trained on a part of the text."""
    network = make_network(counts=np.bincount(ids, minlength=len(table.vocabulary)), rng=args.seed, **recipe.network)
    optimizer = optim.Adam(network.parameters(), lr=recipe.lr)
    updates = recipe.epochs * updates_per_epoch(ids, recipe.columns, recipe.length)
    schedule = OneCycle(optimizer, max(1, updates), rise=0.2)
    history = train(
        network, ids, optimizer, validation=table.valid, columns=recipe.columns, length=recipe.length, clip_norm=1.0,
        epochs=recipe.epochs, schedule=schedule, run_dir=run, resume=bool(args.resume),
        config={"name": name, "seed": args.seed, "data": args.data, **recipe.network},
    )  # fmt: skip
    return network, history


def add_network(table: Table, name: str, recipe: Recipe, args: argparse.Namespace) -> None:
    """Train a network, write it to the run directory, and measure it."""
    say(f"training {name}")
    run = args.run / name
    network, history = trained(table, name, recipe, table.train, args, run)
    model = NeuralModel(network, table.vocabulary)
    splitting = args.splitting or corpora.usual_splitting(args.data)
    files.save_neural(model, run / files.MODEL, table.counts, {"text": args.data, "splitting": splitting})
    table.histories[name] = history
    table.add(name, "neural", model, history.last["seconds"], network.output.surrogate or "")


def add_saved(table: Table, run: Path) -> None:
    """A model that ``train`` made earlier, with its log."""
    model = files.load(run)
    if model.vocabulary.words != table.vocabulary.words:
        raise DataError(f"--add {run}: it has another vocabulary than this table's; train it on the same text")
    name = run.stem
    history = History()
    if (run / "metrics.jsonl").is_file():
        records = read_metrics(run / "metrics.jsonl")
        history.epochs = [record for record in records if record.get("kind") == "epoch"]
        history.steps = [record for record in records if record.get("kind") == "step"]
        table.histories[name] = history
    surrogate = (model.network.output.surrogate or "") if isinstance(model, NeuralModel) else ""
    table.add(name, "neural", model, history.last["seconds"] if history.epochs else None, surrogate)


def add_mixtures(table: Table) -> None:
    """Both together: weights are fitted on the validation part, by expectation and maximisation."""
    networks = table.names("neural")
    table.models["cache"] = CacheModel(table.vocabulary, size=CACHE, unigram=unigram(table.counts))
    for parts in [[BASE, "cache"], *([BASE, name] for name in networks)]:
        table.mix(parts)
    if not networks:
        return
    best = table.best("neural")
    table.mix([BASE, best, "cache"])
    if len(networks) > 1:
        table.mix([BASE, *networks, "cache"], f"{BASE} + {len(networks)} networks + cache")
        table.add(f"ensemble of {len(networks)} networks", "mixture", ensemble([table.models[name] for name in networks]))
    if table.settings.exact_mixtures:
        start = time.perf_counter()
        model = LogLinearMixture.fitted([table.models[BASE], table.models[best]], table.valid[:LOG_LINEAR])
        table.add(f"log-linear: {BASE} and {best}", "mixture", model, time.perf_counter() - start)
        table.add(f"{best}, dynamic", "neural", DynamicModel(table.models[best], lr=0.3))
        table.mix([BASE, f"{best}, dynamic"])


# -- on what perplexity depends --------------------------------------------------------------------------


def perplexity_by_order(table: Table) -> Lines:
    """Of each smoothing, for n-grams of 1 to 5 words."""
    orders = list(range(1, min(ORDER, longest(table.train)) + 1))
    return {
        name: (orders, [perplexity_of(estimated(name, table.train, table.vocabulary, n), table) for n in orders])
        for name in SMOOTHINGS
    }


def perplexity_by_size(table: Table, networks: Sequence[str], args: argparse.Namespace) -> Lines:
    """Of the n-gram model and some networks, trained on the first part of the text, with the whole text's vocabulary."""
    starts = np.flatnonzero(table.train == START_ID)
    lines: Lines = {name: ([], []) for name in (BASE, *networks)}
    for share in table.settings.sizes:
        ids = table.train[: starts[int(share * len(starts))]]
        found = {BASE: perplexity_of(estimated("kneser-ney", ids, table.vocabulary, ORDER), table)}
        for name in networks:
            say(f"training {name} on {share:.1%} of the text")
            network, _ = trained(table, name, table.settings.networks[name], ids, args, args.run / f"{name}-{share}")
            found[name] = perplexity_of(NeuralModel(network, table.vocabulary), table)
        for name, value in found.items():
            lines[name][0].append(n_words(ids))
            lines[name][1].append(value)
    for name in lines:
        lines[name][0].append(n_words(table.train))
        lines[name][1].append(table.of(name))
    return lines


def perplexity_of(model: language.LanguageModel, table: Table) -> float:
    """Of the test part."""
    return perplexity_of_ids(model, table.test).including_unknown


def n_words(ids: np.ndarray) -> int:
    """Words of a text, sentence ends counted."""
    return int((ids != START_ID).sum())
