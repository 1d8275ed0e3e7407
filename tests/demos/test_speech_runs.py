"""What a run of the speech demo holds beside its models, and the guide's example."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from demos.speech import recognisers
from minidl.errors import DataError
from minidl.speech.decoder import Loop, OneOf


@pytest.mark.parametrize("grammar", [OneOf(["yes", "no"]), Loop(["yes", "no"])], ids=["one word", "any words"])
def test_a_setup_comes_back(tmp_path, grammar):
    weights = recognisers.Weights("gmm-tri", 7.0, 0.5, 0.25), recognisers.Weights("ctc", 1.0, 0.0)
    recognisers.save_setup(SimpleNamespace(run=tmp_path, grammar=grammar), weights)
    setup = recognisers.load_setup(tmp_path)
    assert setup.grammar == ("one word" if isinstance(grammar, OneOf) else "any words")
    assert tuple(setup.rungs.values()) == weights and list(tmp_path.iterdir()) == [tmp_path / "recogniser.json"]


def test_a_damaged_setup_is_refused(tmp_path):
    """Whatever stands in the file, it is read as it was written, or refused with its name."""
    weights = [recognisers.Weights("gmm-tri", 7.0, 0.5, 0.25), recognisers.Weights("ctc", 1.0, 0.0)]
    recognisers.save_setup(SimpleNamespace(run=tmp_path, grammar=Loop(["yes"])), weights)
    path, rng = tmp_path / "recogniser.json", np.random.default_rng(0)
    sound = path.read_bytes()
    others = [sound[:n] for n in range(0, len(sound) - 2, 5)] + [b"[" * 100_000, b"null", b"[]", b'{"kind": 1}', b"\xff"]
    for _ in range(200):
        changed = bytearray(sound)
        changed[rng.integers(len(sound))] = rng.integers(256)
        others.append(bytes(changed))
    refused = 0
    for data in others:
        path.write_bytes(data)
        try:
            setup = recognisers.load_setup(tmp_path)
        except DataError as error:
            refused += str(path) in str(error)
        else:
            assert all(own.lm_weight > 0 and name in recognisers.STAGES for name, own in setup.rungs.items())
    assert refused > len(others) // 2
    for bad in ("-1.0", "NaN", "true", '"7"', "1e999"):
        path.write_bytes(sound.replace(b"7.0", bad.encode()))
        with pytest.raises(DataError, match="altered"):
            recognisers.load_setup(tmp_path)


@pytest.mark.slow
def test_the_example_of_the_guide_runs(capsys):
    guide = Path(__file__).parents[2] / "docs" / "speech.md"
    (block,) = re.findall(r"```python\n(.*?)```", guide.read_text(), re.DOTALL)
    exec(compile(block, str(guide), "exec"), {"__name__": "speech"})
    gmm, dnn = (float(rate) for rate in re.findall(r"%WER ([\d.]+)", capsys.readouterr().out))
    assert dnn < gmm < 40
