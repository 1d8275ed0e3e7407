"""Module: finding what it holds, modes, state, clones, display."""

import copy
import pickle

import numpy as np
import pytest

from minidl import nn
from minidl.autograd import Tensor, tensor
from minidl.backend.random import seed
from minidl.errors import ArgumentError, CheckpointError, ShapeError
from minidl.params import ParameterSpace


class Net(nn.Module):
    """Attributes of every kind that may hold parameters."""

    def __init__(self):
        self.first = nn.Linear(3, 4, rng=0)
        self.blocks = [nn.Linear(4, 4, rng=1), nn.Sequential(nn.Linear(4, 4, bias=False, rng=2), nn.ReLU())]
        self.heads = {"a": nn.Linear(4, 2, rng=3)}
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.pair = (nn.BatchNorm1d(2),)
        self.count = 3
        self.note = "no parameter"

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.pair[0](self.heads["a"](x) * self.scale)


NAMES = [
    "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.0.weight", "heads.a.weight",
    "heads.a.bias", "scale", "pair.0.weight", "pair.0.bias",
]  # fmt: skip


def x_of(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_names_are_dotted_paths_through_containers():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [name for name, _ in net.named_buffers()] == ["pair.0.running_mean", "pair.0.running_var"]
    assert [name for name, _ in net.named_children()] == ["first", "blocks.0", "blocks.1", "heads.a", "pair.0"]
    assert net.blocks[1][0].weight.name == "blocks.1.0.weight"


def test_a_part_of_a_model_keeps_the_longer_names():
    net = Net()
    net.parameters()
    assert [name for name, _ in net.blocks[1].named_parameters()] == ["0.weight"]
    assert net.blocks[1][0].weight.name == "blocks.1.0.weight"


def test_a_module_that_reaches_itself_is_walked_once():
    net = nn.Sequential(nn.Linear(2, 2))
    net[0].owner = net
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    assert len(net.modules()) == 2


def test_tied_weights_are_one_parameter_with_an_alias():
    net = nn.Sequential(nn.Linear(3, 3, bias=False, rng=0), nn.Linear(3, 3, bias=False, rng=1))
    net[1].weight = net[0].weight
    assert [name for name, _ in net.named_parameters()] == ["0.weight"]
    assert net.aliases() == {"1.weight": "0.weight"}
    x = tensor(x_of(2, 3))
    net(x).sum().backward()
    w, g = net[0].weight.data, np.ones((2, 3), np.float32)
    expected = x.data.T @ (g @ w.T) + (x.data @ w).T @ g  # the sum over both uses
    np.testing.assert_allclose(net[0].weight.grad, expected, rtol=1e-5)
    net.load_state_dict({"1.weight": np.zeros((3, 3))})
    assert not net[0].weight.data.any()
    with pytest.raises(CheckpointError, match=r"differs from 0\.weight"):
        net.load_state_dict({"0.weight": np.zeros((3, 3)), "1.weight": np.ones((3, 3))})


def test_state_dict_round_trip_in_copies():
    net, other = Net(), Net()
    for p in net.parameters():
        p.data = p.data + 1
    net.pair[0].running_mean.data = np.float32([5, 6])
    state = net.state_dict()
    assert list(state) == [*NAMES, "pair.0.running_mean", "pair.0.running_var"]
    net.scale.data[...] = 7  # the state is a copy
    assert state["scale"].tolist() == [2, 2]
    report = other.load_state_dict(state)
    assert report == ([], [])
    for name, a in other.state_dict().items():
        np.testing.assert_array_equal(a, state[name])
    state["pair.0.running_mean"][0] = 99
    assert other.pair[0].running_mean.data[0] == 5


def test_loading_lists_all_faults_and_loads_nothing():
    net = Net()
    before = net.state_dict()
    state = net.state_dict()
    del state["first.bias"]
    state["extra"] = np.zeros(1)
    state["first.weight"] = np.zeros((4, 3))
    state["scale"] = np.zeros(2, int)
    state["heads.a.bias"] = np.full(2, 9.0)
    with pytest.raises(CheckpointError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    for part in ("missing: first.bias", "unexpected: extra", "first.weight has shape (4, 3), the model (3, 4)",
                 "scale is int64, the model's is float32", "Net"):  # fmt: skip
        assert part in text
    assert "\n" not in text
    for name, a in net.state_dict().items():
        np.testing.assert_array_equal(a, before[name])


def test_loose_loading_reports_names_but_still_refuses_shapes():
    net = nn.Sequential(nn.Linear(2, 2))
    report = net.load_state_dict({"0.bias": np.ones(2), "other": 1.0}, strict=False)
    assert report.missing == ["0.weight"]
    assert report.unexpected == ["other"]
    assert net[0].bias.data.tolist() == [1, 1]
    with pytest.raises(CheckpointError, match=r"0\.bias has shape"):
        net.load_state_dict({"0.bias": np.ones(3)}, strict=False)


def test_loading_casts_to_the_models_precision():
    net = nn.Linear(2, 2)
    net.load_state_dict({"weight": np.ones((2, 2), np.float64), "bias": np.ones(2, np.float16)})
    assert net.weight.dtype == net.bias.dtype == np.float32


def test_train_and_eval_reach_everything():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    assert net.train().pair[0].training


def test_freeze_stops_gradients():
    net = Net()
    net.first.freeze()
    net(tensor(x_of(5, 3))).sum().backward()
    assert net.first.weight.grad is None
    assert net.scale.grad is not None
    net.unfreeze()
    assert all(p.requires_grad for p in net.parameters())


def test_clone_is_independent_also_when_bound():
    net = Net()
    net.blocks.append(net.first)  # a shared layer stays shared
    space = ParameterSpace(net.parameters())
    twin = net.clone()
    assert twin.blocks[2] is twin.first
    space.data[...] = 0
    net.pair[0].running_mean.data[...] = 8
    assert twin.first.weight.data.any()
    assert not twin.pair[0].running_mean.data.any()
    twin.first.weight.data = np.ones((3, 4), np.float32)
    assert not net.first.weight.data.any()
    assert [n for n, _ in twin.named_parameters()] == [n for n, _ in net.named_parameters()]
    ParameterSpace(twin.parameters())  # may be bound to a space of its own


def test_clone_copies_random_streams():
    drop = nn.Dropout(0.5, rng=3)
    twin = drop.clone()
    x = np.ones(64, np.float32)
    np.testing.assert_array_equal(drop(x), twin(x))


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy])
def test_pickle_and_shallow_copy_are_refused(take):
    with pytest.raises(TypeError, match="clone"):
        take(nn.Linear(2, 2))


