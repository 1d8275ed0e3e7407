"""What every test shares: Hypothesis profiles, and a fresh default random stream."""

import os

import pytest
from hypothesis import settings

import minidl as dl

settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("dev", max_examples=10, deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _seeded():
    """Each test draws the same numbers, whatever ran before it."""
    dl.seed(0)
