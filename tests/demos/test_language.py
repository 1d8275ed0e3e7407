"""The language demo: train, measure, check, and one line for each mistake."""

import itertools
import json

import pytest

from demos.common import run_main
from demos.language.__main__ import main
from minidl import language

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
    assert run("train-ngram", text, "--splitting", "characters", "--discount-fallback", "--out", model) == 0
    assert "\u2581" in model.read_text()
    assert run("perplexity", model, text, "--splitting", "characters") == 0
    assert run("train-ngram", text, "--max-words", 3, "--min-count", 2, "--discount-fallback", "--out", model) == 0
    assert "ngram 1=6" in model.read_text()


@pytest.mark.parametrize("how", ["witten-bell", "absolute", "additive"])
def test_other_smoothings(tmp_path, text, how, capsys):
    model = tmp_path / "m.arpa"
    assert run("train-ngram", text, "--smoothing", how, "--order", 2, "--out", model) == 0
    assert run("perplexity", model, text) == 0
    assert run("train-ngram", text, "--smoothing", how, "--sri-unigrams", "--out", model) == 1
    assert "is of --smoothing kneser-ney" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["train-ngram", "none.txt", "--out", "m.arpa"], "none.txt"),
        (["train-ngram", "TEXT", "--out", "m.arpa"], "no discounts for order"),
        (["train-ngram", "TEXT", "--out", "m.arpa", "--order", "0"], "at least 1"),
        (["train-ngram", "TEXT", "--out", "m.arpa", "--prune", "1", "--discount-fallback"], "begin with 0"),
        (["perplexity", "TEXT", "TEXT"], "ARPA"),
        (["arpa-check", "TEXT"], "line 4: the file ends here"),
        (["--data", "none.txt"], "no text called 'none.txt'"),
        (["draw"], "invalid choice"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, text, arguments, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*[str(text) if a == "TEXT" else a for a in arguments]) == 1
    error = capsys.readouterr().err
    *before, last = error.splitlines()
    assert last.startswith("error: ") and says in last and not any("error" in line for line in before)
    assert not (tmp_path / "m.arpa").exists()


def test_forms_and_pruning(tmp_path, text, capsys):
    """ARPA and binary hold the same model; entropy pruning leaves a part of it."""
    names = ["a.arpa", "b.bin", "c.arpa.gz", "d.bin"]
    paths = [tmp_path / name for name in names]
    assert run("train-ngram", text, "--discount-fallback", "--out", paths[0]) == 0
    for source, target in itertools.pairwise(paths):
        assert run("convert", source, "--out", target) == 0
    found = []
    for path in paths:
        assert run("perplexity", path, text, "--json", tmp_path / "f.json") == 0
        found.append(json.loads((tmp_path / "f.json").read_text())["including_unknown"])
    assert found == pytest.approx([found[0]] * 4, rel=1e-6)
    assert [b"data" in path.read_bytes()[:8] for path in paths] == [True, False, False, False]
    options = ["--discount-fallback", "--entropy", 0.05, "--json", tmp_path / "g.json"]
    assert run("train-ngram", text, *options, "--out", paths[0]) == 0
    pruned = json.loads((tmp_path / "g.json").read_text())["ngrams"]
    assert pruned[0] == 11 and pruned[2] < len(language.read_arpa(paths[2]).tables[2])
    capsys.readouterr()
    assert run("train-ngram", text, "--smoothing", "witten-bell", "--discount-fallback", "--out", paths[0]) == 1
    assert "estimates no discounts" in capsys.readouterr().err


LINES = ["the cat sat on the mat", "a dog ran to the cat", "the dog sat", "a cat ran on and on", "the mat and the dog"]


