"""Hogwild: laws where there are any, and an orderly end whatever happens to a worker."""

import os
import random
import signal
import threading
import time

import helpers_hogwild as h
import numpy as np
import pytest

import minidl as dl
from minidl import data, optim
from minidl.errors import ArgumentError, DataError, TrainingError
from minidl.parallel import Hogwild
from minidl.train import TrainingInterrupted, fit

slow = pytest.mark.slow  # a process takes about a second to start
WAIT = 60  # seconds: five times what the slowest should take


@pytest.fixture(autouse=True)
def nothing_left():
    """After each test: no worker, no shared file."""
    files = h.shared_files()
    yield
    assert h.children() == []
    assert h.shared_files() <= files


def trained(strategy, epochs=2, drop=0.0, batches=None, momentum=0.9, **options):
    dl.seed(0)
    model, optimizer = h.make(drop, momentum=momentum)
    options = {"progress": False, "metrics": ["accuracy"], "loss": h.loss} | options
    loss = options.pop("loss")
    history = fit(model, loss, batches or h.loader(), optimizer, epochs=epochs, strategy=strategy, **options)
    return model, optimizer, history


def same_weights(a, b, **tolerance):
    for name, value in a.state_dict().items():
        np.testing.assert_allclose(value, b.state_dict()[name], err_msg=name, **(tolerance or {"rtol": 0}))


# -- laws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [pytest.param("private", marks=slow), "shared"])
def test_one_worker_ends_with_the_bits_of_one_process(state):
    serial, optimizer, history = trained(None, clip_norm=1.0, accumulate=2)
    one, theirs, same = trained(Hogwild(1, state=state, threads=1), clip_norm=1.0, accumulate=2)
    same_weights(serial, one)
    assert [r["loss"] for r in history.epochs] == pytest.approx([r["loss"] for r in same.epochs], rel=1e-12)
    assert (theirs.t, same.last["step"]) == (optimizer.t, history.last["step"])
    for name, arrays in optimizer.state_dict()["state"].items():
        for parameter, values in arrays.items():
            np.testing.assert_array_equal(values, theirs.state_dict()["state"][name][parameter])


@pytest.mark.parametrize("adagrad", [True, pytest.param(False, marks=slow)])
def test_disjoint_supports_end_as_one_process_does(adagrad):
    """Each batch pulls rows of its own: the order, and who does it, cannot matter."""
    n, batch = 64, 4
    target = np.random.default_rng(0).standard_normal((n, 3)).astype(np.float32)

    def table(strategy):
        model = h.Rows(n, sparse=True)
        loader = data.Loader(data.ArrayDataset(np.arange(n), target), batch, shuffle=True, seed=3)
        optimizer = optim.Adagrad(model.parameters(), lr=0.5) if adagrad else optim.SGD(model.parameters(), lr=0.5)
        fit(model, h.square, loader, optimizer, epochs=3, strategy=strategy, progress=False)
        return model.table.weight.data

    np.testing.assert_array_equal(table(None), table(Hogwild(3, state="shared")))


def test_two_workers_learn_and_figures_are_of_all_samples():
    model, optimizer, history = trained(Hogwild(2), epochs=12, validation=h.loader())
    assert history.last["val_accuracy"] > 0.85 and history.last["accuracy"] > 0.8
    assert [r["step"] for r in history.epochs] == [15 * e for e in range(1, 13)]
    assert optimizer.t == 180 and len(history.steps) == 18
    assert 0 < np.abs(model.norm.running_mean.data).max() < 3  # the mean of what the workers saw


@slow
def test_sparse_tables_with_adagrad_and_adam():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 50, (200, 5))
    labels = (words < 25).sum(1) > 2
    for make, state in ((optim.Adagrad, "shared"), (optim.Adagrad, "private"), (optim.Adam, "private")):
        model = h.Words()
        loader = data.Loader(data.ArrayDataset(words, labels.astype(np.int64)), 10, shuffle=True)
        history = fit(
            model, h.loss, loader, make(model.parameters(), lr=0.1), epochs=8, strategy=Hogwild(2, state=state),
            metrics=["accuracy"], progress=False,
        )  # fmt: skip
        assert history.last["accuracy"] > 0.9


@slow
def test_sharing_what_is_divided_by_is_warned_of(capsys):
    words = np.zeros((40, 5), np.int64)
    for options, warned in (({}, False), ({"state": "shared"}, True), ({"state": "shared", "locked": True}, False)):
        model = h.Words()
        loader = data.Loader(data.ArrayDataset(words, words[:, 0]), 10)
        fit(model, h.loss, loader, optim.Adam(model.parameters()), epochs=1, strategy=Hogwild(2, **options))
        assert ("sharing Adam's state without a lock" in capsys.readouterr().err) == warned
    trained(Hogwild(2, state="shared"), epochs=1, progress=True)
    assert "sharing" not in capsys.readouterr().err  # momentum is added, not divided by


