"""On a real GPU: the op table, a training step and the way there and back. Skipped where CuPy finds none."""

import numpy as np
import pytest
from cases import all_cases

import minidl as dl
from minidl import Tensor, nn, optim
from minidl.autograd import grad_of
from minidl.backend.base import device
from minidl.errors import DeviceError

pytestmark = pytest.mark.gpu
ROWS = all_cases()


try:
    device("cuda")
except DeviceError as error:
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture(scope="module")
def cuda():
    return device("cuda")


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_rows_give_on_the_gpu_what_they_give_on_the_cpu(case, cuda):
    inputs = case.inputs(np.float32)
    here, there = (case(*case.tensors(x)) for x in (inputs, [cuda.from_host(a) for a in inputs]))
    for y, z in zip(here, there, strict=True):
        y, z = (t if isinstance(t, Tensor) else Tensor(t) for t in (y, z))
        assert z.dtype == y.dtype
        np.testing.assert_allclose(z.numpy(), y.numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", [c for c in ROWS if c.differentiable], ids=str)
def test_gradients_on_the_gpu_are_those_on_the_cpu(case, cuda):
    found = []
    for move in (lambda a: a, cuda.from_host):
        tensors = case.tensors([move(a) for a in case.inputs(np.float32)])
        leaves = [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]
        ys = [y for y in case(*tensors) if isinstance(y, Tensor) and y.requires_grad]
        weights = [move(np.cos(np.arange(y.size)).reshape(y.shape).astype(y.dtype)) for y in ys]
        parts = grad_of(ys, leaves, weights)
        found.append([Tensor(p.dense() if hasattr(p, "dense") else p).numpy() for p in parts if p is not None])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-4)


def convnet():
    dl.seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding="same"), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1),
        nn.Flatten(), nn.Linear(8 * 16, 10),
    )  # fmt: skip


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1, momentum=0.9), lambda p: optim.AdamW(p, lr=1e-2)])
def test_training_follows_the_cpu(make, cuda):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((16, 8, 8, 1), np.float32), rng.integers(0, 10, 16)
    losses = []
    for name in ("cpu", "cuda"):
        model = convnet().to(name)
        optimizer = make(model.parameters())
        move = device(name).from_host
        dl.seed(1)
        losses.append([])
        for _ in range(5):
            optimizer.zero_grad()
            loss = nn.losses.cross_entropy(model(move(x)), move(t))
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-2)
    assert losses[1][-1] < losses[1][0]


def test_there_and_back(cuda):
    t = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3))
    moved = t.to("cuda")
    assert moved.device == "cuda" and t.device == "cpu"
    np.testing.assert_array_equal(moved.to("cpu").numpy(), t.numpy())
    with pytest.raises(DeviceError, match="two devices"):
        t + moved
    with dl.use_device("cuda"):
        assert dl.tensor([1.0]).device == "cuda"
