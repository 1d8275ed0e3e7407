"""Uses models of any kind: measures them on a text, mixes them, lets them write, and asks which words are alike."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from demos.common import positive, positive_float, say, whole, write_json
from minidl import language
from minidl.errors import ArgumentError
from minidl.language import files, generate, neighbours
from minidl.language.cache import CacheModel
from minidl.language.mixture import LinearMixture, LogLinearMixture
from minidl.language.neural import DynamicModel, NeuralModel
from minidl.language.perplexity import perplexity_of_ids
from minidl.language.text import Splitting, split
from minidl.train import figures
from minidl.train.evaluate import to_host

from .common import TEXT, encode_known, output_options, read_text, splitting_options


def add_commands(commands: Any) -> None:
    """The commands ``perplexity``, ``mix``, ``generate`` and ``neighbours``."""
    parents = [splitting_options(), output_options()]
    c = commands.add_parser("perplexity", parents=parents, help="measure a model on a text")
    c.add_argument("model", type=Path, help="a file of any kind of model, or the directory of a training run")
    c.add_argument("text", help=f"{TEXT} (its test part)")
    c.add_argument("--dynamic", type=positive_float, metavar="LR", help="a neural model goes on learning while it reads")
    c.set_defaults(run_command=measure)

    c = commands.add_parser("mix", parents=parents, help="mix models, with the weights that suit a held-out text best")
    c.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="of one vocabulary (see --vocabulary of train)")
    c.add_argument("--tune", required=True, metavar="TEXT", help=f"held-out text: {TEXT} (its validation part)")
    c.add_argument("--test", metavar="TEXT", help="measure on this text too (by name: its test part)")
    c.add_argument("--cache", type=positive, metavar="N", help="add a cache of the last N words")
    c.add_argument("--log-linear", action="store_true", help="multiply powers of probabilities instead of adding shares")
    c.add_argument("--out", type=Path, metavar="FILE", help="write the mixture, a small JSON file that names its parts")
    c.set_defaults(run_command=mix)

    c = commands.add_parser("generate", parents=parents, help="let a model write")
    c.add_argument("model", type=Path)
    c.add_argument("--prompt", default="", metavar="WORDS", help="to begin with")
    c.add_argument("--words", type=positive, default=100, metavar="N", help="at most so many (default: 100)")
    c.add_argument("--temperature", type=float, default=1.0, metavar="X", help="below 1: likelier words (default: 1)")
    c.add_argument("--top-k", type=positive, metavar="N", help="draw from the N likeliest words")
    c.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest words that have probability P together")
    c.add_argument("--unknown", action="store_true", help="allow the unknown word")
    c.add_argument("--seed", type=whole, default=0, metavar="N", help="of the random numbers (default: 0)")
    c.set_defaults(run_command=write)

    c = commands.add_parser("neighbours", parents=parents[1:], help="words that a neural model treats alike")
    c.add_argument("model", type=Path)
    c.add_argument("words", nargs="+", metavar="WORD")
    c.add_argument("--picture", type=Path, metavar="FILE", help="draw all these words in the plane, as a PNG or SVG file")
    c.add_argument("--number", type=positive, default=8, metavar="N", help="how many for each (default: 8)")
    c.set_defaults(run_command=alike)


def measure(args: argparse.Namespace) -> None:
    """Perplexity with and without unknown words."""
    model = files.load(args.model)
    if args.dynamic is not None:
        if not isinstance(model, NeuralModel):
            raise ArgumentError(f"--dynamic: {args.model} is no neural model; only these learn while they read")
        model = DynamicModel(model, args.dynamic)
    ids = encode_known(model.vocabulary, read_text(args.text, "test", splitting_of(args, args.model)), args.text)
    found = perplexity_of_ids(model, ids)
    print(f"perplexity including unknown words: {found.including_unknown:.4f}")
    print(f"perplexity excluding unknown words: {found.excluding_unknown:.4f}")
    rate = found.unknown / found.tokens
    print(f"tokens: {found.tokens:,} (words and sentence ends), unknown: {found.unknown:,} ({rate:.2%})")
    write_json(args.json, vars(found))


def splitting_of(args: argparse.Namespace, model: Path) -> Splitting | None:
    """What the user says of a text, else how the model's training text was split, where its file tells."""
    return args.splitting or files.about(model).get("splitting")


