"""The report of an image classifier."""

from itertools import pairwise

import numpy as np
import pytest

from minidl.train import figures
from minidl.train.report import Report
from minidl.vision.report import _add_mistakes

pytest.importorskip("matplotlib")


def test_captions_of_mistakes_are_told_apart(monkeypatch):
    drawn = []
    monkeypatch.setattr(Report, "figure", lambda page, heading, figure, *rest, **form: drawn.append(figure))
    p = np.tile(np.array([0.0, 1.0], np.float32), (16, 1))
    _add_mistakes(Report("x"), np.zeros((16, 8, 8, 1)), np.zeros(16, int), p, ["sneaker", "ankle boot"])
    figures.data_uri(drawn[0], "png", dpi=int(drawn[0].dpi))  # lays it out
    boxes = [panel.title.get_window_extent() for panel in drawn[0].axes]
    for left, right in pairwise(boxes[:8]):
        assert right.x0 - left.x1 > 0.1 * drawn[0].dpi  # a tenth of an inch
    pictures = [panel.get_window_extent() for panel in drawn[0].axes]
    assert min(box.y0 for box in pictures[:8]) > max(box.y1 for box in boxes[8:])
