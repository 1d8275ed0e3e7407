"""Audio files: what libsndfile, the wave module and SciPy write and read, and AN4's own sums of samples."""

import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import wavfile

from minidl.errors import ArgumentError, CheckpointError, DataError
from minidl.speech.audio import Audio, read, read_bytes, write_wav

soundfile = pytest.importorskip("soundfile")
DATA = os.environ.get("MINIDL_DATA")


def noise(n=2000, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, n).astype(np.int16)


def encoded(samples, rate=16000, **form):
    f = io.BytesIO()
    soundfile.write(f, samples, rate, **form)
    return f.getvalue()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "NIST", "WAVEX"])
def test_16_bit_files_are_read_as_they_are(form):
    found = read_bytes(encoded(noise(), 11025, format=form), "x")
    assert found.samples.dtype == np.int16 and found.rate == 11025
    np.testing.assert_array_equal(found.samples, noise())
    assert found.seconds == 2000 / 11025


@pytest.mark.parametrize(
    ("form", "subtype", "error"),
    [
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_U8", 2**-7),
        ("FLAC", "PCM_24", 2**-23),
        ("NIST", "ULAW", 0.02),
        ("WAV", "ALAW", 0.02),
    ],
)
def test_other_encodings_become_floats_of_full_scale_1(form, subtype, error):
    samples = noise().astype(np.float32) / 32768
    found = read_bytes(encoded(samples, format=form, subtype=subtype), "x").samples
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, samples, rtol=0, atol=error)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg(subtype):
    tone = 0.5 * np.sin(np.arange(8000) * 0.2).astype(np.float32)
    found = read_bytes(encoded(tone, format="OGG", subtype=subtype), "x").samples
    assert found.dtype == np.float32 and len(found) == 8000
    np.testing.assert_allclose(found[500:-500], tone[500:-500], rtol=0, atol=0.05)


@pytest.mark.parametrize("channel", [0, 1])
def test_a_channel_is_chosen(channel):
    both = np.c_[noise(seed=1), noise(seed=2)]
    data = encoded(both, format="FLAC")
    np.testing.assert_array_equal(read_bytes(data, "x", channel).samples, both[:, channel])
    with pytest.raises(DataError, match=r"x: has 2 channels; take one by channel=0 \(--channel 0\)"):
        read_bytes(data, "x")
    with pytest.raises(DataError, match="x: there is no channel 2, it has 2"):
        read_bytes(data, "x", 2)
    with pytest.raises(ArgumentError, match="channel=-1"):
        read_bytes(data, "x", -1)


def test_long_files_are_read_in_blocks():
    long = np.c_[noise(700_000, 1), noise(700_000, 2)]
    np.testing.assert_array_equal(read_bytes(encoded(long, format="WAV"), "x", 1).samples, long[:, 1])


# -- writing ---------------------------------------------------------------------------------------------


def test_what_is_written_others_read(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, Audio(noise(), 22050))
    with wave.open(str(path)) as f:
        assert (f.getnchannels(), f.getsampwidth(), f.getframerate(), f.getnframes()) == (1, 2, 22050, 2000)
        assert f.readframes(2000) == noise().tobytes()
    floats = noise().astype(np.float32) / 32768
    write_wav(path, Audio(floats, 8000))
    rate, samples = wavfile.read(path)
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_array_equal(samples, floats)
    np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0], floats)
    assert os.listdir(tmp_path) == ["a.wav"]


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50), st.integers(2000, 384000), st.booleans())
def test_what_is_written_is_read(tmp_path_factory, values, rate, floats):
    path = tmp_path_factory.mktemp("wav") / "a.wav"
    samples = np.array(values, np.int16)
    samples = samples.astype(np.float32) / 7 if floats else samples
    write_wav(path, Audio(samples, rate))
    found = read(path)
    assert found.rate == rate and found.samples.dtype == samples.dtype
    np.testing.assert_array_equal(found.samples, samples)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(CheckpointError, match="cannot write"):
        write_wav(tmp_path / "file" / "a.wav", Audio(noise(), 8000))
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_clip_that_is_none_is_refused():
    for samples in (np.zeros(4), np.zeros((4, 1), np.int16), [0.0, 1.0], np.zeros(4, np.int32)):
        with pytest.raises(ArgumentError, match="samples must be an int16 or float32 array"):
            Audio(samples, 8000)
    with pytest.raises(ArgumentError, match="at least 1 Hz, got 0"):
        Audio(noise(), 0)


# -- AN4 -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not DATA, reason="MINIDL_DATA is not set")
def test_an4_is_read_to_the_sum_in_its_headers(tmp_path):
    checked = 0
    with tarfile.open(Path(DATA) / "an4" / "an4-subset.tar.xz", "r|xz") as archive:
        for member in archive:
            if not member.name.endswith(".sph"):
                continue
            data = archive.extractfile(member).read()
            header = dict(line.split(" -i ") for line in data[:1024].decode().split("\n") if " -i " in line)
            found = read_bytes(data, member.name)
            assert found.rate == 16000 and found.samples.dtype == np.int16
            assert len(found.samples) == int(header["sample_count"])
            assert int(found.samples.sum(dtype=np.int64)) % 65536 == int(header["sample_checksum"])
            checked += 1
            if checked == 3:
                break
    assert checked == 3
