"""Pictures of speech: a spectrogram with its phones, error rates with their intervals, posteriorgrams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..train.figures import BLUE, INK, ORANGE, needs, new_figure, styled
from .segments import Segment

_WIDTH = 8.4  # inches
_LARGEST, _SMALLEST = 7.0, 4.0  # sizes of labels in points; what does not fit into its segment has none


@styled
def spectrogram(log_mel: np.ndarray, shift: float, tiers: Mapping[str, Sequence[Segment]], offset: float = 0.0) -> Any:
    """Log-mel features of an utterance, with tiers of segments below, such as its phones and words.

    Parameters
    ----------
    log_mel : (frames, filters) array
    shift, offset : float
        Seconds from frame to frame, and to where the first begins.
    tiers : mapping of name to segments
    """
    figure = new_figure(_WIDTH, 2.3 + 0.4 * len(tiers))
    panels = figure.subplots(1 + len(tiers), 1, sharex=True, squeeze=False, height_ratios=[6] + [1] * len(tiers))[:, 0]
    times = offset, offset + len(log_mel) * shift
    panels[0].imshow(log_mel.T, origin="lower", aspect="auto", extent=(*times, 0, log_mel.shape[1]), cmap="magma")
    panels[0].set(ylabel="mel filter")
    panels[0].grid(False)
    for panel, (name, segments) in zip(panels[1:], tiers.items(), strict=True):
        panel.set(yticks=[], ylim=(0, 1))
        panel.set_ylabel(name, rotation=0, ha="right", va="center")
        panel.grid(False)
        for segment in segments:
            _draw_segment(panel, segment, times[1] - times[0])
    panels[-1].set(xlabel="time, s", xlim=times)
    return figure


def _draw_segment(panel: Any, segment: Segment, seconds: float) -> None:
    """Lines where it starts and ends, and its label, as large as fits in between."""
    panel.vlines([segment.start, segment.end], 0, 1, color=INK, linewidth=0.7)
    points = 72 * 0.85 * _WIDTH * (segment.end - segment.start) / seconds
    size = min(_LARGEST, points / (0.8 * max(len(segment.label), 1)))
    if size >= _SMALLEST:
        middle = (segment.start + segment.end) / 2
        panel.text(middle, 0.5, segment.label, ha="center", va="center", fontsize=size, clip_on=True)


@styled
def error_ladder(rates: Mapping[str, tuple[float, float, float]], unit: str = "word error rate, %") -> Any:
    """A bar for each recogniser, with its interval: ``{name: (rate, low, high)}``, in the order given.

    Those whose names begin with "gmm" have a colour of their own.
    """
    figure = new_figure(_WIDTH, 1.0 + 0.42 * len(rates))
    panel = figure.subplots()
    for row, (name, (rate, low, high)) in enumerate(rates.items()):
        panel.barh(row, rate, color=ORANGE if name.startswith("gmm") else BLUE, height=0.6)
        panel.plot([low, high], [row, row], color=INK, linewidth=1.2)
        panel.text(max(rate, high), row, f"  {rate:.1f}", va="center")
    panel.set_yticks(range(len(rates)), list(rates))
    largest = max((max(values) for values in rates.values()), default=0.0)
    panel.set(xlabel=unit, xlim=(0, 1.15 * largest or 1.0), ylim=(len(rates) - 0.5, -0.5) if rates else (1, 0))
    panel.grid(False, axis="y")
    return figure


@styled
def occupancy(frames: np.ndarray, n_gaussians: np.ndarray) -> Any:
    """Frames of each tied state, sorted, and how many Gaussians it was given; below 1 frame the axis is linear, to 0."""
    figure = new_figure(_WIDTH, 2.8)
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(frames) + 1), np.sort(frames)[::-1], ".-", color=BLUE, markersize=3)
    left.set(xlabel="tied state, the most frequent first", ylabel="frames")
    right.scatter(frames, n_gaussians, s=6, color=ORANGE)
    right.set(xlabel="frames", ylabel="Gaussians")
    left.set_yscale("symlog", linthresh=1)
    right.set_xscale("symlog", linthresh=1)
    left.set_ylim(bottom=0)
    right.set_xlim(left=0)
    for axis in (left.xaxis, right.yaxis):
        axis.set_major_locator(needs("matplotlib.ticker").MaxNLocator(integer=True, min_n_ticks=1))
    return figure


@styled
def posteriorgrams(
    posteriors: Mapping[str, np.ndarray],
    phones: Sequence[str],
    shift: float,
    segments: Sequence[Segment],
    offset: float = 0.0,
) -> Any:
    """How likely each phone is at each frame of one utterance, by several models, one above the other.

    Parameters
    ----------
    posteriors : mapping of name to (frames, phones) array
    phones : sequence of str
    shift, offset : float
        Seconds from frame to frame, and to where the first begins.
    segments : sequence of Segment
        The aligned phones, drawn on top.
    """
    figure = new_figure(_WIDTH, (0.5 + 0.115 * len(phones)) * len(posteriors) + 0.4)
    panels = figure.subplots(len(posteriors), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, values) in zip(panels, posteriors.items(), strict=True):
        times = offset, offset + len(values) * shift
        extent = (*times, len(phones) - 0.5, -0.5)
        image = panel.imshow(values.T, origin="upper", aspect="auto", extent=extent, cmap="Greys", vmin=0, vmax=1)
        for segment in segments:
            row = phones.index(segment.label)
            panel.plot([segment.start, segment.end], [row, row], color=ORANGE, linewidth=1.2, solid_capstyle="butt")
        panel.set_yticks(range(len(phones)), phones, fontsize=6)
        panel.set(title=name, ylabel="phone", xlim=times)
        panel.grid(False)
    panels[-1].set_xlabel("time, s")
    figure.colorbar(image, ax=panels, label="probability", pad=0.01, aspect=40)
    return figure
