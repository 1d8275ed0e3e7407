"""The ladder of the speech demo on a few synthetic utterances: figures, report, and going on from any stage."""

import json
from types import SimpleNamespace

import pytest
from speech_folder import tiny_settings

from demos.common import run_main
from demos.speech import ladder, settings, task
from demos.speech.__main__ import main
from demos.speech.measure import Rung
from demos.speech.models import ALIGNER, STAGES
from demos.speech.stages import Stage
from minidl.speech import corpora, wer

OPTIONS = {"n_train": 16, "n_dev": 3, "n_test": 4, "rate": 8000}


def run(*arguments):
    return run_main(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    """What a whole climb has left."""
    place = tmp_path_factory.mktemp("ladder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "settings_for", tiny_settings)
        patch.setattr(ladder, "corpus_options", lambda name: OPTIONS)
        assert run("--run", place / "run", "--json", place / "out.json") == 0
        yield SimpleNamespace(run=place / "run", figures=json.loads((place / "out.json").read_text()))


@pytest.mark.slow
def test_each_rung_has_its_figures(climbed):
    figures = climbed.figures
    rates, rungs = figures["wer"]["synthetic"], figures["rungs"]
    assert list(rates) == list(rungs) == [name for name in STAGES if name != ALIGNER]
    words = sum(len(u.words) for u in corpora.load("synthetic", **OPTIONS).test)
    for name, rate in rates.items():
        own = rungs[name]
        assert own["words"] == words and 0 < own["real_time_factor"] < 10 and own["training_seconds"] > 0
        assert rate == pytest.approx((own["substitutions"] + own["deletions"] + own["insertions"]) / words)
        assert own["interval"][0] <= rate <= own["interval"][1]
    assert ("improvement" in figures) == (min(rates["gmm-mono"], rates["gmm-tri"]) > 0)  # of nothing there is no share
    assert 0.5 < figures["boundaries_within_20_ms"] <= 1 and figures["set_aside"] == {}
    assert json.loads((climbed.run / "figures.json").read_text()) == figures


def test_by_how_much_networks_are_better(climbed):
    """From the rungs themselves: the better mixture against the better network."""

    def rung(name, wrong):
        said = {f"u{i}": ["one", "two"] for i in range(10)}
        heard = {u: ["one", "six" if i < wrong else "two"] for i, u in enumerate(said)}
        score = wer.score(said, heard)
        return Rung(name, score, wer.Interval(0.0, 1.0, 0.95), heard, 1.0, 0.0, 1, 1.0, 0.1)

    rungs = [rung("gmm-mono", 8), rung("gmm-tri", 5), rung("dnn", 4), rung("dnn-realigned", 3), rung("ctc", 0)]
    arguments = SimpleNamespace(held_out=None, data="some/corpus", seed=0)
    task = SimpleNamespace(corpus=SimpleNamespace(name="corpus", test=()), set_aside={})
    figures = ladder.figures_of(task, [Stage(ALIGNER, "static", None, 0, 0.0)], rungs, arguments)
    assert figures["wer"] == {"corpus": {"gmm-mono": 0.4, "gmm-tri": 0.25, "dnn": 0.2, "dnn-realigned": 0.15, "ctc": 0.0}}
    better = figures["improvement"]
    assert (better["of"], better["over"]) == ("dnn-realigned", "gmm-tri")
    assert better["relative"] == pytest.approx(0.4) and better["interval"][0] <= 0.4 <= better["interval"][1]


@pytest.mark.slow
def test_the_report_has_all_its_parts(climbed):
    page = (climbed.run / "report.html").read_text()
    for heading in (
        "The ladder", "Recognisers", "took for what", "Training of mixtures", "States of gmm-tri", "Training of dnn",
        "One utterance, aligned", "as two models hear it", "Environment",
    ):  # fmt: skip
        assert f"{heading}" in page, heading
    assert page.count("data:image/") >= 7


@pytest.mark.slow
def test_it_goes_on_from_any_stage(climbed, capsys):
    before = {path.name: path.stat().st_mtime_ns for path in climbed.run.glob("*.safetensors")}
    assert run("--run", climbed.run, "--stage", "dnn-realigned", "--until", "dnn-realigned") == 0
    after = {path.name: path.stat().st_mtime_ns for path in climbed.run.glob("*.safetensors")}
    assert [name for name in before if after[name] != before[name]] == ["dnn-realigned.safetensors"]
    again = json.loads((climbed.run / "figures.json").read_text())["wer"]["synthetic"]
    assert again == {name: rate for name, rate in climbed.figures["wer"]["synthetic"].items() if name != "ctc"}
    assert run("--run", climbed.run, "--resume") == 0  # all is there: nothing is trained
    assert {path.name: path.stat().st_mtime_ns for path in climbed.run.glob("*.safetensors")} == after
    assert "ctc" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--stage", "gmm-tri"], "aligner.safetensors is not there"),
        (["--stage", "dnn", "--until", "gmm-tri"], "comes after --until"),
        (["--network", "perceptron", "--until", "aligner"], "choose one of sigmoid, relu"),
        (["--data", "nothing-like-this"], "no corpus called 'nothing-like-this'"),
        (["--held-out", "george"], "no option 'held_out'"),
        (["--data", "fsdd", "--held-out", "nobody"], "nobody"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, arguments, says, capsys, monkeypatch):
    monkeypatch.setattr(task, "settings_for", settings.settings_for)  # the real one
    monkeypatch.setattr(ladder, "corpus_options", lambda name: OPTIONS if name == "synthetic" else {})
    assert run("--run", tmp_path / "run", *arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and says in error
