"""How large the models are and how long they train, by the corpus: small ones, so that the default is done in minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from minidl.errors import ArgumentError
from minidl.speech.dnn_hmm import KINDS
from minidl.speech.phones import Schedule

_OFTEN = frozenset({1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18})


@dataclass(frozen=True)
class Settings:
    """Of the whole ladder.

    Attributes
    ----------
    aligner, mono, tri : Schedule
    leaves : int
        Tied states of the triphones.
    network : mapping
        What :func:`~minidl.speech.dnn_hmm.make_network` is told, and its ``kind`` and ``context``.
    epochs : int
        Of the network, at most.
    ctc : mapping
        What :class:`~minidl.speech.ctc.CtcNetwork` is told.
    ctc_epochs : int
    speeds : tuple of float
        At which the networks hear the training speech.
    order : int
        Of the n-gram that says which word may follow; 0: any word may.
    options : mapping
        Of the corpus.
    """

    aligner: Schedule
    mono: Schedule
    tri: Schedule
    leaves: int
    network: Mapping[str, Any]
    epochs: int
    ctc: Mapping[str, Any]
    ctc_epochs: int
    speeds: tuple[float, ...] = (1.0,)
    order: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


def _schedules(mono: int, tri: int) -> dict[str, Schedule]:
    """Half as many passes as Kaldi's, to so many Gaussians."""
    return {
        "aligner": Schedule(iterations=10, realign_at=_OFTEN, gaussians=mono // 2, split_until=7, all_paths=10),
        "mono": Schedule(iterations=20, realign_at=_OFTEN, gaussians=mono, split_until=15),
        "tri": Schedule(iterations=20, realign_at=frozenset({5, 10, 15}), gaussians=tri, split_until=14),
    }


_RELU = {"kind": "relu", "context": 5, "layers": 3, "units": 256, "dropout": 0.2}
_CONV = {"kind": "conv", "context": 5, "maps": 1, "layers": 2, "units": 256, "dropout": 0.3}
_SPEEDS = (0.9, 1.0, 1.1)
_SETTINGS = {
    "synthetic": Settings(
        **_schedules(150, 150), leaves=65, network=_RELU, epochs=6, ctc={"hidden_size": 64, "stack": 3}, ctc_epochs=30,
        options={"n_train": 50, "n_test": 60},
    ),
    "fsdd-isolated": Settings(
        **_schedules(500, 500), leaves=75, network=_CONV, epochs=6, ctc={"hidden_size": 96, "stack": 2}, ctc_epochs=10,
        speeds=_SPEEDS,
    ),
    "fsdd": Settings(
        **_schedules(500, 500), leaves=75, network=_CONV, epochs=5, ctc={"hidden_size": 96, "stack": 3, "dropout": 0.2},
        ctc_epochs=12, speeds=_SPEEDS,
    ),
    "an4": Settings(
        **_schedules(500, 500), leaves=150, network={**_CONV, "units": 512}, epochs=8,
        ctc={"hidden_size": 128, "stack": 3, "dropout": 0.3}, ctc_epochs=30, speeds=_SPEEDS, order=2,
    ),
}  # fmt: skip
_FRAMES_A_GAUSSIAN, _FRAMES_A_LEAF = 100, 500


def settings_for(name: str, n_frames: int, network: str | None = None, isolated: bool = False) -> Settings:
    """Those of a corpus by name; of a user's own, sizes by its number of frames.

    Raises
    ------
    ArgumentError
        No such kind of network.
    """
    settings = _SETTINGS.get(name)
    if settings is None:
        gaussians = min(max(n_frames // _FRAMES_A_GAUSSIAN, 100), 5000)
        leaves = min(max(n_frames // _FRAMES_A_LEAF, 50), 2000)
        settings = replace(
            _SETTINGS["an4"], **_schedules(gaussians, gaussians * 3 // 2), leaves=leaves, order=0 if isolated else 3
        )
    if network is None:
        return settings
    if network not in KINDS:
        raise ArgumentError(f"--network {network}: choose one of {', '.join(KINDS)}")
    return replace(settings, network=_network(network, settings.network))


def corpus_options(name: str) -> Mapping[str, Any]:
    """What :func:`minidl.speech.corpora.load` is told beside the name."""
    return _SETTINGS[name].options if name in _SETTINGS else {}


def _network(kind: str, like: Mapping[str, Any]) -> dict[str, Any]:
    """One of another kind, about as large."""
    if kind == "lstm":
        return {"kind": kind, "context": 0, "layers": 1, "units": 256, "dropout": like["dropout"]}
    if kind == "sigmoid":
        return {"kind": kind, "context": like["context"], "layers": like["layers"], "units": like["units"]}
    if kind == "conv":
        return {**_CONV, "units": like["units"], "dropout": like["dropout"]}
    return {**_RELU, "kind": kind, "units": like["units"], "dropout": like["dropout"]}
