"""The training loop: what it computes, what it refuses, and what it leaves behind."""

import errno
import json
import os

import numpy as np
import pytest
from helpers_train import ListLoader, Net, loss, make

import minidl as dl
from minidl import nn, optim
from minidl.errors import ArgumentError, CheckpointError, DataError, TrainingError
from minidl.train import EMA, EarlyStopping, evaluate, fit, predict
from minidl.train.history import MetricsFile, read_metrics


class Linear(nn.Module):
    """One weight matrix: gradients can be written down."""

    def __init__(self):
        self.layer = nn.Linear(6, 2, rng=3)

    def forward(self, x):
        return self.layer(x)


def trained(model, optimizer, loader, epochs=2, **options):
    history = fit(model, loss, loader, optimizer, epochs=epochs, progress=False, **options)
    return model.state_dict(), history


def linear(lr=0.1):
    model = Linear()
    return model, optim.SGD(model.parameters(), lr=lr)


def same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        if tolerance:
            np.testing.assert_allclose(a[name], b[name], err_msg=name, **tolerance)
        else:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_it_learns():
    model, optimizer = make()
    _, history = trained(model, optimizer, ListLoader(200), 8, validation=ListLoader(100, seed=1), metrics=["accuracy"])
    assert history.last["val_accuracy"] > 0.85
    assert history.last["loss"] < history.epochs[0]["loss"]
    assert history.last["step"] == 8 * 25


def test_it_is_the_plain_loop():
    model, optimizer = make()
    ours, _ = trained(model, optimizer, ListLoader())
    dl.seed(0)
    model, optimizer = make()
    loader = ListLoader()
    for epoch in range(2):
        loader.set_epoch(epoch)
        for x, y in loader:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    same(ours, model.state_dict())


@pytest.mark.parametrize("n", [48, 42])
def test_accumulating_small_batches_is_one_large_batch(n):
    """Also with a short last batch, whose samples count as much as the others."""
    small, _ = trained(*linear(), ListLoader(n, batch=4), accumulate=4)
    large, _ = trained(*linear(), ListLoader(n, batch=16))
    same(small, large, rtol=1e-5, atol=1e-6)


def test_clipping_limits_the_step():
    model, optimizer = linear(lr=1.0)
    before = model.state_dict()
    after, _ = trained(model, optimizer, ListLoader(8), 1, clip_norm=0.01)
    moved = sum(float(((after[k] - before[k]) ** 2).sum()) for k in before) ** 0.5
    assert moved == pytest.approx(0.01, rel=1e-3)


def test_the_moving_average_is_what_is_validated_and_left():
    model, optimizer = linear()
    seen = []
    averages = []

    def note(trainer):
        seen.append(trainer.model.state_dict())
        averages.append(trainer.ema.state_dict()["average"])

    after, history = trained(model, optimizer, ListLoader(), 3, ema=0.9, validation=ListLoader(), callbacks=[note])
    same(after, averages[-1])
    assert any((seen[-1][k] != after[k]).any() for k in after)
    assert history.last["val_loss"] == evaluate(model, loss, ListLoader())["loss"]


def test_ema_follows_its_formula():
    model, _ = linear()
    ema = EMA(0.5)
    w = model.layer.weight
    values = []
    for k in range(4):
        w.data = np.full(w.shape, float(k), np.float32)
        values.append(float(k))
        ema.update(model)
    expected, t = values[0], 1
    for v in values[1:]:
        decay = min(0.5, (1 + t) / (10 + t))
        expected, t = decay * expected + (1 - decay) * v, t + 1
    ema.copy_to(model)
    np.testing.assert_allclose(w.data, expected, rtol=1e-5)


def test_early_stopping_stops_and_gives_the_best_weights_back():
    model, optimizer = linear(lr=0.0)
    stopping = EarlyStopping(patience=2, monitor="loss")
    _, history = trained(model, optimizer, ListLoader(), 10, early_stopping=stopping)
    assert len(history.epochs) <= 4 and "did not improve" in history.stopped


def test_a_number_of_epochs_watches_the_monitored_figure():
    """The accuracy stands still at once, while the loss falls."""
    model, optimizer = linear(lr=1e-6)
    _, history = trained(model, optimizer, ListLoader(), 9, metrics=["accuracy"], early_stopping=2, monitor="accuracy")
    assert len(history.epochs) == 3 and history.stopped.startswith("accuracy did not improve")
    _, history = trained(*linear(lr=0.0), ListLoader(), 9, early_stopping=1)
    assert history.stopped.startswith("loss did not improve")


@pytest.mark.parametrize("options", [{"monitor": "val_loss"}, {"early_stopping": EarlyStopping(2)}])
def test_a_figure_that_will_not_be_measured_is_refused_before_training(options):
    calls = []

    def counted(output, target):
        calls.append(None)
        return loss(output, target)

    model, optimizer = make()
    with pytest.raises(ArgumentError, match=r"'val_loss' is not measured; there are loss, accuracy"):
        fit(model, counted, ListLoader(), optimizer, epochs=1, metrics=["accuracy"], progress=False, **options)
    assert not calls


