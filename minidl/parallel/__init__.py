"""Training with several processes (Deep Learning, section 12.1.3): strategies for one training loop."""

from .allreduce.scaling import scaled_lr
from .allreduce.strategy import AllReduce
from .allreduce.sync_norm import sync_batch_norm
from .comm import Comm, MpiComm, SelfComm, world
from .failure import abort_on_uncaught, fail, is_main
from .hogwild.strategy import Hogwild
from .server.strategy import ParameterServer

__all__ = [
    "AllReduce", "Comm", "Hogwild", "MpiComm", "ParameterServer", "SelfComm", "abort_on_uncaught", "fail", "is_main",
    "scaled_lr", "sync_batch_norm", "world",
]  # fmt: skip
