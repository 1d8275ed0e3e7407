"""Parameters, and the one flat array behind them."""

from .parameter import Parameter
from .segment import Segment
from .space import Entry, ParameterSpace

__all__ = ["Entry", "Parameter", "ParameterSpace", "Segment"]
