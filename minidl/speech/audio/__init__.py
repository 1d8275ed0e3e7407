"""Audio: recordings from files and into files, at any rate, and small changes that make more of them."""

from .clip import Audio
from .files import read, read_bytes, write_wav
from .perturb import add_noise, change_speed, change_volume
from .resampling import resample

__all__ = ["Audio", "add_noise", "change_speed", "change_volume", "read", "read_bytes", "resample", "write_wav"]
