"""The vision demo on several processes, and runs side by side."""

import importlib.util
import json
from pathlib import Path

import pytest
from mpi_helper import is_openmpi, run_program, uses_mpi

from demos import compare
from demos.common import run_main
from demos.vision import main
from minidl.train import checkpoint

if importlib.util.find_spec("sklearn") is None:  # importing it takes seconds
    pytest.skip("needs scikit-learn", allow_module_level=True)
pytest.importorskip("matplotlib")
slow = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def vision(n, *arguments, extra=(), limit=100):
    """The demo on n ranks."""
    return run_program(n, "-m", "demos.vision", *arguments, timeout=limit, cwd=ROOT, extra=extra)


def figures(run):
    return json.loads((run / "figures.json").read_text())


def weights(run):
    state = checkpoint.read_state(checkpoint.find(run))["model"]
    return {name: array.tobytes() for name, array in state.items()}


def one_line(done, words):
    lines = [line for line in done.output.splitlines() if line.startswith("error:")]
    assert done.status == 1 and len(lines) == 1 and words in lines[0], done.output
    assert "Traceback" not in done.output


def test_hogwild_and_a_trace(tmp_path, capsys):
    trace = tmp_path / "trace.json"
    arguments = ["--parallel", "hogwild", "--processes", "2", "--epochs", "3", "--run", str(tmp_path / "run")]
    assert run_main(main, [*arguments, "--trace", str(trace)]) == 0
    out = figures(tmp_path / "run")
    assert out["parallel"] == "hogwild" and out["processes"] == 2 and out["test_accuracy"] > 0.7
    assert set(out["time"]) == {"process", "worker 0", "worker 1"}
    events = json.loads(trace.read_text())["traceEvents"]
    rows = {e["args"]["name"]: e["pid"] for e in events if e["ph"] == "M"}
    computing = {e["pid"] for e in events if e["ph"] == "X" and e["name"] == "compute"}
    assert {rows["worker 0"], rows["worker 1"]} <= computing
    assert "Where the time went" in (tmp_path / "run" / "report.html").read_text()
    assert "Hogwild with 2 workers" in capsys.readouterr().err


@uses_mpi
def test_ranks_that_split_a_batch_do_what_one_process_does(tmp_path, capsys):
    """Dropout draws other masks, so figures are near, not equal; the number of updates is."""
    assert run_main(main, ["--epochs", "3", "--run", str(tmp_path / "one")]) == 0
    done = vision(2, "--parallel", "allreduce", "--epochs", "3", "--run", tmp_path / "two")
    assert done.status == 0, done.output
    assert done.output.count("test accuracy") == 1 and done.output.count("epoch 1/3") == 1  # rank 0 alone speaks
    one, two = (checkpoint.read_state(checkpoint.find(tmp_path / name)) for name in ("one", "two"))
    assert two["position"] == one["position"]
    assert abs(figures(tmp_path / "one")["test_accuracy"] - figures(tmp_path / "two")["test_accuracy"]) < 0.06
    assert set(figures(tmp_path / "two")["time"]) == {"rank 0", "rank 1"}

    report = tmp_path / "compare.html"
    assert run_main(compare.main, [str(tmp_path / "one"), str(tmp_path / "two"), "--report", str(report)]) == 0
    table = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["one", "serial", "1"] in [row[:3] for row in table] and ["two", "allreduce", "2"] in [row[:3] for row in table]
    assert "two: rank 1" in report.read_text()


@slow
@uses_mpi
def test_reproducible_runs_have_equal_bits_and_resume_with_any_number_of_ranks(tmp_path):
    options = ["--parallel", "allreduce", "--reproducible", "--epochs", "2"]
    for n in (1, 2, 3):
        done = vision(n, *options, "--run", tmp_path / str(n))
        assert done.status == 0, done.output
    assert weights(tmp_path / "1") == weights(tmp_path / "2") == weights(tmp_path / "3")


@slow
@uses_mpi
def test_a_parameter_server_loses_a_worker_and_goes_on(tmp_path):
    if not is_openmpi():
        pytest.skip("only Open MPI outlives a dead rank")
    options = ["--parallel", "server", "--kill-worker", "--epochs", "6", "--run", tmp_path]
    done = vision(3, *options, extra=("--with-ft", "ulfm"))
    out = figures(tmp_path)
    assert "about to be killed" in done.output and "the others go on" in done.output
    assert out["epochs"] == 6 and out["test_accuracy"] > 0.9
    assert out["staleness"] and "Staleness" in (tmp_path / "report.html").read_text()


@uses_mpi
@pytest.mark.parametrize(
    "n, arguments, words",
    [
        (2, ["--parallel", "serial"], "use --parallel allreduce or server"),
        (1, ["--parallel", "server"], "there is 1"),
        (2, ["--parallel", "allreduce", "--data", "faces"], "faces"),
    ],
    ids=["serial on ranks", "no worker", "unknown data"],
)
def test_a_mistake_is_one_line_from_one_rank(tmp_path, n, arguments, words):
    one_line(vision(n, *arguments, "--run", tmp_path), words)


def test_without_mpi_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "mpi4py" else find(name, *rest))
    assert run_main(main, ["--parallel", "allreduce", "--run", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("pip install 'minidl[mpi]'") == 1


def test_what_is_no_run_is_refused(tmp_path, capsys):
    assert run_main(compare.main, [str(tmp_path), "--report", str(tmp_path / "x.html")]) == 1
    assert "holds no finished run" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()
