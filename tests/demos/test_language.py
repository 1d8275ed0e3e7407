"""The language demo: train, measure, check, and one line for each mistake."""

import json

import pytest

from demos.common import run_main
from demos.language import main

TEXT = "the cat sat on the mat\nthe dog sat on the cat\n\na dog and a cat\n"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def run(*arguments):
    return run_main(main, [str(a) for a in arguments])


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_train_measure_check(tmp_path, text, name, capsys):
    model, figures = tmp_path / name, tmp_path / "figures.json"
    assert run("train-ngram", text, "--order", 3, "--discount-fallback", "--out", model, "--json", figures) == 0
    sizes = json.loads(figures.read_text())["ngrams"]
    assert sizes[0] == 11 and len(sizes) == 3
    assert run("arpa-check", model) == 0
    assert run("perplexity", model, text, "--json", figures) == 0
    found = json.loads(figures.read_text())
    assert found["tokens"] == 17 + 4 and found["unknown"] == 0
    assert 1 < found["including_unknown"] == found["excluding_unknown"] < 11
    out = capsys.readouterr()
    assert "well formed" in out.out and "17 words, 8 different" in out.err


def test_characters_and_a_limited_vocabulary(tmp_path, text):
    model = tmp_path / "m.arpa"
    assert run("train-ngram", text, "--characters", "--discount-fallback", "--out", model) == 0
    assert "\u2581" in model.read_text()
    assert run("perplexity", model, text, "--characters") == 0
    assert run("train-ngram", text, "--max-words", 3, "--min-count", 2, "--discount-fallback", "--out", model) == 0
    assert "ngram 1=6" in model.read_text()


@pytest.mark.parametrize("how", ["witten-bell", "absolute"])
def test_other_smoothings(tmp_path, text, how, capsys):
    model = tmp_path / "m.arpa"
    assert run("train-ngram", text, "--smoothing", how, "--order", 2, "--out", model) == 0
    assert run("perplexity", model, text) == 0
    assert run("train-ngram", text, "--smoothing", how, "--sri-unigrams", "--out", model) == 1
    assert "are of --smoothing kneser-ney" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["train-ngram", "none.txt", "--out", "m.arpa"], "none.txt"),
        (["train-ngram", "TEXT", "--out", "m.arpa"], "no discounts for order"),
        (["train-ngram", "TEXT", "--out", "m.arpa", "--order", "0"], "at least 1"),
        (["train-ngram", "TEXT", "--out", "m.arpa", "--prune", "1", "--discount-fallback"], "begin with 0"),
        (["perplexity", "TEXT", "TEXT"], "ARPA"),
        (["arpa-check", "TEXT"], "line 4: the file ends here"),
        ([], "COMMAND"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, arguments, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*[str(text) if a == "TEXT" else a for a in arguments]) == 1
    error = capsys.readouterr().err
    *before, last = error.splitlines()
    assert last.startswith("error: ") and says in last and not any("error" in line for line in before)
    assert not (tmp_path / "m.arpa").exists()
