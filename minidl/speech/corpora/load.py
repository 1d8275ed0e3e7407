"""Gives a corpus by its name, or of a user's folder."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import ArgumentError, DataError
from .an4 import load_an4
from .corpus import Corpus
from .folder import load_folder
from .fsdd import connected, isolated
from .synthetic import load_synthetic

_LOADERS: dict[str, Callable[..., Corpus]] = {
    "synthetic": load_synthetic, "fsdd": connected, "fsdd-isolated": isolated, "an4": load_an4,
}  # fmt: skip
NAMES = tuple(_LOADERS)


def load(name_or_folder: str | os.PathLike[str], **options: Any) -> Corpus:
    """A corpus.

    Parameters
    ----------
    name_or_folder : str or path
        ``"synthetic"`` (needs nothing), ``"fsdd"`` (strings of recorded digits), ``"fsdd-isolated"`` (single ones),
        ``"an4"``, or the path of a folder as Kaldi's recipes have it. A folder that has one of these names is ``./fsdd``.
    options
        Those of :func:`.load_synthetic`, :func:`.connected`, :func:`.isolated` and :func:`.load_folder`.

    Raises
    ------
    ArgumentError
        An option that this corpus does not have, or a value that it cannot have.
    DataError
        No such corpus; not on this machine; damaged.
    """
    loader = _LOADERS.get(os.fspath(name_or_folder))
    if loader is None:
        if not Path(name_or_folder).is_dir():
            raise DataError(f"no corpus called {os.fspath(name_or_folder)!r}: give a folder, or one of {', '.join(NAMES)}")
        loader = partial(load_folder, name_or_folder)
    known = [p.name for p in inspect.signature(loader).parameters.values() if p.kind == p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            which = f"it has {', '.join(known)}" if known else "it has none"
            raise ArgumentError(f"corpus {os.fspath(name_or_folder)}: no option {option!r}; {which}")
    return loader(**options)