@slow
def test_rows_that_nobody_looked_up_keep_their_bits():
    words = np.random.default_rng(0).integers(0, 20, (80, 5))
    model = h.Words()
    before = model.table.weight.data.copy()
    loader = data.Loader(data.ArrayDataset(words, (words[:, 0] > 9).astype(np.int64)), 8)
    optimizer = optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    fit(model, h.loss, loader, optimizer, epochs=2, strategy=Hogwild(2), progress=False)
    changed = (model.table.weight.data != before).any(1)
    assert changed[:20].all() and not changed[20:].any()


@slow
def test_each_worker_and_epoch_has_its_own_dropout():
    a, b = (trained(Hogwild(1, seed=seed, threads=1), drop=0.3)[0] for seed in (0, 1))
    again = trained(Hogwild(1, seed=0, threads=1), drop=0.3)[0]
    same_weights(a, again)
    assert not np.array_equal(a.one.weight.data, b.one.weight.data)


@slow
def test_what_the_loop_offers_works_as_ever():
    _, _, history = trained(
        Hogwild(2), epochs=6, validation=h.loader(), ema=0.9, early_stopping=5, accumulate=2, clip_norm=1.0, log_every=1
    )
    assert [r["step"] for r in history.epochs] == [8 * e for e in range(1, 7)] and history.last["val_accuracy"] > 0.6
    assert len(history.steps) == 48


@slow
def test_the_schedule_reaches_the_workers():
    model, optimizer = h.make(0.0)
    before = model.two.weight.data.copy()
    schedule = optim.schedules.Step(optimizer, every=1, gamma=1e-9)
    fit(model, h.loss, h.loader(), optimizer, epochs=2, schedule=schedule, strategy=Hogwild(1), progress=False)
    after_few = model.two.weight.data.copy()
    model, optimizer = h.make(0.0)
    fit(model, h.loss, h.loader(), optimizer, epochs=2, strategy=Hogwild(1), progress=False)
    far, near = (np.abs(w - before).max() for w in (model.two.weight.data, after_few))
    assert near < far / 2 and optimizer.lr == 0.05


@slow
def test_locked_updates_and_the_mean_of_private_states():
    _, _, history = trained(Hogwild(2, locked=True), epochs=10, drop=0.1)
    assert history.last["accuracy"] > 0.8
    _, optimizer, history = trained(Hogwild(2), epochs=10, drop=0.1)
    velocity = optimizer.state_dict()["state"]["velocity"]["two.weight"]
    assert history.last["accuracy"] > 0.8 and np.abs(velocity).max() > 0


@slow
def test_under_the_lock_no_update_is_lost():
    """Every gradient is one, so the weights count the updates."""
    model = h.Ones(50_000)
    optimizer = optim.SGD(model.parameters(), lr=2.0**-10)
    batches = data.Loader(data.ArrayDataset(np.zeros((800, 1), np.float32), np.zeros(800)), 1)
    fit(model, h.total, batches, optimizer, epochs=1, strategy=Hogwild(3, locked=True), progress=False)
    assert set(model.w.data.tolist()) == {-800 * 2.0**-10}


def test_the_shared_array_starts_a_cache_line_and_the_parent_sees_the_state():
    addresses = []

    def look(trainer):
        addresses.append(trainer.optimizer.space.data.ctypes.data)
        assert trainer.optimizer.space.data.flags.aligned
        velocity = trainer.optimizer.state_dict()["state"]["velocity"]["two.weight"]
        assert np.abs(velocity).max() > 0  # what a checkpoint would keep

    trained(Hogwild(1, state="shared"), epochs=1, callbacks=[look])
    assert addresses[0] % 64 == 0


# -- saving and resuming ---------------------------------------------------------------------------------


@slow
@pytest.mark.parametrize("workers", [1, 3])
def test_a_resumed_run_trains_each_batch_of_the_epoch(tmp_path, workers):
    def interrupt(trainer):
        if trainer.epoch == 1:
            threading.Timer(0.1, lambda: setattr(trainer.interrupt, "requested", True)).start()

    with pytest.raises(TrainingInterrupted) as stop:
        trained(
            Hogwild(2), epochs=5, batches=h.loader(400), loss=h.slow, run_dir=tmp_path, callbacks=[interrupt],
            checkpoint_every=7,
        )  # fmt: skip
    assert stop.value.checkpoint is not None
    _, optimizer, history = trained(
        Hogwild(workers), epochs=5, batches=h.loader(400), run_dir=tmp_path, checkpoint_every=7, resume=True
    )
    assert history.last["step"] == 250 == optimizer.t and history.last["accuracy"] > 0.8
    assert [r["step"] for r in history.epochs] == [50, 100, 150, 200, 250]


class StopAt15(Hogwild):
    """Ctrl-C just before the last update of the first epoch is counted."""

    def _count(self, trainer, figures):
        trainer.interrupt.requested |= trainer.step == 14
        super()._count(trainer, figures)


@slow
def test_a_run_resumed_where_nothing_is_left_of_the_epoch(tmp_path):
    with pytest.raises(TrainingInterrupted):
        trained(StopAt15(2), run_dir=tmp_path)
    _, _, history = trained(Hogwild(3), run_dir=tmp_path, resume=True)
    assert [r["step"] for r in history.epochs] == [15, 30]


