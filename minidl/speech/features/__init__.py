"""Features: what a recogniser hears of a recording, about a hundred short vectors a second.

Only arrays are used, no autograd.
"""

from .cmvn import Moments, cmvn_global, cmvn_speaker, cmvn_utterance
from .context import deltas, splice
from .frontend import Frontend
from .profiles import PROFILES, Profile, diff_profiles, differences, get_profile
from .streaming import Stream
from .windows import WINDOWS, window

__all__ = [
    "PROFILES", "WINDOWS", "Frontend", "Moments", "Profile", "Stream", "cmvn_global", "cmvn_speaker", "cmvn_utterance",
    "deltas", "diff_profiles", "differences", "get_profile", "splice", "window",
]  # fmt: skip
