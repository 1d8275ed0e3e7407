"""The training loop: what it computes, and what it refuses."""


import numpy as np
import pytest
from helpers_train import ListLoader, Net, linear, loss, make, same, trained

import minidl as dl
from minidl import optim
from minidl.errors import ArgumentError, DataError, TrainingError
from minidl.train import EMA, EarlyStopping, evaluate, fit, predict
from minidl.train.history import read_metrics


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


def test_a_gradient_whose_square_overflows_float32_is_clipped_like_any_other():
    def steep(output, target):
        return loss(output, target) * 1e25

    plain, steeper = linear(), linear()
    fit(plain[0], loss, ListLoader(), plain[1], epochs=1, clip_norm=1e-3, progress=False)
    fit(steeper[0], steep, ListLoader(), steeper[1], epochs=1, clip_norm=1e-3, progress=False)
    for a, b in zip(plain[0].parameters(), steeper[0].parameters(), strict=True):
        np.testing.assert_allclose(b.data, a.data, rtol=1e-5, atol=1e-8)


def test_metrics_of_any_kind_of_number(tmp_path):
    metrics = {"half": lambda o, t: np.float32(0.5), "one": lambda o, t: dl.tensor(1.0), "two": lambda o, t: np.array([2])}
    _, history = trained(*make(), ListLoader(), metrics=metrics, run_dir=tmp_path)
    assert [history.last[name] for name in metrics] == [0.5, 1.0, 2.0]
    assert read_metrics(tmp_path / "metrics.jsonl")[-1]["half"] == 0.5
    assert "accuracy" in trained(*make(), ListLoader(), metrics="accuracy")[1].last
    for bad in ("x", None, np.zeros(3)):
        with pytest.raises(ArgumentError, match="metric 'bad' must give a number"):
            evaluate(make()[0], loss, ListLoader(), {"bad": lambda o, t, bad=bad: bad})


def test_net_has_all_kinds_of_state():
    assert len(Net().buffers()) > 0
