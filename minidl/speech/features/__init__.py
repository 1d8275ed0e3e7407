"""Features: what a recogniser hears of a recording, about a hundred short vectors a second.

Only arrays are used, no autograd.
"""

from .cmvn import Moments, cmvn_global, cmvn_speaker, cmvn_utterance
from .context import deltas, splice
from .frontend import Frontend
from .profiles import PROFILES, Profile, diff_profiles, differences, get_profile
from .spec_augment import POLICIES, SpecAugment, spec_augment
from .streaming import Stream
from .windows import WINDOWS, window

__all__ = [
    "POLICIES", "PROFILES", "WINDOWS", "Frontend", "Moments", "Profile", "SpecAugment", "Stream", "cmvn_global",
    "cmvn_speaker", "cmvn_utterance", "deltas", "diff_profiles", "differences", "get_profile", "spec_augment", "splice",
    "window",
]  # fmt: skip
