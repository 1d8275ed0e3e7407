"""The summary's numbers, against counts by hand."""

import numpy as np
import pytest

from minidl import nn
from minidl.errors import ArgumentError


def convnet():
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10)
    )


def test_numbers_by_hand(capsys):
    net = convnet()
    table = net.summary((2, 4, 4, 1))
    rows = {r.name: r for r in table.rows}
    assert [r.output_shape for r in table.rows] == [(2, 4, 4, 8)] * 3 + [(2, 2, 2, 8), (2, 32), (2, 10)]
    assert rows["0"].parameters == 5 * 5 * 1 * 8 + 8
    assert rows["0"].multiply_adds == 2 * 4 * 4 * 8 * 5 * 5
    assert rows["1"].parameters == 16
    assert rows["5"].multiply_adds == 2 * 32 * 10
    assert rows["5"].bytes == 2 * 10 * 4
    assert table.parameters == table.trainable == 208 + 16 + 330
    assert table.multiply_adds == 6400 + 640
    assert table.parameter_bytes == 4 * (554 + 16)
    printed = capsys.readouterr().out
    assert "Conv2d(1, 8, kernel_size=(5, 5)" in printed
    assert "7,040" in printed
    assert printed.splitlines()[-1] == "parameters and buffers: 2,280 bytes"


def test_it_leaves_the_model_as_it_was(capsys):
    net = convnet()
    net[0].freeze()
    net[5].eval()
    before = net.state_dict()
    table = net.summary((3, 4, 4, 1))
    assert table.trainable == table.parameters - 208
    assert "208 frozen" in capsys.readouterr().out
    assert net.training
    assert not net[5].training
    assert "forward" not in vars(net[0])
    for name, a in net.state_dict().items():
        np.testing.assert_array_equal(a, before[name])


def test_a_shared_layer_has_a_row_per_call_but_its_parameters_once(capsys):
    layer = nn.Linear(4, 4)
    table = nn.Sequential(layer, layer).summary((1, 4))
    assert [r.parameters for r in table.rows] == [20, 0]
    assert table.parameters == 20
    assert table.multiply_adds == 32


def test_recurrent_and_attention(capsys):
    table = nn.LSTM(3, 5).summary((7, 2, 3))
    assert table.multiply_adds == 7 * 2 * (3 * 20 + 5 * 20)
    assert table.rows[0].output_shape == ((7, 2, 5), (1, 2, 5), (1, 2, 5))
    table = nn.TransformerEncoderLayer(8, 2, 16).summary((2, 3, 8))
    t, d = 6, 8
    assert table.multiply_adds == t * (3 * d * d + d * d + 2 * d * 16) + 2 * (2 * 3 * 3 * d)
    assert table.parameters == sum(r.parameters for r in table.rows)


def test_a_transposed_convolution_costs_by_its_input(capsys):
    table = nn.ConvTranspose2d(3, 4, 2, stride=2).summary((1, 5, 5, 3))
    assert table.multiply_adds == 5 * 5 * 3 * 2 * 2 * 4
    assert table.rows[0].output_shape == (1, 10, 10, 4)


def test_integer_inputs_and_a_models_own_parameters(capsys):
    class Model(nn.Module):
        def __init__(self):
            self.table = nn.Embedding(10, 4)
            self.position = nn.Parameter(np.zeros((3, 4), np.float32))

        def forward(self, i):
            return self.table(i) + self.position

    table = Model().summary((2, 3), dtype="int64")
    assert [(r.name, r.parameters) for r in table.rows] == [("table", 40), ("model", 12)]


def test_a_shape_must_be_a_tuple():
    with pytest.raises(ArgumentError, match="batch included"):
        nn.Linear(2, 2).summary(2)
