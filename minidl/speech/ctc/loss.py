"""Connectionist temporal classification: the likelihood of a label sequence, whatever its timing (Graves et al., 2006).

At each frame a network says one label or the blank. A path means the labels that are left when repetitions are merged and
blanks dropped, so ``aa_ab`` means ``aab``; the loss is minus the log probability of all paths that mean the target. The sum
runs forward and backward in time, in logarithms. A primitive for speed (a loop over frames alone) and stability.
"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...autograd.op import Array, op
from ...errors import ArgumentError, DTypeError, ShapeError
from ...ops.recurrent import as_lengths, time_reversed

_INTEGERS = "iu"


@op(residuals=("slopes",))
def ctc_loss(
    logits: Array,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
    *,
    xp: Any,
    recording: bool,
) -> Any:
    """Minus the log probability of each target under ``softmax(logits)``.

    Parameters
    ----------
    logits : float array (T, N, C)
        Unnormalised, for T frames of N utterances. Log probabilities will do: to normalise them again changes nothing.
    targets : integer array (N, S)
        Labels, none of them the blank; what stands behind an utterance's length is not looked at.
    input_lengths, target_lengths : integer arrays (N,)
        Frames and labels of each utterance, up to T and S.
    blank : int
        The class that stands for no label.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides each loss by the number of labels (at least 1) first, as PyTorch does; ``"none"`` gives (N,).
    zero_infinity : bool
        Whether a target that does not fit in its frames costs 0 instead of infinity. Two equal labels in a row need a
        frame between them. Its gradient is zero either way.

    Raises
    ------
    ShapeError, DTypeError, ArgumentError
        Shapes that do not fit, lengths or labels that are no integers or out of range, a blank in a target.
    """
    targets, n_frames, n_labels = (as_lengths(xp, a) for a in (targets, input_lengths, target_lengths))
    inside = _check(xp, logits, targets, n_frames, n_labels, blank, reduction)
    targets = xp.where(inside, targets, blank)
    log_p = ops.log_softmax(logits)
    heard, said = log_p, targets
    if recording:  # going back in time is going forward on the mirror image: one sweep does both
        heard = xp.concatenate([log_p, time_reversed(log_p, n_frames)], axis=1)
        said = xp.concatenate([targets, time_reversed(targets.T, n_labels).T])
    blanks, labels, emitted = _sweep(xp, heard, said, blank)
    ends = (n_frames, xp.arange(len(targets)), n_labels)
    total = xp.logaddexp(blanks[ends], labels[ends])
    possible = total > -xp.inf
    total = xp.where(possible, total, 0)
    weights = _weights(xp, n_labels, reduction, total.dtype)
    losses = xp.where(possible, -total, 0 if zero_infinity else xp.inf) * weights
    slopes = None
    if recording:
        posteriors = _posteriors(xp, labels[1:], emitted, total, n_frames, n_labels, inside)
        counted = weights * possible * (xp.arange(len(log_p))[:, None] < n_frames)
        slopes = (xp.exp(log_p) - _by_class(xp, posteriors, targets, log_p.shape[2], blank)) * counted[..., None]
    return (losses if reduction == "none" else losses.sum()), slopes


@ctc_loss.fast
def _(g: Any, slopes: Any) -> tuple:
    return (slopes * (g[:, None] if g.ndim else g),)


def _weights(xp: Any, n_labels: Any, reduction: str, dtype: Any) -> Any:
    """What each utterance's loss counts in the sum, (N,)."""
    if reduction == "mean":
        return (1 / (xp.maximum(n_labels, 1) * len(n_labels))).astype(dtype)
    return xp.ones(len(n_labels), dtype)


