"""What holds for every op: each test runs over all rows of the table in cases.py."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
import strict_backend
from cases import Case, all_cases
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from minidl import ops
from minidl.autograd import Tensor, check_grads, grad_of
from minidl.autograd.op import Op, registry
from minidl.errors import MinidlError

CASES = all_cases()
SMOOTH = [case for case in CASES if case.differentiable]
SECOND = [case for case in SMOOTH if case.second_order]
FUSED = [case for case in SMOOTH if isinstance(case.op, Op) and (case.op.plain or case.op.fast_rule)]


def rows(cases):
    return pytest.mark.parametrize("case", cases, ids=str)


def values(outputs):
    """Outputs, or gradients, as NumPy arrays; an absent gradient is zero."""
    backend = strict_backend.StrictBackend()
    plain = [y.data if isinstance(y, Tensor) else y for y in outputs]
    plain = [y.dense() if hasattr(y, "dense") else y for y in plain]
    return [np.zeros(()) if y is None else backend.to_host(y) if hasattr(y, "get") else np.asarray(y) for y in plain]


def seeds(outputs):
    """Random gradients for outputs, read-only as the inputs are."""
    rng = np.random.default_rng(1)
    gs = [np.asarray(rng.standard_normal(y.shape), y.dtype) for y in outputs]
    for g in gs:
        g.flags.writeable = False
    return gs


def derivatives(case, inputs, place=lambda a: a, create_graph=False):
    """Gradients of all inputs that have one, for random gradients of the outputs."""
    tensors = case.tensors(inputs)
    outputs = [y for y in case(*tensors) if isinstance(y, Tensor) and y.requires_grad]
    leaves = [t for t in tensors if isinstance(t, Tensor)]
    gs = [place(g) for g in seeds(outputs)]
    return grad_of(outputs, leaves, [Tensor(g) for g in gs] if create_graph else gs, create_graph=create_graph), leaves


def assert_same(found, expected, rtol, atol):
    assert len(found) == len(expected)
    for a, b in zip(values(found), values(expected), strict=True):
        np.testing.assert_allclose(a, np.broadcast_to(b, a.shape), rtol=rtol, atol=atol)


def test_every_op_has_a_row():
    """Every function of minidl.ops, and every public op that is registered there."""
    functions = {n for n, f in vars(ops).items() if callable(f) and not n.startswith("_") and not inspect.isclass(f)}
    ours = {o.__name__ for o in registry.values() if o.__module__.startswith("minidl.ops.")}
    wanted = functions | {name for name in ours if not name.startswith("_")}
    assert len(wanted) > 100
    assert wanted - {case.name for case in CASES} == set()
    assert {case.name for case in CASES} - wanted == set()


# -- values ----------------------------------------------------------------------------------------------


@rows(CASES)
def test_forward_equals_the_reference(case: Case):
    inputs = case.inputs()
    found, expected = case(*inputs), case.expected(*inputs)
    assert [y.shape for y in found] == [y.shape for y in expected]
    assert_same(found, expected, rtol=1e-10, atol=1e-12)
    assert_same(case(*case.tensors(inputs)), expected, rtol=1e-10, atol=1e-12)


@rows(CASES)
def test_float32_stays_float32(case: Case):
    inputs, exact = case.inputs(np.float32), case.inputs()
    outputs = case(*case.tensors(inputs))
    for y, wide in zip(outputs, case(*case.tensors(exact)), strict=True):
        assert y.dtype == (wide.dtype if case.name == "astype" or wide.dtype.kind != "f" else np.float32)
    assert_same(outputs, case.expected(*inputs), rtol=1e-4, atol=1e-5)
    if case.differentiable:
        gradients, _ = derivatives(case, inputs)
        assert {g.dtype for g in gradients if g is not None} == {np.dtype(np.float32)}
        assert_same(gradients, derivatives(case, exact)[0], rtol=2e-3, atol=2e-4)


def layouts(x):
    """The values of `x` in other arrangements of memory."""
    if not x.ndim:
        yield from [x] * 4
        return
    yield np.asfortranarray(x)
    backwards = (slice(None, None, -1),) * x.ndim
    yield x[backwards].copy()[backwards]
    spread = np.zeros([2 * n for n in x.shape], x.dtype)
    every_other = (slice(None, None, 2),) * x.ndim
    spread[every_other] = x
    yield spread[every_other]
    yield np.broadcast_to(x, (3, *x.shape))[1]


@rows(CASES)
def test_any_layout_of_memory(case: Case):
    inputs = case.inputs()
    expected = case(*inputs)
    gradients = derivatives(case, inputs)[0] if case.differentiable else []
    for arranged in zip(*map(layouts, inputs), strict=True):
        assert_same(case(*arranged), expected, rtol=1e-10, atol=1e-12)
        if case.differentiable:
            assert_same(derivatives(case, arranged)[0], gradients, rtol=1e-9, atol=1e-11)


@rows(CASES)
def test_empty_and_without_axes(case: Case):
    """As NumPy does, or one line that says what was wrong."""
    shape = next((s for s in case.shapes if isinstance(s, tuple)), ())
    for other in ((), (0, *shape[1:]), (*shape[:-1], 0)):
        changed = case.with_first_shape(other) if shape else case
        inputs = changed.inputs()
        try:
            outputs = changed(*changed.tensors(inputs))
        except MinidlError as error:
            assert "\n" not in str(error)
            continue
        except RuntimeWarning as warning:  # the mean of nothing, say
            with pytest.raises(RuntimeWarning, match=str(warning)):
                changed.expected(*inputs)
            continue
        assert_same(outputs, changed.expected(*inputs), rtol=1e-10, atol=1e-12)
        if case.differentiable:
            gradients, leaves = derivatives(changed, inputs)
            for g, x in zip(gradients, leaves, strict=True):
                assert g is None or g.shape == x.shape


# -- derivatives -----------------------------------------------------------------------------------------


def of_leaves(case, inputs):
    """The row as a function of only those inputs that have a gradient, and their values."""
    tensors = case.tensors(inputs)
    places = [i for i, t in enumerate(tensors) if isinstance(t, Tensor)]

    def function(*leaves):
        arguments = list(inputs)
        for i, leaf in zip(places, leaves, strict=True):
            arguments[i] = leaf
        return tuple(y for y in case(*arguments) if y.requires_grad)

    return function, [inputs[i] for i in places]


@rows(SMOOTH)
def test_derivatives_against_differences(case: Case):
    function, inputs = of_leaves(case, case.inputs())
    check_grads(function, *inputs, order=2 if case.second_order else 1, rtol=1e-5, atol=1e-6)


@rows(FUSED)
def test_fast_rule_equals_definition(case: Case):
    inputs = case.inputs()
    if case.op.plain:
        assert_same(replace(case, op=case.op.plain)(*inputs), case(*inputs), rtol=1e-10, atol=1e-12)
    fast, plain = derivatives(case, inputs)[0], derivatives(case, inputs, create_graph=True)[0]
    assert_same(fast, plain, rtol=1e-9, atol=1e-11)


# -- broadcasting ----------------------------------------------------------------------------------------

BINARY = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2")


@pytest.mark.parametrize("name", BINARY)
@given(shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3), seed=st.integers(0, 99))
def test_broadcasting(name, shapes, seed):
    """Values as NumPy's; gradients are those of the operands spread out in full, summed back."""
    rng = np.random.default_rng(seed)
    case = Case(name, getattr(ops, name), getattr(np, name), [])
    small = [np.asarray(rng.uniform(0.5, 2.0, s)) for s in shapes.input_shapes]
    full = [np.broadcast_to(x, shapes.result_shape).copy() for x in small]
    assert_same(case(*small), case.expected(*small), rtol=1e-12, atol=0)
    for g, whole, x in zip(derivatives(case, small)[0], derivatives(case, full)[0], small, strict=True):
        assert g.shape == x.shape
        extra = tuple(range(whole.ndim - x.ndim))
        ones = tuple(i + len(extra) for i, n in enumerate(x.shape) if n == 1)
        np.testing.assert_allclose(g, whole.sum(axis=extra + ones).reshape(x.shape), rtol=1e-10, atol=1e-12)


