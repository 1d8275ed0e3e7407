"""The errors minidl raises on purpose: one line each, saying what was wrong, where, and what to do.

Each also derives from the built-in error a NumPy user would expect, so that ``except ValueError`` keeps working.
"""


class MinidlError(Exception):
    """Base of all errors that minidl raises for a user's mistake."""


class ShapeError(MinidlError, ValueError):
    """Shapes that do not fit together; names the operation, the shapes and the axis."""


class DTypeError(MinidlError, TypeError):
    """A data type that does not belong there; minidl never promotes silently."""


class DeviceError(MinidlError, RuntimeError):
    """Arrays of two devices in one operation, or a device that is not there."""


class GraphError(MinidlError, RuntimeError):
    """A misuse of the autograd graph: backward twice, changed under a live graph, no rule."""


class ArgumentError(MinidlError, ValueError):
    """A value outside what a function accepts; says what it accepts."""


class RangeError(ArgumentError, IndexError):
    """An index outside its axis, or more indices than axes."""


class DataError(MinidlError, ValueError):
    """A data file that is missing, truncated or not what it should be."""


class CheckpointError(MinidlError, ValueError):
    """A checkpoint that is damaged or belongs to another model."""


class TrainingError(MinidlError, RuntimeError):
    """Training had to stop: NaN or infinity, a dead worker; says at which step."""


class MissingExtra(MinidlError, ImportError):
    """A library that only some of minidl needs is not installed; says how to install it."""
