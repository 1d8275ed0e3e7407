"""Training: the loop, checkpoints, metrics, progress, and the report."""

from .average import EMA
from .checkpoint import Checkpoints
from .evaluate import evaluate, evaluation, predict, to_host
from .files import load, save
from .history import History
from .interrupt import TrainingInterrupted
from .loop import fit
from .metrics import accuracy, confusion_matrix
from .stopping import EarlyStopping
from .strategy import Serial, Strategy
from .timeline import Timeline, write_trace
from .trainer import Trainer

__all__ = [
    "EMA", "Checkpoints", "EarlyStopping", "History", "Serial", "Strategy", "Timeline", "Trainer",
    "TrainingInterrupted", "accuracy", "confusion_matrix", "evaluate", "evaluation", "fit", "load", "predict", "save",
    "to_host", "write_trace",
]  # fmt: skip
