"""Seconds of computing for each second of speech, on one thread: ``python -m benchmarks.speech_decoding [--run FOLDER]``.

Digits, from samples to words: features, scores of frames, and the search for the best words, each alone and together. Then
the search alone among many random words with a bigram. Without ``--run``, single phones are trained first, on synthetic
speech.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minidl.errors import MinidlError
from minidl.speech import dnn_hmm, wer
from minidl.speech.corpora import Utterance, load
from minidl.speech.decoder import Decoder, Loop, time_decoding
from minidl.speech.extraction import Extractor, FeatureSettings
from minidl.speech.files import load_acoustic
from minidl.speech.lexicon import Lexicon
from minidl.speech.phones import AcousticModel, Material, Schedule, train_monophones
from minidl.train import files

from . import thousand_words
from .turns import take_turns

TARGET = 0.05  # of digits, together


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech_decoding", description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="of python -m demos.speech, that has a trained model")
    parser.add_argument("--rung", default="gmm-mono", help="of that run: gmm-mono, gmm-tri, dnn ... (default: gmm-mono)")
    parser.add_argument("--data", default="synthetic", help="whose test utterances are recognised (default: synthetic)")
    parser.add_argument("--utterances", type=int, default=20, help="at most (default: 20)")
    parser.add_argument("--words", type=int, default=1000, help="of the random lexicon; 0: leave it out (default: 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken (default: 5)")
    args = parser.parse_args()
    with threadpool_limits(1):
        try:
            digits(args)
        except MinidlError as error:  # no such corpus, run or rung
            parser.error(str(error))
        if args.words:
            many_words(args.words, args.rounds)


def digits(args: argparse.Namespace) -> None:
    """From samples to words, step by step."""
    corpus = load(args.data)
    model, lexicon, settings = loaded(args.run, args.rung) if args.run else trained(corpus.train[:60], corpus.lexicon)
    extractor, decoder = Extractor(settings), Decoder(model.phones, model.tying, lexicon, Loop(lexicon.words))
    said = {u.name: u.words for u in corpus.test[: args.utterances]}
    clips = [u.read() for u in corpus.test[: args.utterances]]
    speech = sum(len(clip.samples) / clip.rate for clip in clips)

    def score(own: np.ndarray) -> np.ndarray:
        return model.emission.log_likelihood(model.emission.checked(own, "the utterance"))

    features = [extractor(clip) for clip in clips]
    scores = [score(own) for own in features]
    found = [decoder.decode(own).best().words for own in scores]
    errors = wer.score(said, dict(zip(said, found, strict=True))).total
    print(f"digits of {corpus.name}, {speech:.0f} s of speech; {errors.percent:.1f} % of {errors.words} words are wrong")
    ways: dict[str, Callable[[], Any]] = {
        "features": lambda: [extractor(clip) for clip in clips],
        "scores": lambda: [score(own) for own in features],
        "search": lambda: time_decoding(decoder, scores),
        "together": lambda: [decoder.decode(score(extractor(clip))).best() for clip in clips],
    }
    factors = report(take_turns(ways, args.rounds), speech)
    print(f"  to reach, together: below {TARGET}{'' if factors['together'] < TARGET else ', short'}")


def many_words(n_words: int, rounds: int) -> None:
    """The search alone."""
    decoder, said, scores = thousand_words.make(n_words, 5)
    found = [decoder.decode(own).best().words for own in scores]
    right = sum(tuple(words) == own for words, own in zip(said, found, strict=True))
    speech = sum(map(len, scores)) * decoder.frame_shift
    network = f"{n_words:,} random words, a bigram, {decoder.network.n_states:,} states"
    print(f"{network}, {speech:.0f} s of speech; {right} of {len(said)} sentences are right")
    report(take_turns({"search": lambda: time_decoding(decoder, scores)}, rounds), speech)


def report(taken: Mapping[str, list[float]], speech: float) -> dict[str, float]:
    """Print the real-time factor of each way, and give it back."""
    factors = {name: median(seconds) / speech for name, seconds in taken.items()}
    for name, seconds in taken.items():
        best, frame = min(seconds) / speech, 1e4 * factors[name]  # a frame is 10 ms
        print(f"  {name}: real-time factor {factors[name]:.4f} (best {best:.4f}), {frame:.0f} us a frame", flush=True)
    return factors


def loaded(run: Path, rung: str) -> tuple[AcousticModel, Lexicon, FeatureSettings]:
    """A rung of the demonstration, whose networks score the states of its triphones."""
    path = run / f"{rung}.safetensors"
    if not rung.startswith("dnn"):
        saved = load_acoustic(path)
        return saved.model, saved.lexicon, saved.settings
    saved, emission = load_acoustic(run / "gmm-tri.safetensors"), dnn_hmm.load(path)
    model = AcousticModel(saved.model.phones, saved.model.tying, emission)
    return model, saved.lexicon, FeatureSettings(**files.read(path)[1]["about"]["features"])


def trained(utterances: Sequence[Utterance], lexicon: Lexicon) -> tuple[AcousticModel, Lexicon, FeatureSettings]:
    """Single phones, in a few passes."""
    settings = FeatureSettings("mfcc")
    features = Extractor(settings).corpus(utterances).features
    material = Material(features, {u.name: u.words for u in utterances if u.name in features}, lexicon)
    schedule = Schedule(iterations=12, realign_at=frozenset({4, 8}), gaussians=200, split_until=9, all_paths=8)
    return train_monophones(material, schedule=schedule, rng=0).model, lexicon, settings


if __name__ == "__main__":
    main()
