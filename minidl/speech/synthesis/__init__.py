"""Synthesis: a small formant synthesiser that speaks words and knows where each phone begins and ends.

It is the data of the speech demo that needs nothing to be downloaded, and the truth that alignments are tested against.
Left out: everything that makes speech pleasant (stress, phrasing, emotion).
"""

from .phones import PHONES, Phone, get_phone
from .speak import RATES, Spoken, speak, speak_phones
from .voice import VOICES, Voice, make_voice

__all__ = ["PHONES", "RATES", "VOICES", "Phone", "Spoken", "Voice", "get_phone", "make_voice", "speak", "speak_phones"]
