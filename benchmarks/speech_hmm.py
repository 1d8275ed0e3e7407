"""Baum-Welch and Viterbi beside hmmlearn: ``python -m benchmarks.speech_hmm [--sequences N] [--frames T] [--rounds N]``.

One iteration is an E-step over all sequences and the M-step after it, float64 on one thread. Both begin with the same model
and have to find the same likelihoods.
"""

from __future__ import annotations

import argparse
import logging
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minidl.speech.gmm import GMM
from minidl.speech.hmm import HMM, Mixtures, ergodic, viterbi

from .turns import installed, report, take_turns

LOG, SCALING = "hmmlearn, log", "hmmlearn, scaling"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech_hmm", description=__doc__.splitlines()[0])
    parser.add_argument("--states", type=int, default=15, help="with a diagonal Gaussian each (default: 15)")
    parser.add_argument("--sequences", type=int, default=200, help="(default: 200)")
    parser.add_argument("--frames", type=int, default=80, help="of a sequence (default: 80)")
    parser.add_argument("--features", type=int, default=39, help="of a frame (default: 39)")
    parser.add_argument("--rounds", type=int, default=9, help="of which the median is taken (default: 9)")
    args = parser.parse_args()
    sequences, means = draw(args.states, args.sequences, args.frames, args.features)
    with threadpool_limits(1):
        measure(sequences, means, args.rounds)


def draw(n_states: int, n: int, n_frames: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences (n, frames, D) that stay a while in each state, and means (states, D) to begin with, near the true ones."""
    rng = np.random.default_rng(0)
    means = rng.standard_normal((n_states, n_features))
    paths = np.repeat(rng.integers(n_states, size=(n, -(-n_frames // 5))), 5, axis=1)[:, :n_frames]
    sequences = means[paths] + rng.standard_normal((n, n_frames, n_features))
    return sequences, means + 0.3 * rng.standard_normal(means.shape)


def measure(sequences: np.ndarray, means: np.ndarray, rounds: int) -> None:
    """Ours and, where there is hmmlearn, its two implementations."""
    n_states = len(means)
    model = HMM(ergodic(n_states), Mixtures(GMM(np.ones(n_states), means, np.ones(means.shape), [1] * n_states)))
    named = {str(i): sequence for i, sequence in enumerate(sequences)}
    frames = sequences.reshape(-1, sequences.shape[2])

    def decode() -> np.ndarray:
        scores = model.emission.log_likelihood(frames).reshape(*sequences.shape[:2], n_states)
        return viterbi(model.topology, list(scores)).log_likelihoods

    def iterate() -> float:
        statistics = model.accumulate(named)
        model.updated(statistics)
        return sum(statistics.log_likelihoods.values())

    iterations: dict[str, Any] = {"minidl": iterate}
    decodings: dict[str, Any] = {"minidl": lambda: float(decode().sum())}
    if installed("hmmlearn", "hmmlearn"):
        lengths = [sequences.shape[1]] * len(sequences)
        for name, implementation in ((LOG, "log"), (SCALING, "scaling")):
            iterations[name], decodings[name] = theirs(means, frames, lengths, implementation)
    print("Baum-Welch, one iteration; log-likelihood before it: " + likelihoods(iterations))
    report(take_turns(iterations, rounds), {LOG: 8.0, SCALING: 2.0})
    print("Viterbi; log-likelihood of the best paths: " + likelihoods(decodings))
    report(take_turns(decodings, rounds), {})


def likelihoods(ways: dict[str, Any]) -> str:
    """What each way finds."""
    return "; ".join(f"{name} {way():.6f}" for name, way in ways.items())


def theirs(means: np.ndarray, frames: np.ndarray, lengths: list[int], implementation: str) -> tuple[Any, Any]:
    """hmmlearn's iteration from the same model, without priors; its decoding."""
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it warns that one iteration does not converge
    n = len(means)

    def fresh() -> Any:
        model = GaussianHMM(
            n, covars_prior=0, covars_weight=0, min_covar=0, n_iter=1, init_params="", implementation=implementation
        )
        model.startprob_, model.transmat_ = np.full(n, 1 / n), np.full((n, n), 1 / n)
        model.means_, model.covars_ = means, np.ones(means.shape)
        return model

    fixed = fresh()

    def iterate() -> float:
        return float(fresh().fit(frames, lengths).monitor_.history[0])

    return iterate, lambda: float(fixed.decode(frames, lengths)[0])


if __name__ == "__main__":
    main()
