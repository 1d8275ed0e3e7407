"""Two ranks against one, beside PyTorch's DistributedDataParallel: ``python -m benchmarks.allreduce [--rounds N]``.

The LeNet row with 32 images a rank and one BLAS thread; then the exchange of 4 and 40 MB of gradients against a bare
bucketed Allreduce. All jobs take turns; ratios are of neighbours, and the median is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from minidl.parallel import mpiexec

_LIMIT = 300.0  # seconds for a job
_JOBS = [(library, n) for library in ("minidl", "torch") for n in (1, 2)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allreduce", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default: 5)")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    args = parser.parse_args()
    jobs = [job for job in _JOBS if job[0] == "minidl" or not args.no_torch]
    speeds: dict[tuple[str, int], list[float]] = {job: [] for job in jobs}
    exchanges: list[dict[str, Any]] = []
    for _ in range(args.rounds):
        for library, n in jobs:
            speeds[library, n].append(run(n, "lenet", library)["samples_per_second"])
        exchanges.append(run(2, "exchange", "minidl"))
    for library in dict.fromkeys(library for library, _ in jobs):
        one, two = speeds[library, 1], speeds[library, 2]
        efficiency = [b / (2 * a) for a, b in zip(one, two, strict=True)]
        print(
            f"LeNet, {library}: {median(one):,.0f} samples/s on one rank, {median(two):,.0f} on two; "
            f"efficiency median {median(efficiency):.0%}, of the best {max(two) / (2 * max(one)):.0%}"
        )
    for size in exchanges[0]:
        ours, plain = ([e[size][who] for e in exchanges] for who in ("ours", "plain"))
        ratios = [a / b for a, b in zip(ours, plain, strict=True)]
        print(
            f"exchange of {size} MB: {1e3 * median(ours):.1f} ms, bare {1e3 * median(plain):.1f} ms, "
            f"ratio {median(ratios):.2f}"
        )


def run(n: int, what: str, library: str) -> dict[str, Any]:
    """What one job of `n` ranks measures; PyTorch's ranks find each other on the loopback address."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        program = ["-m", "benchmarks.allreduce_job", what, library, str(out)]
        env = mpiexec.environment(os.environ, threads=1) | {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1"}
        command = [sys.executable, *program] if n == 1 else mpiexec.command(n, program)
        done = subprocess.run(command, env=env, timeout=_LIMIT, capture_output=True, text=True, check=False)
        if not out.exists():
            raise SystemExit(f"{what} with {library} on {n} ranks failed:\n{done.stderr}")
        return json.loads(out.read_text())


if __name__ == "__main__":
    main()
