"""Training by passes: likelihoods that rise, Gaussians on schedule, and several who train together as one alone."""

from dataclasses import replace

import numpy as np
import pytest
from speech.phone_cases import LEXICON, PHONES, in_threads, some_model, some_speech

from minidl.errors import ArgumentError, DataError, TrainingError
from minidl.speech.gmm import GMM
from minidl.speech.hmm import GivenScores, Mixtures
from minidl.speech.lexicon import Lexicon
from minidl.speech.phones import AcousticModel, Tying
from minidl.speech.phones.alignment import Aligned, Alignment, align, equal_alignment
from minidl.speech.phones.material import Material, alone
from minidl.speech.phones.monophones import train_monophones
from minidl.speech.phones.passes import Schedule, Trained, accumulate_passes, pdfs_of, train_passes
from minidl.speech.phones.triphones import train_triphones

SCHEDULE = Schedule(iterations=10, realign_at=frozenset({1, 2, 3, 6}), gaussians=14, split_until=5)


def speech(n=40, seed=1, spread=3.0, tying=None):
    features, transcripts, _ = some_speech(some_model(spread, tying), n, seed)
    return Material(features, transcripts, LEXICON)


def halves(material):
    """Two materials of unequal size."""
    names = list(material.features)
    parts = names[: len(names) // 3], names[len(names) // 3 :]
    return [Material({n: material.features[n] for n in p}, {n: material.transcripts[n] for n in p}, LEXICON) for p in parts]


def assert_same(found, truth):
    for a, b in ((getattr(found, name), getattr(truth, name)) for name in ("weights", "means", "covariances", "sizes")):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_likelihoods_rise_and_gaussians_follow_the_schedule():
    material, told = speech(), []
    trained = train_monophones(material, PHONES, SCHEDULE, rng=0, progress=told.append)
    assert told == trained.passes
    assert [p.iteration for p in told] == list(range(1, 11))
    assert told[-1].gaussians == 14
    assert {p.iteration for p in told if p.realigned} == SCHEDULE.realign_at
    history = np.array([p.log_likelihood for p in told])
    assert np.diff(history[5:]).min() > 0  # iteration 6 aligns anew; from there on the same Gaussians
    assert history[-1] > history[0] + 0.5
    assert {p.frames for p in told} == {sum(map(len, material.features.values()))}
    assert trained.occupancy.sum() == pytest.approx(told[-1].frames, rel=1e-9)
    assert trained.occupancy.shape == (9,)
    assert trained.aligned.alignments.keys() == material.features.keys()
    moved = trained.model.phones.topologies[1].transitions
    assert not np.allclose(moved, PHONES.topologies[1].transitions)


def test_gaussians_follow_the_schedule_exactly_where_alignments_stay():
    """With new ones a state's target may fall, but what it has it keeps."""
    model = some_model(3.0)
    features, transcripts, truth = some_speech(model, 40, 1)
    schedule = replace(SCHEDULE, realign_at=frozenset())
    trained = train_passes(model, Aligned(truth), Material(features, transcripts, LEXICON), schedule, rng=0)
    assert [p.gaussians for p in trained.passes] == [9, 10, 11, 12, 13, 14, 14, 14, 14, 14]
    assert np.diff([p.log_likelihood for p in trained.passes])[6:].min() >= 0


def test_monophones_find_the_states_that_made_the_frames():
    features, transcripts, truth = some_speech(some_model(30.0), 40, 1)
    found = train_monophones(Material(features, transcripts, LEXICON), PHONES, replace(SCHEDULE, gaussians=9), rng=0)
    right = [(a.phones == truth[n].phones).mean() for n, a in found.aligned.alignments.items()]
    assert np.mean(right) > 0.95


def test_the_likelihood_is_that_of_the_frames_along_the_alignments():
    material, model = speech(6), some_model(3.0)
    aligned = align(model, material.features, material.transcripts, LEXICON)
    statistics = accumulate_passes(model, aligned, material)
    scores = {name: model.emission.log_likelihood(f) for name, f in material.features.items()}
    pdfs = {name: pdfs_of(model, a) for name, a in aligned.alignments.items()}
    total = sum(scores[name][np.arange(len(p)), p].sum() for name, p in pdfs.items())
    assert statistics.log_likelihood == pytest.approx(total, rel=1e-9)
    assert statistics.frames == sum(map(len, material.features.values()))
    occupancy = np.bincount(np.concatenate(list(pdfs.values())), minlength=9)
    np.testing.assert_array_equal(statistics.mixtures.occupancy, occupancy)
    said = sum(a.units[-1] + 1 for a in aligned.alignments.values())
    assert sum(c.start.sum() for c in statistics.transitions.phones) == said


def test_pdfs_of_frames_are_those_of_their_contexts():
    tables = [np.arange(3)[:, None, None] * np.ones((1, 4, 4), int)]
    tables += [3 + np.arange(32).reshape(2, 4, 4) + 32 * k for k in range(3)]
    model = some_model(1.0, Tying(tables))
    a = some_speech(model, 1, 3)[2]["u00"]
    sequence = [0, *a.phones[np.flatnonzero(np.diff(a.units, prepend=-1))], 0]
    expected = [
        model.tying.pdfs(sequence[u], p, sequence[u + 2])[s] for p, s, u in zip(a.phones, a.states, a.units, strict=True)
    ]
    assert pdfs_of(model, a).tolist() == expected


def test_two_train_monophones_and_triphones_as_one():
    material, schedule = speech(24), Schedule(5, frozenset({1, 2, 4}), 12, 3)

    def train(part, together):
        own = replace(part, together=together)
        first = train_monophones(own, PHONES, schedule, rng=0)
        second, leaves = train_triphones(first, own, 13, replace(schedule, gaussians=16), 20.0, rng=0)
        return first, second, leaves

    truth = train(material, alone)
    both = in_threads([lambda together, part=part: train(part, together) for part in halves(material)])
    for found in both:
        for own, other in zip(found[:2], truth[:2], strict=True):
            assert_same(own.model.emission.model, other.model.emission.model)
            for p, q in zip(own.passes, other.passes, strict=True):
                assert p.log_likelihood == pytest.approx(q.log_likelihood, rel=1e-9)
                assert (p.gaussians, p.frames) == (q.gaussians, q.frames)
            for a, b in zip(own.model.phones.topologies, other.model.phones.topologies, strict=True):
                np.testing.assert_allclose(a.transitions, b.transitions, rtol=1e-9, atol=1e-9)
            for a, b in zip(own.model.tying.tables, other.model.tying.tables, strict=True):
                np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(own.occupancy, other.occupancy, rtol=1e-9, atol=1e-9)
        assert [leaf.questions for leaf in found[2]] == [leaf.questions for leaf in truth[2]]
    parts = [found[1].aligned.alignments.keys() for found in both]
    assert parts[0] | parts[1] == material.features.keys()


def test_triphones_gain_where_the_neighbour_matters():
    """A's two densities depend on whether C comes before."""
    tables = [np.repeat(np.arange(s)[:, None, None] + b, 16).reshape(s, 4, 4) for b, s in ((0, 3), (3, 2), (5, 2), (7, 2))]
    tables[1][:, 3] = [[9], [10]]
    features, transcripts, truth = some_speech(some_model(6.0, Tying(tables)), 60, 1)
    material, schedule = Material(features, transcripts, LEXICON), Schedule(4, frozenset(), 11, 2)
    first = train_passes(some_model(6.0), Aligned(truth), material, schedule, rng=0)
    second, leaves = train_triphones(first, material, 11, schedule, 20.0, rng=0)
    assert first.passes[-1].gaussians == second.passes[-1].gaussians == 11
    assert second.passes[-1].log_likelihood > first.passes[-1].log_likelihood + 0.01
    assert second.model.tying.n_pdfs == len(leaves) == 11
    seen = second.model.tying.tables[1][:, :, 2]  # A before B: after silence, and after C
    assert (seen[:, 0] != seen[:, 3]).all()
    assert [len(np.unique(t)) for t in second.model.tying.tables] == [3, 4, 2, 2]


def test_alignments_are_made_with_the_transitions_learnt_so_far():
    material = speech(20)
    schedule = Schedule(iterations=2, realign_at=frozenset({2}), gaussians=9, split_until=0)
    first = Aligned({n: equal_alignment(material.transcripts[n], len(f), LEXICON, PHONES)
                     for n, f in material.features.items()})  # fmt: skip
    model = some_model(3.0)
    once = train_passes(model, first, material, replace(schedule, iterations=1))
    twice = train_passes(model, first, material, schedule)
    anew = align(once.model, material.features, material.transcripts, LEXICON)
    for name, found in twice.aligned.alignments.items():
        assert found.log_likelihood == pytest.approx(anew.alignments[name].log_likelihood, rel=1e-12)


def test_what_is_set_aside_may_come_back():
    """Five frames are too few for the first way to say "x", which the start takes, but not for the second."""
    lexicon = Lexicon({"x": [("A", "B", "C"), ("A", "B")], "y": [("A", "B", "C", "A")]}, silence_prob=0.4)
    features, transcripts, _ = some_speech(some_model(3.0), 12, 1, lexicon=_four(lexicon))
    features |= {"few": np.zeros((5, 2)), "fewer": np.zeros((3, 2))}
    words = {n: ["y" if w == "cab" else "x" for w in said] for n, said in transcripts.items()} | {"few": "x", "fewer": "x"}
    material = Material(features, words, lexicon)
    trained = train_monophones(material, PHONES, Schedule(2, frozenset({2}), 9, 0), rng=0)
    assert [p.set_aside for p in trained.passes] == [2, 1]
    assert "few" in trained.aligned.alignments
    assert trained.aligned.set_aside.keys() == {"fewer"}
    assert trained.aligned.set_aside["fewer"].startswith("its 3 frames cannot be aligned")


def _four(lexicon):
    """The same under the four names of `LEXICON`."""
    ways = {word: lexicon.pronunciations("y" if word == "cab" else "x") for word in LEXICON.words}
    return Lexicon(ways, silence_prob=lexicon.silence_prob)


def test_an_update_that_lowers_the_likelihood_is_refused(monkeypatch):
    update = Mixtures.update

    def broken(self, statistics):
        m = update(self, statistics).model
        return Mixtures(GMM(m.weights, m.means + 1.0, m.covariances, m.sizes.tolist()))

    monkeypatch.setattr(Mixtures, "update", broken)
    with pytest.raises(TrainingError, match=r"iteration 4 finds the log-likelihood lowered by .* a frame"):
        train_monophones(speech(10), PHONES, Schedule(6, frozenset({1, 2, 3}), 9, 0), rng=0)


def test_a_removed_gaussian_may_lower_it_also_where_another_is_split():
    """Nine frames far away lose their own Gaussian, which had too few; as many are there as before."""
    model, material = some_model(30.0), speech(40, spread=30.0)
    aligned = align(model, material.features, material.transcripts, LEXICON)
    gmm, pdfs = model.emission.model, {name: pdfs_of(model, a) for name, a in aligned.alignments.items()}
    everything = np.concatenate(list(pdfs.values()))
    rare = int(np.bincount(everything)[1:].argmin()) + 1
    features, left = {}, 9
    for name, f in material.features.items():
        places = np.flatnonzero(pdfs[name] == rare)[:left]
        features[name], left = f.copy(), left - len(places)
        features[name][places] += 1e3
    sizes = np.ones(9, int) + (np.arange(9) == rare)
    means = np.insert(gmm.means, rare + 1, gmm.means[rare] + 1e3, 0)
    weights = np.insert(np.where(np.arange(9) == rare, 0.5, 1.0), rare, 0.5)
    two = AcousticModel(PHONES, model.tying, Mixtures(GMM(weights, means, np.ones((10, 2)), sizes.tolist())))
    schedule = Schedule(iterations=2, realign_at=frozenset(), gaussians=10, split_until=1)
    trained = train_passes(two, aligned, replace(material, features=features), schedule, rng=0)
    assert [p.gaussians for p in trained.passes] == [10, 10]
    assert trained.passes[1].log_likelihood < trained.passes[0].log_likelihood - 1


@pytest.mark.parametrize(
    ("features", "words", "message"),
    [
        ({"a": np.zeros((2, 2))}, ["ab"], "a: its 2 frames are too few for the 4 states of its words"),
        ({"a": np.zeros((20, 2))}, ["zz"], "a: lexicon: the word 'zz' is not among its 4"),
        ({"a": np.zeros((20, 2))}, [], "a: its transcript is empty"),
        ({}, None, "there are none: no data"),
    ],
    ids=["short", "word", "empty", "none"],
)
def test_without_an_utterance_that_can_be_aligned_there_is_no_training(features, words, message):
    with pytest.raises(TrainingError, match=f"none of the utterances can be aligned; {message}"):
        train_monophones(Material(features, {name: words for name in features}, LEXICON), PHONES)


def test_utterances_that_cannot_be_aligned_any_more():
    material, model = Material({"a": np.zeros((3, 2))}, {"a": ["ab"]}, LEXICON), some_model(1.0)
    first = Aligned({"a": Alignment(*np.array([[1, 1, 1], [0, 1, 1], [0, 0, 0], [0, 0, 0]]), 0.0)})
    with pytest.raises(TrainingError, match="a: its 3 frames cannot be aligned to its 1 words"):
        train_passes(model, first, material, SCHEDULE)
    with pytest.raises(TrainingError, match="has aligned none of the utterances"):
        train_triphones(Trained(model, Aligned()), material, 9)


def test_features_that_are_none_are_refused():
    words = {"a": ["b"], "b": ["b"]}
    for bad, message in (
        (np.zeros((20, 3)), r"utterance b: features must be \(frames, 2\)"),
        (np.zeros(20), r"utterance b: features must be \(frames, 2\)"),
        (np.full((20, 2), np.nan), "utterance b: cmvn: frame 0 is not finite"),
    ):
        with pytest.raises(DataError, match=message):
            train_monophones(Material({"a": np.zeros((20, 2)), "b": bad}, words, LEXICON), PHONES)
    material, model = speech(3), some_model(3.0)
    aligned = align(model, material.features, material.transcripts, LEXICON)
    other = replace(material, features={name: f[1:] for name, f in material.features.items()})
    with pytest.raises(DataError, match=r"utterance u00 is aligned at .* frames but has"):
        train_passes(model, aligned, other, Schedule(1, frozenset(), 9, 0))


def test_material_without_transcripts_or_features_is_refused():
    with pytest.raises(DataError, match=r"utterance b has no transcript \(2 in all\)"):
        Material({"a": np.zeros((1, 2)), "b": np.zeros((1, 2)), "c": np.zeros((1, 2))}, {"a": []}, LEXICON)
    with pytest.raises(DataError, match=r"utterance a has no features \(1 in all\)"):
        Material({}, {"a": []}, LEXICON)


def test_schedules():
    kaldi = Schedule()
    assert [kaldi.total(i, 100) for i in (0, 1, 15, 30, 40)] == [100, 130, 550, 1000, 1000]
    assert Schedule(4, frozenset(), 50, 0).total(1, 10) == 50
    assert Schedule(4, frozenset(), 5, 2).total(2, 10) == 10  # none are taken away
    for wrong in ({"iterations": 0}, {"split_until": 41}, {"split_until": -1}, {"gaussians": 0}):
        with pytest.raises(ArgumentError, match="schedule: needs"):
            Schedule(**wrong)


def test_only_mixtures_are_trained_by_passes():
    model = AcousticModel(PHONES, some_model(1.0).tying, GivenScores(9))
    with pytest.raises(ArgumentError, match="needs Mixtures, not GivenScores"):
        train_passes(model, Aligned(), speech(1), SCHEDULE)
