"""The report: one file, no network, everything escaped; and what is said where a library is missing."""

import re
import sys

import numpy as np
import pytest

from minidl.train import figures
from minidl.train.figures import MissingExtra
from minidl.train.history import History
from minidl.train.report import Report, environment, epochs_table

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def history(n=3):
    h = History()
    for e in range(n):
        h.steps += [{"step": 10 * e + s, "epoch": e + 1, "loss": 2.0 / (1 + e + s / 10), "lr": 0.1} for s in (5, 10)]
        h.epochs.append({
            "epoch": e + 1, "step": 10 * (e + 1), "loss": 1.0 / (e + 1), "accuracy": 0.5 + e / 10,
            "val_loss": 1.1 / (e + 1), "val_accuracy": 0.4 + e / 10, "lr": 0.1, "seconds": 1.5 * (e + 1),
            "samples_per_second": 1234.5,
        })  # fmt: skip
    return h


def test_a_report_is_one_escaped_file_without_network(tmp_path):
    page = Report("<script>alert(1)</script>", "lead & more")
    page.numbers({"test accuracy": "98.9 %"})
    page.figure("Curves", figures.curves(history()), "caption <b>")
    page.table("Config", [("data", "<i>digits</i>")])
    page.verbatim("Model", "Linear(3, 4)")
    page.text("Note", "words")
    text = page.write(tmp_path / "r" / "report.html").read_text()
    assert "<script" not in text and "&lt;i&gt;digits" in text and "98.9 %" in text
    assert not re.search(r"(src|href)=[\"'](?!data:)", text) and "@import" not in text
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"data:[^\"]*", "", text))


@pytest.mark.parametrize("n", [1, 3])
def test_curves_of_short_and_partial_histories(n):
    assert len(figures.curves(history(n)).axes) == 2
    only_loss = history(n)
    only_loss.epochs = [{k: r[k] for k in ("epoch", "step", "loss")} for r in only_loss.epochs]
    assert len(figures.curves(only_loss).axes) == 1


@pytest.mark.parametrize("n", [1, 2, 20])
def test_epochs_are_whole_numbers_from_zero(n):
    for panel in figures.curves(history(n)).axes:
        ticks = panel.get_xticks()
        assert panel.get_xlim()[0] == 0 and n in np.arange(panel.get_xlim()[1] + 1)
        assert (ticks == ticks.round()).all() and len(ticks) >= 2


def test_confusion_filters_and_pictures_draw_what_they_are_given():
    matrix = np.array([[9, 1, 0], [0, 10, 0], [0, 0, 0]])
    panel = figures.confusion(matrix, ["a", "bee", "see you"]).axes[0]
    assert sorted(t.get_text() for t in panel.texts) == ["1", "10", "9"]
    rng = np.random.default_rng(0)
    for channels, n in ((1, 20), (3, 4), (2, 1)):
        assert len(figures.filters(rng.standard_normal((3, 3, channels, n))).axes) >= n
    figure = figures.pictures(rng.random((3, 8, 8, 1)), ["x", "y", "z"])
    assert [p.get_title() for p in figure.axes] == ["x", "y", "z"]
    assert figures.data_uri(figure, "png").startswith("data:image/png;base64,")


def test_drawing_leaves_the_users_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.data_uri(figures.curves(history()))
    assert dict(matplotlib.rcParams) == before


def test_epochs_table_and_environment():
    rows, header = epochs_table(history())
    assert header[0] == "epoch" and rows[2][header.index("accuracy")] == "70.00%"
    assert {"Python", "NumPy", "processor"} <= set(environment())


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'minidl\[demos\]'"):
        figures.curves(history())
