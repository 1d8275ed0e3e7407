"""Acoustic models on disk: what was written comes back exactly; damaged or forged files give documented errors only."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.phone_cases import LEXICON, PHONES, some_model, some_speech

from minidl.errors import ArgumentError, CheckpointError, DataError
from minidl.speech.extraction import FeatureSettings
from minidl.speech.files import load_acoustic, save_acoustic
from minidl.speech.gmm import GMM
from minidl.speech.hmm import GivenScores, Mixtures
from minidl.speech.lexicon import Lexicon
from minidl.speech.phones import AcousticModel, PhoneSet, Tying, align
from minidl.train import files

FEATURES = FeatureSettings("fbank", 8000, 40, 1, True)


def odd_model(full=False):
    """Densities that depend on neighbours, several Gaussians in some, one variance below the usual floor."""
    rng, sizes = np.random.default_rng(3), [1, 2, 1, 3, 1, 1, 2, 1, 1]
    tables = list(some_model(1.0).tying.tables)
    tables[1] = 3 + np.arange(32).reshape(2, 4, 4) % 2
    weights = np.concatenate([rng.dirichlet(np.ones(n)) for n in sizes])
    covariances = rng.uniform(1e-5, 2, (13, 2))
    if full:
        covariances = np.eye(2) * covariances[:, None, :] + 1e-6
    emission = Mixtures(GMM(weights, rng.standard_normal((13, 2)) * 3, covariances, sizes), np.array([1e-6, 1e-5]), 2.5)
    phones = PhoneSet(PHONES.names, [t.reestimated(t.start, rng.random(t.transitions.shape), rng.random(t.n_states), 0.01)
                                     for t in PHONES.topologies], "SIL")  # fmt: skip
    return AcousticModel(phones, Tying(tables), emission)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file, its arrays and what its header tells."""
    path = tmp_path_factory.mktemp("models") / "m.safetensors"
    save_acoustic(path, odd_model(), LEXICON, FEATURES, {"occupancy": [1, 2.5]})
    return path, *files.read(path)


@pytest.mark.parametrize("full", [False, True])
def test_all_comes_back(full, tmp_path):
    model, path = odd_model(full), tmp_path / "m.safetensors"
    save_acoustic(path, model, LEXICON, FEATURES, {"occupancy": [1, 2.5]})
    found = load_acoustic(path)
    assert found.settings == FEATURES and found.about == {"occupancy": [1, 2.5]}
    features, transcripts, _ = some_speech(some_model(3.0), 5, 2)
    for x in features.values():
        np.testing.assert_array_equal(found.model.emission.log_likelihood(x), model.emission.log_likelihood(x))
    before, after = (align(m, features, transcripts, lexicon, [np.inf]).alignments
                     for m, lexicon in ((model, LEXICON), (found.model, found.lexicon)))  # fmt: skip
    assert len(before) == 5
    for name, own in before.items():
        assert own.log_likelihood == after[name].log_likelihood
        np.testing.assert_array_equal(own.units, after[name].units)
        np.testing.assert_array_equal(own.states, after[name].states)
    emission, other = found.model.emission, model.emission
    np.testing.assert_array_equal(emission.variance_floor, other.variance_floor)
    assert emission.min_occupancy == other.min_occupancy
    sums = other.accumulate(features["u00"], np.full((len(features["u00"]), 9), 1 / 9))
    np.testing.assert_array_equal(emission.update(sums).model.covariances, other.update(sums).model.covariances)
    assert found.model.phones.names == PHONES.names and found.lexicon.silence_prob == 0.4
    assert [found.lexicon.pronunciations(w) for w in LEXICON.words] == [LEXICON.pronunciations(w) for w in LEXICON.words]


def test_a_second_time_the_same_bytes(written, tmp_path):
    found = load_acoustic(written[0])
    save_acoustic(tmp_path / "again", found.model, found.lexicon, found.settings, found.about)
    assert (tmp_path / "again").read_bytes() == written[0].read_bytes()


def test_what_is_not_written(tmp_path):
    path = tmp_path / "m.safetensors"
    scores = AcousticModel(PHONES, some_model(1.0).tying, GivenScores(9))
    with pytest.raises(ArgumentError, match="writes Mixtures, not GivenScores"):
        save_acoustic(path, scores, LEXICON, FEATURES)
    with pytest.raises(ArgumentError, match="there is no phone 'Z'"):
        save_acoustic(path, some_model(1.0), Lexicon({"z": [("Z",)]}), FEATURES)
    with pytest.raises(ArgumentError, match="silence 'C' is not the model's"):
        save_acoustic(path, some_model(1.0), Lexicon({"ab": [("A", "B")]}, silence="C"), FEATURES)
    assert not path.exists()
    with pytest.raises(CheckpointError, match="cannot write"):
        save_acoustic(tmp_path, some_model(1.0), LEXICON, FEATURES)


