"""How large the models of the table are, by the size of the text: small ones so that the default is done in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A network and its training.

    Attributes
    ----------
    network : mapping
        What :func:`~minidl.language.neural.make_network` is told.
    epochs, lr, columns, length
        Of the training, see :func:`~minidl.language.neural.train`.
    """

    network: Mapping[str, Any]
    epochs: int = 8
    lr: float = 5e-3
    columns: int = 20
    length: int = 20


@dataclass(frozen=True)
class Settings:
    """What stands in the table.

    Attributes
    ----------
    min_count : int
        Rarer words are unknown.
    networks : mapping of names to recipes
    classes : int
        Of the class-based n-gram model.
    sizes : tuple of float
        Shares of the text, for perplexity by size.
    networks_by_size : tuple of str
        Which of the networks are trained for that too.
    exact_mixtures : bool
        Also mix log-linearly, which takes all words' probabilities at each place.
    """

    min_count: int
    networks: Mapping[str, Recipe]
    classes: int
    sizes: tuple[float, ...] = (0.125, 0.25, 0.5)
    networks_by_size: tuple[str, ...] = ()
    exact_mixtures: bool = True


_LSTM = {"kind": "lstm", "embedding_size": 128, "hidden": 128, "dropout": 0.5}
_TIED = {**_LSTM, "tied": True}
_DRAWN = {"output": "sampled", "output_options": {"n_samples": 512}}

_SMALL = Settings(
    min_count=2,
    networks={
        "feed-forward": Recipe({"kind": "feed-forward", "embedding_size": 48, "hidden": 96, "dropout": 0.3}, 5),
        "feed-forward-direct": Recipe(
            {"kind": "feed-forward", "embedding_size": 24, "hidden": 64, "dropout": 0.3, "direct": True, **_DRAWN}, 5
        ),
        "rnn": Recipe({"kind": "rnn", "embedding_size": 96, "hidden": 96, "dropout": 0.4, "tied": True, **_DRAWN}, 6),
        "lstm": Recipe(_TIED, 7, 8e-3),
        "decoder": Recipe({"kind": "decoder", "hidden": 96, "layers": 1, "length": 32, "tied": True}, 6, 4e-3, 20, 32),
        "lstm-class": Recipe({**_LSTM, "output": "class"}, 7, 8e-3),
        "lstm-joint": Recipe({**_LSTM, "output": "joint"}, 6),
        "lstm-huffman": Recipe({**_LSTM, "embedding_size": 160, "hidden": 160, "output": "huffman"}, 11, 8e-3),
        "lstm-sampled": Recipe({**_TIED, "output": "sampled", "output_options": {"n_samples": 256}}, 7, 8e-3),
        "lstm-nce": Recipe({**_TIED, "output": "nce", "output_options": {"n_samples": 512}}, 8, 8e-3),
    },
    classes=60,
    networks_by_size=("lstm-sampled",),
)  # fmt: skip
_WIDE = {**_TIED, "embedding_size": 200, "hidden": 200, "output": "sampled", "output_options": {"n_samples": 1024}}
_WINDOW = {"kind": "feed-forward", "embedding_size": 64, "hidden": 128, "output": "sampled",
           "output_options": {"n_samples": 1024}}  # fmt: skip
_JOINT = {**_LSTM, "dropout": 0.3, "output": "joint"}

_MEDIUM = Settings(
    min_count=2,
    networks={
        "feed-forward": Recipe({**_WINDOW, "dropout": 0.2}, 4, 3e-3, 32, 20),
        "lstm": Recipe(_WIDE, 6, 6e-3, 32, 20),
        "lstm-joint": Recipe(_JOINT, 3, 4e-3, 32, 20),
    },
    classes=80,
)
_LARGE = Settings(
    min_count=2,
    networks={
        "feed-forward": Recipe(_WINDOW, 2, 2e-3, 32, 35),
        "lstm": Recipe({**_WIDE, "dropout": 0.2}, 2, 3e-3, 32, 35),
    },
    classes=100,
    exact_mixtures=False,
)
_FULL = 75_000  # words of a small text from which on there are fewer epochs, so that the table takes no longer
_MEDIUM_FROM, _LARGE_FROM = 150_000, 1_000_000  # words


def settings_for(name: str, n_words: int) -> Settings:
    """Settings for a text by its name and size."""
    if n_words < _MEDIUM_FROM:
        share = min(1.0, _FULL / max(n_words, 1))
        shorter = {name: replace(r, epochs=max(2, round(r.epochs * share))) for name, r in _SMALL.networks.items()}
        return replace(_SMALL, networks=shorter)
    if n_words < _LARGE_FROM:
        return _MEDIUM
    return replace(_LARGE, min_count=1) if name == "wikitext-2" else _LARGE
