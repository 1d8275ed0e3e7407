"""Profiles: what "MFCC" means to four well-known programs, each a list of conventions that can be compared and changed.

A convention is changed with ``dataclasses.replace(profile, n_filters=40)``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ...errors import ArgumentError
from .windows import WINDOWS

_CHOICES = {
    "lengths_in": ("ms, rounded down", "ms, rounded", "samples"),
    "edges": ("whole frames", "zeros after", "zeros around", "mirrored"),
    "preemphasis_over": ("frame", "signal"),
    "window": WINDOWS,
    "spectrum": ("power", "magnitude", "power / size"),
    "mel_scale": ("htk", "slaney"),
    "triangles_in": ("mel", "hertz", "bins"),
    "log": ("natural", "decibel"),
    "dct": ("orthonormal", "htk"),
    "energy_of": ("samples", "spectrum"),
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """All conventions between samples and features; the defaults are those of Kaldi's recipes.

    Parameters
    ----------
    name : str
    sample_rate : int
        In Hz.
    full_scale : float
        What the loudest sample of a recording counts as: 32768 for programs that read 16-bit numbers, or 1.
    lengths_in : {"ms, rounded down", "ms, rounded", "samples"}
        The unit of the next two, and how many samples a length in ms is.
    frame_length, frame_shift : float
        The length of a frame, and the distance of two.
    edges : {"whole frames", "zeros after", "zeros around", "mirrored"}
        The frames at the ends of a clip: none that are not whole; zeros appended; frame t centred at sample t * shift, with
        zeros around the clip; frame t centred at (t + 1/2) * shift, with the clip mirrored at its ends.
    dither : float
        Deviation of the noise that is added to each sample of a frame, in units of `full_scale`; 0 is none.
    remove_mean : bool
        Whether the mean of each frame is subtracted.
    preemphasis : float
        The share of the sample before that is subtracted from each.
    preemphasis_over : {"frame", "signal"}
        Whether the first sample of a frame loses a share of itself, or of the one before it (the first of all stays).
    window : str
        See :func:`.window`.
    power_of_two : bool
        Whether a frame is filled up with zeros to the next power of two before the Fourier transform.
    spectrum : {"power", "magnitude", "power / size"}
        |X|^2, |X|, or |X|^2 over the size of the transform.
    n_filters : int
        How many mel filters.
    low_hz, high_hz : float
        Where the first begins and the last ends. 0 or less for `high_hz`: counted from half the rate down.
    mel_scale : {"htk", "slaney"}
        See :func:`.to_mel`.
    triangles_in : {"mel", "hertz", "bins"}
        On which axis the sides of a filter are straight; "bins": in Hz, the corners moved down to whole bins.
    equal_area : bool
        Whether the area of each filter in Hz is 1, or its peak.
    log : {"natural", "decibel"}
        ln, or 10 log10.
    log_floor : float
        Energies are raised to this before the logarithm.
    floor_zeros_only : bool
        Whether only zeros are raised.
    range_db : float or None
        How far a filter may be below the loudest one of the whole clip, in dB.
    n_ceps : int
        How many cepstral coefficients, the zeroth among them.
    dct : {"orthonormal", "htk"}
        With "htk" the zeroth is sqrt(2) times as large.
    lifter : float
        L in the weights 1 + L/2 sin(pi n / L) of the n-th coefficient; 0 is none.
    use_energy : bool
        Whether the zeroth coefficient is replaced by the natural logarithm of the frame's energy.
    energy_of : {"samples", "spectrum"}
        The sum of squares before pre-emphasis and window, or of the spectrum.
    zeroth_last : bool
        Whether the zeroth coefficient stands after the others.

    Raises
    ------
    ArgumentError
        A value that is none of these or out of its range.
    """

    name: str
    sample_rate: int = 16000
    full_scale: float = 32768.0
    lengths_in: str = "ms, rounded down"
    frame_length: float = 25.0
    frame_shift: float = 10.0
    edges: str = "whole frames"
    dither: float = 0.0
    remove_mean: bool = True
    preemphasis: float = 0.97
    preemphasis_over: str = "frame"
    window: str = "povey"
    power_of_two: bool = True
    spectrum: str = "power"
    n_filters: int = 23
    low_hz: float = 20.0
    high_hz: float = 0.0
    mel_scale: str = "htk"
    triangles_in: str = "mel"
    equal_area: bool = False
    log: str = "natural"
    log_floor: float = 2.0**-23
    floor_zeros_only: bool = False
    range_db: float | None = None
    n_ceps: int = 13
    dct: str = "orthonormal"
    lifter: float = 22.0
    use_energy: bool = False
    energy_of: str = "samples"
    zeroth_last: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                self._refuse(name, "one of " + ", ".join(map(repr, choices)))
        if self.sample_rate < 1:
            self._refuse("sample_rate", "at least 1 Hz")
        if not 1 <= self.shift_samples <= self.frame_samples:
            self._refuse("frame_shift", f"at least 1 sample and at most the frame's {self.frame_samples}")
        if not 0 <= self.low_hz < self.top_hz <= self.sample_rate / 2:
            self._refuse("high_hz", f"above low_hz ({self.low_hz:g}) and at most half the rate, {self.sample_rate / 2:g}")
        if not 0 <= self.preemphasis <= 1:
            self._refuse("preemphasis", "in [0, 1]")
        if not 1 <= self.n_ceps <= self.n_filters:
            self._refuse("n_ceps", f"at least 1 and at most n_filters ({self.n_filters})")
        for name in ("full_scale", "log_floor"):
            if not getattr(self, name) > 0:
                self._refuse(name, "above 0")
        for name in ("dither", "lifter"):
            if not getattr(self, name) >= 0:
                self._refuse(name, "at least 0")

    def _refuse(self, name: str, accepted: str) -> None:
        raise ArgumentError(f"profile {self.name}: {name} must be {accepted}; got {getattr(self, name)!r}")

    def _samples(self, length: float) -> int:
        if self.lengths_in == "samples":
            return int(length)
        exact = round(self.sample_rate * length / 1000, 6)  # 16000 Hz times 25.6 ms is not 409.59999
        return int(exact + 0.5) if self.lengths_in == "ms, rounded" else int(exact)

    @property
    def frame_samples(self) -> int:
        return self._samples(self.frame_length)

    @property
    def shift_samples(self) -> int:
        return self._samples(self.frame_shift)

    @property
    def fft_size(self) -> int:
        return 1 << (self.frame_samples - 1).bit_length() if self.power_of_two else self.frame_samples

    @property
    def top_hz(self) -> float:
        """Where the last filter ends."""
        return self.high_hz if self.high_hz > 0 else self.sample_rate / 2 + self.high_hz


KALDI = Profile(name="kaldi")
HTK = Profile(  # HTK Book 3.4, section 3.1.5 (the tutorial's configuration, MFCC_0) and the defaults of chapter 5
    name="htk", remove_mean=False, window="hamming", spectrum="magnitude", n_filters=26, low_hz=0.0, log_floor=1.0,
    dct="htk", zeroth_last=True,
)  # fmt: skip
PSF = Profile(  # python_speech_features 0.6, the defaults of `mfcc`
    name="psf", lengths_in="ms, rounded", edges="zeros after", remove_mean=False, preemphasis_over="signal",
    window="rectangular", spectrum="power / size", n_filters=26, low_hz=0.0, triangles_in="bins", log_floor=2.0**-52,
    floor_zeros_only=True, use_energy=True, energy_of="spectrum",
)  # fmt: skip
LIBROSA = Profile(  # librosa 0.11, the defaults of `librosa.feature.mfcc`
    name="librosa", sample_rate=22050, full_scale=1.0, lengths_in="samples", frame_length=2048, frame_shift=512,
    edges="zeros around", remove_mean=False, preemphasis=0.0, window="hann periodic", power_of_two=False, n_filters=128,
    low_hz=0.0, mel_scale="slaney", triangles_in="hertz", equal_area=True, log="decibel", log_floor=1e-10, range_db=80.0,
    n_ceps=20, lifter=0.0,
)  # fmt: skip
PROFILES = {p.name: p for p in (KALDI, HTK, PSF, LIBROSA)}


def get_profile(profile: str | Profile) -> Profile:
    """The profile of that name; a :class:`Profile` is itself. ArgumentError for an unknown name."""
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ArgumentError(f"profile: {profile!r} is unknown; choose one of {', '.join(PROFILES)}")
    return PROFILES[profile]


def differences(a: str | Profile, b: str | Profile) -> dict[str, tuple[Any, Any]]:
    """Each convention that differs, with its value in `a` and in `b`; the name is none."""
    a, b = get_profile(a), get_profile(b)
    pairs = {f.name: (getattr(a, f.name), getattr(b, f.name)) for f in fields(Profile)[1:]}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def diff_profiles(a: str | Profile, b: str | Profile) -> None:
    """Print which conventions of two profiles differ, one a line."""
    a, b = get_profile(a), get_profile(b)
    found = differences(a, b)
    for name, left, right in [("convention", a.name, b.name), *((n, *map(str, p)) for n, p in found.items())]:
        print(f"{name:18}{left:22}{right}")
    if not found:
        print("no convention differs")
