"""MFCC of a recording beside three other programs: ``python -m benchmarks.speech_features [--seconds S] [--rounds N]``.

Each comparison is under the other program's own conventions, on one thread; precision and the largest difference of the
numbers are printed with it. All make their filters anew each time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from minidl.speech.features import Frontend, Profile, get_profile

from .turns import installed, report, take_turns

RATE = 16_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech_features", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="of sound at 16 kHz (default: 60)")
    parser.add_argument("--rounds", type=int, default=15, help="of which the median is taken (default: 15)")
    args = parser.parse_args()
    samples = recording(args.seconds)
    with threadpool_limits(1):
        for compare in (against_psf, against_librosa, against_kaldi):
            compare(samples, args.rounds)


def recording(seconds: int) -> np.ndarray:
    """A tone that rises and falls in noise, int16."""
    n = np.arange(seconds * RATE)
    noise = np.random.default_rng(0).standard_normal(len(n))
    return np.rint(3000 * np.sin(2e3 * np.sin(n / RATE)) + 500 * noise).astype(np.int16)


def against_psf(samples: np.ndarray, rounds: int) -> None:
    """python_speech_features has float64 only; we compute 16-bit recordings in float32, unless asked for more."""
    print("psf, a 16-bit recording, and the same in float64:")
    if installed("python_speech_features", "python_speech_features"):
        import python_speech_features

        for own, target in ((samples, 4.0), (samples / 32768, None)):  # to us float samples are in -1..1
            compare(
                get_profile("psf"), own, "python_speech_features, float64",
                lambda: python_speech_features.mfcc(samples, RATE), target, rounds,
            )  # fmt: skip


def against_librosa(samples: np.ndarray, rounds: int) -> None:
    """librosa at its defaults, but for the rate."""
    print("librosa, a recording in float32:")
    if installed("librosa", "librosa"):
        import librosa

        y = samples.astype(np.float32) / 32768
        profile = replace(get_profile("librosa"), sample_rate=RATE)
        compare(profile, y, "librosa", lambda: librosa.feature.mfcc(y=y, sr=RATE).T, 1.2, rounds)


def against_kaldi(samples: np.ndarray, rounds: int) -> None:
    """Kaldi's own code, which hands frames over one by one."""
    print("kaldi, a 16-bit recording:")
    if installed("kaldi_native_fbank", "kaldi-native-fbank"):
        import kaldi_native_fbank as knf

        options, given = knf.MfccOptions(), samples.astype(np.float32).tolist()
        options.frame_opts.dither, options.use_energy = 0.0, False

        def theirs() -> np.ndarray:
            computer = knf.OnlineMfcc(options)
            computer.accept_waveform(RATE, given)
            computer.input_finished()
            return np.array([computer.get_frame(i) for i in range(computer.num_frames_ready)])

        compare(get_profile("kaldi"), samples, "kaldi_native_fbank", theirs, None, rounds)


def compare(
    profile: Profile, samples: np.ndarray, name: str, theirs: Callable[[], np.ndarray], target: float | None, rounds: int
) -> None:
    """Both in turns, after a look at whether they compute the same."""

    def ours() -> np.ndarray:
        return np.asarray(Frontend(profile).mfcc(samples, RATE))

    found, expected = ours(), theirs()
    print(f"  frames and numbers {found.shape}, largest difference {np.abs(found - expected).max():.2g}")
    taken = take_turns({f"minidl, {found.dtype}": ours, name: theirs}, rounds)
    report(taken, {} if target is None else {name: target})


if __name__ == "__main__":
    main()
