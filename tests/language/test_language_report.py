"""The report of language models: every part where there is data for it, and nothing hidden in its pictures."""

import re
from itertools import pairwise

import numpy as np
import pytest

from minidl.language.bands import Band
from minidl.language.report import Result, language_report
from minidl.train import figures
from minidl.train.history import History
from minidl.train.labels import offsets
from minidl.train.report import Report

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

RESULTS = [
    Result("cache", "cache", 800.0, 900.0, 1),
    Result("KN <5>", "n-gram", 220.14, 252.2, 5_800_000, 3.1, 1.6e6),
    Result("LSTM", "neural", 180.0, 200.0, 8_400_000, 2412.0, 9000.0, surrogate="NCE"),
    Result("both", "mixture", 153.0, 170.0, 14_200_001, None, 8800.0),
]


def history(n=3):
    h = History()
    for e in range(1, n + 1):
        h.steps.append({"step": 10 * e, "epoch": e, "loss": 6.0 - e})
        h.epochs.append({"epoch": e, "step": 10 * e, "loss": 6.0 - e, "val_loss": 6.0 - e, "seconds": 2.0 * e})
    return h


def parts():
    line = ([1, 2, 3], [300.0, 200.0, 250.0])
    bands = [Band("unknown", 5, 60.0), Band("1", 7, 90_000.0)]
    return {
        "weight_curves": {"both": ([0.0, 0.5, 1.0], [220.0, 153.0, 180.0])},
        "by_band": {"KN <5>": bands, "LSTM": [Band("unknown", 5, 30.0), Band("1", 7, 180_000.0)]},
        "by_size": {"KN <5>": line}, "by_order": {"Kneser-Ney": line},
        "histories": {"LSTM": history()}, "step_times": {"full": line},
        "samples": {"LSTM": "he said <unk>\n" + "so " * 90}, "nearest": {"king": [("queen", 0.712)]},
        "word_map": (np.array([[0.0, 1.0], [1.0, 0.0]]), ["king", "queen"]), "config": {"hidden_size": 200},
    }  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """The headings and figures of the reports that a test makes."""
    found = {}
    add = Report.figure

    def figure(page, heading, figure, *rest, **form):
        found[heading] = figure
        add(page, heading, figure, *rest, **form)

    monkeypatch.setattr(Report, "figure", figure)
    return found


def test_everything_that_is_given_is_on_the_page(tmp_path, drawn):
    page = language_report("T", "lead", results=RESULTS, **parts()).write(tmp_path / "report.html").read_text()
    assert list(drawn) == [
        "Perplexity", "Both together: what a part's weight does", "Who is good at rare words?",
        "More text", "Longer n-grams", "Training", "Loss", "Large output layers", "Words in the plane",
    ]  # fmt: skip
    assert re.findall(r"<tr><td>([^<]*)</td>", page)[:4] == ["both", "LSTM", "KN &lt;5&gt;", "cache"]
    assert "<td>neural; surrogate: NCE</td>" in page and "<td>5.80 M</td>" in page and "<td>9,000</td>" in page
    assert "both, is 15.0 % below the best part, LSTM" in page and "both: 153.0 at 0.50" in page
    assert re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page) == [
        ("perplexity, best n-gram", "220.1"), ("perplexity, best neural", "180.0"), ("perplexity, best mixture", "153.0"),
    ]  # fmt: skip
    assert "<td>90,000</td><td>180,000</td>" in page and "queen 0.71" in page and "he said &lt;unk&gt;" in page
    assert max(map(len, re.search(r"<pre>(.*?)</pre>", page, re.S)[1].replace("&lt;", "<").split("\n"))) <= 110
    assert "hidden size" in page and "processor" in page


