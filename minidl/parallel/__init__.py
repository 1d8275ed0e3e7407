"""Training with several processes (Deep Learning, sections 12.1.3 and 12.1.4): strategies for one training loop."""

from .allreduce import AllReduce
from .comm import Comm, MpiComm, SelfComm, world
from .failure import abort_on_uncaught, fail, is_main
from .hogwild import Hogwild
from .scaling import scaled_lr
from .server import ParameterServer
from .sync_norm import sync_batch_norm

__all__ = [
    "AllReduce", "Comm", "Hogwild", "MpiComm", "ParameterServer", "SelfComm", "abort_on_uncaught", "fail", "is_main",
    "scaled_lr", "sync_batch_norm", "world",
]  # fmt: skip
