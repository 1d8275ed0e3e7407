"""What other programs make of one signal; golden_features.json holds some of their numbers.

pip install --target ORACLES kaldi_native_fbank==1.23.0 python_speech_features==0.6 librosa==0.11.0
PYTHONPATH=.:tests:ORACLES python -m speech.feature_oracles > tests/speech/golden_features.json
"""

import json

import numpy as np

from minidl.speech.features import PROFILES, Profile


def signal() -> np.ndarray:
    """Half a second at 16 kHz: a tone, a rising tone, something like noise, and an offset, (8000,) int16."""
    n = np.arange(8000)
    t = n / 16000
    tones = 3000 * np.sin(2 * np.pi * 440 * t) + 1000 * np.sin(2 * np.pi * (100 + 2000 * t) * t)
    return np.rint(tones + (n * n * 7919) % 2003 - 951).astype(np.int16)


def kaldi(kind: str, profile: Profile, samples: np.ndarray) -> np.ndarray:
    """Frames (T, D) of kaldi_native_fbank with the conventions of a profile."""
    import kaldi_native_fbank as knf

    options = knf.FbankOptions() if kind == "fbank" else knf.MfccOptions()
    frame, mel = options.frame_opts, options.mel_opts
    frame.samp_freq, frame.dither, frame.preemph_coeff = profile.sample_rate, 0.0, profile.preemphasis
    frame.frame_length_ms, frame.frame_shift_ms = profile.frame_length, profile.frame_shift
    frame.window_type, frame.remove_dc_offset = profile.window, profile.remove_mean
    frame.snip_edges = profile.edges == "whole frames"
    mel.num_bins, mel.low_freq, mel.high_freq = profile.n_filters, profile.low_hz, profile.high_hz
    options.use_energy = kind == "mfcc" and profile.use_energy
    if kind == "fbank":
        options.use_power = profile.spectrum == "power"
    else:
        options.num_ceps, options.cepstral_lifter = profile.n_ceps, profile.lifter
        options.htk_compat = profile.zeroth_last
    computer = (knf.OnlineFbank if kind == "fbank" else knf.OnlineMfcc)(options)
    computer.accept_waveform(profile.sample_rate, samples.astype(np.float32).tolist())
    computer.input_finished()
    return np.array([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def psf(kind: str, samples: np.ndarray) -> np.ndarray:
    import python_speech_features

    return (python_speech_features.logfbank if kind == "fbank" else python_speech_features.mfcc)(
        samples.astype(float), 16000
    )


def librosa(kind: str, samples: np.ndarray) -> np.ndarray:
    """Of the samples read as if at librosa's 22050 Hz."""
    import librosa

    y = samples / 32768
    if kind == "mfcc":
        return librosa.feature.mfcc(y=y).T
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y)).T


def program(name: str, kind: str, samples: np.ndarray) -> np.ndarray:
    return (
        kaldi(kind, PROFILES[name], samples)
        if name in ("kaldi", "htk")
        else {"psf": psf, "librosa": librosa}[name](kind, samples)
    )


PLACES = ((0, 7, -1), (0, 1, 5, 12, -1))  # frames and columns that are kept


def some(features: np.ndarray) -> list[list[float]]:
    return features[np.ix_(*PLACES)].tolist()


if __name__ == "__main__":
    names = [(n, k) for n in PROFILES for k in ("fbank", "mfcc") if (n, k) != ("htk", "mfcc")]
    found = {f"{n} {k}": program(n, k, signal()) for n, k in names}
    print(
        json.dumps({key: {"shape": f.shape, "values": np.round(some(f), 7).tolist()} for key, f in found.items()}, indent=1)
    )
