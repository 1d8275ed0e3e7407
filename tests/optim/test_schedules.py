"""Learning-rate schedules: their values, and that a restored schedule goes on where it was."""

import numpy as np
import pytest

from minidl.errors import ArgumentError, CheckpointError
from minidl.optim import SGD, schedules
from minidl.params import Parameter


def optimizer(lr=1.0):
    return SGD([Parameter(np.zeros(1, np.float32))], lr=lr)


def rates(schedule, n):
    values = []
    for _ in range(n):
        values.append(schedule.optimizer.lr)
        schedule.step()
    return values


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: schedules.Step(o, every=2, gamma=0.5), [1, 1, 0.5, 0.5, 0.25]),
        (lambda o: schedules.Step(o, milestones=[1, 3], gamma=0.1), [1, 0.1, 0.1, 0.01, 0.01]),
        (lambda o: schedules.Exponential(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625]),
        (lambda o: schedules.Cosine(o, steps=4), [1, 0.853553, 0.5, 0.146447, 0]),
        (lambda o: schedules.Cosine(o, steps=5, warmup=1), [0.5, 1, 0.853553, 0.5, 0.146447]),
        (lambda o: schedules.Warmup(o, steps=4), [0.25, 0.5, 0.75, 1, 1]),
    ],
)
def test_values(make, expected):
    np.testing.assert_allclose(rates(make(optimizer()), 5), expected, rtol=1e-5, atol=1e-12)


def test_one_cycle_rises_to_the_peak_and_ends_low():
    values = rates(schedules.OneCycle(optimizer(), steps=100), 101)
    assert values[0] == pytest.approx(1 / 25)
    assert max(values) == pytest.approx(1.0)
    assert values.index(max(values)) == 30
    assert values[-1] == pytest.approx(1e-4)


def test_plateau_waits_then_reduces():
    o = optimizer()
    schedule = schedules.Plateau(o, gamma=0.1, patience=1)
    seen = []
    for metric in (1.0, 0.5, 0.5, 0.5, 0.4):
        schedule.step(metric)
        seen.append(o.lr)
    np.testing.assert_allclose(seen, [1, 1, 1, 0.1, 0.1])
    with pytest.raises(ArgumentError):
        schedule.step()


def test_state_round_trip():
    one = schedules.Cosine(optimizer(), steps=10)
    rates(one, 4)
    other = schedules.Cosine(optimizer(), steps=10)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(rates(one, 4), rates(other, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda o: schedules.Step(o),
        lambda o: schedules.Step(o, every=2, milestones=[3]),
        lambda o: schedules.Exponential(o, -0.5),
        lambda o: schedules.Step(o, every=0),
        lambda o: schedules.Cosine(o, steps=3, warmup=3),
        lambda o: schedules.Warmup(o, steps=0),
        lambda o: schedules.OneCycle(o, steps=0),
        lambda o: schedules.Plateau(o, mode="up"),
    ],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(ArgumentError):
        make(optimizer())


def test_state_of_another_schedule_is_refused():
    with pytest.raises(CheckpointError, match=r"state for Cosine: needs .*found"):
        schedules.Cosine(optimizer(), 10).load_state_dict(schedules.Step(optimizer(), 2).state_dict())