def test_what_is_not_given_is_left_out(drawn):
    page = language_report("T", "lead", results=[], numbers={"a": "b"}).render()
    assert not drawn and "Environment" in page and "Configuration" not in page and "<dt>a</dt>" in page
    language_report("T", "", results=RESULTS[:1], histories={"a": history(), "b": History(), "c": history(1)})
    assert list(drawn) == ["Perplexity", "Training"]
    assert [len(panel.lines) for panel in drawn["Training"].axes] == [2, 2]
    np.testing.assert_allclose(drawn["Training"].axes[1].lines[0].get_xydata()[-1], [6.0, np.exp(3)])


def test_rare_words_are_compared_with_the_first_model(drawn):
    language_report("T", "", results=[], by_band=parts()["by_band"])
    first, second = drawn["Who is good at rare words?"].axes[0].lines
    assert first.get_ydata().tolist() == [1, 1] and second.get_ydata().tolist() == [0.5, 2]


def test_bars_are_sorted_and_kinds_have_their_colours(drawn):
    language_report("T", "", results=RESULTS)
    panel = drawn["Perplexity"].axes[0]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["both", "LSTM", "KN <5>", "cache"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["n-gram", "neural", "mixture", "cache"]
    width = {bars.get_label(): [bar.get_width() for bar in bars] for bars in panel.containers}
    assert width == {"n-gram": [220.14], "neural": [180], "mixture": [153], "cache": [800]}
    assert panel.get_ylim()[0] > panel.get_ylim()[1]  # the first one is on top


@pytest.mark.parametrize("low, high", [(0.6, 2.1), (180, 260), (171, 900), (20_000, 2_050_000), (4, 1300), (1e-3, 1e6)])
def test_logarithmic_axes_have_a_few_plain_numbers(low, high):
    figure = figures.lines([("x", "y", {"a": ([low, high], [low, high])})], log_x=True, log_y=True, wide=True)
    figures.data_uri(figure, "png")  # lays it out
    panel = figure.axes[0]
    for labels, (first, last) in (
        (panel.get_xticklabels(), panel.get_xlim()), (panel.get_yticklabels(), panel.get_ylim()),
    ):  # fmt: skip
        shown = [label for label in labels if first <= float(label.get_text().replace(",", "")) <= last]
        assert 3 <= len(shown) <= 12
        assert all(re.fullmatch(r"[\d,]+(\.\d+)?", label.get_text()) for label in shown)
    boxes = [label.get_window_extent() for label in shown]
    assert all(a.y1 <= b.y0 for a, b in pairwise(boxes))


def test_a_ring_marks_the_lowest_point():
    figure = figures.lines([("x", "y", {"a": ([0.0, 1.0, 2.0], [3.0, np.nan, 1.0])})], lowest=True)
    assert figure.axes[0].lines[1].get_xydata().tolist() == [[2.0, 1.0]]


def test_names_of_points_hide_neither_each_other_nor_points():
    rng = np.random.default_rng(0)
    names = [f"{'word' * (i % 3)}{i}" for i in range(70)]
    figure = figures.points(rng.standard_normal((70, 2)), names)
    figures.data_uri(figure, "png", dpi=int(figure.dpi))
    panel = figure.axes[0]
    boxes = [text.get_window_extent() for text in panel.texts]
    dots = panel.transData.transform(panel.lines[0].get_xydata())
    assert [text.get_text() for text in panel.texts] == names
    frame = panel.get_window_extent()
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.contains(*dot) for dot in dots)
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1


def test_a_name_goes_where_there_is_room():
    size = np.array([[1.0, 0.2]])
    right, left = offsets(np.array([[1.0, 1.0]]), size, np.full(2, 3)), offsets(np.array([[2.5, 1.0]]), size, np.full(2, 3))
    assert right[0, 0] > 0 == right[0, 1] and left[0, 0] < 0 == left[0, 1]
    both = offsets(np.array([[2.0, 1.0], [2.4, 1.0]]), size.repeat(2, 0), np.full(2, 5))
    assert both[0, 0] < 0 and both[1, 0] > 0  # the second point is in the first name's way
    assert offsets(np.zeros((0, 2)), np.zeros((0, 2)), np.ones(2)).shape == (0, 2)
