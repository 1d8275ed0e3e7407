"""Models that a run has left, by the names of its rungs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidl.errors import DataError
from minidl.speech import ctc, dnn_hmm, files
from minidl.speech.ctc import CtcNetwork
from minidl.speech.extraction import FeatureSettings
from minidl.speech.phones import AcousticModel
from minidl.train import files as train_files

ALIGNER = "aligner"
STAGES = (ALIGNER, "gmm-mono", "gmm-tri", "dnn", "dnn-realigned", "ctc")
TIED_BY = "gmm-tri"  # the model whose phones and tied states the networks have


def path_of(run: Path, name: str) -> Path:
    """The file of a rung's model."""
    return run / f"{name}.safetensors"


def read_model(run: Path, name: str) -> tuple[AcousticModel | CtcNetwork, FeatureSettings, dict[str, Any]]:
    """A model, the features it takes, and what else was said when it was written.

    Raises
    ------
    CheckpointError, DataError
        A file that is missing, damaged, or something else.
    """
    path = path_of(run, name)
    model: AcousticModel | CtcNetwork
    if name == "ctc":
        model, about = ctc.load(path)
    elif name.startswith("dnn"):
        tied = files.load_acoustic(path_of(run, TIED_BY)).model
        model, about = AcousticModel(tied.phones, tied.tying, dnn_hmm.load(path)), train_files.read(path)[1]["about"]
    else:
        saved = files.load_acoustic(path)
        return saved.model, saved.settings, saved.about
    try:
        return model, FeatureSettings(**about["features"]), about
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: does not say which features it takes; it was altered") from error
