"""Progress on the terminal: a bar with loss and samples per second, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


class Progress:
    """Shows one bar per epoch on standard error, or a line per epoch when that is not a terminal.

    Parameters
    ----------
    shown : bool
        False: show nothing.
    """

    def __init__(self, shown: bool = True) -> None:
        self.shown = shown
        self.is_terminal = shown and sys.stderr.isatty()
        self._bar: Any = None

    def start_epoch(self, epoch: int, epochs: int, n_batches: int | None, done: int) -> None:
        """A new bar; `done` batches of it were made before."""
        if self.is_terminal:
            from tqdm import tqdm

            self._bar = tqdm(total=n_batches, initial=done, desc=f"epoch {epoch + 1}/{epochs}", unit="batch", leave=False)

    def step(self, n_batches: int, loss: float, samples_per_second: float) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}, {samples_per_second:,.0f} samples/s", refresh=False)
            self._bar.update(n_batches)

    def end_epoch(self, record: Mapping[str, Any], epochs: int) -> None:
        """Replace the bar by a line with the epoch's figures."""
        self.close()
        if self.shown:
            self.say(f"epoch {record['epoch']}/{epochs}: {summary_line(record)}")

    def say(self, text: str) -> None:
        """One line to the user."""
        if self.shown:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def summary_line(record: Mapping[str, Any]) -> str:
    """An epoch's record in a few words."""
    hidden = ("epoch", "step", "seconds", "samples_per_second", "lr")
    parts = [
        f"{name.replace('_', ' ')} {value:.2%}" if name.endswith("accuracy") else f"{name.replace('_', ' ')} {value:.4f}"
        for name, value in record.items()
        if name not in hidden
    ]
    return ", ".join([*parts, f"{record['samples_per_second']:,.0f} samples/s"])