def mix(args: argparse.Namespace) -> None:
    """Weights by the tuning text; then the parts and the mixture side by side."""
    models = [files.load(path) for path in args.models]
    names = [str(path) for path in args.models]
    if args.cache is not None:
        models.append(CacheModel(models[0].vocabulary, size=args.cache))
        names.append(f"cache of {args.cache:,} words")
    if len(models) < 2:
        raise ArgumentError("mix: give at least two models, or one and --cache")
    if args.log_linear and args.out:
        raise ArgumentError("mix: --out writes linear mixtures only")
    splitting = args.splitting or next(filter(None, (splitting_of(args, path) for path in args.models)), None)
    tune = encode_known(models[0].vocabulary, read_text(args.tune, "valid", splitting), args.tune)
    mixture = (LogLinearMixture if args.log_linear else LinearMixture).fitted(models, tune)
    if args.out:
        parts: list[Any] = [*args.models, *(models[len(args.models) :])]
        files.save_mixture(args.out, parts, mixture.weights)
    results: dict[str, Any] = {"weights": dict(zip(names, map(float, mixture.weights), strict=True))}
    for name, weight in results["weights"].items():
        print(f"{weight:8.4f}  {name}")
    results["tuning"] = compare(models, names, mixture, tune, f"tuning text {args.tune}")
    if args.test:
        test = encode_known(models[0].vocabulary, read_text(args.test, "test", splitting), args.test)
        results["test"] = compare(models, names, mixture, test, f"test text {args.test}")
    write_json(args.json, results)


def compare(
    models: Sequence[language.LanguageModel], names: Sequence[str], mixture: language.LanguageModel, ids: np.ndarray,
    title: str,
) -> dict[str, float]:  # fmt: skip
    """Perplexities of parts and mixture on one text."""
    found = {
        name: perplexity_of_ids(model, ids).including_unknown
        for name, model in zip([*names, "mixture"], [*models, mixture], strict=True)
    }
    print(f"perplexity on the {title}:")
    for name, value in found.items():
        print(f"{value:10.2f}  {name}")
    return found


def write(args: argparse.Namespace) -> None:
    """A text that a model makes up."""
    model = files.load(args.model)
    prompt = split(args.prompt, splitting_of(args, args.model) or "words")
    made = generate.generate(
        model, args.seed, prompt, max_tokens=args.words, temperature=args.temperature, top_k=args.top_k, top_p=args.top_p,
        stop_at_end=False, allow_unknown=args.unknown,
    )  # fmt: skip
    if made.unknown:
        say(f"warning: the model does not know {', '.join(map(repr, made.unknown))}")
    print(made.text)
    write_json(args.json, {"prompt": made.prompt, "words": made.words})


def alike(args: argparse.Namespace) -> None:
    """Nearest neighbours of words."""
    model = files.load(args.model)
    if not isinstance(model, NeuralModel):
        raise ArgumentError(f"neighbours: {args.model} is no neural model; only these have a vector for each word")
    table = to_host(model.network.body.embedding.weight.data)
    found = {word: neighbours.neighbours(table, model.vocabulary, word, args.number) for word in args.words}
    for word, near in found.items():
        print(f"{word}: " + ", ".join(f"{other} {cosine:.2f}" for other, cosine in near))
    write_json(args.json, found)
    if args.picture is not None:
        shown = list(dict.fromkeys([*found, *(other for near in found.values() for other, _ in near)]))
        places = neighbours.project_2d(table[model.vocabulary.encode(shown)])
        figures.write(figures.points(places, shown), args.picture)
        print(f"picture: {args.picture}")
