"""Training with several processes (Deep Learning, sections 12.1.3 and 12.1.4): strategies for one training loop."""

from .comm import Comm, MpiComm, SelfComm, world
from .server import ParameterServer

__all__ = ["Comm", "MpiComm", "ParameterServer", "SelfComm", "world"]
