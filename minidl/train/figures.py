"""The pictures of a report: curves, confusion matrix, filters, mistakes. Matplotlib is imported on first use."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..errors import ArgumentError, MissingExtra
from .files import replacing
from .history import History
from .labels import offsets

INK, BLUE, ORANGE, GREY, GREEN = "#1f2933", "#2563a8", "#d9701e", "#9aa5b1", "#3c8d5a"
_STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.grid": True,
    "grid.color": "#e4e7eb", "grid.linewidth": 0.6, "axes.axisbelow": True, "legend.frameon": False,
    "figure.facecolor": "white", "svg.fonttype": "path", "svg.hashsalt": "minidl",
}  # fmt: skip


def needs(module: str) -> Any:
    """Import `module`, or say how to install it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"the report needs {module.split('.')[0]}, which is not installed; run: pip install 'minidl[demos]'"
        ) from error


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Draw with the report's style, without touching the user's settings or pyplot's list of figures."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        with needs("matplotlib").rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches."""
    return needs("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")


def data_uri(figure: Any, form: str = "svg", dpi: int = 150) -> str:
    """The figure as a ``data:`` address, which an HTML page can hold."""
    buffer = io.BytesIO()
    with needs("matplotlib").rc_context(_STYLE):
        figure.savefig(buffer, format=form, dpi=dpi, metadata={"Date": None} if form == "svg" else None)
    kind = "svg+xml" if form == "svg" else form
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def write(figure: Any, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write the figure to a file, whole or not at all; the name's ending says in which form.

    Raises
    ------
    ArgumentError
        A form that Matplotlib does not know.
    """
    form = os.path.splitext(path)[1].lstrip(".").lower()
    if form not in figure.canvas.get_supported_filetypes():
        raise ArgumentError(f"{path}: pictures are written as .png, .svg or .pdf")
    with replacing(path) as f, needs("matplotlib").rc_context(_STYLE):
        figure.savefig(f, format=form, dpi=dpi)


@styled
def curves(history: History, names: Sequence[str] = ("loss", "accuracy"), words: Mapping[str, str] | None = None) -> Any:
    """Training and validation curves, one panel per quantity, against epochs.

    Parameters
    ----------
    words : mapping, optional
        How to call ``"train"`` and ``"val"`` in the legend.
    """
    words = {"train": "training", "val": "validation"} | dict(words or {})
    names = [n for n in names if any(n in r or f"val_{n}" in r for r in history.epochs)]
    figure = new_figure(4.2 * max(len(names), 1), 2.9)
    for panel, name in zip(np.atleast_1d(figure.subplots(1, max(len(names), 1))), names, strict=False):
        epochs = history.column("epoch")
        if name == "loss" and history.steps and history.epochs:
            per_epoch = history.epochs[-1]["step"] / len(history.epochs)
            at = history.column("step", "steps") / per_epoch
            panel.plot(at, history.column("loss", "steps"), color=BLUE, alpha=0.25, linewidth=0.8)
        for key, word, colour in ((name, words["train"], BLUE), (f"val_{name}", words["val"], ORANGE)):
            values = history.column(key)
            if np.isfinite(values).any():
                panel.plot(epochs, values, "o-", color=colour, markersize=3.5, label=word)
        panel.set(xlabel="epoch", title=name.replace("_", " ").capitalize())
        panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        panel.set_xlim(0, 1.03 * max(epochs, default=1))
        if name.endswith("accuracy"):
            panel.yaxis.set_major_formatter(needs("matplotlib.ticker").PercentFormatter(1.0))
        elif history.column(name).min(initial=np.inf) > 0 and len(history.epochs) > 1:
            panel.set_yscale("log")
        panel.legend()
    return figure


@styled
def lines(
    panels: Sequence[tuple[str, str, Mapping[str, tuple[Sequence[Any], Sequence[float]]]]],
    log_x: bool = False,
    log_y: bool = False,
    wide: bool = False,
    lowest: bool = False,
) -> Any:
    """Lines to compare, a panel for each ``(x's name, y's name, {line's name: (x, y)})``; with a legend.

    A logarithmic axis of x that has a zero is linear from it to the smallest value above.

    Parameters
    ----------
    wide : bool
        The page's whole width even for one panel, with the legend beside it: for many lines, or names along x.
    lowest : bool
        Put a ring round each line's lowest point.
    """
    figure = new_figure(8.4 if wide else 4.2 * len(panels), 3.4 if wide else 3.1)
    for panel, (x_name, y_name, named) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for number, (name, (x, y)) in enumerate(named.items()):
            panel.plot(x, y, "o-", color=f"C{number}", markersize=3.5, label=name, alpha=0.85)
            if lowest:
                least = int(np.nanargmin(y))
                panel.plot(x[least], y[least], "o", color=f"C{number}", markersize=9, fillstyle="none")
        panel.set(xlabel=x_name, ylabel=y_name)
        values = [value for x, _ in named.values() for value in x]
        if log_x and min(values, default=1) > 0:
            panel.set_xscale("log")
            _plain(panel.xaxis, values)
        elif log_x:
            panel.set_xscale("symlog", linthresh=min((v for v in values if v > 0), default=1.0), linscale=0.4)
        elif all(isinstance(value, int) for value in values):
            panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        elif not any(isinstance(value, str) for value in values):
            panel.xaxis.get_major_locator().set_params(nbins=7)
        if log_y:
            panel.set_yscale("log")
            _plain(panel.yaxis, [value for _, y in named.values() for value in y])
        beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)} if wide and panel is figure.axes[-1] else {}
        panel.legend(fontsize=8, **beside)
    return figure


def _plain(axis: Any, values: Sequence[float]) -> None:
    """Plain numbers along a logarithmic axis, as many as its range takes."""
    ticker = needs("matplotlib.ticker")
    above = [value for value in values if value > 0 and np.isfinite(value)]
    ratio = max(above, default=1.0) / min(above, default=1.0)
    if ratio < 6:
        axis.set_major_locator(ticker.MaxNLocator(9, steps=[1, 2, 5, 10]))
    else:
        subs = (1.0, 2.0, 3.0, 5.0) if ratio < 50 else (1.0, 2.0, 5.0) if ratio < 500 else (1.0,)
        axis.set_major_locator(ticker.LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(ticker.NullFormatter())


@styled
def ranked_bars(values: Mapping[str, tuple[float, str]], unit: str) -> Any:
    """A bar for each ``{name: (value, kind)}``, the smallest first, with its value beside it and a colour a kind."""
    ranked = sorted(values.items(), key=lambda item: item[1][0])
    kinds = list(dict.fromkeys(kind for _, kind in values.values()))
    colours = dict(zip(kinds, (GREY, BLUE, ORANGE, GREEN, *map("C{}".format, range(4, 10))), strict=False))
    figure = new_figure(8.4, 1.1 + 0.3 * len(ranked))
    panel = figure.subplots()
    for kind in kinds:
        own = [(place, value) for place, (_, (value, of)) in enumerate(ranked) if of == kind]
        drawn = panel.barh(*zip(*own, strict=True), height=0.7, color=colours[kind], label=kind)
        panel.bar_label(drawn, fmt="{:,.1f}", padding=3, fontsize=8)
    panel.set_yticks(range(len(ranked)), [name for name, _ in ranked])
    panel.invert_yaxis()
    panel.grid(False, axis="y")
    panel.margins(x=0.08, y=0.02)
    panel.set(xlabel=unit)
    panel.legend(ncols=len(kinds), loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    return figure


@styled
def points(places: np.ndarray, names: Sequence[str]) -> Any:
    """Points (n, 2) with their names."""
    figure = new_figure(8.4, 6.2)
    panel = figure.subplots()
    panel.plot(*places.T, "o", color=BLUE, markersize=3)
    panel.margins(0.08)
    panel.set(xticklabels=[], yticklabels=[])
    panel.tick_params(length=0)
    low, high = (np.array(limits) for limits in zip(panel.get_xlim(), panel.get_ylim(), strict=True))
    size = np.array([8.3, 6.1])
    inches = (places - low) / (high - low) * size
    path = needs("matplotlib.textpath").TextPath
    boxes = np.array([(0.03 + path((0, 0), name, size=8).get_extents().width / 72, 0.16) for name in names]).reshape(-1, 2)
    leader = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
    for place, name, (x, y) in zip(places, names, offsets(inches, boxes, size), strict=True):
        panel.annotate(
            name, place, xytext=(72 * x, 72 * y), textcoords="offset points", fontsize=8,
            ha="left" if x > 0 else "right" if x < 0 else "center",
            va="bottom" if y > 0 else "top" if y < 0 else "center",
            arrowprops=leader if np.hypot(x, y) > 0.3 else None,
        )  # fmt: skip
    return figure


@styled
def bars(values: Mapping[str, Mapping[str, float]], kinds: Sequence[str], unit: str = "seconds") -> Any:
    """A bar for each name, made of a stretch for each kind."""
    figure = new_figure(8.4, 1.1 + 0.32 * len(values))
    panel = figure.subplots()
    start = np.zeros(len(values))
    for number, kind in enumerate(kinds):
        length = np.array([value.get(kind, 0.0) for value in values.values()])
        panel.barh(list(values), length, left=start, label=kind, color=f"C{number}", height=0.7)
        start += length
    panel.invert_yaxis()
    panel.set(xlabel=unit)
    panel.legend(ncols=len(kinds), loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=8)
    return figure


@styled
def histogram(counts: Mapping[int, int], x_name: str, y_name: str) -> Any:
    """How often each whole number occurred."""
    figure = new_figure(6.0, 2.9)
    panel = figure.subplots()
    panel.bar(list(counts), list(counts.values()), color=BLUE, width=0.8)
    panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    panel.set(xlabel=x_name, ylabel=y_name)
    return figure


@styled
def confusion(matrix: np.ndarray, names: Sequence[str]) -> Any:
    """A confusion matrix (true class down, predicted class across): right ones blue, errors orange."""
    n = len(names)
    figure = new_figure(1.6 + 0.46 * n, 1.2 + 0.42 * n)
    panel = figure.subplots()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    right = np.eye(n, dtype=bool)
    worst = max(share[~right].max(initial=0), 1e-9)
    colours = np.ones((n, n, 3))
    for mask, colour, strength in ((right, BLUE, share), (~right, ORANGE, 0.85 * share / worst)):
        rgb = np.array(needs("matplotlib.colors").to_rgb(colour))
        blend = strength[..., None] * (0.8 if mask is right else 1.0)
        colours = np.where(mask[..., None], 1 - blend * (1 - rgb), colours)
    panel.imshow(colours)
    for i, j in np.ndindex(n, n):
        if matrix[i, j]:
            dark = colours[i, j].mean() < 0.62
            panel.text(j, i, f"{matrix[i, j]}", ha="center", va="center", fontsize=8, color="white" if dark else INK)
    panel.set_xticks(range(n), names, rotation=45 if max(map(len, names)) > 3 else 0)
    panel.set_yticks(range(n), names)
    panel.set(xlabel="predicted", ylabel="true")
    panel.grid(False)
    panel.set_xticks(np.arange(n + 1) - 0.5, minor=True)  # faint lines lead the eye from a cell to its names
    panel.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    panel.grid(True, which="minor", linewidth=0.5)
    panel.tick_params(which="both", length=0)
    for spine in panel.spines.values():
        spine.set_visible(False)
    return figure


@styled
def filters(weights: np.ndarray) -> Any:
    """First-layer filters (KH, KW, C, n): grey or colour pictures, each scaled to its own largest value."""
    channels, n = weights.shape[2:]
    across = min(n, 16)
    down = -(-n // across)
    figure = new_figure(0.55 * across + 0.2, 0.55 * down + 0.2)
    panels = np.atleast_1d(figure.subplots(down, across)).reshape(-1)
    for i, panel in enumerate(panels):
        panel.axis("off")
        if i < n:
            w = weights[..., i] / max(float(np.abs(weights[..., i]).max()), 1e-12)
            if channels == 3:
                panel.imshow(0.5 + 0.5 * w)
            else:
                panel.imshow(w.mean(2), cmap="RdBu_r", vmin=-1, vmax=1)
    return figure


@styled
def pictures(images: np.ndarray, captions: Sequence[str], across: int = 8) -> Any:
    """A grid of images (n, H, W, C) in [0, 1] with captions."""
    across = min(across, max(len(images), 1))
    down = max(-(-len(images) // across), 1)
    n_lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    figure = new_figure(1.15 * across, (1.25 + 0.15 * n_lines) * down)
    panels = np.atleast_1d(figure.subplots(down, across)).reshape(-1)
    for i, panel in enumerate(panels):
        panel.axis("off")
        if i < len(images):
            image = np.clip(images[i], 0, 1)
            panel.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray_r", vmin=0, vmax=1)
            panel.set_title(captions[i], fontsize=7.5, pad=3)
    return figure
