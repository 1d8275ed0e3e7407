"""A training script as a user would write it, for tests of launching, killing and resuming it.

python fit_script.py RUN_DIR OUT [--resume] [--epochs N] [--tree] [--pause SECONDS] [--die-at N] [--batch N] ...
"""

import argparse
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import numpy as np
from allreduce_runs import bits, train

from minidl import MinidlError
from minidl.parallel import SelfComm, fail, failure
from minidl.train import TrainingInterrupted


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("run_dir")
    parser.add_argument("out")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--alone", action="store_true", help="without MPI")
    parser.add_argument("--tree", action="store_true")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=3)
    parser.add_argument("--n", type=int, default=50)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds in each batch")
    parser.add_argument("--kill-at", type=int, help="SIGKILL to rank 1 at this batch of its")
    parser.add_argument("--nan-at", type=int, help="a loss of NaN on rank 1 at this batch of its")
    parser.add_argument("--bug-at", type=int, help="an exception that nobody catches on rank 1 at this batch of its")
    parser.add_argument("--differ", choices=["batch", "lr", "config"], help="on rank 1")
    return parser.parse_args()


def main():
    o = options()
    calls = []

    def watch(loss):
        def watched(output, target):
            time.sleep(o.pause)
            calls.append(None)
            other = failure.rank() == min(1, failure.size() - 1)
            if other and len(calls) == o.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            if other and len(calls) == o.bug_at:
                raise ZeroDivisionError
            value = loss(output, target)
            return value * np.nan if other and len(calls) == o.nan_at else value

        return watched

    odd = failure.rank() == 1
    run = train(
        n=o.n, batch=o.batch + (odd and o.differ == "batch"), epochs=o.epochs, watch=watch, double=False,
        model={"norm": True, "dropout": True}, accumulate=o.accumulate, comm=SelfComm() if o.alone else None,
        strategy={"reproducible": o.tree, "seed": 1}, run_dir=o.run_dir, resume=o.resume, checkpoint_every=1,
        optimizer="adam" if odd and o.differ == "lr" else "sgd", config={"x": odd and o.differ == "config"}, keep=3,
    )  # fmt: skip
    if failure.rank() == 0:
        Path(o.out).write_bytes(pickle.dumps((bits(run), run["history"])))


if __name__ == "__main__":
    try:
        main()
    except TrainingInterrupted as stop:
        sys.stdout.write(f"rank {failure.rank()}: {stop}\n")
        sys.stdout.flush()
        sys.exit(130)
    except MinidlError as error:
        sys.exit(fail(f"error: {error}"))
