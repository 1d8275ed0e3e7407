"""What the messages of operations say beside the name: which axes do not fit, and which line of the user's it was."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from ..errors import ShapeError


def shape_error(name: str, error: ValueError, shapes: Sequence[tuple[int, ...]]) -> ShapeError:
    """NumPy's complaint about operation `name` in one line, with the shapes and the axis."""
    text = f"{name}: {str(error).splitlines()[0]}"
    if "broadcast" in text or "do not align" in text:
        text = f"{name}: shapes {' and '.join(map(str, shapes))} do not broadcast{_clash(shapes)}"
    elif not shapes or str(shapes[0]) not in text:
        text += f" (shapes {', '.join(map(str, shapes))})"
    return ShapeError(text)


def _clash(shapes: Sequence[tuple[int, ...]]) -> str:
    """Name the axis at which shapes do not broadcast, counted from the end as NumPy does."""
    for axis in range(1, max(map(len, shapes)) + 1):
        sizes = {s[-axis] for s in shapes if len(s) >= axis} - {1}
        if len(sizes) > 1:
            return f": axis {-axis} is " + " against ".join(str(s[-axis]) for s in shapes if len(s) >= axis)
    return ""


def users_line() -> str:
    """File and line of the innermost frame outside minidl."""
    frame: FrameType | None = sys._getframe(1)
    package = __name__.split(".")[0]
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == package:
        frame = frame.f_back
    return "unknown line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"

