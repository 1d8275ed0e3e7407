"""Optimizers against their formulas, against PyTorch, and against their own laws."""

import numpy as np
import pytest

import minidl as dl
from minidl.backend.numpy import NumpyBackend
from minidl.errors import ArgumentError, CheckpointError
from minidl.optim import LBFGS, SGD, Adagrad, Adam, AdamW, RMSprop, clip_grad_norm, clip_grad_value, rules
from minidl.params import Parameter

SETTINGS = [
    (SGD, dict(lr=0.1), dict()),
    (SGD, dict(lr=0.1, momentum=0.9), dict()),
    (SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01), dict()),
    (SGD, dict(lr=0.1, momentum=0.9, nesterov=True), dict()),
    (SGD, dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1), dict()),
    (Adagrad, dict(lr=0.1), dict()),
    (Adagrad, dict(lr=0.1, weight_decay=0.1), dict()),
    (RMSprop, dict(lr=0.01), dict()),
    (RMSprop, dict(lr=0.01, momentum=0.9, weight_decay=0.1), dict()),
    (Adam, dict(lr=0.01), dict()),
    (Adam, dict(lr=0.01, weight_decay=0.1), dict()),
    (AdamW, dict(lr=0.01, weight_decay=0.1), dict()),
]
IDS = [f"{o.__name__}-{'-'.join(map(str, k))}" for o, k, _ in SETTINGS]


def quadratic(shape=(7, 5), seed=0):
    rng = np.random.default_rng(seed)
    return Parameter(rng.standard_normal(shape).astype(np.float32)), rng.standard_normal(shape).astype(np.float32)


def loss_of(p, target):
    difference = p - dl.tensor(target)
    return (difference * difference).sum()


@pytest.mark.parametrize(("optimizer", "settings", "_"), SETTINGS, ids=IDS)
def test_ten_steps_equal_pytorch(optimizer, settings, _):
    torch = pytest.importorskip("torch")
    p, target = quadratic()
    theirs = torch.tensor(p.data.copy(), requires_grad=True)
    ours, reference = optimizer([p], **settings), getattr(torch.optim, optimizer.__name__)([theirs], **settings)
    for _step in range(10):
        ours.zero_grad()
        loss_of(p, target).backward()
        ours.step()
        reference.zero_grad()
        ((theirs - torch.tensor(target)) ** 2).sum().backward()
        reference.step()
    np.testing.assert_allclose(p.data, theirs.detach().numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("optimizer", "settings", "_"), SETTINGS, ids=IDS)
def test_blocked_equals_unblocked_bit_for_bit(optimizer, settings, _, monkeypatch):
    results = []
    for block in (1 << 30, 7):
        monkeypatch.setattr(NumpyBackend, "block_elems", block)
        p, target = quadratic()
        o = optimizer([p], **settings)
        for _step in range(3):
            o.zero_grad()
            loss_of(p, target).backward()
            o.step()
        results.append(p.data.copy())
    np.testing.assert_array_equal(*results)


def test_momentum_by_hand():
    p = Parameter(np.array([1.0], np.float32))
    o = SGD([p], lr=0.1, momentum=0.5)
    for g, expected in ((1.0, 0.9), (1.0, 0.75)):  # v = 1, then 1.5
        p.grad = np.array([g], np.float32)
        o.step()
        np.testing.assert_allclose(p.data, [expected], rtol=1e-6)


def test_adam_first_step_is_the_learning_rate():
    p = Parameter(np.array([1.0, -2.0], np.float32))
    o = Adam([p], lr=0.25)
    p.grad = np.array([3.0, -1e-3], np.float32)
    o.step()
    np.testing.assert_allclose(p.data, [0.75, -1.75], rtol=1e-5)


def test_untouched_parameters_do_not_move_even_with_momentum_and_decay():
    a, b = Parameter(np.ones(3, np.float32)), Parameter(np.ones(3, np.float32))
    o = SGD([a, b], lr=0.1, momentum=0.9, weight_decay=0.1)
    a.grad = np.ones(3, np.float32)
    o.step()
    assert b.data.tolist() == [1, 1, 1]
    assert a.data[0] < 1


def test_row_sparse_step_equals_dense_step_on_the_touched_rows():
    table = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    ids = np.array([1, 4, 1])
    results = []
    for sparse in (False, True):
        p = Parameter(table.copy(), sparse=sparse)
        o = Adagrad([p], lr=0.1)
        for _ in range(3):
            o.zero_grad()
            (dl.ops.embedding(p, ids) ** 2).sum().backward()
            o.step()
        results.append(p.data.copy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-6)


def test_groups_have_their_own_hyperparameters():
    a, b = Parameter(np.zeros(2, np.float32)), Parameter(np.zeros(2, np.float32))
    o = SGD([{"params": [a], "lr": 1.0}, {"params": [b]}], lr=0.1)
    for p in (a, b):
        p.grad = np.ones(2, np.float32)
    o.step()
    np.testing.assert_allclose([a.data[0], b.data[0]], [-1, -0.1], rtol=1e-6)


@pytest.mark.parametrize(("optimizer", "settings", "_"), SETTINGS, ids=IDS)
def test_state_round_trip_continues_bit_for_bit(optimizer, settings, _):
    p, target = quadratic()
    o = optimizer([p], **settings)

    def steps(o, p, n):
        for _step in range(n):
            o.zero_grad()
            loss_of(p, target).backward()
            o.step()

    steps(o, p, 2)
    saved, values = o.state_dict(), p.data.copy()
    steps(o, p, 3)
    q = Parameter(values)
    again = optimizer([q], **settings)
    again.load_state_dict(saved)
    steps(again, q, 3)
    np.testing.assert_array_equal(p.data, q.data)


