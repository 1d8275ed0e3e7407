"""The files inside of a data set's archive, all in memory."""

from __future__ import annotations

import functools
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ...data.fetch import RemoteFile, contents


@functools.lru_cache(maxsize=2)  # unpacking takes a second
def members(file: RemoteFile, places: tuple[Path, ...]) -> Mapping[str, bytes]:
    """Content of each file inside of a tar archive, by its name with folders.

    The archive's checksum is known before it is opened: so it is not checked for anything else.

    Raises
    ------
    DataError
        It is in none of the places, or has another checksum; see :func:`minidl.data.fetch.contents`.
    """
    data, _ = contents(file, places)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {}
        for member in tar:  # read in passing: going back would unpack all again
            if (f := tar.extractfile(member)) is not None:
                files[member.name] = f.read()
        return MappingProxyType(files)
