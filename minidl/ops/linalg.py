"""Matrix products and the linear algebra whose gradients are matrix products again (Giles 2008)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.op import Array, op
from ..errors import ArgumentError, ShapeError
from .index import diagonal
from .reduce import sum as reduce_sum
from .shape import broadcast_to, expand_dims, reshape, swapaxes, transpose


def matmul(x: Any, z: Any) -> Any:
    """Matrix product over the last two axes, with broadcasting before them; 1-D operands as in NumPy.

    Raises
    ------
    ShapeError
        Inner lengths that differ, naming both shapes and axes.
    """
    if x.ndim == 0 or z.ndim == 0:
        raise ShapeError(f"matmul: operands need at least one axis, got shapes {x.shape} and {z.shape}")
    inner = -2 if z.ndim > 1 else -1
    if x.shape[-1] != z.shape[inner]:
        raise ShapeError(
            f"matmul: {x.shape} @ {z.shape}: axis -1 of the first has {x.shape[-1]}, "
            f"axis {inner} of the second has {z.shape[inner]}"
        )
    if x.ndim > 1 and z.ndim > 1:
        return _matmul(x, z)
    y = _matmul(reshape(x, (1, -1)) if x.ndim == 1 else x, reshape(z, (-1, 1)) if z.ndim == 1 else z)
    if z.ndim == 1:
        y = reshape(y, y.shape[:-1])
    return reshape(y, y.shape[:-1] if z.ndim == 1 else (*y.shape[:-2], y.shape[-1])) if x.ndim == 1 else y


@op
def _matmul(x: Array, z: Array):
    return x @ z


_matmul.rules(
    x=lambda g, z: _matmul(g, swapaxes(z, -1, -2)),
    z=lambda g, x: _matmul(swapaxes(x, -1, -2), g),
)


def dot(x: Any, z: Any) -> Any:
    """Inner product of vectors, matrix product otherwise (``numpy.dot`` up to two axes)."""
    return x * z if x.ndim == 0 or z.ndim == 0 else matmul(x, z)


def outer(x: Any, z: Any) -> Any:
    """All products of two vectors: (N, M)."""
    return reshape(x, (-1, 1)) * reshape(z, (1, -1))


def tensordot(x: Any, z: Any, axes: int | tuple = 2) -> Any:
    """Sum of products over pairs of axes, as ``numpy.tensordot``."""
    if isinstance(axes, int):
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        left, right = ([a] if isinstance(a, int) else list(a) for a in axes)
    left, right = [a % x.ndim for a in left], [a % z.ndim for a in right]
    for a, b in zip(left, right, strict=True):
        if x.shape[a] != z.shape[b]:
            raise ShapeError(
                f"tensordot: axis {a} of {x.shape} has {x.shape[a]}, axis {b} of {z.shape} has {z.shape[b]}"
            )
    free_x = [a for a in range(x.ndim) if a not in left]
    free_z = [a for a in range(z.ndim) if a not in right]
    rows = reshape(transpose(x, (*free_x, *left)), (-1, int(np.prod([x.shape[a] for a in left], dtype=int))))
    columns = reshape(transpose(z, (*right, *free_z)), (rows.shape[1], -1))
    return reshape(_matmul(rows, columns), tuple(x.shape[a] for a in free_x) + tuple(z.shape[a] for a in free_z))


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products in Einstein's notation, with ``...`` and repeated letters, as ``numpy.einsum``."""
    inputs, output = _parsed(subscripts, operands)
    operands = tuple(_without_repeats(x, s) for x, s in zip(operands, inputs, strict=True))
    inputs = ["".join(dict.fromkeys(s)) for s in inputs]
    return _einsum(*operands, inputs=tuple(inputs), output=output)


@op
def _einsum(*xs: Array, inputs: tuple[str, ...], output: str, xp: Any):
    return xp.einsum(f"{','.join(inputs)}->{output}", *xs, optimize=True)  # through BLAS


@_einsum.rule("xs")
def _(g: Any, xs: list, inputs: tuple[str, ...], output: str) -> list[Any]:
    gradients = []
    for i, (x, wanted) in enumerate(zip(xs, inputs, strict=True)):
        others = [z for j, z in enumerate(xs) if j != i]
        names = [s for j, s in enumerate(inputs) if j != i]
        present = set(output).union(*names)
        kept = "".join(c for c in wanted if c in present)
        part = _einsum(g, *others, inputs=(output, *names), output=kept)
        missing = [axis for axis, c in enumerate(wanted) if c not in present]  # summed away alone
        for axis in missing:
            part = expand_dims(part, axis)
        gradients.append(broadcast_to(part, x.shape) if missing else part)
    return gradients