def test_files_of_another_kind(tmp_path, written):
    with pytest.raises(CheckpointError, match="cannot read"):
        load_acoustic(tmp_path / "none")
    path = tmp_path / "other"
    for told in ({"kind": "minidl CTC network"}, {}, {"kind": None}):
        files.save(path, written[1], told)
        with pytest.raises(DataError, match="no acoustic model of minidl"):
            load_acoustic(path)
    path.write_text("words")
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_acoustic(path)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes(written, tmp_path_factory, data):
    whole = written[0].read_bytes()
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))] if data.draw(st.booleans()) else whole)
    for place in data.draw(st.lists(st.integers(0, max(len(broken) - 1, 0)), max_size=3)) if broken else ():
        broken[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "broken.safetensors"
    path.write_bytes(broken)
    if broken == whole:
        return
    with pytest.raises((CheckpointError, DataError)):
        load_acoustic(path)


def places(value, at=()):
    """All places in a nest of tables and lists."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, own in inner:
        yield from places(own, (*at, key))


def forge(value, at, new):
    """The same with something else at one place; left out if that is `...`."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and len(at) == 1:
        del copy[at[0]]
    else:
        copy[at[0]] = forge(value[at[0]], at[1:], new)
    return copy


JUNK = st.sampled_from(
    [..., None, -1, 0, 10**400, 1e308, float("nan"), float("inf"), True, "", "SIL", "A", "a b", [], {}, [1], [["A"], 0.0],
     [None], {"A": 1}, [[]], -0.5]
)  # fmt: skip


@settings(max_examples=70, deadline=None)
@given(st.data())
def test_forged_descriptions(written, tmp_path_factory, data):
    """Signed anew: what still can be read is a model that works."""
    _, arrays, told = written
    at = data.draw(st.sampled_from([p for p in places(told) if p and p[0] != "kind"]))
    path = tmp_path_factory.getbasetemp() / "forged.safetensors"
    files.save(path, arrays, forge(told, at, data.draw(JUNK)))
    works_or_is_refused(path)


def works_or_is_refused(path):
    try:
        found = load_acoustic(path)
    except (CheckpointError, DataError):
        return
    features = np.zeros((30, found.model.emission.model.n_features))
    align(found.model, {"u": features}, {"u": [found.lexicon.words[0]]}, found.lexicon)
    json.dumps(found.about)
    assert replace(found.settings) == found.settings
    found.model.emission.update(found.model.emission.accumulate(features, np.ones((30, found.model.tying.n_pdfs))))


@settings(max_examples=70, deadline=None)
@given(st.data())
def test_forged_arrays(written, tmp_path_factory, data):
    _, arrays, told = written
    name = data.draw(st.sampled_from(sorted(arrays)))
    own = arrays[name]
    kind = data.draw(st.sampled_from(["value", "dtype", "cut", "more", "flat", "empty", "scalar", "left out"]))
    forged = dict(arrays)
    if kind == "value":
        forged[name] = own.copy()
        big = 2 ** (8 * own.dtype.itemsize - 1) - 1
        values = [0, -1, 7, big, -big] if own.dtype.kind == "i" else [0, -1, np.nan, np.inf, 1e308, 1e-320, 1e160]
        forged[name].flat[data.draw(st.integers(0, own.size - 1))] = data.draw(st.sampled_from(values))
    elif kind == "dtype":
        forged[name] = own.astype(data.draw(st.sampled_from([np.float32, np.uint8, np.int8, np.int64, bool])))
    elif kind == "left out":
        del forged[name]
    else:
        forged[name] = {"cut": own[:-1], "more": np.concatenate([own, own]), "flat": own.ravel()[:, None],
                        "empty": own[:0], "scalar": own.flat[0]}[kind]  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "forged.safetensors"
    files.save(path, forged, told)
    works_or_is_refused(path)


def test_sizes_are_checked_before_anything_is_made_of_them(written, tmp_path):
    """Their sum wraps round to the number of Gaussians, and each would fill all memory."""
    _, arrays, told = written
    for sizes in (np.array([2**63 - 1, 2**63 - 1, 15]), np.array([2**40]), np.ones(9), np.zeros(0, np.int64)):
        files.save(tmp_path / "m", {**arrays, "gmm/sizes": sizes}, told)
        with pytest.raises(DataError, match="sizes of mixtures beyond"):
            load_acoustic(tmp_path / "m")


def test_no_gaussians_at_all(written, tmp_path):
    _, arrays, told = written
    none = {name: a[:0] for name, a in arrays.items() if name.startswith("gmm/")}
    files.save(tmp_path / "m", {**arrays, **none}, told)
    with pytest.raises(DataError, match="not sound"):
        load_acoustic(tmp_path / "m")


@pytest.mark.parametrize(
    ("name", "change"),
    [("phone/1/pdfs", lambda a: a.astype(np.float64)), ("gmm/means", lambda a: a * 1e200),
     ("gmm/covariances", lambda a: a * 1e-320), ("gmm/covariances", lambda a: -a), ("phone/0/start", lambda a: a / 2)],
    ids=["pdfs", "far", "narrow", "negative", "start"],
)  # fmt: skip
def test_arrays_that_are_refused(written, tmp_path, name, change):
    _, arrays, told = written
    files.save(tmp_path / "m", {**arrays, name: change(arrays[name])}, told)
    with pytest.raises(DataError, match=r"its description of the model is not sound .* it was altered"):
        load_acoustic(tmp_path / "m")


@pytest.mark.parametrize(
    "change",
    [{"lexicon": {"z": [[["Z"], 0.0]]}}, {"phones": ["SIL", "A", "B", 3]}, {"phones": ["SIL", "A", "B", "C", "D"]},
     {"silence": "A"}, {"silence_prob": 2.0}, {"features": {"kind": "plp"}}, {"about": None},
     {"limits": {"min_occupancy": float("nan")}}, {"limits": {"variance_floor": [1e-3] * 3}}, {"limits": {"other": 1}}],
    ids=str,
)  # fmt: skip
def test_descriptions_that_are_refused(written, tmp_path, change):
    _, arrays, told = written
    lexicon = {"b": [[["B"], 0.0]]}  # whose words "C" is not in
    files.save(tmp_path / "m", arrays, {**told, "lexicon": lexicon, **change})
    with pytest.raises(DataError, match=r"its description of the model is not sound .* it was altered"):
        load_acoustic(tmp_path / "m")
