"""The rungs of the ladder: each makes a recogniser, with the alignments of the one before where it needs them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from demos.common import say
from minidl.errors import DataError
from minidl.speech import ctc, dnn_hmm, files
from minidl.speech.phones import AcousticModel, Aligned, Pass, Trained, align, pdfs_of, train_monophones, train_triphones
from minidl.speech.recognition import Recogniser, hybrid
from minidl.speech.recognition import ctc as ctc_recogniser
from minidl.train import History

from .models import ALIGNER, STAGES, path_of, read_model
from .task import FBANK, MFCC, STATIC, Task

TOGETHER = STAGES[:3]  # several ranks train mixtures together, and the first one alone networks


@dataclass
class Stage:
    """A recogniser and how it came about.

    Attributes
    ----------
    name, kind : str
        The kind is that of its features.
    recogniser : Recogniser
    n_parameters : int
    seconds : float
        Of training.
    model : AcousticModel or None
        None for CTC.
    passes : list of Pass
        Of mixtures.
    occupancy : (pdfs,) array
    history : History or None
        Of networks.
    """

    name: str
    kind: str
    recogniser: Recogniser
    n_parameters: int
    seconds: float
    model: AcousticModel | None = None
    passes: list[Pass] = field(default_factory=list)
    occupancy: np.ndarray = field(default_factory=lambda: np.zeros(0))
    history: History | None = None


def make(task: Task, name: str, before: Stage | None) -> Stage:
    """Train a stage, and write its model."""
    start = time.perf_counter()
    maker = {ALIGNER: _aligner, "gmm-mono": _mono, "gmm-tri": _tri, "ctc": _ctc}.get(name, _dnn)
    return maker(task, name, before, start)


def load(task: Task, name: str) -> Stage:
    """A stage that an earlier run has left."""
    path = path_of(task.run, name)
    if not path.is_file():
        raise DataError(f"{path} is not there: begin with an earlier --stage, or without --resume")
    model, _, about = read_model(task.run, name)
    if isinstance(model, ctc.CtcNetwork):
        return _ctc_stage(task, name, model, about["seconds"])
    if name.startswith("dnn"):
        return _hybrid_stage(task, name, FBANK, model, about["seconds"])
    stage = _hybrid_stage(task, name, STATIC if name == ALIGNER else MFCC, model, about["seconds"])
    stage.passes = [Pass(**p) for p in about["passes"]]
    stage.occupancy = np.array(about["occupancy"])
    return stage


# -- Gaussian mixtures -----------------------------------------------------------------------------------


def _aligner(task: Task, name: str, before: Stage | None, start: float) -> Stage:
    """Monophones of features without differences in time: those know where a phone ends, as they see no other frames."""
    tell = partial(_tell, task, name)
    trained = train_monophones(task.material(STATIC), schedule=task.settings.aligner, rng=task.seed, progress=tell)
    return _mixtures_stage(task, name, STATIC, trained, start)


def _mono(task: Task, name: str, before: Stage | None, start: float) -> Stage:
    trained = train_monophones(
        task.material(MFCC), schedule=task.settings.mono, aligned=_aligned(task, before).aligned, rng=task.seed,
        progress=partial(_tell, task, name),
    )  # fmt: skip
    return _mixtures_stage(task, name, MFCC, trained, start)


def _tri(task: Task, name: str, before: Stage | None, start: float) -> Stage:
    trained, _ = train_triphones(
        _aligned(task, before), task.material(MFCC), task.settings.leaves, task.settings.tri, rng=task.seed,
        progress=partial(_tell, task, name),
    )  # fmt: skip
    return _mixtures_stage(task, name, MFCC, trained, start)


def _aligned(task: Task, before: Stage | None) -> Trained:
    """The stage before, and how it aligns this one's share of the training part."""
    assert before is not None and before.model is not None
    material = task.material(before.kind)
    return Trained(before.model, align(before.model, material.features, material.transcripts, task.lexicon))


def _tell(task: Task, name: str, now: Pass) -> None:
    if task.team.rank == 0 and (now.iteration % 10 == 0 or now.iteration == 1):
        say(f"{name}: pass {now.iteration}, {now.gaussians} Gaussians, log-likelihood {now.log_likelihood:.3f} a frame")


def _mixtures_stage(task: Task, name: str, kind: str, trained: Trained, start: float) -> Stage:
    task.set_these_aside(trained.aligned.set_aside)
    stage = _hybrid_stage(task, name, kind, trained.model, time.perf_counter() - start)
    stage.passes, stage.occupancy = trained.passes, trained.occupancy
    if task.team.rank == 0:
        passes = [vars(p) for p in trained.passes]
        about = {"seconds": stage.seconds, "passes": passes, "occupancy": trained.occupancy.tolist()}
        files.save_acoustic(path_of(task.run, name), trained.model, task.lexicon, task.feature_settings[kind], about)
    return stage


