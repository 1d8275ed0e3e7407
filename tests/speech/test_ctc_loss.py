"""The CTC loss and its gradient equal the sum over all paths, PyTorch's, and what differences say."""

import numpy as np
import pytest
import strict_backend
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.ctc_enumeration import all_paths, meaning, normalised

from minidl.autograd import check_grads, grad_of, tensor
from minidl.errors import ArgumentError, DTypeError, GraphError, ShapeError
from minidl.speech.ctc import ctc_loss


def enumerated(log_p, target, blank):
    """Loss of one utterance (T, C), and its gradient for the logits, from all paths one by one."""
    total, said = 0.0, np.zeros_like(log_p)
    for path, p in all_paths(log_p):
        if meaning(path, blank) == tuple(target):
            total += p
            said[range(len(path)), path] += p
    if not total:
        return np.inf, np.zeros_like(log_p)
    return -np.log(total), np.exp(log_p) - said / total


@st.composite
def batches(draw, most_frames=5, most_classes=4):
    n, c = draw(st.integers(1, 3)), draw(st.integers(2, most_classes))
    blank = draw(st.integers(0, c - 1))
    labels = [label for label in range(c) if label != blank]
    targets = [draw(st.lists(st.sampled_from(labels), max_size=4)) for _ in range(n)]
    frames = [draw(st.integers(0, most_frames)) for _ in range(n)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.standard_normal((max(1, *frames, 1), n, c)) * draw(st.sampled_from([0.1, 3.0]))
    return logits, *padded(targets), np.array(frames), blank


def padded(targets, filler=-7):
    """(N, S), with nonsense behind each target's end, and the lengths."""
    lengths = np.array([len(t) for t in targets])
    table = np.full((len(targets), max(1, lengths.max())), filler)
    for row, target in zip(table, targets, strict=True):
        row[: len(target)] = target
    return table, lengths


@settings(max_examples=60, deadline=None)
@given(batches())
def test_loss_and_gradient_are_the_sum_over_all_paths(case):
    logits, targets, n_labels, n_frames, blank = case
    x = tensor(logits, requires_grad=True)
    losses = ctc_loss(x, targets, n_frames, n_labels, blank=blank, reduction="none")
    np.testing.assert_array_equal(losses.data, ctc_loss(logits, targets, n_frames, n_labels, blank, "none"))
    (gradient,) = grad_of(losses, [x], [np.ones(len(targets))])
    log_p = normalised(logits)
    for i, (t, s) in enumerate(zip(n_frames, n_labels, strict=True)):
        loss, slope = enumerated(log_p[:t, i], targets[i, :s], blank)
        np.testing.assert_allclose(losses.data[i], loss, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gradient[:t, i], slope, rtol=1e-9, atol=1e-12)
        assert not gradient[t:, i].any()


def large(dtype=np.float64, seed=0):
    """Some targets with repetitions, one empty, one that just fits."""
    rng = np.random.default_rng(seed)
    n_labels = np.array([12, 0, 7, 20, 25])
    targets = rng.integers(1, 4, (5, 25))
    targets[3, :20] = np.tile([1, 2], 10)
    return rng.standard_normal((60, 5, 8)).astype(dtype) * 2, targets, np.array([60, 30, 50, 20, 60]), n_labels


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_equals_pytorch(reduction):
    torch = pytest.importorskip("torch")
    logits, targets, n_frames, n_labels = large()
    n_frames[2] = 3  # does not fit
    theirs = torch.tensor(logits, requires_grad=True)
    lengths = torch.tensor(n_frames), torch.tensor(n_labels)
    wanted = torch.nn.functional.ctc_loss(
        theirs.log_softmax(-1), torch.tensor(targets), *lengths, reduction=reduction, zero_infinity=True
    )
    wanted.sum().backward()
    x = tensor(logits, requires_grad=True)
    loss = ctc_loss(x, targets, n_frames, n_labels, reduction=reduction, zero_infinity=True)
    loss.sum().backward()
    np.testing.assert_allclose(loss.data, wanted.detach().numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(x.grad, theirs.grad.numpy(), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_gradient_is_the_slope(reduction):
    logits, targets, n_frames, n_labels = large()
    check_grads(lambda x: ctc_loss(x, targets, n_frames, n_labels, reduction=reduction), logits, order=1)


def test_no_second_derivative():
    logits, targets, n_frames, n_labels = large()
    x = tensor(logits, requires_grad=True)
    with pytest.raises(GraphError, match="ctc_loss"):
        grad_of(ctc_loss(x, targets, n_frames, n_labels), [x], create_graph=True)


def test_by_hand():
    """Three paths of two frames mean ``a``: a a, a blank, blank a."""
    p = np.array([[0.6, 0.4], [0.3, 0.7]])
    loss = ctc_loss(np.log(p)[:, None], np.array([[1]]), np.array([2]), np.array([1]))
    assert float(loss) == pytest.approx(-np.log(0.4 * 0.7 + 0.4 * 0.3 + 0.6 * 0.7), rel=1e-12)


def test_a_target_that_does_not_fit():
    """``aa`` needs three frames."""
    logits, target, two = np.zeros((3, 1, 2)), np.array([[1, 1]]), np.array([2])
    assert np.isfinite(ctc_loss(logits, target, np.array([3]), two))
    assert ctc_loss(logits, target, two, two) == np.inf
    assert ctc_loss(logits, target, two, two, zero_infinity=True) == 0
    for zero_infinity in (False, True):
        x = tensor(logits, requires_grad=True)
        ctc_loss(x, target, two, two, zero_infinity=zero_infinity).backward()
        assert not x.grad.any()


def test_a_label_that_cannot_be():
    """Its logit is -inf at the first frame only, so that paths start with a blank."""
    logits = np.zeros((2, 1, 2))
    logits[0, 0, 1] = -np.inf
    x = tensor(logits, requires_grad=True)
    loss = ctc_loss(x, np.array([[1]]), np.array([2]), np.array([1]))
    loss.backward()
    assert float(loss.data) == pytest.approx(np.log(2), rel=1e-12)
    np.testing.assert_allclose(x.grad[:, 0], [[0, 0], [0.5, -0.5]], rtol=0, atol=1e-12)


def test_long_and_certain_utterances_neither_under_nor_overflow():
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((1500, 1, 30)) * 30
    target = np.arange(300)[None] % 29 + 1
    x = tensor(logits, requires_grad=True)
    loss = ctc_loss(x, target, np.array([1500]), np.array([300]), reduction="sum")
    loss.backward()
    assert np.isfinite(float(loss.data)) and float(loss.data) > 1000
    np.testing.assert_allclose(x.grad.sum(-1), 0, rtol=0, atol=1e-9)


def test_single_precision_stays():
    logits, targets, n_frames, n_labels = large(np.float32)
    x, exact = tensor(logits, requires_grad=True), tensor(logits.astype(np.float64), requires_grad=True)
    for a in (x, exact):
        loss = ctc_loss(a, targets, n_frames, n_labels)
        loss.backward()
        assert loss.dtype == a.grad.dtype == a.dtype
    np.testing.assert_allclose(x.grad, exact.grad, rtol=0, atol=1e-5)


def test_strict_backend():
    backend = strict_backend.StrictBackend()
    case = large()
    results = []
    for place in (np.asarray, backend.from_host):
        logits, targets, n_frames, n_labels = map(place, case)
        x = tensor(logits, requires_grad=True)
        loss = ctc_loss(x, targets, n_frames, n_labels)
        loss.backward()
        results.append([getattr(a, "_host", a) for a in (loss.data, x.grad)])
    for own, strict in zip(*results, strict=True):
        np.testing.assert_allclose(strict, own, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"reduction": "none of them"}, ArgumentError, "reduction must be"),
        ({"logits": np.zeros((4, 3))}, ShapeError, r"\(frames, utterances, classes\), not \(4, 3\)"),
        ({"logits": np.zeros((4, 2, 3), int)}, DTypeError, "logits must be floating"),
        ({"blank": 3}, ArgumentError, r"blank must lie in \[0, 3\), not 3"),
        ({"targets": np.ones(2, int)}, ShapeError, r"targets of shape \(2, labels\)"),
        ({"targets": np.ones((2, 2))}, DTypeError, "targets must be integers"),
        ({"targets": np.array([[1, 0], [1, 1]])}, ArgumentError, "not be the blank, 0"),
        ({"targets": np.array([[1, 3], [1, 1]])}, ArgumentError, r"must lie in \[0, 3\)"),
        ({"input_lengths": np.array([4])}, ShapeError, "input_lengths must have shape"),
        ({"input_lengths": np.array([4.0, 4.0])}, DTypeError, "input_lengths must be integers"),
        ({"input_lengths": np.array([4, 5])}, ArgumentError, r"input_lengths must lie in \[0, 4\]"),
        ({"target_lengths": np.array([3, 1])}, ArgumentError, r"target_lengths must lie in \[0, 2\]"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_refused(changes, error, message):
    case = {"logits": np.zeros((4, 2, 3)), "targets": np.array([[1, 2], [1, 0]])}
    case |= {"input_lengths": np.array([4, 4]), "target_lengths": np.array([2, 1])}
    ctc_loss(**case)
    with pytest.raises(error, match=message):
        ctc_loss(**case | changes)
