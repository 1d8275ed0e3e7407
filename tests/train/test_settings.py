"""Settings that cannot work, and settings that are kept with a run."""

import numpy as np
import pytest
from helpers_train import ListLoader, loss, make, same, trained

from minidl.errors import ArgumentError, CheckpointError, TrainingError
from minidl.train import EarlyStopping, fit


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


def test_a_config_of_tuples_and_numpy_numbers_is_the_same_when_resumed(tmp_path):
    for epochs in (1, 2):
        config = {"shape": (3, 3), "n": np.int64(4), 1: None}
        _, history = trained(*make(), ListLoader(), epochs, run_dir=tmp_path, config=config, resume=True)
        assert len(history.epochs) == epochs