def test_to_moves_nothing_on_the_same_device_and_refuses_unknown_ones():
    net = Net()
    data = net.scale.data
    assert net.to("cpu") is net
    assert net.scale.data is data
    with pytest.raises(ArgumentError, match="device"):
        net.to("tpu")


def test_errors_name_the_innermost_layer():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(ShapeError, match=r"^Linear\(in_features=5, out_features=2\): linear"):
        net(x_of(2, 3))


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Half has no forward"):
        type("Half", (nn.Module,), {})()(1)


def test_repr_is_a_tree():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Dropout(0.1)))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.1)\n"
        "  )\n"
        ")"
    )


def test_sequential_takes_names_slices_and_functions():
    net = nn.Sequential({"in": nn.Linear(2, 3, rng=0), "out": nn.Linear(3, 1, rng=1)})
    assert [n for n, _ in net.named_parameters()] == ["in.weight", "in.bias", "out.weight", "out.bias"]
    assert len(net) == 2
    assert net["in"] is net[0]
    assert net[:1][0] is net[0]
    assert len(net[:1]) == 1
    doubled = nn.Sequential(net, lambda y: y * 2)
    np.testing.assert_array_equal(doubled(x_of(4, 2)).data, 2 * net(x_of(4, 2)).data)
    doubled[1] = nn.Identity()
    np.testing.assert_array_equal(doubled(x_of(4, 2)).data, net(x_of(4, 2)).data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.ReLU), r"write ReLU\(\)"),
        (lambda: nn.Sequential(3), "not a layer"),
        (lambda: nn.ModuleList([np.tanh]), "holds modules"),
        (lambda: nn.Sequential({"a.b": nn.Linear(1, 1)}).parameters(), "dot"),
    ],
)
def test_containers_refuse_what_is_no_layer(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_module_list_appends():
    layers = nn.ModuleList([nn.Linear(1, 2)]).append(nn.Linear(2, 3))
    assert [n for n, _ in layers.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_the_same_seed_makes_the_same_model():
    seed(5)
    a = nn.Linear(4, 4).weight.data.copy()
    seed(5)
    np.testing.assert_array_equal(nn.Linear(4, 4).weight.data, a)


def test_buffers_are_tensors_without_gradient():
    b = nn.Buffer(np.ones(3, np.float32))
    assert isinstance(b, Tensor)
    assert not b.requires_grad
