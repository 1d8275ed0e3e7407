"""Files of named arrays in the safetensors format: written whole or not at all, checked when read, never pickled.

The format is eight bytes of header length, a JSON header, and the raw arrays (https://github.com/huggingface/safetensors);
any safetensors reader opens these files. A SHA-256 of the whole file (with the digest's own place held by zeros)
stands in the header, so that a truncated or altered file is told from a good one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import CheckpointError

MAX_HEADER = 16 * 2**20  # bytes; the header of a model with 100,000 arrays is smaller
_ZEROS = "0" * 64
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
_NAMES = {np.dtype(v): k for k, v in _DTYPES.items() if k != "BF16"}


# -- writing ---------------------------------------------------------------------------------------------


def save(path: str | os.PathLike[str], arrays: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
    """Write named arrays, and JSON-able `metadata`, to one safetensors file.

    The file appears under its name only when it is complete and on the disk; until then an older file of that
    name stays as it was, also if the machine or the process dies.

    Parameters
    ----------
    path : path
    arrays : mapping of str to array
        NumPy arrays or Tensors, of any shape.
    metadata : mapping, optional
        Anything ``json`` can write.

    Raises
    ------
    CheckpointError
        The directory cannot be written or the disk is full; or an array's dtype has no place in the format.
    """
    host = {name: _as_host(name, a) for name, a in arrays.items()}
    header = _header_bytes(host, metadata)
    digest = hashlib.sha256(len(header).to_bytes(8, "little") + header)
    for a in host.values():
        digest.update(_bytes_of(a))
    header = header.replace(_ZEROS.encode(), digest.hexdigest().encode(), 1)
    with replacing(path) as f:
        f.write(len(header).to_bytes(8, "little") + header)
        for a in host.values():
            f.write(_bytes_of(a))


def _as_host(name: str, array: Any) -> np.ndarray:
    array = array.numpy() if hasattr(array, "numpy") else array
    array = np.asarray(array)
    if array.dtype.newbyteorder("<") not in _NAMES:
        raise CheckpointError(f"save: {name!r} is an array of {array.dtype}, which a safetensors file cannot hold")
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array if array.flags.c_contiguous else array.copy(order="C")  # ascontiguousarray makes 0-d arrays 1-d


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _header_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None) -> bytes:
    # the digest's place comes first, so that the first run of 64 zeros in the header is the right one
    head: dict[str, Any] = {"__metadata__": {"sha256": _ZEROS, "format": "np", "minidl": json.dumps(metadata or {})}}
    offset = 0
    for name, a in arrays.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise CheckpointError(f"save: {name!r} cannot be the name of an array")
        head[name] = {
            "dtype": _NAMES[a.dtype],
            "shape": list(a.shape),
            "data_offsets": [offset, offset + a.nbytes],
        }
        offset += a.nbytes
    text = json.dumps(head, separators=(",", ":")).encode()
    if len(text) > MAX_HEADER:
        raise CheckpointError(f"save: names and metadata take {len(text)} bytes; at most {MAX_HEADER} are possible")
    return text + b" " * (-len(text) % 8)  # the arrays start aligned


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file that takes the place of `path` when the block ends without an error.

    Raises
    ------
    CheckpointError
        With the operating system's reason; what stood at `path` is untouched.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as f:
            yield f
            f.flush()
            os.fsync(f.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
        _sync_directory(path.parent)
    except OSError as error:
        kept = "; the file that was there is untouched" if os.path.exists(path) else ""
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}{kept}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0o022)  # there is no way to read it but to set it
    os.umask(mask)
    return mask


def _sync_directory(directory: Path) -> None:
    """Make the new name durable, where the system lets directories be opened."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


