"""Sparse SGD: the loops against a plain formula, laws of the schemes, and orderly ends."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

from minidl.data.ratings import Ratings
from minidl.data.sparse import SparseRows, rcv1_like
from minidl.errors import ArgumentError, TrainingError
from minidl.parallel.hogwild.sparse_problems import SVM, Factorisation, Logistic
from minidl.parallel.hogwild.sparse_sgd import minimise

slow = pytest.mark.slow
HOWS = ("lock-free", "round robin", "locked rows")


def small_ratings(n=400, users=12, items=30):
    rng = np.random.default_rng(0)
    u, i = rng.integers(0, users, n), rng.integers(0, items, n)
    truth = rng.standard_normal((users, 3)) @ rng.standard_normal((3, items))
    return Ratings(u.astype(np.int32), i.astype(np.int32), truth[u, i].astype(np.float32), users, items)


PROBLEMS = {
    "logistic": lambda: Logistic(rcv1_like(300, 500, 10), penalty=0.5),
    "svm": lambda: SVM(rcv1_like(300, 500, 10), penalty=0.5),
    "svm without penalty": lambda: SVM(rcv1_like(300, 500, 10)),
    "factorisation": lambda: Factorisation(small_ratings(), rank=4),
}
every_problem = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS)


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    assert [p for p in multiprocessing.active_children() if p.name.startswith("minidl")] == []


def disjoint(n=60, each=4):
    rng = np.random.default_rng(0)
    starts = np.arange(n + 1) * each
    values = rng.random(n * each).astype(np.float32)
    return SparseRows(starts, np.arange(n * each), values, np.where(rng.random(n) < 0.5, -1, 1).astype(np.float32), n * each)


@every_problem
def test_the_fast_loop_is_the_plain_one(make):
    problem = make()
    fast, plain = problem.start(0), problem.start(0)
    order = np.random.default_rng(0).permutation(len(problem)).tolist()
    problem.run(fast, order, 0.05)
    for i in order:
        index, change = problem.change(plain, i, 0.05)
        plain[index] += change
    np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-6)


@every_problem
def test_a_step_goes_down_the_slope(make):
    """The changes of all examples together are minus the step times the gradient of the sum."""
    problem = make()
    rng = np.random.default_rng(1)
    w = rng.standard_normal(problem.shape).astype(np.float32)
    total = np.zeros(problem.shape)
    for i in range(len(problem)):
        index, change = problem.change(w, i, 1.0)
        total[index] += change
    objective = loss_in_float64(problem)
    direction = rng.standard_normal(problem.shape)
    slope = (objective(w + 1e-5 * direction) - objective(w - 1e-5 * direction)) / 2e-5
    assert slope == pytest.approx(-(total * direction).sum(), rel=2e-2, abs=1e-2)


def loss_in_float64(problem):
    if isinstance(problem, Factorisation):
        r = problem.ratings

        def objective(w):
            left, right = w[r.users], w[r.items + r.n_users]
            error = r.stars - problem.mean - (left * right).sum(1)
            return float((error**2).sum() / 2 + problem.penalty / 2 * ((left**2).sum() + (right**2).sum()))

        return objective

    def linear(w):
        touched = problem.rows.counts() > 0
        margins = problem.rows.labels * problem.rows.dot(w)
        return float(problem.losses(margins).sum() + problem.penalty / 2 * (w[touched] ** 2).sum())

    return linear


def test_one_worker_is_the_serial_loop():
    problem = PROBLEMS["logistic"]()
    serial = minimise(problem, epochs=2, seed=3)
    for how in HOWS:
        one = minimise(problem, workers=1, how=how, epochs=2, seed=3)
        np.testing.assert_allclose(one.w, serial.w, rtol=1e-4, atol=1e-6)
        assert one.losses == pytest.approx(serial.losses, rel=1e-5)
    assert serial.updates == 600 and len(serial.losses) == len(serial.seconds) == 3


@pytest.mark.parametrize("how", [HOWS[0], *(pytest.param(how, marks=slow) for how in HOWS[1:])])
def test_disjoint_supports_end_as_the_serial_loop_does(how):
    problem = Logistic(disjoint())
    delay = None if how == "lock-free" else 0.0
    serial = minimise(problem, epochs=3, delay=delay)
    np.testing.assert_array_equal(minimise(problem, workers=3, how=how, epochs=3, delay=delay).w, serial.w)


@slow
@pytest.mark.parametrize("how", HOWS[1:])
def test_with_locks_or_turns_no_update_is_lost(how):
    """Every example adds the same number to the same weight, so the sum tells how many arrived."""
    n = 2000
    rows = SparseRows(np.arange(n + 1), np.zeros(n, np.int64), np.ones(n, np.float32), np.ones(n, np.float32), 1)
    run = minimise(SVM(rows), workers=3, how=how, epochs=1, step=2.0**-12)
    assert run.w[0] == n * 2.0**-12


@slow
@every_problem
def test_two_workers_come_to_the_same_loss(make):
    """Once it has settled: on the way down the loss of so few examples hangs on their order."""
    problem = make()
    serial, two = (minimise(problem, workers=n, epochs=60, decay=0.95).losses[-1] for n in (0, 2))
    assert two == pytest.approx(serial, rel=0.03)


@slow
def test_a_slower_gradient_takes_longer():
    problem = PROBLEMS["logistic"]()
    run = minimise(problem, workers=2, how="round robin", epochs=1, delay=1e-3, examples=100)
    assert run.updates == 100 and run.seconds[-1] > 0.05


@slow
@pytest.mark.parametrize("how", HOWS)
def test_a_killed_worker_is_one_clear_line(how):
    problem = PROBLEMS["logistic"]()

    def kill():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if pids := [p.pid for p in multiprocessing.active_children() if p.name == "minidl-hogwild-1"]:
                time.sleep(1.5)
                os.kill(pids[0], signal.SIGKILL)
                return
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TrainingError, match=r"Hogwild: worker 1 \(pid \d+\) was killed by SIGKILL"):
        minimise(problem, workers=3, how=how, epochs=10_000, delay=1e-4)
    killer.join()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"how": "chaos"}, "how must be one of lock-free, round robin, locked rows"),
        ({"workers": -1}, "workers must be in 0 ... 300"),
        ({"workers": 301}, "one for each example"),
        ({"epochs": 0}, "at least 1"),
        ({"step": 0}, "step must be above 0"),
        ({"decay": 2}, "decay in"),
        ({"delay": -1}, "delay must lie"),
    ],
)
def test_settings(options, words):
    with pytest.raises(ArgumentError, match=words):
        minimise(PROBLEMS["svm"](), **options)
    with pytest.raises(ArgumentError, match="penalty"):
        SVM(rcv1_like(10, 50, 3), penalty=-1)
    with pytest.raises(ArgumentError, match="rank"):
        Factorisation(small_ratings(), rank=0)


def test_steps_that_are_too_long_are_told():
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf); try a step below"):
        minimise(Factorisation(small_ratings()), step=50.0, epochs=3)
