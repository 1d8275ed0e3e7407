"""Audio files: reads WAV, FLAC, OGG and NIST SPHERE through libsndfile, and writes WAV.

Telephone recordings in A-law or mu-law read too; other compression inside WAV or SPHERE (ADPCM, shorten) does not.
"""

from __future__ import annotations

import io
import os
import struct
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError, MissingExtra
from ...train.files import replacing
from .clip import MOST_SAMPLES, RATES, Audio
from .headers import START, check_missing, kind, promised_length
from .resampling import resample

_ENCODINGS = {"PCM_16", "PCM_U8", "PCM_S8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "VORBIS", "OPUS"}
_BLOCK = 2**20  # values read at a time
_MOST_BYTES = 2**31  # of a file


def read(path: str | os.PathLike[str], channel: int | None = None, rate: int | None = None) -> Audio:
    """Read a recording.

    Parameters
    ----------
    path : path
        WAV, FLAC, OGG (Vorbis, Opus) or NIST SPHERE, recognised by its contents.
    channel : int, optional
        Which one of several to take, from 0.
    rate : int, optional
        Resample to so many samples per second.

    Returns
    -------
    Audio
        int16 where the file holds 16-bit samples; else float32, full scale at -1 and 1.

    Raises
    ------
    DataError
        No such file, empty, no audio, damaged or truncated, without samples; several channels and no `channel`, or not
        so many; a rate outside 2 kHz to 384 kHz; a sample that is not finite; a recording of hours.
    ArgumentError
        `channel` below 0, `rate` outside 2 kHz to 384 kHz.
    MissingExtra
        soundfile is not installed.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as f:
            start = f.read(START)
            kind(start, name)  # before all of it is read
            data = start + f.read(_MOST_BYTES)
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}") from error
    return read_bytes(data, name, channel, rate)


def read_bytes(data: bytes, name: str, channel: int | None = None, rate: int | None = None) -> Audio:
    """Read a recording from a file's contents, which messages call `name`; see :func:`read`."""
    if channel is not None and channel < 0:
        raise ArgumentError(f"audio: channels are counted from 0, got channel={channel}")
    if rate is not None and not RATES[0] <= rate <= RATES[1]:
        raise ArgumentError(f"audio: rate must be {RATES[0]} to {RATES[1]} Hz, got {rate}")
    soundfile = _soundfile()
    kind(data[:START], name)
    if len(data) > _MOST_BYTES:
        raise DataError(f"{name}: larger than {_MOST_BYTES} bytes; cut it into parts")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as f:
            channel = _checked_channel(f, name, channel)
            promised = promised_length(data, name)
            samples, own_rate = _samples(f, name, channel)[:promised], f.samplerate
    except soundfile.LibsndfileError as error:
        raise DataError(f"{name}: damaged or truncated, or of a rare kind ({error.error_string}); get it anew") from error
    if rate is None or rate == own_rate:
        return Audio(samples, own_rate)
    return Audio(resample(samples, own_rate, rate), rate)


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the package is there, libsndfile is not
        raise MissingExtra(f"reading audio needs soundfile ({error}); pip install 'minidl[speech]'") from error
    return soundfile


def _checked_channel(f: Any, name: str, channel: int | None) -> int:
    """Which channel to take, of a file whose encoding and rate are checked too."""
    if f.subtype not in _ENCODINGS:
        raise DataError(f"{name}: samples encoded as {f.subtype} are not supported; convert it to WAV with 16-bit samples")
    if not RATES[0] <= f.samplerate <= RATES[1]:
        raise DataError(f"{name}: its header says {f.samplerate} Hz; {RATES[0]} to {RATES[1]} Hz are possible")
    if channel is None and f.channels > 1:
        raise DataError(f"{name}: has {f.channels} channels; take one by channel=0 (--channel 0) or another")
    if channel is not None and channel >= f.channels:
        raise DataError(f"{name}: there is no channel {channel}, it has {f.channels}, counted from 0")
    return channel or 0


def _samples(f: Any, name: str, channel: int) -> np.ndarray:
    """All of one channel, read in blocks, so that memory follows what is there and not what the header says."""
    dtype = "int16" if f.subtype == "PCM_16" else "float32"
    blocks, count, size = [], 0, max(1, _BLOCK // f.channels)
    while True:
        block = f.read(size, dtype, always_2d=True)[:, channel]
        if dtype == "float32" and not np.isfinite(block).all():
            place = np.flatnonzero(~np.isfinite(block))[0]
            raise DataError(f"{name}: sample {count + place} is {block[place]}; repair it")
        blocks.append(np.ascontiguousarray(block))
        count += len(block)
        if count > MOST_SAMPLES:
            raise DataError(f"{name}: more than {MOST_SAMPLES} samples; cut it into parts")
        if len(block) < size:
            break
    if not count:
        raise DataError(f"{name}: holds no samples, or is truncated")
    if f.frames < 2**62:  # a stream of unknown length says 2**63 - 1
        check_missing(f.frames - count, f.frames, name)
    return np.concatenate(blocks)


def write_wav(path: str | os.PathLike[str], audio: Audio) -> None:
    """Write a recording as WAV: 16-bit integers, or 32-bit floats, as they are.

    The file appears under its name when it is complete. The same samples always give the same bytes.

    Raises
    ------
    CheckpointError
        The file cannot be written; what was there is untouched.
    DataError
        Longer than the format can say.
    """
    code, width = (1, 2) if audio.samples.dtype == np.int16 else (3, 4)  # PCM or IEEE float
    samples = audio.samples.astype(audio.samples.dtype.newbyteorder("<"), copy=False)
    # all but PCM must say twice how many samples there are
    fact = b"" if code == 1 else struct.pack("<4sII", b"fact", 4, len(samples))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, code, 1, audio.rate, audio.rate * width, width, 8 * width)
    size = 4 + len(form) + len(fact) + 8 + samples.nbytes
    if size >= 2**32:
        raise DataError(f"{os.fspath(path)}: {len(samples)} samples are more than a WAV file can hold; cut it into parts")
    with replacing(path) as f:
        f.write(struct.pack("<4sI4s", b"RIFF", size, b"WAVE") + form + fact)
        f.write(struct.pack("<4sI", b"data", samples.nbytes) + samples.tobytes())
