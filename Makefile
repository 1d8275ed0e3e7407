# Every target sets up what it needs: a virtual environment in .venv, made once.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: help setup demo language-demo speech-demo hogwild-demo mpi-demo server-demo test check test-gpu bench clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "minidl needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demos,speech,test,mpi,fast]'
	$(BIN)/python -m compileall -q minidl demos
	@touch $@

setup: $(STAMP)  ## make the virtual environment

demo: setup  ## train a convnet on scanned digits, about half a minute
	$(BIN)/python -m demos.vision --data digits

language-demo: setup  ## n-gram and neural models, and both together, on Python's help texts: two or three minutes
	$(BIN)/python -m demos.language

speech-demo: setup  ## the ladder from Gaussian mixtures to networks on synthetic digits, about half a minute
	$(BIN)/python -m demos.speech

hogwild-demo: setup  ## the same with two processes on one array of weights, and sparse problems at full speed
	$(BIN)/python -m demos.vision --data digits --parallel hogwild --processes 2 --run runs/vision-hogwild
	$(BIN)/python -m demos.hogwild

mpi-demo: setup  ## the same with two MPI ranks that sum their gradients
	$(BIN)/python -m minidl.launch -n 2 -m demos.vision --data digits --parallel allreduce --run runs/vision-allreduce

server-demo: setup  ## the same with a parameter server and two workers, one of which is killed half-way
	$(BIN)/python -m minidl.launch -n 3 --fault-tolerant -m demos.vision --data digits --parallel server --kill-worker --run runs/vision-server

test: setup  ## run every test
	$(BIN)/python -m pytest -q

check: setup  ## ruff, mypy, architecture, quick tests
	$(BIN)/ruff check .
	$(BIN)/mypy
	HYPOTHESIS_PROFILE=dev $(BIN)/python -m pytest -q -n 2 -m 'not slow'

test-gpu:  ## the GPU tests, with this Python's CuPy: make test-gpu PYTHON=python3
	$(PYTHON) -m pytest -q -rs tests/test_gpu.py || [ $$? -eq 5 ]  # 5: no GPU, nothing to run

bench: setup  ## time minidl against PyTorch, row by row
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m benchmarks.run --write

clean:  ## remove the environment, runs and caches
	rm -rf .venv runs build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
