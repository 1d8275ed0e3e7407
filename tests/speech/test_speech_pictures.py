"""Pictures of speech show what they were given, also where there is next to nothing to show."""

import warnings
from itertools import pairwise

import numpy as np
import pytest

from minidl.speech import pictures
from minidl.speech.segments import Segment
from minidl.train import figures

pytest.importorskip("matplotlib")
PHONES = ["SIL", "AH", "S", "IH"]
SEGMENTS = [Segment("SIL", 0.0075, 0.3075), Segment("S", 0.3075, 0.3275), Segment("IH", 0.3275, 0.3375),
            Segment("AH", 0.3375, 1.0075)]  # fmt: skip


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def drawn(figure):
    """The figure's panels, after it was really drawn."""
    assert figures.data_uri(figure, "png", 40).startswith("data:image/png;base64,")
    return figure.axes


def boxes(panel, texts):
    panel.figure.draw_without_rendering()
    return [t.get_window_extent() for t in texts]


def test_a_spectrogram_with_its_segments():
    log_mel = np.random.default_rng(0).standard_normal((100, 40))
    words = [Segment("six", 0.3075, 0.9)]
    figure = pictures.spectrogram(log_mel, 0.01, {"phones": SEGMENTS, "words": words}, 0.0075)
    top, phones, below = drawn(figure)
    (image,) = top.images
    np.testing.assert_array_equal(image.get_array(), log_mel.T)
    assert image.get_extent() == pytest.approx([0.0075, 1.0075, 0, 40], rel=1e-12)
    assert image.origin == "lower" and top.get_ylabel() == "mel filter"
    assert [t.get_text() for t in phones.texts] == ["SIL", "S", "AH"]  # 10 ms are too narrow for a name
    assert [t.get_text() for t in below.texts] == ["six"]
    lines = np.concatenate([[path.vertices[0, 0] for path in c.get_paths()] for c in below.collections])
    assert lines.tolist() == [0.3075, 0.9]
    assert (phones.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("phones", "words", "time, s")
    assert below.get_xlim() == pytest.approx((0.0075, 1.0075), rel=1e-12)


def test_labels_stay_within_their_segments():
    """So they do not overlap, however long; what cannot be read has none."""
    long = [
        Segment("AH UW SH ER"[:n], n / 10, n / 10 + width) for n, width in zip(range(1, 11), [0.1, 0.05] * 5, strict=True)
    ]
    _, panel = drawn(pictures.spectrogram(np.zeros((120, 3)), 0.01, {"words": long}))
    assert panel.texts
    for text, box in zip(panel.texts, boxes(panel, panel.texts), strict=True):
        own = next(s for s in long if s.label == text.get_text())
        left, right = (panel.transData.transform((t, 0))[0] for t in (own.start, own.end))
        assert left <= box.x0 and box.x1 <= right
        assert 4 <= text.get_fontsize() <= 7


def test_names_of_tiers_do_not_overlap():
    figure = pictures.spectrogram(np.zeros((9, 2)), 0.01, dict.fromkeys(["phones", "words", "true phones", "more"], ()))
    _, *panels = drawn(figure)
    found = [boxes(p, [p.yaxis.label])[0] for p in panels]
    assert all(above.y0 >= below.y1 for above, below in pairwise(found))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 1)], ids=str)
def test_a_spectrogram_of_next_to_nothing(shape):
    assert len(drawn(pictures.spectrogram(np.zeros(shape), 0.01, {}))) == 1
    tiers = {"phones": [Segment("A" * 50, 0, 0.01)], "words": []}
    assert len(drawn(pictures.spectrogram(np.zeros(shape), 0.01, tiers))) == 3


def test_the_ladder():
    rates = {"gmm-mono": (12.34, 10.0, 15.0), "dnn": (3.0, 2.0, 4.0), "n" * 60: (0.0, 0.0, 0.0)}
    (panel,) = drawn(pictures.error_ladder(rates, "phone error rate, %"))
    assert [bar.get_width() for bar in panel.patches] == [12.34, 3.0, 0.0]
    assert [bar.get_y() + 0.3 for bar in panel.patches] == pytest.approx([0, 1, 2], abs=1e-12)
    assert [line.get_xdata().tolist() for line in panel.lines] == [[10, 15], [2, 4], [0, 0]]
    assert [t.get_text().strip() for t in panel.texts] == ["12.3", "3.0", "0.0"]
    assert [t.get_text() for t in panel.get_yticklabels()] == list(rates)
    assert panel.get_ylim()[0] > panel.get_ylim()[1]  # the first is on top
    assert panel.get_xlabel() == "phone error rate, %"
    colours = [bar.get_facecolor() for bar in panel.patches]
    assert colours[0] != colours[1] == colours[2]
    box = panel.get_window_extent()
    assert all(b.x1 <= box.x1 for b in boxes(panel, panel.texts))


@pytest.mark.parametrize("rates", [{}, {"dnn": (0.0, 0.0, 0.0)}], ids=["none", "zero"])
def test_a_ladder_of_nothing(rates):
    (panel,) = drawn(pictures.error_ladder(rates))
    assert panel.get_xlim() == (0, 1) and len(panel.get_yticks()) == len(rates)


def test_occupancy():
    left, right = drawn(pictures.occupancy(np.array([3.0, 200.0, 40.0]), np.array([1, 7, 2])))
    assert left.lines[0].get_ydata().tolist() == [200, 40, 3]
    np.testing.assert_array_equal(right.collections[0].get_offsets(), [[3, 1], [200, 7], [40, 2]])
    assert (left.get_ylabel(), right.get_xlabel(), right.get_ylabel()) == ("frames", "frames", "Gaussians")
    assert all(float(tick).is_integer() for tick in (*left.get_xticks(), *right.get_yticks()))


@pytest.mark.parametrize("frames", [[], [0.0], [0.0, 0.0, 5.0], [7.0], [0.25, 1e7]], ids=str)
def test_occupancy_of_next_to_nothing(frames):
    left, right = drawn(pictures.occupancy(np.array(frames), np.ones(len(frames), int)))
    assert left.get_ylim()[0] == right.get_xlim()[0] == 0


def test_posteriorgrams():
    rng = np.random.default_rng(0)
    models = {"gmm": rng.dirichlet(np.ones(4), 100), "dnn": rng.dirichlet(np.ones(4), 100)}
    *panels, bar = drawn(pictures.posteriorgrams(models, PHONES, 0.01, SEGMENTS, 0.0075))
    for panel, (name, values) in zip(panels, models.items(), strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), values.T)
        assert panel.images[0].get_extent() == pytest.approx([0.0075, 1.0075, 3.5, -0.5], rel=1e-12)
        assert panel.images[0].get_clim() == (0, 1) and panel.get_title() == name
        assert [t.get_text() for t in panel.get_yticklabels()] == PHONES
        spans = [(*line.get_xdata(), PHONES[int(line.get_ydata()[0])]) for line in panel.lines]
        assert spans == [(s.start, s.end, s.label) for s in SEGMENTS]
    assert panels[-1].get_xlabel() == "time, s" and bar.get_ylabel() == "probability"


def test_posteriorgrams_of_next_to_nothing():
    panel, _ = drawn(pictures.posteriorgrams({"dnn": np.ones((1, 1))}, ["SIL" * 9], 0.01, []))
    assert panel.get_xlim() == (0, 0.01)
