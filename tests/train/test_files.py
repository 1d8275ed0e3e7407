"""Array files: exact round trips, other programs' files, and every kind of damage refused."""

import errno
import json
import os
import random
import stat

import numpy as np
import pytest

from minidl.errors import CheckpointError
from minidl.train import files, load, save

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


def some_arrays():
    rng = np.random.default_rng(0)
    arrays = {f"a/{dtype}": (rng.standard_normal((3, 5)) * 10).astype(dtype) for dtype in DTYPES}
    return arrays | {"scalar": np.array(3.5, np.float32), "empty": np.zeros((0, 4), np.float32), "näme": rng.random(7)}


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "a.safetensors", some_arrays(), {"epoch": 3, "note": "ä"})
    return tmp_path / "a.safetensors"


def test_round_trip_keeps_bits_shapes_and_dtypes(path):
    back = load(path)
    for name, a in some_arrays().items():
        assert back[name].dtype == a.dtype and back[name].shape == a.shape
        np.testing.assert_array_equal(back[name], a)
        assert back[name].flags.writeable
    assert files.read(path)[1] == {"epoch": 3, "note": "ä"}


def test_views_of_any_layout_are_saved(tmp_path):
    a = np.arange(24.0).reshape(2, 3, 4)
    views = {"t": a.T, "neg": a[::-1, :, ::2], "big": a.astype(">f8"), "wide": np.broadcast_to(a[0, 0], (5, 4))}
    save(tmp_path / "v", views)
    for name, b in load(tmp_path / "v").items():
        np.testing.assert_array_equal(b, views[name])


def test_the_safetensors_library_reads_and_writes_the_same(path, tmp_path):
    st = pytest.importorskip("safetensors.numpy")
    for name, a in st.load_file(path).items():
        np.testing.assert_array_equal(a, some_arrays()[name])
    st.save_file(some_arrays(), tmp_path / "theirs", metadata={"by": "them"})
    for name, a in load(tmp_path / "theirs").items():
        np.testing.assert_array_equal(a, some_arrays()[name])
    assert files.read(tmp_path / "theirs")[1] == {"by": "them"}


def test_bfloat16_becomes_float32(tmp_path):
    raw = np.array([0x3F80, 0xC000], "<u2").tobytes()  # 1 and -2
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "b").write_bytes(len(header).to_bytes(8, "little") + header + raw)
    w = load(tmp_path / "b")["w"]
    assert w.dtype == np.float32 and w.tolist() == [1.0, -2.0]


def test_each_changed_byte_is_noticed(path):
    good = path.read_bytes()
    for place in range(0, len(good), 37):
        bad = bytearray(good)
        bad[place] ^= 1
        path.write_bytes(bad)
        with pytest.raises(CheckpointError, match=str(path)):
            load(path)


def test_each_truncation_is_noticed(path):
    good = path.read_bytes()
    for length in [*range(0, 64), *range(64, len(good), 53), len(good) - 1]:
        path.write_bytes(good[:length])
        with pytest.raises(CheckpointError):
            load(path)
    path.write_bytes(good + b"\0")
    with pytest.raises(CheckpointError, match="follow the last array"):
        load(path)


def test_random_damage_raises_nothing_but_a_checkpoint_error(tmp_path):
    """Without the checksum, as another program's file: then the header's own checks must hold."""
    st = pytest.importorskip("safetensors.numpy")
    good = st.save(some_arrays(), metadata={"a": "b"})
    draw = random.Random(1)
    path = tmp_path / "m"
    for _ in range(600):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            bad[draw.randrange(min(len(bad), 1500))] = draw.randrange(256)
        path.write_bytes(bad if draw.random() < 0.7 else bad[: draw.randrange(len(bad))])
        try:
            arrays, _ = files.read(path)
        except CheckpointError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
        else:
            assert sum(a.nbytes for a in arrays.values()) <= 2 * len(bad)


def with_header(head):
    text = (head if isinstance(head, str) else json.dumps(head)).encode()
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        with_header("[]"),
        with_header('{"a": ' * 5000),
        with_header({"a": 1}),
        with_header({"__metadata__": {"a": 1}}),
        with_header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}}) + b"1234",
        with_header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}),
        with_header({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}) + b"1234",
        with_header({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}) + b"1234",
        with_header({"a": {"dtype": "F32", "shape": "11", "data_offsets": [0, 4]}}) + b"1234",
        with_header({k: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for k in "ab"}) + b"1234",
        (2**63).to_bytes(8, "little") + b"{}",
        b"",
    ],
)
def test_unsound_headers_are_refused(tmp_path, content):
    (tmp_path / "h").write_bytes(content)
    with pytest.raises(CheckpointError):
        load(tmp_path / "h")


@pytest.mark.parametrize("length", [0x0280, 0x0380, 0x0480])
def test_a_header_whose_length_begins_like_a_pickle_is_none(tmp_path, length):
    """The first bytes are a number, which may be any."""
    path = tmp_path / "w.safetensors"
    for n in range(length):
        files.save(path, {"w": np.ones(2)}, {"note": "x" * n})
        if int.from_bytes(path.read_bytes()[:8], "little") >= length:
            break
    assert path.read_bytes()[:2] == length.to_bytes(2, "little")
    assert files.read(path)[1] == {"note": "x" * n}


def test_pickles_and_zip_archives_are_never_opened(tmp_path):
    import pickle

    (tmp_path / "p.pt").write_bytes(pickle.dumps({"w": 1}))
    (tmp_path / "z.pt").write_bytes(b"PK\x03\x04" + bytes(100))
    for name in ("p.pt", "z.pt"):
        with pytest.raises(CheckpointError, match="never opens"):
            load(tmp_path / name)


def test_missing_file_and_directory_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="No such file"):
        load(tmp_path / "none")
    with pytest.raises(CheckpointError, match="directory"):
        load(tmp_path)


def test_unknown_dtypes_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="'c' is an array of complex128"):
        save(tmp_path / "c", {"c": np.zeros(2, complex)})
    with pytest.raises(CheckpointError, match="object"):
        save(tmp_path / "c", {"c": np.array([None])})
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device; the file that was there is untouched"):
        save(path, {"a": np.zeros(3)})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_unwritable_place_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot write .*file/a"):
        save(tmp_path / "file" / "a", {"a": np.zeros(3)})
    with pytest.raises(CheckpointError, match=r"cannot write .*File name too long"):
        save(tmp_path / ("a" * 300), {"a": np.zeros(3)})


def test_files_get_the_usual_permissions(path):
    mask = os.umask(0o022)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