def _sweep(xp: Any, log_p: Any, targets: Any, blank: int) -> tuple[Any, Any, Any]:
    """Forward in time: how likely the frames so far are, with so many labels said.

    Returns
    -------
    blanks, labels : (T + 1, N, S + 1)
        After t frames that said the first s labels and end with a blank, or with label s; logarithms (Graves et al.,
        equations 5 to 8, blanks and labels apart).
    emitted : (T, N, S)
        The log probability of each target's labels at each frame.
    """
    t_steps, n, _ = log_p.shape
    n_labels = targets.shape[1]
    emitted = log_p[:, xp.arange(n)[:, None], targets]
    silent = log_p[:, :, blank : blank + 1]
    repeats = xp.zeros((n, n_labels), bool)
    repeats[:, 1:] = targets[:, 1:] == targets[:, :-1]
    blanks = xp.full((t_steps + 1, n, n_labels + 1), -xp.inf, log_p.dtype)
    labels = xp.full((t_steps + 1, n, n_labels + 1), -xp.inf, log_p.dtype)
    blanks[0, :, 0] = 0
    for t in range(t_steps):
        said = xp.logaddexp(blanks[t], labels[t])
        before = xp.where(repeats, blanks[t, :, :-1], said[:, :-1])  # without a blank a repetition would be the same label
        xp.add(said, silent[t], out=blanks[t + 1])
        labels[t + 1, :, 1:] = xp.logaddexp(labels[t, :, 1:], before) + emitted[t]
    return blanks, labels, emitted


def _posteriors(xp: Any, labels: Any, emitted: Any, total: Any, n_frames: Any, n_labels: Any, inside: Any) -> Any:
    """How likely each frame says each label of the target, (T, N, S), given that the target is what was said.

    `labels` (T, 2N, S + 1) and `emitted` (T, 2N, S) are of the utterances and of their mirror images; equation 14.
    """
    n = len(n_frames)
    forward, backward = labels[:, :n, 1:], time_reversed(labels[:, n:, 1:], n_frames)
    backward = time_reversed(backward.swapaxes(0, 2), n_labels).swapaxes(0, 2)
    once = xp.where(xp.isfinite(emitted), emitted, 0)[:, :n]  # both sweeps have counted the frame itself
    inside = inside & (xp.arange(len(labels))[:, None] < n_frames)[..., None]
    return xp.exp(xp.where(inside, forward + backward - once - total[:, None], -xp.inf))


def _by_class(xp: Any, posteriors: Any, targets: Any, n_classes: int, blank: int) -> Any:
    """Label posteriors (T, N, S) summed by class, (T, N, C); the blank has what they leave of one."""
    one_hot = (targets[..., None] == xp.arange(n_classes)).astype(posteriors.dtype)
    summed = xp.matmul(posteriors.swapaxes(0, 1), one_hot).swapaxes(0, 1)
    summed[:, :, blank] = 1 - posteriors.sum(axis=2)
    return summed


def _check(xp: Any, logits: Any, targets: Any, n_frames: Any, n_labels: Any, blank: int, reduction: str) -> Any:
    """Refuse what would give a wrong number; which entries of `targets` count, (N, S)."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"ctc_loss: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    if logits.ndim != 3 or 0 in logits.shape:
        raise ShapeError(f"ctc_loss: logits must have shape (frames, utterances, classes), not {logits.shape}")
    if logits.dtype.kind != "f":
        raise DTypeError(f"ctc_loss: logits must be floating point, not {logits.dtype}")
    t_steps, n, n_classes = logits.shape
    if not 0 <= blank < n_classes:
        raise ArgumentError(f"ctc_loss: blank must lie in [0, {n_classes}), not {blank}")
    if targets.ndim != 2 or len(targets) != n:
        raise ShapeError(f"ctc_loss: logits {logits.shape} need targets of shape ({n}, labels), not {targets.shape}")
    for name, a, most in (("input_lengths", n_frames, t_steps), ("target_lengths", n_labels, targets.shape[1])):
        if a.shape != (n,):
            raise ShapeError(f"ctc_loss: {name} must have shape ({n},), not {a.shape}")
        if a.dtype.kind not in _INTEGERS:
            raise DTypeError(f"ctc_loss: {name} must be integers, not {a.dtype}")
        if bool(((a < 0) | (a > most)).any()):
            raise ArgumentError(f"ctc_loss: {name} must lie in [0, {most}]")
    if targets.dtype.kind not in _INTEGERS:
        raise DTypeError(f"ctc_loss: targets must be integers, not {targets.dtype}")
    inside = xp.arange(targets.shape[1]) < n_labels[:, None]
    if bool((inside & ((targets < 0) | (targets >= n_classes) | (targets == blank))).any()):
        raise ArgumentError(f"ctc_loss: labels in targets must lie in [0, {n_classes}) and not be the blank, {blank}")
    return inside