def _hybrid_stage(task: Task, name: str, kind: str, model: AcousticModel, seconds: float) -> Stage:
    recogniser = hybrid(model, task.lexicon, task.grammar, frame_shift=task.feature_settings[kind].shift)
    return Stage(name, kind, recogniser, model.emission.n_parameters, seconds, model)


# -- networks --------------------------------------------------------------------------------------------


def _dnn(task: Task, name: str, before: Stage | None, start: float) -> Stage:
    """A network trained on the states that the stage before finds; after a network, the same one goes on learning."""
    assert before is not None and before.model is not None
    older = before.model.emission.network if isinstance(before.model.emission, dnn_hmm.NetworkEmission) else None
    features, states = _labelled(task, before, "train", task.settings.speeds)
    told = dict(task.settings.network)
    kind, context, width = told.pop("kind"), told.pop("context"), next(iter(features.values())).shape[1]
    network = dnn_hmm.make_network(kind, width, context, before.model.tying.n_pdfs, rng=task.seed, **told)
    if older is not None:
        network.load_state_dict(older.state_dict())
    elif kind == "sigmoid":
        dnn_hmm.pretrain_network(network, features, rng=task.seed)
    held_out = _labelled(task, before, "dev", (1.0,))
    validation: Any = held_out if held_out[0] else 0.1
    epochs, lr = task.settings.epochs, 1e-3
    training = dnn_hmm.train_network(
        network, features, states, validation=validation, epochs=epochs if older is None else -(-epochs // 2),
        lr=lr if older is None else lr / 4, normalise=older is None, rng=task.seed, run_dir=task.run / name,
        progress=False, config={"name": name},
    )  # fmt: skip
    emission = dnn_hmm.NetworkEmission(network, training.priors)
    seconds = time.perf_counter() - start
    dnn_hmm.save(path_of(task.run, name), emission, {"seconds": seconds, "features": task.feature_settings[FBANK].as_dict()})
    stage = _hybrid_stage(task, name, FBANK, AcousticModel(before.model.phones, before.model.tying, emission), seconds)
    stage.history = training.history
    return stage


def _labelled(
    task: Task, before: Stage, part: str, speeds: tuple[float, ...]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features for a network, and the tied states that the stage before aligns their frames to."""
    features, states = dict[str, np.ndarray](), dict[str, np.ndarray]()
    assert before.model is not None
    for speed in speeds:
        aligned: Aligned = align(
            before.model, task.features(before.kind, part, speed), task.transcripts(before.kind, part), task.lexicon
        )
        for name, alignment in aligned.alignments.items():
            key = name if speed == 1 else f"{name} at {speed:g}"
            features[key] = task.features(FBANK, part, speed)[name]
            states[key] = pdfs_of(before.model, alignment)
        if speed == 1 and part == "train":
            task.set_aside |= aligned.set_aside
    return features, states


def _ctc(task: Task, name: str, before: Stage | None, start: float) -> Stage:
    features, labels = _spelled(task, "train", task.settings.speeds)
    silence = task.lexicon.silence
    network = ctc.CtcNetwork(
        next(iter(features.values())).shape[1], [p for p in task.lexicon.phones if p != silence], rng=task.seed,
        **task.settings.ctc,
    )  # fmt: skip
    numbered = {n: network.classes(said) for n, said in labels.items()}
    held, spelled = _spelled(task, "dev", (1.0,))
    validation = (held, {n: network.classes(said) for n, said in spelled.items()}) if held else None
    trained = ctc.train_ctc(
        network, features, numbered, validation=validation, epochs=task.settings.ctc_epochs, seed=task.seed,
        run_dir=task.run / name, progress=False,
    )  # fmt: skip
    task.set_aside |= trained.set_aside
    seconds = time.perf_counter() - start
    ctc.save(network, path_of(task.run, name), {"seconds": seconds, "features": task.feature_settings[FBANK].as_dict()})
    stage = _ctc_stage(task, name, network, seconds)
    stage.history = trained.history
    return stage


def _spelled(task: Task, part: str, speeds: tuple[float, ...]) -> tuple[dict[str, np.ndarray], Mapping[str, list[str]]]:
    """Features, and the phones of the words' first pronunciations."""
    features, labels = dict[str, np.ndarray](), dict[str, list[str]]()
    for speed in speeds:
        for name, words in task.transcripts(FBANK, part).items():
            if name not in task.features(FBANK, part, speed) or task.lexicon.missing(words):
                continue
            key = name if speed == 1 else f"{name} at {speed:g}"
            features[key] = task.features(FBANK, part, speed)[name]
            labels[key] = [phone for word in words for phone in task.lexicon.pronunciations(word)[0].phones]
    return features, labels


def _ctc_stage(task: Task, name: str, network: ctc.CtcNetwork, seconds: float) -> Stage:
    recogniser = ctc_recogniser(network, task.lexicon, task.grammar)
    return Stage(name, FBANK, recogniser, sum(p.size for p in network.parameters()), seconds)
