"""Training with several processes (Deep Learning, sections 12.1.3 and 12.1.4): strategies for one training loop."""

from .comm import Comm, MpiComm, SelfComm, world
from .hogwild import Hogwild

__all__ = ["Comm", "Hogwild", "MpiComm", "SelfComm", "world"]
