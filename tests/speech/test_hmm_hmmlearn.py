"""Likelihoods and Baum-Welch equal hmmlearn's; without it, numbers that hmmlearn 0.3.3 gave.

The numbers are what `python -m speech.test_hmm_hmmlearn` prints in tests/, with hmmlearn and minidl on the path.
"""

import numpy as np
import pytest

from minidl.speech.gmm import GMM
from minidl.speech.hmm import HMM, Discrete, Mixtures, ergodic, train

LENGTHS = [17, 1, 40, 9]
GOLDEN = {  # log-likelihoods before and after one and two updates; of mixtures before
    "diagonal": [-483.24857337990926, -408.8593616605639, -402.4799077238154],
    "full": [-470.72493983746733, -405.1555451819647, -390.46263756300385],
    "mixture": [-469.0594616035047],
    "discrete": [-113.92271600655744, -102.85461779294518, -102.61822385972808],
}


def waves(*shape, step):
    """Numbers that look irregular and are the same under every version of NumPy."""
    return np.sin(np.arange(np.prod(shape)).reshape(shape) ** 1.5 * step)


FRAMES = 3 * waves(sum(LENGTHS), 3, step=0.7) + 40
MEANS = 2 * waves(4, 3, step=1.3) + 40
VARIANCES = 1.5 + waves(4, 3, step=0.9)
ROOTS = waves(4, 3, 3, step=0.4)
MATRICES = ROOTS @ ROOTS.swapaxes(1, 2) + np.eye(3)
SYMBOLS = np.floor(2.5 + 2.49 * waves(sum(LENGTHS), step=0.7)).astype(int)
TABLE = np.exp(waves(4, 5, step=1.1))
TABLE /= TABLE.sum(1, keepdims=True)
MIXTURE_MEANS = 2 * waves(8, 3, step=1.3) + 40
MIXTURE_VARIANCES = 1.5 + waves(8, 3, step=0.9)


def ours(kind):
    """A model of each kind and its utterances."""
    data = SYMBOLS if kind == "discrete" else FRAMES
    if kind == "discrete":
        emission = Discrete(TABLE)
    elif kind == "mixture":
        emission = Mixtures(GMM([0.3, 0.7] * 4, MIXTURE_MEANS, MIXTURE_VARIANCES, [2] * 4), 1e-9, 0.0)
    else:
        emission = Mixtures(GMM([1.0] * 4, MEANS, MATRICES if kind == "full" else VARIANCES, [1] * 4), 1e-9, 0.0)
    parts = np.split(data, np.cumsum(LENGTHS)[:-1])
    return HMM(ergodic(4), emission), {str(k): part for k, part in enumerate(parts)}


def theirs(kind, iterations):
    """hmmlearn's model of each kind, without priors: it scores, then trains, by maximum likelihood."""
    hmm = pytest.importorskip("hmmlearn.hmm")
    options = {"n_iter": iterations, "tol": -np.inf, "init_params": ""}
    if kind == "discrete":
        model = hmm.CategoricalHMM(4, **options)
        model.emissionprob_, model.n_features = TABLE, 5
    elif kind == "mixture":
        model = hmm.GMMHMM(4, 2, covariance_type="diag", min_covar=0, **options)
        model.weights_, model.means_ = np.tile([0.3, 0.7], (4, 1)), MIXTURE_MEANS.reshape(4, 2, 3)
        model.covars_ = MIXTURE_VARIANCES.reshape(4, 2, 3)
    else:
        covariance = {"diagonal": "diag"}.get(kind, kind)
        model = hmm.GaussianHMM(4, covariance, covars_prior=0, covars_weight=0, min_covar=0, **options)
        model.means_, model.covars_ = MEANS, MATRICES if kind == "full" else VARIANCES
    model.startprob_, model.transmat_ = np.full(4, 0.25), np.full((4, 4), 0.25)
    return model, SYMBOLS[:, None] if kind == "discrete" else FRAMES


def their_history(kind, iterations=3):
    model, data = theirs(kind, iterations)
    model.fit(data, LENGTHS)
    return list(model.monitor_.history)[: 1 if kind == "mixture" else iterations]


def our_history(kind, iterations=2):
    model, data = ours(kind)
    return train(model, data, iterations=iterations, tolerance=-np.inf).log_likelihoods


KINDS = pytest.mark.parametrize("kind", ["diagonal", "full", "mixture", "discrete"])


@KINDS
def test_likelihoods_are_those_of_hmmlearn(kind):
    model, data = ours(kind)
    other, frames = theirs(kind, 1)
    for name, part in zip(data, np.split(frames, np.cumsum(LENGTHS)[:-1]), strict=True):
        assert model.log_likelihood(data[name]) == pytest.approx(other.score(part), rel=1e-8)
        np.testing.assert_allclose(model.posteriors(data[name]), other.predict_proba(part), rtol=1e-8, atol=1e-12)
        found = model.align(data[name])
        log_likelihood, path = other.decode(part)
        assert found.log_likelihoods[0] == pytest.approx(log_likelihood, rel=1e-8)
        assert found.states[0].tolist() == path.tolist()


@pytest.mark.parametrize("kind", ["diagonal", "full", "discrete"])
def test_baum_welch_is_that_of_hmmlearn(kind):
    np.testing.assert_allclose(our_history(kind), their_history(kind), rtol=1e-8, atol=0)


def test_an_update_of_mixtures_is_that_of_hmmlearn_but_for_the_mean_that_variances_are_about():
    """hmmlearn 0.3.3 takes variances about the means before the update, which loses likelihood."""
    other, frames = theirs("mixture", 1)
    other.fit(frames, LENGTHS)
    model, data = ours("mixture")
    new = model.updated(model.accumulate(data))
    gmm, close = new.emission.model, {"rtol": 1e-8, "atol": 0}
    np.testing.assert_allclose(new.topology.transitions, other.transmat_, **close)
    np.testing.assert_allclose(gmm.weights, other.weights_.ravel(), **close)
    np.testing.assert_allclose(gmm.means, other.means_.reshape(8, 3), **close)
    shift = gmm.means - MIXTURE_MEANS
    np.testing.assert_allclose(gmm.covariances + shift * shift, other.covars_.reshape(8, 3), **close)


@KINDS
def test_the_same_without_hmmlearn(kind):
    np.testing.assert_allclose(our_history(kind)[: len(GOLDEN[kind])], GOLDEN[kind], rtol=1e-8, atol=0)


if __name__ == "__main__":
    for kind in ("diagonal", "full", "mixture", "discrete"):
        print(f'    "{kind}": {[float(x) for x in their_history(kind)]},')
