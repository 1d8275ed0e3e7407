"""What every test shares: Hypothesis profiles, and a fresh default random stream."""

import os
import signal

import pytest
from hypothesis import settings

import minidl as dl

# A shell starts its background jobs with Ctrl-C ignored, and children inherit that: tests of it would wait forever.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("dev", max_examples=10, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _seeded():
    """Each test draws the same numbers, whatever ran before it."""
    dl.seed(0)
