"""The Hogwild demo as its user meets it, with tiny sizes."""

import json
import re

import pytest

from demos.common import run_main
from demos.hogwild import main
from minidl.train.history import read_metrics

TINY = ["--rows", "200", "--epochs", "2", "--workers", "1,2", "--seconds", "0.01"]


def run(tmp_path, *more):
    return run_main(main, [*TINY, "--run", str(tmp_path / "run"), "--json", str(tmp_path / "f.json"), *more])


def test_logistic_regression(tmp_path, capsys):
    assert run(tmp_path, "--delays", "0,0.1", "--dense-epochs", "1") == 0
    out, err = capsys.readouterr()
    figures = json.loads((tmp_path / "f.json").read_text())
    names = ["serial", "lock-free, 1 worker", "lock-free, 2 workers", "round robin, 2 workers", "locked rows, 2 workers"]
    assert [r["name"] for r in figures["runs"]] == names
    assert all(n in out and n in err for n in names)
    assert figures["runs"][0]["losses"] == pytest.approx(figures["runs"][1]["losses"], rel=1e-5)
    assert [(d["delay"], d["how"]) for d in figures["delays"]][:2] == [(0, "lock-free"), (0, "round robin")]
    assert [(d["workers"], d["locked"]) for d in figures["dense"]] == [(1, False), (2, False), (2, True)]
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("data:image/svg+xml") == 3 and "What was seen" in page and "http://" not in page
    assert re.search(r"Without locks, 2 workers made [\d.]+ times the serial loop&#39;s updates per second", page)
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl")) == 15


@pytest.mark.slow
def test_a_file_and_an_svm(tmp_path, capsys):
    path = tmp_path / "a.svm"
    path.write_text("".join(f"{1 if i % 2 else -1} {1 + i % 2}:1 {3 + i % 5}:0.5\n" for i in range(60)))
    assert run(tmp_path, "--problem", "svm", "--data", str(path), "--penalty", "0.1", "--delays", "none", "--no-dense") == 0
    assert json.loads((tmp_path / "f.json").read_text())["runs"][2]["accuracy"] == 1
    path.write_text("1 1:x\n")
    assert run(tmp_path, "--data", str(path)) == 1
    expected = f"error: {path}, line 1: the value of feature 1 is not a finite number: 'x'"
    assert capsys.readouterr().err.splitlines()[-1] == expected


@pytest.mark.slow
def test_ratings(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run(tmp_path, "--problem", "factorisation") == 1
    assert "is not on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--workers", "0"], "an integer of at least 1"),
        (["--workers", "1,x"], "an integer of at least 1"),
        (["--problem", "chess"], "invalid choice"),
        (["--data", "no.svm"], "cannot read no.svm"),
        (["--decay", "2"], r"decay in \(0, 1\]"),
        (["--step", "1e30", "--problem", "svm", "--penalty", "1e9"], "the loss is (nan|inf); try a step below"),
        (["--problem", "factorisation", "--data", "x.svm"], "leave --data out"),
        (["--workers", "201"], "one for each example"),
    ],
)
def test_mistakes_are_one_line(arguments, words, tmp_path, capsys):
    assert run(tmp_path, "--delays", "none", "--no-dense", *arguments) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and re.search(words, error), error