@slow
def test_a_checkpoint_of_hogwild_goes_on_in_one_process(tmp_path):
    trained(Hogwild(2), epochs=2, run_dir=tmp_path)
    _, _, history = trained(None, epochs=4, run_dir=tmp_path, resume=True)
    assert len(history.epochs) == 4


# -- faults ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what, words",
    [
        ("raise", r"Hogwild: worker \d: RuntimeError: no luck today \(epoch 1\)"),
        pytest.param("kill", r"Hogwild: worker \d \(pid \d+\) was killed by SIGKILL.*\(epoch 1\)", marks=slow),
        pytest.param("nan", r"epoch 1, batch \d+: the loss is (nan|inf).*try a learning rate below 0.05", marks=slow),
    ],
)
def test_a_worker_that_fails_stops_training_with_its_message(what, words, tmp_path):
    with pytest.raises(TrainingError, match=words) as e:
        trained(Hogwild(2), loss=h.Fault(what))
    assert "\n" not in str(e.value)
    if what == "raise":
        assert "in __call__" in str(e.value.__cause__)


@pytest.mark.parametrize("what", ["kill", pytest.param("raise", marks=slow)])
def test_the_others_go_on_when_asked(what, tmp_path, capsys):
    strategy = Hogwild(3, on_failure="continue")
    fault = h.Fault(what, once=str(tmp_path / "once"))
    _, optimizer, history = trained(strategy, epochs=6, loss=fault, progress=True)
    assert optimizer.t == 90 and history.last["accuracy"] > 0.7
    assert "the others go on" in capsys.readouterr().err


@slow
@pytest.mark.parametrize("what", ["kill", "raise"])
def test_when_no_worker_is_left_training_ends(what):
    with pytest.raises(TrainingError, match=r"SIGKILL|no luck"):
        trained(Hogwild(2, on_failure="continue"), loss=h.Fault(what))


@slow
def test_a_bad_sample_ends_training_also_when_others_could_go_on():
    x, y = h.numbers()
    x[17, 2] = np.nan
    bad = data.Loader(data.ArrayDataset(x, y), 8)
    with pytest.raises(DataError, match=r"Hogwild: worker \d: epoch 1, batch 3: NaN or infinity in the data .*sample 1"):
        trained(Hogwild(2, on_failure="continue"), batches=bad)


@slow
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_any_moment(seed, tmp_path):
    """SIGKILL of one of three workers, locked or not: all updates are made by the others, and nothing hangs."""
    rng = random.Random(seed)
    strategy = Hogwild(3, locked=seed % 2 == 0, on_failure="continue", state="shared" if seed % 3 else "private")
    start = time.monotonic()

    def kill():
        while time.monotonic() < start + WAIT and len(pids := strategy.pids) < 3:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.6)
        if pids := strategy.pids:
            os.kill(rng.choice(pids), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        _, optimizer, history = trained(strategy, epochs=4, batches=h.loader(800, 8), drop=0.1)
    except TrainingError as error:  # killed before it was ready
        assert "SIGKILL" in str(error)
    else:
        assert history.last["step"] == 400 == optimizer.t and history.last["accuracy"] > 0.8
    killer.join()
    assert time.monotonic() - start < WAIT


# -- what bad input gets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        ({"workers": 0}, "workers must be an integer of at least 1, got 0"),
        ({"workers": 2, "threads": 0}, "threads must be"),
        ({"workers": 2, "state": "none"}, "state must be 'private' or 'shared'"),
        ({"workers": 2, "on_failure": "cry"}, "on_failure must be"),
    ],
)
def test_settings(options, words):
    with pytest.raises(ArgumentError, match=words):
        Hogwild(**options)


def test_more_workers_than_updates():
    with pytest.raises(ArgumentError, match=r"20 workers for 15 updates in an epoch.*at most 15"):
        trained(Hogwild(20))


def test_a_loader_that_is_none():
    with pytest.raises(ArgumentError, match=r"needs a minidl.data.Loader, not list"):
        trained(Hogwild(2), batches=[h.numbers()])


def test_what_cannot_be_sent():
    with pytest.raises(ArgumentError, match=r"the model, its loss or its metrics cannot be sent.*not lambdas") as e:
        trained(Hogwild(2), loss=lambda output, target: h.loss(output, target))
    assert "\n" not in str(e.value)
    with pytest.raises(ArgumentError, match="Hogwild: the dataset cannot be sent"):
        trained(Hogwild(2), batches=h.loader(transform=lambda x, i, e: x))


@slow
def test_what_cannot_be_read_there():
    with pytest.raises(TrainingError, match="worker 0: RuntimeError: not here"):
        trained(Hogwild(1), loss=h.Unloadable())


def test_two_dtypes():
    model = h.Net()
    optimizer = optim.SGD([*model.parameters(), dl.Parameter(np.zeros(3, np.float64))], lr=0.1)
    with pytest.raises(ArgumentError, match="one dtype, and these have float32, float64"):
        fit(model, h.loss, h.loader(), optimizer, epochs=1, strategy=Hogwild(2), progress=False)
