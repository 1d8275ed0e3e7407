"""Kaldi archives: bytes written by hand from Kaldi's format, kaldiio's own reader, and what must never be run or loaded."""

import contextlib
import os
import pickle
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minidl.errors import ArgumentError, CheckpointError, DataError, MissingExtra
from minidl.speech.archives import read_alignments, read_features, write_alignments, write_features

kaldiio = pytest.importorskip("kaldiio")

FEATURES = {
    name: np.random.default_rng(i).standard_normal((i, 4)).astype(np.float32)
    for i, name in enumerate(["b-2", "a-1", "ü"], 1)
}
ALIGNMENTS = {"b": np.array([3, 3, 0, -1], np.int32), "a": np.array([], np.int32), "c": np.array([2**31 - 1], np.int32)}


def matrix(values):
    return b"\0BFM " + struct.pack("<bibi", 4, len(values), 4, len(values[0])) + np.array(values, "<f4").tobytes()


def vector(values):
    return b"\0B" + struct.pack("<bi", 4, len(values)) + b"".join(struct.pack("<bi", 4, v) for v in values)


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def refused(path, data, message, read=read_features):
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_the_bytes_are_kaldi_s(tmp_path):
    write_features(tmp_path / "f.ark", {"u1": np.array([[1, 2], [3, 4]], np.float64), "u2": np.ones((1, 1), np.float32)})
    assert (tmp_path / "f.ark").read_bytes() == b"u1 " + matrix([[1, 2], [3, 4]]) + b"u2 " + matrix([[1]])
    write_alignments(tmp_path / "a.ark", {"u1": np.array([5, 6]), "u2": np.array([7], np.uint8)})
    assert (tmp_path / "a.ark").read_bytes() == b"u1 " + vector([5, 6]) + b"u2 " + vector([7])
    assert sorted(os.listdir(tmp_path)) == ["a.ark", "f.ark"]


@pytest.mark.parametrize(
    ("arrays", "write", "read"),
    [(FEATURES, write_features, read_features), (ALIGNMENTS, write_alignments, read_alignments)],
    ids=["features", "alignments"],
)
def test_what_is_written_is_read_by_archive_and_by_index(tmp_path, arrays, write, read):
    ark, scp = tmp_path / "some: x.ark", tmp_path / "x.scp"
    write(ark, arrays, scp)
    for found in (read(ark), read(scp), dict(kaldiio.load_ark(str(ark))), dict(kaldiio.load_scp(str(scp)))):
        assert_same(found, arrays)
    lines = scp.read_text().splitlines()
    scp.write_text("\n".join(reversed(lines)) + "\n\n")
    assert list(read(scp)) == list(arrays)[::-1]


@pytest.mark.parametrize("method", [None, 2, 3, 5])
def test_doubles_and_compressed_matrices_become_float32(tmp_path, method):
    x = np.random.default_rng(0).standard_normal((30, 5))
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"u": x, "v": x + 1}, compression_method=method)
    found = read_features(tmp_path / "x.ark")
    assert found["u"].dtype == found["v"].dtype == np.float32
    np.testing.assert_allclose(found["v"], x + 1, rtol=0, atol=1e-6 if method is None else 0.1)


def test_no_utterances(tmp_path):
    write_features(tmp_path / "x.ark", {}, tmp_path / "x.scp")
    assert read_features(tmp_path / "x.ark") == read_features(tmp_path / "x.scp") == {}


# -- what is never run or loaded -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    ["touch {0} |", "| touch {0}", "touch {0} |:5", "|touch {0}:5", " touch {0} | :5", "-", "-:x", "x.ark", "x.ark:",
     "x.ark:-1", "x.ark:5[0:3]", "x.ark:5 |", ":5", "", "x.ark:" + "9" * 30, "x.ark:٣"],
)  # fmt: skip
def test_anything_but_file_and_offset_is_refused_and_no_command_is_run(tmp_path, entry):
    mark = tmp_path / "mark"
    write_features(tmp_path / "x.ark", FEATURES)
    message = r"x.scp, line 1: must be `name file:offset`"
    refused(tmp_path / "x.scp", f"u {entry.format(mark)}\n".encode(), message)
    assert not mark.exists()


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trap",)


@pytest.mark.parametrize("read", [read_features, read_alignments])
@pytest.mark.parametrize(
    "body",
    [
        b"PKL" + pickle.dumps(Trap()),
        b"NPY\1\5hello",
        b"AUDIO\1\4RIFF",
        b"RIFF1234WAVE",
        b"fLaC1234",
        b" [ 1 2 3 ]\n",
        b"1 2 3\n",
    ],
    ids=["pickle", "numpy", "audio", "wav", "flac", "text matrix", "text"],
)
def test_pickles_audio_and_text_are_refused(tmp_path, monkeypatch, read, body):
    monkeypatch.chdir(tmp_path)
    refused(tmp_path / "x.ark", b"u " + body, "x.ark, utterance u: no (matrix|vector of integers); not one of Kaldi's", read)
    (tmp_path / "y.scp").write_text("u x.ark:2\n")
    with pytest.raises(DataError, match=r"^x.ark, utterance u: no"):
        read("y.scp")
    assert not (tmp_path / "trap").exists()


# -- bad input -------------------------------------------------------------------------------------------