# -- reading ---------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the arrays of a safetensors file, minidl's or another program's.

    Returns
    -------
    dict of str to NumPy array
        bfloat16, which NumPy does not know, becomes float32.

    Raises
    ------
    CheckpointError
        No such file; not a safetensors file (pickles such as PyTorch's ``.pt`` are never opened); truncated; or
        altered since it was written.
    """
    return read(path)[0]


def read(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read arrays and metadata; see :func:`load`."""
    try:
        with open(path, "rb") as f:
            size = os.fstat(f.fileno()).st_size
            header = _read_header(f, size, path)
            entries, metadata = _parse_header(header, size - 8 - len(header), path)
            data = f.read(size - 8 - len(header))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    if len(data) != size - 8 - len(header):
        raise CheckpointError(f"{path}: truncated while it was read")
    saved = metadata.get("sha256")
    if saved is not None:
        blank = header.replace(saved.encode(), _ZEROS.encode(), 1)
        digest = hashlib.sha256(len(header).to_bytes(8, "little") + blank)
        digest.update(data)
        if digest.hexdigest() != saved:
            raise CheckpointError(f"{path}: its checksum does not match; it was damaged or altered after it was written")
    arrays = {name: _array(data, *entry) for name, entry in entries.items()}
    return arrays, _own_metadata(metadata, path)


def _read_header(f: BinaryIO, size: int, path: Any) -> bytes:
    start = f.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= MAX_HEADER or f.peek(1)[:1] != b"{":  # type: ignore[attr-defined]
        if start[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise CheckpointError(
                f"{path}: a pickle or zip archive (a PyTorch .pt file?), which minidl never opens; "
                "convert it with safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
            )
        raise CheckpointError(f"{path}: not a safetensors file")
    if 8 + length > size:
        raise CheckpointError(f"{path}: truncated ({size} bytes, and the header alone takes {8 + length})")
    return f.read(length)


def _parse_header(
    header: bytes, n_bytes: int, path: Any
) -> tuple[dict[str, tuple[str, list[int], int, int]], dict[str, str]]:
    """Entries (dtype, shape, start, stop) by name, and metadata, both checked against the file's size."""
    try:
        head = json.loads(header.decode())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a safetensors file (its header is not JSON)") from error
    metadata = head.pop("__metadata__", None) or {} if isinstance(head, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise CheckpointError(f"{path}: not a safetensors file (its header is not a table of arrays)")
    entries = {name: _entry(name, entry, path) for name, entry in head.items()}
    end = 0
    for _, _, start, stop in sorted(entries.values(), key=lambda e: e[2:]):
        if start != end:  # overlaps would let a small file ask for any amount of memory
            raise CheckpointError(f"{path}: its arrays overlap or leave gaps; it was altered")
        end = stop
    if end > n_bytes:
        raise CheckpointError(f"{path}: truncated ({n_bytes} bytes of arrays, and the header speaks of {end})")
    if end < n_bytes:
        raise CheckpointError(f"{path}: {n_bytes - end} bytes follow the last array; it was altered")
    return entries, metadata


def _entry(name: str, entry: Any, path: Any) -> tuple[str, list[int], int, int]:
    try:
        dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [start, stop, *shape]
        sound = all(type(n) is int and 0 <= n < 2**62 for n in numbers) and len(shape) <= 64 and dtype in _DTYPES
        sound = sound and stop - start == math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise CheckpointError(f"{path}: the header's entry for {name[:80]!r} is not sound: {str(entry)[:120]}")
    return dtype, shape, start, stop


def _array(data: bytes, dtype: str, shape: list[int], start: int, stop: int) -> np.ndarray:
    kind = np.dtype(_DTYPES[dtype])
    flat = np.frombuffer(data, kind, (stop - start) // kind.itemsize, start) if stop > start else np.empty(0, kind)
    if dtype == "BF16":  # the upper half of a float32
        return (flat.astype(np.uint32) << np.uint32(16)).view(np.float32).reshape(shape)
    return flat.reshape(shape).copy()


def _own_metadata(metadata: dict[str, str], path: Any) -> dict[str, Any]:
    """minidl's JSON if there is any, else the strings of another program."""
    if "minidl" not in metadata:
        return dict(metadata)
    try:
        own = json.loads(metadata["minidl"])
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its metadata is not JSON; it was altered") from error
    if not isinstance(own, dict):
        raise CheckpointError(f"{path}: its metadata is not a table; it was altered")
    return own
