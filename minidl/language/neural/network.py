"""A neural language model's network: a body that reads, and an output layer on what it makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ... import nn
from ...backend.random import generator
from ...errors import ArgumentError
from ..model import LanguageModel
from ..output import OutputLayer, make_output
from .bodies import Body, FeedForward, Recurrent, State
from .decoder import Decoder

KINDS = ("feed-forward", "rnn", "lstm", "gru", "decoder")
_TABLES = ("full", "sampled", "importance", "nce", "ranking")  # output layers with a vector for each word
_SPARSE = ("sampled", "importance", "nce", "ranking")  # of those, the ones whose step touches few of them


class Network(nn.Module):
    """Words (T, N) and a state to hidden vectors (T, N, H) and the state after; `output` makes probabilities of them.

    Attributes
    ----------
    body : Body
    output : OutputLayer
    recipe : dict
        What :func:`make_network` was told, to make it again, but for the n-gram model of a short list's tail; empty for one
        that was put together by hand.
    """

    def __init__(self, body: Body, output: OutputLayer) -> None:
        if body.hidden_size != output.hidden_size:
            raise ArgumentError(
                f"Network: the body gives {body.hidden_size} numbers, the output layer takes {output.hidden_size}"
            )
        self.body, self.output = body, output
        self.recipe: dict[str, Any] = {}

    def forward(self, words: Any, state: State = None) -> tuple[Any, tuple[Any, ...]]:
        """(T, N) int, state -> (T, N, H), state."""
        return self.body(words, state)


def make_network(
    kind: str, counts: np.ndarray, *, output: str = "full", tied: bool = False,
    output_options: Mapping[str, Any] | None = None, rng: Any = None, **sizes: Any,
) -> Network:  # fmt: skip
    """A network by the name of its body and of its output layer.

    Parameters
    ----------
    kind : {"feed-forward", "rnn", "lstm", "gru", "decoder"}
    counts : (V,) int array
        How often each word occurs in training; for output layers that go by it.
    output : str
        See :func:`~minidl.language.output.make_output`.
    tied : bool
        The words' vectors are the output layer's weights too (Press and Wolf 2017; Inan and others 2017).
    output_options : mapping
        For the output layer.
    rng : Generator, int or None
    **sizes
        For the body: see :class:`FeedForward`, :class:`Recurrent`, :class:`Decoder`.

    Raises
    ------
    ArgumentError
        An unknown kind or option; tied weights where they do not fit.
    """
    if kind not in KINDS:
        raise ArgumentError(f"language model: kind must be one of {', '.join(KINDS)}, not {kind!r}")
    plain = {k: v for k, v in (output_options or {}).items() if not isinstance(v, LanguageModel)}
    recipe = {"kind": kind, "output": output, "tied": tied, "output_options": plain, **sizes}
    rng = generator(rng)
    sizes = {"sparse": output in _SPARSE or not (tied or output == "full"), **sizes}
    body = _body(kind, len(counts), rng, sizes)
    weight = None
    if tied:
        if output not in _TABLES:
            raise ArgumentError(f"language model: a {output!r} output layer has no vector for each word to tie")
        weight = body.embedding.weight
        if weight.shape[1] != body.hidden_size:
            raise ArgumentError(
                f"language model: tied weights need as many hidden units as the words' vectors have numbers, "
                f"not {body.hidden_size} and {weight.shape[1]}"
            )
    network = Network(body, make_output(output, body.hidden_size, counts, weight=weight, rng=rng, **(output_options or {})))
    network.recipe = recipe
    return network


def _body(kind: str, size: int, rng: np.random.Generator, sizes: dict[str, Any]) -> Body:
    make: Any = {"feed-forward": FeedForward, "decoder": Decoder}.get(kind, Recurrent)
    if make is Recurrent:
        sizes = {"kind": kind, **sizes}
    try:
        return make(size, rng=rng, **sizes)
    except TypeError as error:  # an option that this body does not have
        raise ArgumentError(f"language model: {kind}: {error}") from error
