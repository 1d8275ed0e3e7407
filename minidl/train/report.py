"""Writes ``report.html``: one file with pictures inside it, which opens anywhere and needs no network."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from . import files
from .figures import data_uri, needs
from .history import History


class Report:
    """A page that is filled part by part and written once.

    Parameters
    ----------
    title : str
    lead : str
        One sentence under the title.

    Examples
    --------
    >>> page = Report("Digits", "A convnet on 8x8 scans.")
    >>> page.numbers({"test accuracy": "98.9 %"})
    >>> page.figure("Curves", figures.curves(history), "Loss and accuracy after each epoch.")
    >>> page.write("runs/vision/report.html")
    """

    def __init__(self, title: str, lead: str = "") -> None:
        self.title, self.lead = title, lead
        self._numbers: list[tuple[str, str]] = []
        self._parts: list[dict[str, Any]] = []

    def numbers(self, values: Mapping[str, str]) -> None:
        """The few figures that matter, shown large at the top."""
        self._numbers += [(str(k), str(v)) for k, v in values.items()]

    def figure(self, heading: str, figure: Any, caption: str = "", form: str = "svg") -> None:
        """A Matplotlib figure; ``form="png"`` where it consists of pixels anyway."""
        self._parts.append({"heading": heading, "figure": data_uri(figure, form), "caption": caption})

    def text(self, heading: str, text: str) -> None:
        """A paragraph."""
        self._parts.append({"heading": heading, "text": text})

    def verbatim(self, heading: str, text: str) -> None:
        """Text as it is, in fixed width."""
        self._parts.append({"heading": heading, "verbatim": text})

    def table(self, heading: str, rows: Sequence[Sequence[Any]], header: Sequence[str] = (), caption: str = "") -> None:
        """A table; without `header`, the first column holds the names."""
        cells = [[str(c) for c in row] for row in rows]
        self._parts.append({"heading": heading, "header": list(header), "rows": cells, "caption": caption})

    def render(self) -> str:
        """The page as text; everything that was put in is escaped."""
        jinja2 = needs("jinja2")
        loader = jinja2.FileSystemLoader(Path(__file__).parent)
        environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        environment.trim_blocks = environment.lstrip_blocks = True
        page = environment.get_template("report.html")
        made = datetime.now().strftime("%Y-%m-%d %H:%M")
        return page.render(title=self.title, lead=self.lead, numbers=self._numbers, parts=self._parts, made=made)

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to `path`, whole or not at all."""
        text = self.render()
        with files.replacing(path) as f:
            f.write(text.encode())
        return Path(path)


def epochs_table(history: History) -> tuple[list[list[str]], list[str]]:
    """Rows and header of a table with a line per epoch."""
    header = list(dict.fromkeys(name for record in history.epochs for name in record))
    return [[_cell(name, record.get(name)) for name in header] for record in history.epochs], [
        name.replace("_", " ") for name in header
    ]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.endswith("accuracy"):
        return f"{value:.2%}"
    if name in ("seconds", "samples_per_second"):
        return f"{value:,.1f}" if name == "seconds" else f"{value:,.0f}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def environment() -> dict[str, str]:
    """What the run ran on: versions and machine."""
    versions = {"Python": platform.python_version(), "NumPy": np.__version__}
    for package in ("minidl", "scipy", "cupy", "mpi4py", "numba"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        **versions,
        "linear algebra": _blas(),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": f"{_processor()}, {cores} cores usable",
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
    }


def _blas() -> str:
    blas = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})  # type: ignore[union-attr]
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"