# -- the GPU's manners -----------------------------------------------------------------------------------


@rows(CASES)
def test_strict_backend(case: Case):
    """Forward, first and second order on arrays that behave as CuPy's do."""
    backend = strict_backend.StrictBackend()
    moved = replace(case, kwargs={k: on_device(v, backend) for k, v in case.kwargs.items()})
    inputs = case.inputs()
    placed = [backend.from_host(x) for x in inputs]
    outputs = moved(*moved.tensors(placed))
    assert {type(y.data if isinstance(y, Tensor) else y) for y in outputs} == {strict_backend.StrictArray}
    assert_same(outputs, case(*inputs), rtol=1e-10, atol=1e-12)
    if not case.differentiable:
        return
    for create_graph in (False, case.second_order) if case.second_order else (False,):
        found = derivatives(moved, placed, backend.from_host, create_graph)[0]
        assert_same(found, derivatives(case, inputs, create_graph=create_graph)[0], rtol=1e-9, atol=1e-11)
        if create_graph:
            assert_same(second(moved, placed, backend.from_host), second(case, inputs), rtol=1e-8, atol=1e-10)
    for x, before in zip(placed, inputs, strict=True):
        np.testing.assert_array_equal(x.get(), before)


def on_device(value, backend):
    return backend.from_host(value) if isinstance(value, np.ndarray) else value


def second(case, inputs, place=lambda a: a):
    """Gradients of the gradients."""
    gradients, leaves = derivatives(case, inputs, place, create_graph=True)
    gradients = [g for g in gradients if g is not None and g.requires_grad]
    return grad_of(gradients, leaves, [place(g) for g in seeds(gradients)])
