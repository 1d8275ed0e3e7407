"""Mixtures trained by several ranks, each on utterances of its own, are those of one."""

import numpy as np
import pytest
from mpi_helper import run_program, uses_mpi
from speech_folder import write_folder

from minidl.train import files


@uses_mpi
@pytest.mark.slow
def test_two_ranks_make_the_model_of_one(tmp_path):
    write_folder(tmp_path / "own", 20)
    arguments = "-m", "demos.speech", "--data", str(tmp_path / "own"), "--until", "gmm-tri", "--run"
    jobs = [run_program(n, *arguments, str(tmp_path / str(n)), timeout=100) for n in (1, 2)]
    assert [job.status for job in jobs] == [0, 0], jobs[1].output
    for name in ("aligner", "gmm-mono", "gmm-tri"):
        alone, together = (files.read(tmp_path / str(n) / f"{name}.safetensors")[0] for n in (1, 2))
        assert alone.keys() == together.keys()
        for key, value in alone.items():
            np.testing.assert_allclose(together[key], value, rtol=1e-6, atol=1e-6, err_msg=f"{name} {key}")


@uses_mpi
@pytest.mark.slow
def test_more_ranks_than_utterances_are_refused(tmp_path):
    write_folder(tmp_path / "own", 2)
    job = run_program(3, "-m", "demos.speech", "--data", str(tmp_path / "own"), "--run", str(tmp_path / "run"))
    assert job.status == 1 and "fewer utterances to train on than ranks" in job.output
    assert "Traceback" not in job.output
