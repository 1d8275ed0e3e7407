"""Einstein's summation, made of transposes, reshapes and batched matrix products, so that BLAS does the work.

NumPy's own loops over anything with a batch axis one number at a time. Being a composite, it needs no gradient rule.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import combinations
from typing import Any

from ..autograd.tensor import with_shape
from ..errors import ShapeError
from .index import diagonal
from .linalg import _matmul
from .reduce import sum as reduce_sum
from .shape import reshape, squeeze, transpose


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products, as ``numpy.einsum``: with ``...``, repeated letters and any number of operands.

    Parameters
    ----------
    subscripts : str
        For example ``"bqhd,bkhd->bhqk"``; without ``->`` the letters that occur once, in alphabetical order.
    operands : arrays

    Raises
    ------
    ShapeError
        Letters that do not fit the operands, or stand for two lengths.
    """
    operands = tuple(map(with_shape, operands))
    inputs, output, sizes = _parsed(subscripts, operands)
    terms = [_simplified(x, letters, sizes) for x, letters in zip(operands, inputs, strict=True)]
    while True:
        terms = [_summed_alone(i, terms, output) for i in range(len(terms))]
        if len(terms) == 1:
            break
        i, j = _cheapest_pair(terms, output)
        left, right = terms[i], terms[j]
        terms = [t for k, t in enumerate(terms) if k not in (i, j)]
        terms.append(_product(left, right, set(output).union(*(letters for _, letters in terms))))
    x, letters = terms[0]
    return x if letters == output else transpose(x, tuple(letters.index(c) for c in output))


Term = tuple[Any, str]  # an operand and a letter for each of its axes


def _simplified(x: Any, letters: str, sizes: dict[str, int]) -> Term:
    """An operand with each letter at most once (a diagonal), and without axes that ``...`` broadcasts."""
    for c in set(letters):
        while letters.count(c) > 1:
            a = letters.index(c)
            b = letters.index(c, a + 1)
            x = diagonal(x, axis1=a, axis2=b)
            letters = letters[:a] + letters[a + 1 : b] + letters[b + 1 :] + c
    repeated = tuple(a for a, (c, n) in enumerate(zip(letters, x.shape, strict=True)) if n != sizes[c])
    if not repeated:
        return x, letters
    return squeeze(x, repeated), "".join(c for a, c in enumerate(letters) if a not in repeated)


def _summed_alone(i: int, terms: list[Term], output: str) -> Term:
    """A term summed over the letters that stand nowhere else."""
    x, letters = terms[i]
    elsewhere = set(output).union(*(t[1] for j, t in enumerate(terms) if j != i))
    axes = tuple(a for a, c in enumerate(letters) if c not in elsewhere)
    return (reduce_sum(x, axis=axes), "".join(c for c in letters if c in elsewhere)) if axes else (x, letters)


def _cheapest_pair(terms: list[Term], output: str) -> tuple[int, int]:
    """The two terms whose product grows the least over what it replaces."""
    sizes = {c: n for x, letters in terms for c, n in zip(letters, x.shape, strict=True)}

    def growth(pair: tuple[int, int]) -> int:
        i, j = pair
        others = set(output).union(*(t[1] for k, t in enumerate(terms) if k not in pair))
        kept = (set(terms[i][1]) | set(terms[j][1])) & others
        return math.prod(sizes[c] for c in kept) - math.prod(terms[i][0].shape) - math.prod(terms[j][0].shape)

    return min(combinations(range(len(terms)), 2), key=growth)


def _product(left: Term, right: Term, kept: Collection[str]) -> Term:
    """Multiply two terms and sum over the letters that both have and nobody needs any more."""
    (x, xs), (z, zs) = left, right
    batch = [c for c in xs if c in zs and c in kept]
    summed = [c for c in xs if c in zs and c not in kept]
    rows, columns = [c for c in xs if c not in zs], [c for c in zs if c not in xs]
    letters = "".join(batch + rows + columns)
    x, x_sizes = _grouped(x, xs, batch, rows, summed)
    z, z_sizes = _grouped(z, zs, batch, summed, columns)
    y = _matmul(x, z) if summed else x * z
    sizes = x_sizes | z_sizes
    return reshape(y, tuple(sizes[c] for c in letters)), letters


def _grouped(x: Any, letters: str, batch: list[str], first: list[str], last: list[str]) -> tuple[Any, dict[str, int]]:
    """`x` as a stack of matrices: one axis per batch letter (so that no copy is made), then two groups."""
    sizes = dict(zip(letters, x.shape, strict=True))
    order = tuple(letters.index(c) for c in batch + first + last)
    if order != tuple(range(len(order))):
        x = transpose(x, order)
    groups = [math.prod(sizes[c] for c in group) for group in (first, last)]
    return reshape(x, (*[sizes[c] for c in batch], *groups)), sizes


# -- reading the subscripts ------------------------------------------------------------------------------


def _parsed(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str, dict[str, int]]:
    """Input and output letters, with ``...`` replaced by letters of its own, and the length of each letter."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ShapeError(f"einsum: {subscripts!r} names {len(inputs)} operands, {len(operands)} were given")
    letters = "".join([*inputs, output]).replace("...", "")
    if letters and not (letters.isalpha() and letters.isascii()):
        raise ShapeError(f"einsum: {subscripts!r} may hold letters, commas, '...' and one '->'")
    n_dots = [x.ndim - len(s) + 3 if "..." in s else 0 for s, x in zip(inputs, operands, strict=True)]
    longest = max(n_dots)
    dots = "".join(chr(ord("α") + i) for i in range(longest))  # Greek letters name the axes that ... stands for
    inputs = [s.replace("...", dots[longest - n :]) for s, n in zip(inputs, n_dots, strict=True)]
    sizes = _lengths(subscripts, inputs, operands, dots)
    if not arrow:
        count = Counter("".join(inputs))
        output = "..." * bool(longest) + "".join(sorted(c for c in count if count[c] == 1 and c not in dots))
    output = output.replace("...", dots)
    if len(set(output)) != len(output) or not set(output) <= set(sizes):
        raise ShapeError(f"einsum: the output of {subscripts!r} must name each of its axes once, and from the inputs")
    return inputs, output, sizes


def _lengths(subscripts: str, inputs: list[str], operands: Sequence[Any], dots: str) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for s, x in zip(inputs, operands, strict=True):
        if len(s) != x.ndim:
            raise ShapeError(f"einsum: {s!r} of {subscripts!r} names {len(s)} axes, the operand has shape {x.shape}")
        for c, n in zip(s, x.shape, strict=True):
            if c in dots and (n == 1 or sizes.get(c, 1) == 1):  # ... broadcasts
                sizes[c] = sizes.get(c, 1) if n == 1 else n
            elif sizes.setdefault(c, n) != n:
                shapes = ", ".join(str(o.shape) for o in operands)
                name = "'...'" if c in dots else repr(c)
                raise ShapeError(f"einsum: {subscripts!r}: {name} is {sizes[c]} and {n}; shapes {shapes}")
    return sizes
