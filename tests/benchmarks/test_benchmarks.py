"""The benchmark's own machinery: rows that train, ratios the right way round, and a table that goes where it belongs."""

import numpy as np
import pytest

from benchmarks import minidl_steps, results
from benchmarks.rows import ROWS, row
from benchmarks.run import Measured, Worker


def measured(ours, theirs):
    return Measured(row("mlp-tiny"), ours, theirs, (2**20, 2**21), flop=1e9, peaks=[1e10] * len(ours))


def test_a_row_above_one_means_minidl_is_faster():
    m = measured([0.1, 0.2, 0.4], [0.3, 0.6, 0.4])
    assert m.ratio == pytest.approx(3.0)
    assert m.share_of_peak == pytest.approx(0.5)  # 1e9 flop in 0.2 s, of 1e10 flop/s


def test_a_row_that_falls_short_says_so():
    assert "(short)" in results.line(measured([0.1], [0.2]))
    assert "(short)" not in results.line(measured([0.1], [0.3]))
    assert "1 / 2 = 0.50" in results.line(measured([0.1], [0.3]))


def test_the_table_is_replaced_and_the_text_around_it_stays(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")  # whose version stands beside the table
    file = tmp_path / "RESULTS.md"
    file.write_text(f"before\n{results.START}\nold\n{results.END}\nafter\n")
    monkeypatch.setattr(results, "FILE", file)
    results.write([measured([0.1], [0.3])], threads=2)
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "old" not in text and "| mlp-tiny |" in text


@pytest.mark.parametrize("name", ["mlp-tiny", "lstm-200", "ctc-lstm"])
def test_rows_train(name):
    step, _ = minidl_steps.make(row(name))
    losses = [step() for _ in range(3)]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


def test_rows_are_told_apart_by_name():
    assert len({r.name for r in ROWS}) == len(ROWS)


@pytest.mark.slow
def test_a_worker_measures_in_a_process_of_its_own():
    with Worker("minidl", "mlp-tiny", threads=1) as worker:
        assert worker.ask("step 3") > 0
        assert worker.ask("costs") == 32 * (64 * 64 * 2 + 64 * 10)
        assert worker.ask("memory") >= 0
    assert worker.process.returncode is not None