@pytest.fixture
def long_text(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("\n".join(LINES[i * i % 5] + " and" * (i % 3) for i in range(200)))
    return path


def test_train_mix_generate_neighbours(tmp_path, long_text, capsys):
    """A model of each kind with one vocabulary; both together are better on the text they are tuned on."""
    lstm, ngram, both = tmp_path / "lstm", tmp_path / "n.bin", tmp_path / "both.json"
    small = ["--embedding", 12, "--hidden", 12, "--epochs", 3, "--columns", 4, "--length", 8]
    assert run("train", long_text, *small, "--output", "sampled", "--samples", 5, "--tied", "--run", lstm) == 0
    figures = json.loads((lstm / "figures.json").read_text())
    assert figures["parameters"] > 0 and figures["trained_by"].startswith("sampled softmax")
    assert run("train-ngram", long_text, "--vocabulary", lstm, "--order", 2, "--discount-fallback", "--out", ngram) == 0
    out = tmp_path / "out.json"
    texts = ["--tune", long_text, "--test", long_text]
    assert run("mix", ngram, lstm, "--cache", 50, *texts, "--out", both, "--json", out) == 0
    mixed = json.loads(out.read_text())
    assert sum(mixed["weights"].values()) == pytest.approx(1)
    *parts, mixture = mixed["tuning"].values()
    assert mixture <= min(parts) * (1 + 1e-6) and mixed["test"] == mixed["tuning"]
    for model in (ngram, lstm, both):
        assert run("perplexity", model, long_text, "--json", out) == 0
    assert json.loads(out.read_text())["including_unknown"] == pytest.approx(mixture, rel=1e-6)
    assert run("perplexity", lstm, long_text, "--dynamic", 0.1) == 0
    assert run("mix", ngram, lstm, "--tune", long_text, "--log-linear") == 0
    capsys.readouterr()
    for model in (ngram, lstm, both):
        assert run("generate", model, "--prompt", "the cat", "--words", 12, "--top-k", 5, "--json", out) == 0
    assert len(json.loads(out.read_text())["words"]) == 12 and capsys.readouterr().out.startswith("the cat")
    assert run("neighbours", lstm, "cat", "--number", 2) == 0
    assert capsys.readouterr().out.count(",") == 1
    picture = tmp_path / "words.png"
    assert run("neighbours", lstm, "cat", "dog", "mat", "--picture", picture) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_training_goes_on_where_it_was(tmp_path, long_text):
    options = ["--embedding", 8, "--hidden", 8, "--columns", 4, "--length", 8, "--seed", 1]
    assert run("train", long_text, *options, "--epochs", 2, "--run", tmp_path / "a") == 0
    assert run("train", long_text, *options, "--epochs", 2, "--run", tmp_path / "a", "--resume") == 0
    assert run("train", long_text, *options, "--epochs", 3, "--run", tmp_path / "a", "--resume") == 1  # another plan


@pytest.mark.slow
def test_the_table(tmp_path, long_text, capsys):
    figures = tmp_path / "figures.json"
    assert run("--data", long_text, "--only", "rnn", "lstm-nce", "--run", tmp_path / "run", "--json", figures) == 0
    found = json.loads(figures.read_text())
    assert {"kneser-ney-5", "rnn", "lstm-nce", "kneser-ney-5 + rnn", "ensemble of 2 networks"} <= found["perplexity"].keys()
    assert all(1 < value < 30 for value in found["perplexity"].values())
    assert found["surrogate"].keys() >= {"lstm-nce"} and "lstm-nce" in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<img") >= 6 and "Who is good at rare words?" in page
    assert run("perplexity", tmp_path / "run" / "rnn", long_text) == 0


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["perplexity", "MODEL", "OTHER"], "none of its 4 words is known"),
        (["perplexity", "MODEL", "EMPTY"], "the text is empty"),
        (["perplexity", "MODEL", "TEXT", "--dynamic", "0.1"], "no neural model"),
        (["perplexity", ".", "TEXT"], "holds no model.safetensors"),
        (["mix", "MODEL", "--tune", "TEXT"], "at least two models"),
        (["mix", "MODEL", "OTHER-MODEL", "--tune", "TEXT"], "train both with one vocabulary"),
        (["mix", "MODEL", "MODEL", "--tune", "none.txt"], "none.txt"),
        (["neighbours", "MODEL", "cat"], "no neural model"),
        (["neighbours", "NEURAL", "cow"], "'cow' is not in the vocabulary"),
        (["neighbours", "NEURAL", "cat", "--picture", "a.doc"], "a.doc: pictures are written as .png"),
        (["generate", "MODEL", "--temperature", "-1"], "temperature"),
        (["generate", "none"], "none"),
        (["train", "TEXT"], "too few to learn from"),
        (["train", "LONG", "--kind", "decoder", "--embedding", "8"], "one size throughout"),
        (["train", "LONG", "--tied", "--output", "huffman"], "no vector for each word"),
        (["train", "LONG", "--output", "softmax"], "is none of full"),
        (["train", "LONG", "--columns", "100000"], "fewer than the 100000 columns"),
        (["train-ngram", "SINGLE", "--out", "m.arpa"], "no discounts for order 1"),
        (["train-ngram", "TEXT", "--order", "40", "--out", "m.arpa"], "take an order of at most 8"),
        (["train-ngram", "LATIN", "--out", "m.arpa"], "line 1, byte 0: not UTF-8"),
        (["train-ngram", "RESERVED", "--out", "m.arpa"], "<s> is reserved"),
        (["--data", "TEXT"], "too few to learn from"),
        (["--only", "gpt"], "'gpt' is none of feed-forward"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, text, long_text, arguments, says, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = {"OTHER": "xyz uvw\n\nq r\n", "EMPTY": "", "SINGLE": "word\n", "RESERVED": "a <s> b\n"}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "LATIN").write_bytes("\u00fcber\n".encode("latin-1"))
    assert run("train-ngram", text, "--order", 2, "--discount-fallback", "--out", "MODEL") == 0
    assert run("train-ngram", long_text, "--order", 2, "--discount-fallback", "--out", "OTHER-MODEL") == 0
    if "NEURAL" in arguments:
        small = ["--embedding", 4, "--hidden", 4, "--epochs", 1, "--columns", 4]
        assert run("train", long_text, *small, "--run", "NEURAL") == 0
    capsys.readouterr()
    places = {"TEXT": str(text), "LONG": str(long_text)}
    assert run(*[places.get(a, a) for a in arguments]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and says in last
    assert not (tmp_path / "m.arpa").exists() and not (tmp_path / "a.doc").exists()
    assert not list((tmp_path / "runs").rglob("model.safetensors"))


def test_mostly_unknown_words_are_remarked(tmp_path, text, capsys):
    model, other = tmp_path / "m.bin", tmp_path / "other.txt"
    other.write_text("the xyz uvw\n")
    assert run("train-ngram", text, "--discount-fallback", "--out", model) == 0
    assert run("perplexity", model, other) == 0
    assert "2 of the 3 words" in capsys.readouterr().err
