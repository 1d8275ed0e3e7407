"""An op of the user's own: a function on arrays, its rules, and what is said when a rule is wrong."""

import numpy as np
import pytest

import minidl as dl
from minidl import Tensor
from minidl.autograd import Array
from minidl.errors import DeviceError, DTypeError, GraphError, ShapeError

X = np.array([0.5, 1.0, 2.0])


def test_a_function_and_its_adjoint_become_an_op():
    @dl.op
    def scaled_sine(x: Array, scale=1.0):
        return np.sin(x) * scale

    @scaled_sine.rule("x")
    def _(g, x, scale):
        return g * dl.cos(x) * scale

    dl.check_grads(lambda x: scaled_sine(x, scale=2.5), X, order=2)
    assert isinstance(scaled_sine(X), np.ndarray)
    assert isinstance(scaled_sine(Tensor(X)), Tensor)


def test_residuals_are_kept_for_the_rule():
    @dl.op(residuals=("root",))
    def power_three_halves(x: Array):
        root = np.sqrt(x)
        return x * root, root

    power_three_halves.rules(x=lambda g, root: g * 1.5 * root)
    x = Tensor(X, requires_grad=True)
    y = power_three_halves(x)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 1.5 * np.sqrt(X))


def test_several_outputs():
    @dl.op
    def sum_and_difference(x: Array, z: Array) -> tuple:
        return x + z, x - z

    @sum_and_difference.rule("x")
    def _(g):
        return (0 if g[0] is None else g[0]) + (0 if g[1] is None else g[1])

    @sum_and_difference.rule("z")
    def _(g):
        return (0 if g[0] is None else g[0]) - (0 if g[1] is None else g[1])

    dl.check_grads(lambda x, z: sum_and_difference(x, z), X, X[::-1].copy(), order=1)
    x, z = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
    _, difference = sum_and_difference(x, z)
    difference.sum().backward()
    np.testing.assert_array_equal(z.grad, [-1, -1, -1])


def test_a_fused_rule_serves_the_first_order_and_the_definition_every_other():
    @dl.op
    def cubed(x: Array):
        return x * x * x

    fast_calls = []

    @cubed.fast
    def _(g, x):
        fast_calls.append(1)
        return (3 * g * x * x,)

    x = Tensor(X, requires_grad=True)
    cubed(x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * X**2)
    with pytest.raises(GraphError, match=r"cubed: create_graph=True needs rules"):
        dl.grad(cubed(x).sum(), x, create_graph=True)

    cubed.definition(lambda x: x * x * x)
    dl.check_grads(cubed, X, order=3, rtol=1e-4)
    assert fast_calls


def test_a_gradient_of_the_wrong_shape_is_named():
    @dl.op
    def doubled(x: Array):
        return x * 2

    doubled.rules(x=lambda g: np.ones((4, 4)))
    with pytest.raises(GraphError, match=r"doubled: the rule for 'x' returned .*shape \(4, 4\).*has shape \(3,\)"):
        doubled(Tensor(X, requires_grad=True)).sum().backward()


def test_a_promoted_gradient_is_named():
    @dl.op
    def doubled(x: Array):
        return x * 2

    doubled.rules(x=lambda g: g.astype(np.float64) * 2)
    with pytest.raises(GraphError, match=r"doubled: the rule for 'x' returned float64 .*float32; rules must not promote"):
        doubled(Tensor(X.astype(np.float32), requires_grad=True)).sum().backward()


def test_an_argument_without_a_rule_is_named():
    @dl.op
    def half_known(x: Array, z: Array):
        return x * z

    half_known.rules(x=lambda g, z: g * z)
    half_known(Tensor(X, requires_grad=True), X).sum().backward()
    with pytest.raises(GraphError, match=r"half_known: no gradient with respect to argument 'z'"):
        half_known(Tensor(X), Tensor(X, requires_grad=True))


def test_a_rule_that_asks_for_what_is_not_there():
    @dl.op
    def odd(x: Array):
        return x

    odd.rules(x=lambda g, nothing: g)
    with pytest.raises(GraphError, match="odd: a rule asks for 'nothing'"):
        odd(Tensor(X, requires_grad=True))
    with pytest.raises(GraphError, match="no array argument called w"):
        odd.rules(w=lambda g: g)


def test_wrong_calls_read_like_python():
    with pytest.raises(TypeError, match=r"clip\(\) got an unexpected keyword argument 'lo'"):
        dl.clip(X, lo=1.0)
    with pytest.raises(TypeError, match=r"multiply\(\) missing 1 required positional argument: 'z'"):
        dl.multiply(X)
    with pytest.raises(TypeError, match=r"^multiply: got None for argument 'z'"):
        dl.multiply(X, None)


def test_shapes_that_do_not_fit_name_op_shapes_and_axis():
    with pytest.raises(ShapeError, match=r"add: shapes \(2, 3\) and \(4, 3\) do not broadcast: axis -2 is 2 against 4"):
        Tensor(np.ones((2, 3))) + Tensor(np.ones((4, 3)))


def test_two_devices_are_both_named():
    class Elsewhere:
        """An array of a library that minidl does not know."""

        dtype, shape, ndim = np.dtype("f4"), (3,), 1

    with pytest.raises(DeviceError, match=r"add: arrays of two devices \(numpy and .*move one side"):
        dl.add(Tensor(X), Elsewhere())
    with pytest.raises(DeviceError, match="no backend owns an array of type Elsewhere"):
        dl.exp(Elsewhere())


def test_arguments_too_many_or_twice():
    """They used to be dropped: ``np.round(t, 2)`` rounded to integers."""
    with pytest.raises(TypeError, match=r"round\(\) takes 2 positional arguments but 3 were given"):
        dl.round(Tensor(X), 2)
    with pytest.raises(TypeError, match=r"sum\(\) got multiple values for argument 'axis'"):
        dl.sum(Tensor(X), 0, axis=0)


def test_what_numpy_refuses_is_one_line_with_the_ops_name():
    with pytest.raises(DTypeError, match=r"^add: got None for argument 'z'"):
        Tensor(X) + None
    with pytest.raises(DTypeError, match=r"^mean: 'list' object cannot"):
        dl.mean(Tensor(X), axis=[0])


def test_a_forward_that_returns_no_array_is_named():
    @dl.op
    def forgetful(x: Array, factor=1.0):
        return None if factor is None else x * factor

    with pytest.raises(GraphError, match="forgetful: the forward returned NoneType where an array was due"):
        forgetful(Tensor(X), None)
    with pytest.raises(GraphError, match="returned Tensor where an array was due; it takes Tensors only as x"):
        forgetful(Tensor(X), factor=Tensor(X))
