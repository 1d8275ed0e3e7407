"""The report of the ladder."""

from __future__ import annotations

from minidl.train.report import Report


def make_report(task, stages, rungs, figures):
    return Report("x")
