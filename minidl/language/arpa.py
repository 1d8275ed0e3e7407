r"""Reads and writes back-off models in the ARPA format, the common one of SRILM, KenLM and speech recognisers.

After ``\data\`` the number of n-grams of each order, then by order a line for each: log10 probability, words, and log10
of the back-off weight. Format: ngram-format(5) of SRILM; where it is silent, lm/read_arpa.cc of KenLM.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np

from ..errors import DataError
from .ngram.backoff import BackoffModel
from .ngram.counts import Table, table_above, unigrams, words_of
from .ngram.hashing import HashIndex
from .text import read_lines
from .vocabulary import END, SPECIAL, START, UNKNOWN, Vocabulary

_LN10 = math.log(10.0)
_COUNT = re.compile(r"ngram +(\d+) *= *(\d+)\s*")
_LEAST = -1e30  # log10; minus infinity stands in some files
_MISSING_UNKNOWN = -100.0  # log10, as KenLM takes it
_CHUNK = 1 << 12  # lines at a time: more would keep the garbage collector busy
_MAX_ORDER = 20


# -- writing ---------------------------------------------------------------------------------------------


def write_arpa(model: BackoffModel, file: BinaryIO) -> None:
    """Write a model as ARPA text to an open file (a :class:`gzip.GzipFile` for a compressed one).

    Parameters
    ----------
    model : BackoffModel
    file : binary file
        Of the caller, who sees to it that a broken one is not left behind.
    """
    file.write(b"\\data\\\n")
    for k, table in enumerate(model.tables, 1):
        file.write(b"ngram %d=%d\n" % (k, len(table)))
    for k, table in enumerate(model.tables, 1):
        file.write(b"\n\\%d-grams:\n" % k)
        for first in range(0, len(table), _CHUNK):
            rows = np.arange(first, min(first + _CHUNK, len(table)))
            file.write("".join(_lines(model, k, rows)).encode())
    file.write(b"\n\\end\\\n")


def _lines(model: BackoffModel, k: int, rows: np.ndarray) -> Iterator[str]:
    columns = [model.vocabulary.decode(column.tolist()) for column in words_of(model.tables[:k], rows).T]
    texts = map(" ".join, zip(*columns, strict=True))
    log_probs = (model.log_probs[k - 1][rows] / np.float32(_LN10)).tolist()
    if k == model.order:
        return (f"{p:.7g}\t{text}\n" for p, text in zip(log_probs, texts, strict=True))
    weights = (model.backoffs[k - 1][rows] / np.float32(_LN10)).tolist()
    return (f"{p:.7g}\t{text}\t{weight:.7g}\n" for p, text, weight in zip(log_probs, texts, weights, strict=True))


# -- reading ---------------------------------------------------------------------------------------------


def read_arpa(path: str | os.PathLike[str]) -> BackoffModel:
    """Read and check a model; plain or gzipped.

    An unknown word that the file does not have gets a probability of 1e-100.

    Raises
    ------
    DataError
        With file and line: not this format, counts that do not fit, a positive log probability, a word that is no
        unigram, an n-gram twice or without its first words, no start or end of sentences, cut off.
    """
    return _Reader(path).model()


class _Reader:
    """Goes through the lines once.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.number = path, 0
        self.lines = read_lines(path)

    def fail(self, what: str) -> DataError:
        """An error at the present line."""
        return DataError(f"{self.path}, line {self.number}: {what}")

    def next(self) -> str:
        """The next line that is not empty."""
        for line in self.lines:
            self.number += 1
            if line.strip():
                return line
        raise self.fail(r"the file ends here; an ARPA file ends with \end\, so this one was cut off")

    def model(self) -> BackoffModel:
        """All of it."""
        sizes = self._sizes()
        vocabulary, values = self._unigrams(sizes[0], len(sizes) == 1)
        tables, all_values = [unigrams(len(vocabulary))], [values]
        for k, n in enumerate(sizes[1:], 2):
            table, values = self._ngrams(k, n, k == len(sizes), vocabulary, tables)
            tables.append(table)
            all_values.append(values)
        if self.next().strip() != "\\end\\":
            raise self.fail(r"\end\ should stand here")
        log_probs, backoffs = ([values[i] for values in all_values] for i in (0, 1))
        return BackoffModel(vocabulary, tables, log_probs, backoffs[:-1])

    def _sizes(self) -> list[int]:
        line = self.next()
        while line.strip() != "\\data\\":
            if self.number > 1000:
                raise self.fail(r"no \data\ so far; is it an ARPA file?")
            line = self.next()
        sizes = list[int]()
        line = self.next()
        while match := _COUNT.fullmatch(line):
            if int(match[1]) != len(sizes) + 1 or len(sizes) == _MAX_ORDER:
                raise self.fail(f"'ngram {len(sizes) + 1}=...' should stand here; at most {_MAX_ORDER} orders are read")
            sizes.append(int(match[2]))
            line = self.next()
        if not sizes:
            raise self.fail("'ngram 1=...' should stand here")
        self._header = line
        return sizes

    def _unigrams(self, n: int, highest: bool) -> tuple[Vocabulary, np.ndarray]:
        """The words, and their values (2, V) in the order of their numbers."""
        chunks = list(self._chunks(1, n, highest))
        words = [word for _, (column,), _ in chunks for word in column]
        for special in (START, END):
            if special not in words:
                raise self.fail(f"no unigram {special}; models without sentence ends are not read")
        try:
            vocabulary = Vocabulary([word for word in words if word not in SPECIAL])
        except DataError as error:
            raise self.fail(f"in the unigrams, {error}") from None
        if len(set(words)) < len(words):
            raise self.fail("a special word stands twice in the unigrams")
        values = np.zeros((2, len(vocabulary)), np.float32)
        values[0, 0] = _MISSING_UNKNOWN * _LN10
        values[:, [vocabulary.number(word) for word in words]] = np.concatenate([v for _, _, v in chunks], 1)
        return vocabulary, values

    def _ngrams(self, k: int, n: int, highest: bool, vocabulary: Vocabulary, below: list[Table]) -> tuple[Table, np.ndarray]:
        """The table of an order, and its values (2, n)."""
        keys, values, start = [np.zeros(0, np.int64)], [np.zeros((2, 0), np.float32)], 0
        indices = [HashIndex(table.keys) for table in below[1:]]
        for first, columns, some in self._chunks(k, n, highest):
            start = start or first
            keys.append(self._keys(columns, vocabulary, indices, first))
            values.append(some)
        every = np.concatenate(keys)
        order = np.argsort(every, kind="stable")
        every = every[order]
        if (same := np.flatnonzero(every[1:] == every[:-1])).size:
            self.number = start + int(order[same[0] + 1])
            raise self.fail("this n-gram stands in the file twice")
        return table_above(below, every), np.concatenate(values, 1)[:, order]

    def _keys(self, columns: list[list[str]], vocabulary: Vocabulary, indices: list[HashIndex], first: int) -> np.ndarray:
        size = len(vocabulary)
        ids = [vocabulary.encode(column).astype(np.int64) for column in columns]
        unknown = [
            (i, column[i])
            for column, numbers in zip(columns, ids, strict=True)
            if column.count(UNKNOWN) < (numbers == 0).sum()
            for i in np.flatnonzero(numbers == 0)
            if column[i] != UNKNOWN
        ]
        if unknown:
            i, word = min(unknown)
            self.number = first + int(i)
            raise self.fail(f"{word!r} is no unigram of this file")
        rows = ids[0]
        for index, numbers in zip(indices, ids[1:-1], strict=True):
            rows = np.where(rows < 0, -1, index.find(np.maximum(rows, 0) * size + numbers))
        if (rows < 0).any():
            self.number = first + int(np.argmax(rows < 0))
            raise self.fail(f"the first words are no {len(columns) - 1}-gram of this file")
        return rows * size + ids[-1]

    def _chunks(self, k: int, n: int, highest: bool) -> Iterator[tuple[int, list[list[str]], np.ndarray]]:
        """Of some lines of a section at a time: the number of the first, the words by column, and the values (2, lines)."""
        line = self._header if k == 1 else self.next()
        if line.strip() != f"\\{k}-grams:":
            raise self.fail(f"\\{k}-grams: should stand here; does 'ngram {k - 1}=' give the right number?")
        done = 0
        while done < n:
            first = self.number + 1
            lines = list(islice(self.lines, min(n - done, _CHUNK)))
            if not lines:
                raise self.fail(f"the file ends after {done:,} of {n:,} {k}-grams; it was cut off")
            done += len(lines)
            log_probs, *words, weights = self._columns(lines, k)
            most = 0.0 if highest else math.inf
            values = [
                self._numbers(log_probs, first, 0.0, "a positive log probability"),
                self._numbers(weights, first, most, "a back-off weight at the highest order"),
            ]
            yield first, words, (np.array(values) * _LN10).astype(np.float32)

    def _columns(self, lines: list[str], k: int) -> list[list[str]]:
        """The fields of lines by column: log probability, k words, back-off weight ("0" where there is none)."""
        fields = " \n ".join(lines).replace("\t", " ").split(" ")
        width = len(fields) // len(lines)
        alike = len(fields) + 1 == len(lines) * (width + 1) and fields[width :: width + 1].count("\n") == len(lines) - 1
        if alike and k + 1 <= width <= k + 2 and "" not in fields:
            self.number += len(lines)
            columns = [fields[i :: width + 1] for i in range(width)]
        else:
            rows = [self._fields(line, k) for line in lines]
            columns = [[row[i] for row in rows] for i in range(k + 1)]
            columns += [[row[k + 1] if len(row) > k + 1 else "0" for row in rows]]
        return columns if len(columns) == k + 2 else [*columns, ["0"] * len(lines)]

    def _fields(self, line: str, k: int) -> list[str]:
        self.number += 1
        fields = [field for field in line.replace("\t", " ").split(" ") if field]
        if not k + 1 <= len(fields) <= k + 2:
            raise self.fail(f"not a number, {k} word(s) and perhaps a number; does 'ngram {k}=' give the right number?")
        return fields

    def _numbers(self, texts: list[str], first: int, most: float, above: str) -> np.ndarray:
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            for self.number, text in enumerate(texts, first):
                try:
                    float(text)
                except ValueError:
                    raise self.fail(f"{text[:40]!r} is no number") from None
            raise
        wrong = ~(values <= most) | (values == math.inf)
        if wrong.any():
            i = int(np.argmax(wrong))
            self.number = first + i
            raise self.fail(f"{texts[i]}: {above if values[i] > most else 'no possible value'}")
        return np.maximum(values, _LEAST)
