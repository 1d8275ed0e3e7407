"""What a user gets: a light import, a short front page, and a wheel that works from any directory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minidl

ROOT = Path(__file__).parents[1]
HEAVY = {"scipy", "matplotlib", "cupy", "mpi4py", "numba", "PIL", "sklearn", "pooch", "jinja2", "threadpoolctl"}
TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def python(*arguments: str, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    loaded = json.loads(python("-c", "import minidl, sys, json; print(json.dumps(sorted(sys.modules)))"))
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()


def test_import_is_quick(tmp_path):
    """Under 0.3 s; on a machine so busy that NumPy alone takes long, under three times as long as NumPy."""
    cache = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}  # compiled once, as pip does
    ours, numpys = (
        min(float(python("-c", TIMED.format(name), **cache)) for _ in range(5)) for name in ("minidl", "numpy")
    )
    assert ours < max(0.3, 3 * numpys)


def test_the_front_page_is_short_and_true():
    assert len(minidl.__all__) <= 25
    assert all(hasattr(minidl, name) for name in minidl.__all__)
    assert (ROOT / "minidl" / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = minidl.nonsense


@pytest.mark.slow
def test_the_wheel_works_from_any_directory(tmp_path):
    """Built, unpacked beside nothing of the repository, and used."""
    pytest.importorskip("setuptools", minversion="77")
    build = "-m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir"
    python(*build.split(), str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("minidl-*.whl")
    python("-m", "zipfile", "-e", str(wheel), str(tmp_path / "site"))
    program = (
        "import minidl as dl, importlib.resources as r; from minidl import nn, train, data, optim, vision;"
        "print(dl.__file__); print(nn.Linear(2, 3)(dl.tensor([[1.0, 2.0]])).shape);"
        "print((r.files('minidl.train') / 'report.html').is_file(), (r.files('minidl') / 'py.typed').is_file())"
    )
    where, shape, files = python("-c", program, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site")).splitlines()
    assert where.startswith(str(tmp_path / "site"))
    assert (shape, files) == ("(1, 3)", "True True")