def test_state_of_another_model_or_optimizer_is_refused():
    p, q = Parameter(np.zeros(3, np.float32)), Parameter(np.zeros(4, np.float32))
    one, other = Adam([p]), Adam([q])
    p.grad = np.ones(3, np.float32)
    one.step()
    with pytest.raises(CheckpointError, match=r"\(3,\)"):
        other.load_state_dict(one.state_dict())
    with pytest.raises(CheckpointError, match="another optimizer"):
        SGD([p], momentum=0.9).load_state_dict(one.state_dict())


def test_lbfgs_solves_rosenbrock():
    p = Parameter(np.array([-1.2, 1.0]))
    o = LBFGS([p], max_iter=100)

    def closure():
        o.zero_grad()
        x, y = p[0], p[1]
        loss = (1.0 - x) ** 2 + 100.0 * (y - x * x) ** 2
        loss.backward()
        return loss.item()

    o.step(closure)
    np.testing.assert_allclose(p.data, [1, 1], atol=1e-5)


def test_lbfgs_minimises_a_quadratic_in_about_its_dimension():
    rng = np.random.default_rng(0)
    m = rng.standard_normal((8, 8))
    a = m @ m.T + np.eye(8)
    p, count = Parameter(np.zeros(8)), []
    o = LBFGS([p], max_iter=40, history=10)

    def closure():
        count.append(1)
        o.zero_grad()
        loss = (p @ dl.tensor(a) @ p) * 0.5 - p.sum()
        loss.backward()
        return loss.item()

    o.step(closure)
    np.testing.assert_allclose(p.data, np.linalg.solve(a, np.ones(8)), atol=1e-5)
    assert len(count) < 60


def test_clip_grad_norm_scales_all_gradients_together():
    a, b = Parameter(np.zeros(2, np.float32)), Parameter(np.zeros(1, np.float32))
    a.grad, b.grad = np.array([3.0, 0.0], np.float32), np.array([4.0], np.float32)
    assert clip_grad_norm([a, b], 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose([a.grad[0], b.grad[0]], [0.6, 0.8], rtol=1e-6)
    clip_grad_value([a, b], 0.5)
    np.testing.assert_allclose([a.grad[0], b.grad[0]], [0.5, 0.5], rtol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: SGD([p], lr=-1.0),
        lambda p: SGD([p], lr=float("nan")),
        lambda p: SGD([p], nesterov=True),
        lambda p: Adam([p], betas=(1.0, 0.9)),
        lambda p: LBFGS([p], line_search="armijo"),
        lambda p: clip_grad_norm([p], 0.0),
    ],
)
def test_bad_hyperparameters_are_refused(make):
    with pytest.raises(ArgumentError):
        make(Parameter(np.zeros(2, np.float32)))


def test_a_rule_is_a_function_of_slices():
    p, g, v = np.ones(4, np.float32), np.ones(4, np.float32), np.zeros(4, np.float32)
    settings = dict(lr=0.5, momentum=0.9, nesterov=False, weight_decay=0.0, decoupled=False)
    rules.momentum(p[1:3], g[1:3], v[1:3], np.empty(2, np.float32), **settings)
    assert p.tolist() == [1, 0.5, 0.5, 1]
    assert v.tolist() == [0, 1, 1, 0]


def test_hyperparameters_that_do_not_exist_are_refused():
    """A misspelt rate in a group used to leave the default in force."""
    p, _ = quadratic()
    with pytest.raises(ArgumentError, match="SGD: a group has no hyperparameter learning_rate; it has lr, momentum"):
        SGD([{"params": [p], "learning_rate": 0.3}], lr=0.1)
    with pytest.raises(ArgumentError, match="needs the key 'params', this one has 'param'"):
        SGD([{"param": [p]}], lr=0.1)
    for make in (
        lambda: SGD([p], lr="0.1"), lambda: Adam([p], betas=0.9), lambda: Adam([p], betas=[0.9]),
        lambda: RMSprop([p], alpha=2.0),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match="must"):
            make()


def test_a_second_optimizer_does_not_inherit_the_first_ones_rate():
    p, _ = quadratic()
    Adam([{"params": [p], "lr": 0.5}])
    assert SGD([p], lr=0.01).lr == 0.01


def test_momentum_may_be_switched_on_and_off():
    p, target = quadratic()
    q = Parameter(p.numpy().copy())
    o, plain = SGD([p], lr=0.1), SGD([q], lr=0.1)
    for momentum in (0.0, 0.9, 0.0, 0.9):
        o.groups[0]["momentum"] = momentum
        for optimizer, parameter in ((o, p), (plain, q)):
            optimizer.zero_grad()
            loss_of(parameter, target).backward()
            optimizer.step()
    assert set(o.state_dict()["state"]) == {"velocity"}
    assert not np.array_equal(p.numpy(), q.numpy())


def test_state_of_another_kind_is_refused_before_the_first_step_too():
    p, _ = quadratic()
    for saved in ({}, Adam([Parameter(p.numpy())]).state_dict()):
        with pytest.raises(CheckpointError, match="optimizer state for SGD"):
            SGD([p]).load_state_dict(saved)


def test_clipping_takes_one_parameter_and_refuses_a_model():
    p, target = quadratic()
    loss_of(p, target).backward()
    assert clip_grad_norm(p, 1.0) > 1
    for wrong, kind in ((dl.nn.Linear(2, 2), "Linear"), ([dl.tensor([1.0])], "Tensor")):
        with pytest.raises(ArgumentError, match=kind):
            clip_grad_value(wrong, 1.0)
