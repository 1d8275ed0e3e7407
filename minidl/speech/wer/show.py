"""An alignment as text: what was said above what was recognised, with the errors marked, as NIST's sclite prints it."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import ArgumentError
from .align import Alignment

_TITLES = ("REF: ", "HYP: ", "EVAL:")


def alignment_text(alignment: Alignment, width: int = 100) -> str:
    """Three lines, in columns: REF, HYP, and S, D or I where there is an error; stars stand for no word.

    Parameters
    ----------
    alignment : Alignment
    width : int
        Characters of a line. What is longer goes on below, after an empty line; a column is not broken.
    """
    if width < 1:
        raise ArgumentError(f"alignment_text: width must be at least 1, got {width}")
    blocks, used = [list[tuple[str, str, str]]()], len(_TITLES[0])
    for column in map(_column, alignment.pairs):
        needed = 1 + len(column[0])
        if blocks[-1] and used + needed > width:
            blocks.append([])
            used = len(_TITLES[0])
        blocks[-1].append(column)
        used += needed
    return "\n\n".join(map(_lines, blocks))


def print_alignment(alignment: Alignment, width: int = 100) -> None:
    """Print :func:`alignment_text`."""
    print(alignment_text(alignment, width))


def _column(pair: tuple[str | None, str | None]) -> tuple[str, str, str]:
    """The two words and the mark, of equal width."""
    said, recognised = pair
    mark = "I" if said is None else "D" if recognised is None else "" if said == recognised else "S"
    wide = max(len(said or ""), len(recognised or ""))
    return (said or "*" * wide).ljust(wide), (recognised or "*" * wide).ljust(wide), mark.ljust(wide)


def _lines(columns: Sequence[tuple[str, str, str]]) -> str:
    rows = zip(*columns, strict=True) if columns else ((), (), ())
    return "\n".join(" ".join((title, *cells)).rstrip() for title, cells in zip(_TITLES, rows, strict=True))