def test_broken_archives_name_file_and_utterance(tmp_path):
    path = tmp_path / "x.ark"
    whole = b"u1 " + matrix([[1, 2]]) + b"u2 " + matrix([[3, 4]])
    refused(path, whole[:-1], "x.ark, utterance u2: truncated: 23 bytes are promised, 22 are there")
    refused(path, whole[:-10], "x.ark, utterance u2: truncated")
    refused(path, whole[:-23], "x.ark, utterance u2: no matrix")
    refused(path, whole[:-24], "x.ark: no archive, or damaged: b'u2' is no utterance's name")
    refused(path, b"\xff " + matrix([[1]]), "x.ark: no archive")
    refused(path, b"u" * 5000 + b" " + matrix([[1]]), "x.ark: no archive")
    refused(path, b"u " + matrix([[1]]) * 2, "x.ark: no archive")
    refused(path, b"u " + matrix([[1]]) + b"u " + matrix([[2]]), "utterance u: this name is there twice")
    refused(path, b"u " + matrix([[0, 1], [np.nan, 1]]), "utterance u: frame 1 is not finite")
    refused(path, b"u " + vector([1, 2]), "utterance u: no matrix")
    refused(path, b"u \0BFV \4\1\0\0\0abcd", "utterance u: no matrix")
    refused(path, b"u " + matrix([[1]]), "utterance u: no vector of integers", read_alignments)
    refused(path, b"u " + vector([1, 2])[:-1], "truncated: 17 bytes are promised, 16 are there", read_alignments)
    refused(path, b"u " + vector([1, 2])[:-5] + b"\5\2\0\0\0", "utterance u: damaged", read_alignments)
    refused(path, b"u \0B\4\xff\xff\xff\xff", "its header speaks of -1 rows", read_alignments)


def test_headers_that_promise_gigabytes_take_no_memory(tmp_path):
    huge = 2**31 - 1
    refused(
        tmp_path / "x.ark", b"u \0BFM " + struct.pack("<bibi", 4, huge, 4, huge), "truncated: 18446744056529682451 bytes"
    )
    refused(tmp_path / "x.ark", b"u \0BCM " + struct.pack("<ffii", 0, 1, huge, huge), "truncated")
    refused(tmp_path / "x.ark", b"u \0B\4" + struct.pack("<i", huge), "truncated", read_alignments)


def test_broken_indices_name_line_and_utterance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_features("x.ark", FEATURES)
    with pytest.raises(DataError, match=r"cannot read none.scp: No such file"):
        read_features("none.scp")
    refused(tmp_path / "x.scp", b"a x.ark:4\nb none.ark:4\n", r"x.scp, line 2, utterance b: cannot read none.ark: No such")
    refused(tmp_path / "x.scp", b"a x.ark:400000\n", r"line 1, utterance a: x.ark ends before byte 400000")
    refused(tmp_path / "x.scp", b"a x.ark:4\na x.ark:4\n", r"utterance a: this name is there twice in .*x.scp")
    refused(tmp_path / "x.scp", b"only-a-name\n", r"x.scp, line 1: must be")
    (tmp_path / "x.scp").write_bytes(b"a\tx.ark:4\n")
    assert_same(read_features("x.scp"), {"a": FEATURES["b-2"]})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of a file of each kind, in a folder to be in: what an index says should not depend on the folder's name."""
    folder = tmp_path_factory.mktemp("fuzz")
    with contextlib.chdir(folder):
        write_features("x.ark", FEATURES, "x.scp")
        write_alignments("x.ali.ark", ALIGNMENTS)
        kaldiio.save_ark("x.cm.ark", {"u": np.eye(9, dtype=np.float32)}, compression_method=2)
        yield {name: Path(name).read_bytes() for name in ("x.ark", "x.scp", "x.ali.ark", "x.cm.ark")}


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(["x.ark", "x.scp", "x.ali.ark", "x.cm.ark"]), st.data())
def test_mutated_and_truncated_files_give_arrays_or_one_line(files, name, data):
    changed = bytearray(files[name])
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.one_of(st.integers(0, 30), st.integers(0, len(changed) - 1)))
        changed[place] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b" |\n:\0\4")))
    if data.draw(st.booleans()):
        del changed[data.draw(st.integers(0, len(changed))) :]
    path = Path("changed" + Path(name).suffix)
    path.write_bytes(changed)
    read = read_alignments if name == "x.ali.ark" else read_features
    try:
        found = read(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert all(array.dtype in (np.float32, np.int32) and np.isfinite(array).all() for array in found.values())


# -- a caller's mistakes ---------------------------------------------------------------------------------


def test_what_cannot_be_written_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "x.ark"
    write_features(path, FEATURES)
    before = path.read_bytes()
    for name in ("", "a b", "a\n", "\0", "a" * 2000):
        with pytest.raises(ArgumentError, match="cannot name an utterance"):
            write_features(path, {name: np.zeros((1, 1), np.float32)})
    for array in (np.zeros(3), np.zeros((2, 2), int), np.zeros((1, 2, 3))):
        with pytest.raises(ArgumentError, match=r"features of u must be floats \(T, D\)"):
            write_features(path, {"good": np.zeros((1, 1)), "u": array})
    for array in (np.zeros(3), np.zeros((2, 2), int)):
        with pytest.raises(ArgumentError, match=r"alignment of u must be integers \(T,\)"):
            write_alignments(path, {"u": array})
    with pytest.raises(ArgumentError, match=r"alignment of u holds numbers beyond 2\*\*31"):
        write_alignments(path, {"u": np.array([2**31])})
    with pytest.raises(ArgumentError, match="an index cannot name"):
        write_features("| cat", FEATURES, tmp_path / "x.scp")
    with pytest.raises(CheckpointError, match="cannot write"):
        write_features(path / "y.ark", FEATURES)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["x.ark"]


def test_without_kaldiio_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kaldiio.matio", None)
    for call in (lambda: read_features(tmp_path / "x.ark"), lambda: write_features(tmp_path / "x.ark", {})):
        with pytest.raises(MissingExtra, match=r"pip install 'minidl\[speech\]'"):
            call()