def _parsed(subscripts: str, operands: Sequence[Any]) -> tuple[list[str], str]:
    """Input and output letters, with ``...`` replaced by letters of its own."""
    left, arrow, output = subscripts.replace(" ", "").partition("->")
    inputs = left.split(",")
    if len(inputs) != len(operands):
        raise ShapeError(f"einsum: {subscripts!r} names {len(inputs)} operands, {len(operands)} were given")
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in subscripts]
    n_dots = [x.ndim - len(s) + 3 if "..." in s else 0 for s, x in zip(inputs, operands, strict=True)]
    longest = max(n_dots)
    dots = "".join(reversed(spare[:longest]))
    inputs = [s.replace("...", dots[longest - n :]) for s, n in zip(inputs, n_dots, strict=True)]
    sizes: dict[str, int] = {}
    for s, x in zip(inputs, operands, strict=True):
        if len(s) != x.ndim:
            raise ShapeError(f"einsum: {s!r} of {subscripts!r} names {len(s)} axes, the operand has shape {x.shape}")
        for c, n in zip(s, x.shape, strict=True):
            if sizes.setdefault(c, n) != n:
                shapes = ", ".join(str(o.shape) for o in operands)
                raise ShapeError(f"einsum: {subscripts!r}: {c!r} is {sizes[c]} and {n}; shapes {shapes}")
    if not arrow:
        every = "".join(inputs)
        output = "..." * bool(longest) + "".join(c for c in sorted(set(every) - set(dots)) if every.count(c) == 1)
    output = output.replace("...", dots)
    if any(c not in sizes for c in output) or len(set(output)) != len(output):
        raise ShapeError(f"einsum: the output of {subscripts!r} must name each of its axes once, and from the inputs")
    return inputs, output


def _without_repeats(x: Any, letters: str) -> Any:
    """Take the diagonal where a letter stands twice in one operand."""
    for c in dict.fromkeys(letters):
        while letters.count(c) > 1:
            a = letters.index(c)
            b = letters.index(c, a + 1)
            order = [i for i in range(len(letters)) if i not in (a, b)]
            x = diagonal(transpose(x, (*order, a, b)))
            letters = "".join(letters[i] for i in order) + c
    unique = "".join(dict.fromkeys(letters))
    return x if unique == letters else transpose(x, tuple(letters.index(c) for c in unique))


def trace(x: Any) -> Any:
    """Sum of the diagonal of the last two axes."""
    return reduce_sum(diagonal(x), axis=-1)


@op
def triu(x: Array, k: int = 0, *, xp: Any):
    """The last two axes above the k-th diagonal, zeros below."""
    return xp.triu(x, k)


triu.rules(x=lambda g, k: triu(g, k))


@op
def tril(x: Array, k: int = 0, *, xp: Any):
    """The last two axes below the k-th diagonal, zeros above."""
    return xp.tril(x, k)


tril.rules(x=lambda g, k: tril(g, k))


def _square(name: str, x: Any) -> None:
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: needs square matrices, got shape {x.shape}")


def _solved(name: str, function: Any, *args: Any) -> Any:
    """Call into LAPACK; what it refuses gets a line that says why."""
    try:
        return function(*args)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(f"{name}: {error}; add a small multiple of the identity, or check the data") from error


@op
def inverse(x: Array, *, xp: Any):
    """Inverse of square matrices (..., N, N)."""
    _square("inverse", x)
    return _solved("inverse", xp.linalg.inv, x)


@inverse.rule("x")
def _(g: Any, y: Any) -> Any:
    t = swapaxes(y, -1, -2)
    return -_matmul(_matmul(t, g), t)


@op
def solve(a: Array, b: Array, *, xp: Any):
    """x with ``a @ x = b``, for a (..., N, N) and b (..., N, K)."""
    _square("solve", a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"solve: a has shape {a.shape}, b {b.shape}; axis -2 of b must have length {a.shape[-1]}")
    return _solved("solve", xp.linalg.solve, a, b)


@solve.rule("b")
def _(g: Any, a: Any) -> Any:
    return solve(swapaxes(a, -1, -2), g)


@solve.rule("a")
def _(g: Any, a: Any, y: Any) -> Any:
    return -_matmul(solve(swapaxes(a, -1, -2), g), swapaxes(y, -1, -2))


@op
def cholesky(x: Array, *, xp: Any):
    """Lower triangular L with ``L @ L.T = x``, for symmetric positive definite x (..., N, N)."""
    _square("cholesky", x)
    return _solved("cholesky", xp.linalg.cholesky, x)


@cholesky.rule("x")
def _(g: Any, y: Any) -> Any:
    """Murray 2016, equation 10: symmetrised, as the argument is symmetric."""
    inner = tril(_matmul(swapaxes(y, -1, -2), g))
    inner = inner - _diagonal_matrix(diagonal(inner)) * 0.5
    back = inverse(y)
    s = _matmul(_matmul(swapaxes(back, -1, -2), inner), back)
    return (s + swapaxes(s, -1, -2)) * 0.5


def _diagonal_matrix(d: Any) -> Any:
    return tril(triu(broadcast_to(expand_dims(d, -1), (*d.shape, d.shape[-1]))))


@op
def slogdet(x: Array, *, xp: Any) -> tuple:
    """Sign and logarithm of the absolute determinant of (..., N, N)."""
    _square("slogdet", x)
    sign, logabs = xp.linalg.slogdet(x)
    return xp.asarray(sign, x.dtype), xp.asarray(logabs, x.dtype)


@slogdet.rule("x")
def _(g: tuple, x: Any) -> Any:
    if g[1] is None:  # the sign is constant
        return x * 0
    return reshape(g[1], (*g[1].shape, 1, 1)) * swapaxes(inverse(x), -1, -2)


def det(x: Any) -> Any:
    """Determinant of (..., N, N)."""
    from .elementwise import exp

    sign, logabs = slogdet(x)
    return sign * exp(logabs)
