"""Audio files that are none, or broken: one line that says so, bounded memory, and no other error."""

import struct
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.test_audio import encoded, noise

from minidl.errors import DataError, MissingExtra
from minidl.speech.audio import read, read_bytes

FORMS = {
    "wav": encoded(noise(), format="WAV"),
    "float": encoded(noise() / 32768, format="WAV", subtype="FLOAT"),
    "flac": encoded(noise(), format="FLAC"),
    "stereo": encoded(np.c_[noise(), noise(seed=1)], format="FLAC"),
    "sphere": encoded(noise(), format="NIST"),
    "ogg": encoded(noise() / 32768, format="OGG", subtype="VORBIS"),
}


def with_field(data, place, form, value):
    changed = bytearray(data)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


def test_missing_files(tmp_path):
    for path in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(DataError, match=f"cannot read {path}: "):
            read(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: the file is empty"),
        (b"hello", "x: not a WAV, FLAC, OGG or NIST SPHERE file"),
        (b"\x89PNG" + bytes(2000), "x: not a WAV"),
        (b"RIFF\4\0\0\0AVI ", "x: not a WAV"),
        (FORMS["wav"][:40], "x: damaged or truncated"),
        (FORMS["wav"][:2044], "x: truncated: 1000 of the 2000 samples"),
        (FORMS["wav"][:2045], "x: truncated: 1000 of the 2000 samples"),
        (FORMS["float"][:-4], "x: truncated: 1 of the 2000 samples"),
        (FORMS["sphere"][:3024], "x: truncated: 1000 of the 2000 samples"),
        (FORMS["sphere"][:700], "x: damaged or truncated"),
        (FORMS["flac"][:2000], "x: damaged or truncated"),
        (FORMS["ogg"][:-100], "x: (holds no samples, or is|damaged or) truncated"),
        (encoded(noise(0), format="WAV"), "x: holds no samples"),
        (encoded(noise(0), format="NIST"), "x: (holds no samples|damaged)"),
        (encoded(noise(), format="WAV", subtype="IMA_ADPCM"), "x: samples encoded as IMA_ADPCM are not supported"),
        (encoded(noise(), 1999, format="WAV"), "x: its header says 1999 Hz; 2000 to 384000 Hz are possible"),
        (encoded(noise(), 10**6, format="WAV"), "x: its header says 1000000 Hz"),
        (with_field(FORMS["wav"], 24, "<I", 0), "x: "),
        (FORMS["sphere"].replace(b"-s3 pcm", b"-s26 pcm,embedded-shorten-v2.00"), "x: damaged .* of a rare kind"),
    ],
)
def test_what_is_no_sound_file_is_refused(data, message):
    with pytest.raises(DataError, match=message) as caught:
        read_bytes(data, "x")
    assert "\n" not in str(caught.value)


def test_a_flac_file_that_ends_between_two_of_its_frames_is_refused():
    whole = encoded(noise(20480), format="FLAC")
    places = [i for i in range(4000, len(whole)) if whole[i : i + 2] == b"\xff\xf8"]  # where frames begin
    assert len(places) >= 4
    for place in places:
        with pytest.raises(DataError, match=r"x: .*truncated"):
            read_bytes(whole[:place], "x")


def test_chunks_before_the_samples_are_passed_over():
    odd = b"note\5\0\0\0abcde\0"  # a chunk of five bytes, and one that makes them even
    data = FORMS["wav"][:36] + odd + FORMS["wav"][36:]
    np.testing.assert_array_equal(read_bytes(data, "x").samples, noise())
    with pytest.raises(DataError, match="x: truncated: 1 of the 2000 samples"):
        read_bytes(data[:-2], "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_named(value):
    samples = noise().astype(np.float32) / 32768
    samples[[1234, 1999]] = value
    with pytest.raises(DataError, match=f"x: sample 1234 is {value}"):
        read_bytes(encoded(samples, format="WAV", subtype="FLOAT"), "x")


def test_silence_is_no_error():
    assert not read_bytes(encoded(np.zeros(100, np.int16), format="WAV"), "x").samples.any()


def test_a_size_that_a_pipe_did_not_know_is_no_error():
    found = read_bytes(with_field(FORMS["wav"], 40, "<I", 2**32 - 1), "x")
    np.testing.assert_array_equal(found.samples, noise())


def test_bytes_after_the_samples_are_not_sound():
    for data in (FORMS["wav"] + b"LIST\4\0\0\0abcd", FORMS["sphere"] + bytes(100)):
        np.testing.assert_array_equal(read_bytes(data, "x").samples, noise())


@pytest.mark.parametrize(
    "data",
    [
        with_field(FORMS["wav"], 40, "<I", 2**32 - 2),
        FORMS["sphere"].replace(b"sample_count -i 2000", b"sample_count -i 2000000000"),
        with_field(FORMS["flac"], 22, ">I", 2**32 - 1),
    ],
    ids=["wav", "sphere", "flac"],
)
def test_a_header_that_promises_gigabytes_takes_no_memory(data):
    read_bytes(FORMS["wav"], "x")  # imports
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="truncated"):
            read_bytes(data, "x")
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_mutated_and_truncated_files_give_sound_or_one_line(form, data):
    changed = bytearray(FORMS[form])
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.one_of(st.integers(0, 99), st.integers(0, len(changed) - 1)))
        changed[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed))) :]
    try:
        found = read_bytes(bytes(changed), "x", data.draw(st.sampled_from([None, 0])), 16000)
    except DataError as error:
        assert str(error).startswith("x: ") and "\n" not in str(error)
    else:
        assert found.rate == 16000 and len(found.samples) and np.isfinite(found.samples).all()


def test_without_soundfile_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"pip install 'minidl\[speech\]'"):
        read_bytes(FORMS["wav"], "x")


def test_a_name_that_speaks_of_raw_samples_changes_nothing(tmp_path):
    (tmp_path / "a.raw").write_bytes(FORMS["wav"])
    np.testing.assert_array_equal(read(tmp_path / "a.raw").samples, noise())
