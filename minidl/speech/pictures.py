"""Pictures of speech: a spectrogram with its phones, error rates with their intervals, posteriorgrams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..train.figures import BLUE, INK, ORANGE, new_figure, styled
from .segments import Segment


@styled
def spectrogram(log_mel: np.ndarray, shift: float, tiers: Mapping[str, Sequence[Segment]]) -> Any:
    """Log-mel features of an utterance, with tiers of segments below, such as its phones and words.

    Parameters
    ----------
    log_mel : (frames, filters) array
    shift : float
        Seconds from frame to frame.
    tiers : mapping of name to segments
    """
    figure = new_figure(8.4, 2.3 + 0.4 * len(tiers))
    panels = figure.subplots(1 + len(tiers), 1, sharex=True, height_ratios=[6] + [1] * len(tiers))
    panels = np.atleast_1d(panels)
    seconds = len(log_mel) * shift
    panels[0].imshow(log_mel.T, origin="lower", aspect="auto", extent=(0, seconds, 0, log_mel.shape[1]), cmap="magma")
    panels[0].set(ylabel="mel filter")
    panels[0].grid(False)
    for panel, (name, segments) in zip(panels[1:], tiers.items(), strict=True):
        for segment in segments:
            panel.axvline(segment.start, color=INK, linewidth=0.7)
            panel.text(
                (segment.start + segment.end) / 2, 0.5, segment.label, ha="center", va="center", fontsize=7, clip_on=True
            )
        panel.set(ylabel=name, yticks=[], ylim=(0, 1), xlim=(0, seconds))
        panel.grid(False)
    panels[-1].set_xlabel("seconds")
    return figure


@styled
def error_ladder(rates: Mapping[str, tuple[float, float, float]], unit: str = "word error rate, %") -> Any:
    """A bar for each recogniser, with its interval: ``{name: (rate, low, high)}``, in the order given."""
    figure = new_figure(8.4, 1.0 + 0.42 * len(rates))
    panel = figure.subplots()
    values = np.array(list(rates.values())).reshape(-1, 3)
    gmm = [name.startswith("gmm") for name in rates]
    panel.barh(list(rates), values[:, 0], color=[ORANGE if g else BLUE for g in gmm], height=0.6)
    for row, (rate, low, high) in enumerate(values):
        panel.plot([low, high], [row, row], color=INK, linewidth=1.2)
        panel.text(high, row, f"  {rate:.1f}", va="center")
    panel.invert_yaxis()
    panel.set(xlabel=unit, xlim=(0, 1.15 * max(values[:, 2].max(initial=0.0), 1e-9)))
    panel.grid(False, axis="y")
    return figure


@styled
def occupancy(frames: np.ndarray, n_gaussians: np.ndarray) -> Any:
    """Frames of each tied state, sorted, and how many Gaussians it was given."""
    figure = new_figure(8.4, 2.8)
    left, right = figure.subplots(1, 2)
    order = np.argsort(-frames)
    left.plot(frames[order], color=BLUE)
    left.set(xlabel="tied state, the most frequent first", ylabel="frames", yscale="log" if frames.min() > 0 else "linear")
    right.scatter(frames, n_gaussians, s=6, color=ORANGE)
    right.set(xlabel="frames", ylabel="Gaussians", xscale="log" if frames.min() > 0 else "linear")
    return figure


@styled
def posteriorgrams(
    posteriors: Mapping[str, np.ndarray], phones: Sequence[str], shift: float, segments: Sequence[Segment]
) -> Any:
    """How likely each phone is at each frame of one utterance, by several models, one above the other.

    Parameters
    ----------
    posteriors : mapping of name to (frames, phones) array
    phones : sequence of str
    shift : float
        Seconds from frame to frame.
    segments : sequence of Segment
        The aligned phones, drawn on top.
    """
    figure = new_figure(8.4, (0.5 + 0.115 * len(phones)) * len(posteriors) + 0.4)
    panels = np.atleast_1d(figure.subplots(len(posteriors), 1, sharex=True))
    for panel, (name, values) in zip(panels, posteriors.items(), strict=True):
        seconds = len(values) * shift
        panel.imshow(
            values.T,
            origin="upper",
            aspect="auto",
            extent=(0, seconds, len(phones) - 0.5, -0.5),
            cmap="Greys",
            vmin=0,
            vmax=1,
        )
        for segment in segments:
            row = phones.index(segment.label)
            panel.plot([segment.start, segment.end], [row, row], color=ORANGE, linewidth=1.0)
        panel.set_yticks(range(len(phones)), phones, fontsize=6)
        panel.set(title=name)
        panel.grid(False)
    panels[-1].set_xlabel("seconds")
    return figure
