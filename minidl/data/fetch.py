"""Finds a data file on this machine, or downloads it; either way, nothing is used but what has the right checksum."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError

_TIMEOUT = 30  # seconds without an answer


@dataclass(frozen=True)
class RemoteFile:
    """A file that anybody can have.

    Attributes
    ----------
    name : str
    sha256 : str
    url : str
        Where it is downloaded from; empty if nowhere.
    plain_sha256 : str
        Of the same file without its ``.gz``, which is accepted too.
    """

    name: str
    sha256: str
    url: str = ""
    plain_sha256: str = ""


def folders(name: str) -> list[Path]:
    """Where the files of data set `name` are looked for: ``$MINIDL_DATA/name``, then the user's cache."""
    own = os.environ.get("MINIDL_DATA")
    return [*([Path(own).expanduser() / name] if own else []), cache_folder() / name]


def cache_folder() -> Path:
    """Where downloads go: ``minidl`` in the cache directory that the system gives a user."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "minidl"


def contents(file: RemoteFile, places: Sequence[Path]) -> tuple[bytes, Path]:
    """The bytes of `file`, and where they were; downloaded into the last of `places` if in none of them.

    Raises
    ------
    DataError
        Neither there nor to be had, unreadable, or with another checksum.
    """
    for place in places:
        for name, sha256 in _spellings(file):
            path = place / name
            try:
                data = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise DataError(f"cannot read {path}: {error.strerror or error}") from error
            if hashlib.sha256(data).hexdigest() != sha256:
                raise DataError(f"{path}: damaged or another file: its SHA-256 is not {sha256}; remove or replace it")
            return data, path
    path = _download(file, places)
    return path.read_bytes(), path


def _spellings(file: RemoteFile) -> list[tuple[str, str]]:
    plain = [(file.name.removesuffix(".gz"), file.plain_sha256)] if file.plain_sha256 else []
    return [(file.name, file.sha256), *plain]


def _download(file: RemoteFile, places: Sequence[Path]) -> Path:
    """Download with a progress bar, check, and only then give the file its name (pooch does all that)."""
    advice = f"put {file.name} (and the set's other files) into {' or '.join(map(str, places))}"
    if not os.environ.get("MINIDL_DATA"):
        advice += f", or set MINIDL_DATA to a folder that has {places[-1].name}/{file.name}"
    if not file.url:
        raise DataError(f"{file.name} is not on this machine and cannot be downloaded; {advice}")
    try:
        import pooch
    except ImportError as error:
        raise DataError(
            f"{file.name} is not on this machine, and downloading needs pooch: pip install 'minidl[demos]'; or {advice}"
        ) from error
    pooch.get_logger().setLevel("WARNING")
    get: Any = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT)
    try:
        found = pooch.retrieve(
            file.url, known_hash=f"sha256:{file.sha256}", fname=file.name, path=places[-1], downloader=get
        )
    except ValueError as error:  # pooch has removed what came
        raise DataError(f"{file.url}: what was downloaded has another SHA-256 than {file.sha256}; {advice}") from error
    except OSError as error:  # requests' errors are OSErrors too
        raise DataError(f"{file.name} cannot be downloaded from {file.url} ({_reason(error)}); {advice}") from error
    return Path(found)


def _reason(error: OSError) -> str:
    if error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"the server answers {status}"
    kinds = {kind.__name__ for kind in type(error).__mro__}  # requests is not imported here
    if "Timeout" in kinds:
        return f"no answer for {_TIMEOUT} seconds"
    return "no connection" if "ConnectionError" in kinds else type(error).__name__
