"""Smoothings by name, and what they take in place of estimates where a text is too small for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl import language
from minidl.language.ngram.kneser_ney import FALLBACK

SMOOTHINGS: dict[str, Callable[..., language.BackoffModel]] = {
    "kneser-ney": language.kneser_ney, "katz": language.katz, "witten-bell": language.witten_bell,
    "absolute": language.absolute, "additive": language.additive,
}  # fmt: skip
FALLBACKS: dict[str, dict[str, Any]] = {
    "kneser-ney": {"fallback": FALLBACK}, "katz": {"fallback": 0.5}, "absolute": {"discount": 0.5},
}  # fmt: skip