def test_a_schedule_steps_with_each_update():
    model, optimizer = linear()
    schedule = optim.schedules.Exponential(optimizer, 0.5)
    _, history = trained(model, optimizer, ListLoader(16), 2, schedule=schedule)
    assert history.last["lr"] == pytest.approx(0.1 * 0.5**4)


def test_a_callback_may_stop():
    _, history = trained(*linear(), ListLoader(), 9, callbacks=[lambda t: t.stop("enough") if t.epoch == 2 else None])
    assert len(history.epochs) == 2 and history.stopped == "enough"


def test_evaluation_leaves_the_model_as_it_was():
    model, _ = make()
    model.norm.eval()
    before = model.state_dict()
    evaluate(model, loss, ListLoader(), ["accuracy"])
    output, target = predict(model, ListLoader())
    assert output.shape == (40, 2) and target.shape == (40,)
    same(before, model.state_dict())
    assert not model.norm.training and model.drop[0].training


# -- what it refuses --------------------------------------------------------------------------------------


class Spoilt(ListLoader):
    def __init__(self, value, at=3, **sizes):
        super().__init__(**sizes)
        self.value, self.at = value, at

    def __iter__(self):
        for number, (x, y) in enumerate(super().__iter__()):
            if number == self.at:
                x = x.copy()
                x[2, 1] = self.value
            yield x, y


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_is_not_finite_is_named(value):
    with pytest.raises(DataError, match=r"epoch 1, batch 4, step 4: NaN or infinity in the data .*sample 2"):
        trained(*make(), Spoilt(value))


def test_empty_batches_and_empty_loaders_are_named():
    with pytest.raises(DataError, match="empty batch"):
        trained(*make(), [(np.zeros((0, 6), np.float32), np.zeros(0, int))])
    with pytest.raises(DataError, match="gave no batch"):
        trained(*make(), [])
    with pytest.raises(DataError, match="must be a tuple"):
        trained(*make(), [np.zeros((3, 6), np.float32)])


def test_a_bad_loss_stops_before_anything_is_overwritten(tmp_path):
    model, optimizer = make()
    calls = []

    def bad_loss(output, target):
        calls.append(model.state_dict())
        value = loss(output, target)
        return value * float("nan") if len(calls) == 8 else value

    with pytest.raises(TrainingError, match=r"epoch 2, batch 3, step 8: the loss is nan; first bad parameter: two") as e:
        fit(model, bad_loss, ListLoader(), optimizer, epochs=3, run_dir=tmp_path / "r", progress=False)
    assert "last good checkpoint is" in str(e.value) and "step-000000005" in str(e.value)
    after = model.state_dict()
    same({k: v for k, v in calls[-1].items() if "norm" not in k}, {k: v for k, v in after.items() if "norm" not in k})


def test_a_bad_gradient_names_the_parameter():
    model, optimizer = linear()

    def spoil(output, target):
        # finite value, infinite slope
        return loss(output, target) + dl.sqrt(output.sum() * 0.0)

    with np.errstate(all="ignore"), pytest.raises(TrainingError, match=r"gradient is not finite.*layer\.\w+ \(its grad"):
        fit(model, spoil, ListLoader(), optimizer, epochs=1, progress=False)


def test_a_gradient_too_large_for_its_norm_is_told_from_one_that_is_not_finite():
    def steep(output, target):
        return loss(output, target) * 1e25

    model, optimizer = linear()
    with pytest.raises(TrainingError, match=r"norm of the gradient is too large for float32.*learning rate below"):
        fit(model, steep, ListLoader(), optimizer, epochs=1, progress=False)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0}, {"epochs": 1.5}, {"epochs": "3"}, {"accumulate": 0}, {"metrics": ["f1"]}, {"checkpoint_every": 0},
        {"clip_norm": 0}, {"clip_norm": float("nan")}, {"ema": 1}, {"ema": True}, {"early_stopping": 0},
        {"callbacks": print}, {"callbacks": ["x"]}, {"schedule": "cosine"}, {"config": {"a": np.arange(3)}},
        {"config": {"a": {1, 2}}},
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_before_training(options):
    model, optimizer = make()
    before = model.state_dict()
    with pytest.raises((ArgumentError, CheckpointError)):
        fit(model, loss, ListLoader(), optimizer, **{"epochs": 1, "progress": False, **options})
    same(before, model.state_dict())


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(ArgumentError, match="none of the model's parameters"):
        trained(make()[0], make()[1], ListLoader())


def test_a_loss_that_is_no_tensor_is_named():
    model, optimizer = make()
    with pytest.raises(TrainingError, match="loss must be a Tensor, not float"):
        fit(model, lambda output, target: 1.0, ListLoader(), optimizer, epochs=1, progress=False)


