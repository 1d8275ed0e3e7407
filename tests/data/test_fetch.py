"""Finding and downloading files: the order of places, checksums, and what is said offline."""

import gc
import hashlib
import http.server
import os
import re
import threading
import warnings

import pytest

from minidl.data.fetch import RemoteFile, cache_folder, contents, folders
from minidl.errors import DataError

GOOD = b"the right bytes" * 1000
SHA256 = hashlib.sha256(GOOD).hexdigest()
PLAIN = b"unpacked"
FILE = RemoteFile("file.gz", SHA256, plain_sha256=hashlib.sha256(PLAIN).hexdigest())


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; ``server.body`` is what it sends (None: status 404)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.requests += 1
            self.send_response(404 if self.server.body is None else 200)
            self.send_header("Content-Length", str(self.server.length or len(self.server.body or b"")))
            self.end_headers()
            self.wfile.write(self.server.body or b"")

        def log_message(self, *args):
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.body, httpd.length, httpd.requests = GOOD, None, 0
        httpd.file = RemoteFile("file.gz", SHA256, f"http://127.0.0.1:{httpd.server_port}/file.gz")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def test_places(monkeypatch, tmp_path):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    assert folders("mnist") == [tmp_path / "mnist", cache_folder() / "mnist"]
    monkeypatch.delenv("MINIDL_DATA")
    assert folders("mnist") == [cache_folder() / "mnist"]
    if os.name == "posix":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
        assert str(tmp_path) in str(cache_folder()) or "Library" in str(cache_folder())


def test_the_first_place_that_has_it(tmp_path):
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
    (tmp_path / "b" / "file.gz").write_bytes(GOOD)
    places = [tmp_path / "a", tmp_path / "b"]
    assert contents(FILE, places) == (GOOD, tmp_path / "b" / "file.gz")
    (tmp_path / "a" / "file").write_bytes(PLAIN)
    assert contents(FILE, places) == (PLAIN, tmp_path / "a" / "file")


def test_another_checksum_names_the_file(tmp_path):
    (tmp_path / "file.gz").write_bytes(GOOD[:-1])
    with pytest.raises(DataError, match=f"{re.escape(str(tmp_path / 'file.gz'))}: damaged or another file.*{SHA256}"):
        contents(FILE, [tmp_path])


def test_nowhere_and_no_address(tmp_path):
    with pytest.raises(DataError, match=f"file.gz is not on this machine.*put file.gz .*into {re.escape(str(tmp_path))}"):
        contents(FILE, [tmp_path])


def test_a_place_that_is_a_file_or_a_folder(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(DataError, match="not on this machine"):
        contents(FILE, [tmp_path / "x"])
    (tmp_path / "file.gz").mkdir()
    with pytest.raises(DataError, match="directory"):
        contents(FILE, [tmp_path])


pooch = pytest.mark.filterwarnings("default")  # of pooch's and requests' own


@pytest.fixture(autouse=True)
def _sockets_that_requests_left_open():
    """After an error in the middle of a download, requests leaves its socket to the garbage collector."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pooch
def test_download_once_into_the_last_place(server, tmp_path):
    pytest.importorskip("pooch")
    places = [tmp_path / "own", tmp_path / "cache"]
    for _ in range(2):
        assert contents(server.file, places) == (GOOD, tmp_path / "cache" / "file.gz")
    assert server.requests == 1
    assert os.listdir(tmp_path / "cache") == ["file.gz"] and not (tmp_path / "own").exists()


@pooch
@pytest.mark.parametrize("body, length, words", [
    (b"something else", None, "another SHA-256"),
    (GOOD[:5000], 15000, "cannot be downloaded|another SHA-256"),
    (None, None, "the server answers 404"),
])  # fmt: skip
def test_a_bad_download_leaves_nothing_behind(server, tmp_path, body, length, words):
    pytest.importorskip("pooch")
    server.body, server.length = body, length
    with pytest.raises(DataError, match=words) as e:
        contents(server.file, [tmp_path])
    assert "\n" not in str(e.value) and server.file.url in str(e.value)
    assert os.listdir(tmp_path) == []


@pooch
def test_offline(tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.delenv("MINIDL_DATA", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    file = RemoteFile("file.gz", SHA256, "http://127.0.0.2:9/file.gz")
    with pytest.raises(DataError, match=r"no connection.*put file.gz .*into .* or set MINIDL_DATA to a folder that has"):
        contents(file, [tmp_path])


@pooch
def test_a_cache_that_cannot_be_written(server, tmp_path):
    pytest.importorskip("pooch")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be downloaded"):
        contents(server.file, [tmp_path / "file" / "cache"])
