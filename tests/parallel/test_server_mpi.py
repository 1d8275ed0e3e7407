"""The parameter server on MPI ranks: equal to one process where it should be, in any mode, and clear about bad input."""

import numpy as np
import pytest
from helpers_server import loss, problem, serial, values
from mpi_helper import on_ranks, uses_mpi
from server_runs import train, train_or_say

from minidl.optim.schedules import Cosine
from minidl.train import fit
from minidl.train.checkpoint import read_state

pytestmark = pytest.mark.timeout(300)


def same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@uses_mpi
@pytest.mark.parametrize("servers", [1, 2])
def test_one_worker_is_serial_bit_for_bit(servers):
    net = {"optimizer": "adam", "norm": True}
    main = on_ranks(servers + 1, train, server={"servers": servers}, net=net, timeout=100)[0]
    same_bits(main["values"], serial(2, **net))
    assert main["staleness"] == {0: 10} and main["notes"]["staleness"] == {"0": 10}


@uses_mpi
def test_its_figures_and_schedule_are_serials_too():
    main = on_ranks(2, train, cosine=10, fitting={"epochs": 2, "clip_norm": 0.5}, timeout=100)[0]
    model, loader, optimizer = problem()
    history = fit(model, loss, loader, optimizer, epochs=2, clip_norm=0.5, schedule=Cosine(optimizer, 10),
                  metrics=("accuracy",), progress=False)  # fmt: skip
    same_bits(main["values"], values(model))
    for here, there in zip(main["epochs"], history.epochs, strict=True):
        assert {k: here[k] for k in ("loss", "accuracy", "lr", "step")} == {
            k: there[k] for k in ("loss", "accuracy", "lr", "step")
        }


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize(("n", "servers"), [(3, 1), (4, 1), (4, 2)])
@pytest.mark.parametrize("optimizer", ["momentum", "adagrad"])
def test_synchronous_is_serial_with_all_batches_at_once(n, servers, optimizer):
    net = {"optimizer": optimizer, "n": 37, "batch": 4, "dtype": "float64"}
    main = on_ranks(n, train, server={"servers": servers, "staleness": 0}, net=net, cosine=99, timeout=100)[0]
    model, loader, opt = problem(optimizer, 37, 4 * (n - servers), np.float64)
    fit(model, loss, loader, opt, epochs=2, schedule=Cosine(opt, 99), progress=False)
    for name, value in values(model).items():
        np.testing.assert_allclose(main["values"][name], value, rtol=0, atol=1e-10, err_msg=name)


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize("server", [
    {}, {"n_fetch": 2, "n_push": 3}, {"staleness": 1}, {"staleness": 0}, {"servers": 2}, {"servers": 2, "staleness": 2},
], ids=str)  # fmt: skip
def test_every_sample_is_used_once_an_epoch(server):
    results = on_ranks(4, train, server=server, net={"n": 70, "batch": 4, "norm": True, "dropout": 0.2}, timeout=100)
    used = sorted(use for result in results for use in result["used"])
    assert used == [(epoch, i) for epoch in range(2) for i in range(70)]
    main = results[0]
    workers = 4 - server.get("servers", 1)
    assert sum(main["leads"].values()) > 0 and all(r["epochs"][-1]["step"] == main["epochs"][-1]["step"] for r in results)
    if server.get("staleness"):
        assert max(main["leads"]) <= server["staleness"]
        assert max(main["staleness"]) <= (workers - 1) * (2 * server["staleness"] + 1)
    assert set(main["timelines"]) == {f"{'server' if r < 4 - workers else 'worker'} {r}" for r in range(4)}
    assert all({"wait", "communicate"} <= set(t) for t in main["timelines"].values())


@uses_mpi
@pytest.mark.slow
@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("staleness", [None, 0])
def test_a_checkpoint_amid_an_epoch_loads_anywhere(tmp_path, servers, staleness):
    """With one worker a run saved at step 7 of 10 and resumed, by one process or others, ends as serial does."""
    fitting = {"run_dir": str(tmp_path / "run"), "checkpoint_every": 7, "keep": 9, "ema": 0.9}
    net = {"optimizer": "adam", "norm": True}
    on_ranks(servers + 1, train, server={"servers": servers, "staleness": staleness}, net=net, fitting=fitting, timeout=100)
    saved = tmp_path / "run" / "checkpoints" / "step-000000007.safetensors"
    assert read_state(saved)["position"] == {"epoch": 1, "batch": 2, "step": 7, "samples": 16}
    model, loader, optimizer = problem(**net)
    fit(model, loss, loader, optimizer, epochs=2, ema=0.9, progress=False)
    whole = values(model)
    model, loader, optimizer = problem(**net)
    fit(model, loss, loader, optimizer, epochs=2, ema=0.9, progress=False, run_dir=tmp_path / "a", resume=saved)
    same_bits(values(model), whole)
    again = {"run_dir": str(tmp_path / "b"), "resume": str(saved), "ema": 0.9}
    main = on_ranks(4 - servers if servers == 2 else 3, train, server={"servers": 3 - servers, "staleness": staleness},
                    net=net, fitting=again, timeout=100)[0]  # fmt: skip
    if servers == 1:
        same_bits(main["values"], whole)
    assert len(main["epochs"]) == 2


@uses_mpi
@pytest.mark.parametrize(("n", "settings", "text"), [
    (1, {}, "1 server(s) and a worker need 2 MPI ranks or more, there is 1"),
    (2, {"server": {"servers": 2}}, "2 server(s) and a worker need 3 MPI ranks or more, there are 2"),
    (2, {"server": {"n_push": 0}}, "n_push must be an integer of at least 1, got 0"),
    (2, {"server": {"staleness": -1}}, "staleness must be None or an integer of at least 0, got -1"),
    (2, {"server": {"staleness": 0, "n_fetch": 2}}, "needs n_fetch = n_push = 1"),
], ids=str)  # fmt: skip
def test_bad_input_is_one_line_from_one_rank(n, settings, text):
    job = on_ranks(n, train_or_say, check=False, timeout=100, **settings)
    assert job.status == 1 and job.seconds < 60
    assert sum(line.startswith("error: ") for line in job.output.splitlines()) == 1 and text in job.output


def mismatched():
    from minidl.parallel import failure

    return train_or_say(net={"batch": 8 + failure.rank()})


@uses_mpi
@pytest.mark.slow
def test_ranks_with_other_settings_are_told_so():
    job = on_ranks(3, mismatched, check=False, timeout=100)
    assert job.status == 1 and job.seconds < 60
    assert "error: rank 1 has other batch size (9) than rank 0 (8); start all ranks alike" in job.output, job.output
    assert job.output.count("error: ") == 1


@uses_mpi
@pytest.mark.slow
def test_a_diverging_run_ends_with_a_learning_rate_to_try():
    job = on_ranks(3, diverging, check=False, timeout=100)
    assert job.status == 1 and job.seconds < 60
    lines = [line for line in job.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "try lr" in lines[0], job.output


def diverging():
    import warnings

    from helpers_server import OPTIMIZERS

    from minidl import optim

    warnings.simplefilter("ignore", RuntimeWarning)  # overflow is what this is about
    OPTIMIZERS["wild"] = lambda p: optim.SGD(p, lr=40.0)
    return train_or_say(net={"optimizer": "wild", "n": 4000}, fitting={"epochs": 9}, server={"n_fetch": 3})


def test_one_process_without_mpi_is_told_so():
    import subprocess
    import sys

    code = "from minidl.parallel import ParameterServer; ParameterServer()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1 and "need 2 MPI ranks or more, there is 1" in done.stderr