def test_metrics_of_any_kind_of_number(tmp_path):
    metrics = {"half": lambda o, t: np.float32(0.5), "one": lambda o, t: dl.tensor(1.0), "two": lambda o, t: np.array([2])}
    _, history = trained(*make(), ListLoader(), metrics=metrics, run_dir=tmp_path)
    assert [history.last[name] for name in metrics] == [0.5, 1.0, 2.0]
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["half"] == 0.5
    assert "accuracy" in trained(*make(), ListLoader(), metrics="accuracy")[1].last
    for bad in ("x", None, np.zeros(3)):
        with pytest.raises(ArgumentError, match="metric 'bad' must give a number"):
            evaluate(make()[0], loss, ListLoader(), {"bad": lambda o, t, bad=bad: bad})


def test_a_config_of_tuples_and_numpy_numbers_is_the_same_when_resumed(tmp_path):
    for epochs in (1, 2):
        config = {"shape": (3, 3), "n": np.int64(4), 1: None}
        _, history = trained(*make(), ListLoader(), epochs, run_dir=tmp_path, config=config, resume=True)
        assert len(history.epochs) == epochs


# -- what it leaves behind --------------------------------------------------------------------------------


def test_metrics_are_json_lines(tmp_path):
    _, history = trained(*make(), ListLoader(), 2, run_dir=tmp_path, log_every=2)
    records = read_metrics(tmp_path / "metrics.jsonl")
    assert [r["epoch"] for r in records if r["kind"] == "epoch"] == [1, 2]
    assert [r["step"] for r in records if r["kind"] == "step"] == [2, 4, 6, 8, 10]
    assert json.loads(json.dumps(history.last))["step"] == 10


def test_a_full_disk_leaves_no_half_line_of_metrics(tmp_path, monkeypatch):
    metrics, real = MetricsFile(tmp_path / "m"), os.write
    metrics.write({"a": 1})
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))  # as on a disk with three bytes left
    with pytest.raises(CheckpointError, match=r"cannot write .*m: No space left on device"):
        metrics.write({"a": 2})
    assert read_metrics(tmp_path / "m") == [{"a": 1}]

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match=r"cannot write .*m: No space left on device"):
        metrics.sync()
    metrics.close()


def test_the_directory_that_one_stands_in_is_not_renamed(tmp_path, monkeypatch):
    """Else ``run_dir="."`` would rename a user's whole project."""
    project = tmp_path / "project"
    (project / "checkpoints").mkdir(parents=True)
    (project / "sub").mkdir()
    monkeypatch.chdir(project / "sub")
    for run_dir in (project, "..", project / "sub" / ".."):
        with pytest.raises(CheckpointError, match=r"holds an earlier run.*choose another"):
            trained(*make(), ListLoader(), 1, run_dir=run_dir)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["project"]


def test_an_earlier_run_is_set_aside(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r")
    trained(*make(), ListLoader(), 2, run_dir=tmp_path / "r")
    trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "r.1", "r.2"]
    assert len([r for r in read_metrics(tmp_path / "r.2" / "metrics.jsonl") if r["kind"] == "epoch"]) == 2


def test_a_checkpoint_of_another_model_lists_the_differences(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path)
    with pytest.raises(CheckpointError, match=r"one\.weight"):
        trained(*make(hidden=9), ListLoader(), 2, run_dir=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"(?=.*missing)(?=.*unexpected)"):
        trained(*linear(), ListLoader(), 2, run_dir=tmp_path, resume=True)


def test_resuming_with_other_settings_is_refused(tmp_path):
    trained(*make(), ListLoader(), 1, run_dir=tmp_path, config={"seed": 1})
    with pytest.raises(CheckpointError, match=r"5 batches .* now there are 10"):
        trained(*make(), ListLoader(batch=4), 2, run_dir=tmp_path, resume=True, config={"seed": 1})
    with pytest.raises(CheckpointError, match="seed = 1, and now it is 2"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=True, config={"seed": 2})
    with pytest.raises(CheckpointError, match="without ema"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=True, config={"seed": 1}, ema=0.9)


def test_a_refused_resume_leaves_the_metrics_alone(tmp_path):
    trained(*make(), ListLoader(), 2, run_dir=tmp_path)
    before = (tmp_path / "metrics.jsonl").read_bytes()
    first = sorted((tmp_path / "checkpoints").glob("step-*"))[0]
    with pytest.raises(CheckpointError, match="without ema"):
        trained(*make(), ListLoader(), 2, run_dir=tmp_path, resume=first, ema=0.9)
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_in_one_directory_at_a_time_are_refused(tmp_path, resume):
    """They would write over each other's checkpoints."""

    def second(trainer):
        with pytest.raises(CheckpointError, match=r"another run is being trained in .*; choose another directory"):
            trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r", resume=resume)

    for _ in range(2):  # and when the first one is over, it is free again
        trained(*make(), ListLoader(), 1, run_dir=tmp_path / "r", callbacks=[second])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r", "r.1"]


def test_an_unwritable_run_directory_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write"):
        trained(*make(), ListLoader(), 1, run_dir=tmp_path / "file" / "run")


def test_net_has_all_kinds_of_state():
    assert len(Net().buffers()) > 0
