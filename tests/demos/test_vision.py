"""The vision demo: from scanned digits to checkpoint, report and predictions; one line for every mistake."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from demos.common import run_main
from demos.vision import main, print_probabilities
from minidl import data, train
from minidl.errors import CheckpointError
from minidl.train import checkpoint

if importlib.util.find_spec("sklearn") is None:  # importing it takes seconds
    pytest.skip("needs scikit-learn", allow_module_level=True)
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run directory and the figures of a short training."""
    run = tmp_path_factory.mktemp("vision") / "run"
    arguments = ["--epochs", "4", "--batch-size", "64", "--run", str(run), "--json", str(run / "figures.json")]
    assert run_main(main, arguments) == 0
    return run


@pytest.fixture(autouse=True)
def no_data_at_hand(monkeypatch, tmp_path):
    """Nobody's files, and no network: the test must not depend on either."""
    monkeypatch.setenv("MINIDL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there


# -- what a run leaves -----------------------------------------------------------------------------------


def test_figures(trained):
    figures = json.loads((trained / "figures.json").read_text())
    assert figures["test_accuracy"] > 0.85 and figures["epochs"] == 4
    assert figures["seconds"] > 0 and figures["samples_per_second"] > 0
    records = train.history.read_metrics(trained / "metrics.jsonl")
    assert [r["epoch"] for r in records if r["kind"] == "epoch"] == [1, 2, 3, 4]


def test_the_report_is_one_file_with_all_its_parts(trained):
    page = (trained / "report.html").read_text()
    headings = re.findall("<h2>(.*?)</h2>", page)
    for part in ("Loss and accuracy", "Confusion matrix", "Worst mistakes", "First-layer filters", "Epochs and timing",
                 "Configuration", "Model", "Environment"):  # fmt: skip
        assert part in headings
    assert all(address.startswith("data:") for address in re.findall(r'(?:src|href)="(.*?)"', page))
    assert "url(" not in page and "<script" not in page


def test_the_checkpoint_gives_the_accuracy_that_was_reported(trained):
    from demos.vision import read_classifier

    model, plan, shape = read_classifier(trained)
    images = data.load("digits")
    scores, target = train.predict(model, [(images.test_images, images.test_labels)])
    figures = json.loads((trained / "figures.json").read_text())
    assert train.accuracy(scores, target) == figures["test_accuracy"]
    assert plan.classes == images.classes and shape == images.test_images.shape[1:3]


# -- predicting ------------------------------------------------------------------------------------------


def as_it_is(image):
    return Image.fromarray(image)


def inverted(image):
    return Image.fromarray(255 - image)


def large_with_margin(image):
    page = Image.new("L", (700, 500), 255)
    page.paste(Image.fromarray(255 - image).resize((320, 320)), (330, 60))
    return page


def colour(image):
    return Image.fromarray(np.stack([image // 2, image // 3 + 40, image], -1))


def transparent(image):
    rgba = np.zeros((*image.shape, 4), np.uint8)
    rgba[..., 3] = image
    return Image.fromarray(rgba)


def sixteen_bits(image):
    return Image.fromarray(image.astype(np.uint16) * 257)


@pytest.mark.parametrize("form", [as_it_is, inverted, large_with_margin, colour, transparent, sixteen_bits])
def test_predict(trained, tmp_path, capsys, form):
    images, right = data.load("digits"), 0
    numbers = range(0, 300, 37)
    for i in numbers:
        path = tmp_path / f"{i}.png"
        form((images.test_images[i, :, :, 0] * 255).astype(np.uint8)).save(path)
        assert run_main(main, ["predict", str(path), "--checkpoint", str(trained)]) == 0
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert sorted(line[0] for line in lines) == list("0123456789")
        shares = [float(line[1].rstrip("%")) for line in lines]
        assert shares == sorted(shares, reverse=True) and abs(sum(shares) - 100) < 0.1
        right += lines[0][0] == str(images.test_labels[i])
    assert right >= 0.7 * len(numbers)


# -- mistakes --------------------------------------------------------------------------------------------


def test_bars_on_a_terminal_without_blocks(monkeypatch, tmp_path):
    with open(tmp_path / "out", "w", encoding="ascii") as out:
        monkeypatch.setattr(sys, "stdout", out)
        print_probabilities(np.array([0.25, 0.75]), ("a", "b"), width=4)
    assert (tmp_path / "out").read_text().splitlines() == ["b   75.00%  ###", "a   25.00%  #"]


def error_line(arguments, capsys):
    """The one line on stderr that `arguments` lead to."""
    capsys.readouterr()
    assert run_main(main, [str(a) for a in arguments]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("digits:")]
    assert len(errors) == 1, errors
    return errors[0]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--data", "cats"], "'cats'; there are digits, mnist, fashion-mnist"),
        (["--epochs", "-1"], "--epochs: expected an integer of at least 1, got '-1'"),
        (["--lr", "inf"], "--lr: expected a number above 0"),
        (["--seed", "x"], "--seed: expected an integer"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--data", "mnist"], "train-images-idx3-ubyte.gz cannot be downloaded .* put train-images-idx3-ubyte.gz .*into"),
        (["--resume", "none.safetensors"], "cannot read none.safetensors: No such file"),
        (["predict"], "required: image"),
        (["predict", "none.png"], "none.png: .*No such file"),
        (["predict", "text.png"], "text.png: cannot be read as a picture"),
        (["predict", "grey.png"], "one grey"),
        (["predict", "grey.png", "--checkpoint", "nowhere"], "no checkpoint at nowhere"),
        (["predict", "grey.png", "--checkpoint", "text.png"], "text.png: not a safetensors file"),
    ],
)
def test_one_line_for_a_mistake(trained, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no picture")
    Image.new("L", (30, 30), 128).save("grey.png")
    if arguments[0] == "predict":
        arguments = ["predict", "--checkpoint", str(trained), *arguments[1:]]
    line = error_line(arguments, capsys)
    assert line.startswith("error: ") and re.search(words, line), line


def test_no_gpu(capsys):
    if _has_gpu():
        pytest.skip("there is one")
    assert "'cuda'" in error_line(["--device", "cuda"], capsys)


def _has_gpu():
    try:
        import cupy

        return cupy.cuda.runtime.getDeviceCount() > 0
    except Exception:
        return False


def test_places_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert "cannot write to" in error_line(["--run", tmp_path / "file" / "run"], capsys)
    assert "is a directory" in error_line(["--run", tmp_path / "run", "--json", tmp_path], capsys)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_damaged_data_file_is_named(tmp_path, capsys):
    path = tmp_path / "data" / "fashion-mnist" / "train-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the right bytes")
    assert f"{path}: damaged or another file" in error_line(["--data", "fashion-mnist", "--run", tmp_path / "r"], capsys)


def test_checkpoints_of_something_else(trained, tmp_path, capsys):
    Image.fromarray((data.load("digits").test_images[0, :, :, 0] * 255).astype(np.uint8)).save(tmp_path / "p.png")
    state = checkpoint.read_state(checkpoint.find(trained))
    checkpoint.write_state(tmp_path / "other.safetensors", {**state, "config": {}})
    predict = ["predict", tmp_path / "p.png", "--checkpoint", tmp_path / "other.safetensors"]
    assert "was not made by demos.vision" in error_line(predict, capsys)
    weights = dict(state["model"])
    weights["extra"] = weights.pop("out.bias")
    checkpoint.write_state(tmp_path / "other.safetensors", {**state, "model": weights})
    assert re.search("missing.*out.bias.*unexpected.*extra", error_line(predict, capsys))
    resume = ["--run", tmp_path / "run", "--epochs", 5, "--batch-size", 64, "--resume", checkpoint.find(trained)]
    assert "epochs = 4, and now it is 5" in error_line(resume, capsys)


def test_a_damaged_checkpoint_offers_the_one_before(trained, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    before, latest = sorted((tmp_path / "run" / "checkpoints").glob("step-*"))
    latest.write_bytes(latest.read_bytes()[:-100])
    Image.new("L", (9, 9)).save(tmp_path / "p.png")
    message = error_line(["predict", tmp_path / "p.png", "--checkpoint", tmp_path / "run"], capsys)
    assert f"{latest.name}: truncated" in message and message.endswith(f"the previous good one is {before}")


def test_debug_shows_the_traceback(tmp_path):
    with pytest.raises(CheckpointError):
        run_main(main, ["predict", "x.png", "--checkpoint", str(tmp_path), "--debug"])


# -- stopping and going on -------------------------------------------------------------------------------


def start(run, *more):
    command = [sys.executable, "-m", "demos.vision", "--epochs", "6", "--batch-size", "64", "--run", str(run), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_interrupted_and_killed_runs_end_where_the_whole_run_ends(tmp_path):
    whole = start(tmp_path / "whole")
    whole.communicate(timeout=100)
    assert whole.returncode == 0
    for how, status in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        run = tmp_path / how.name
        process = start(run)
        deadline = time.monotonic() + 60
        while not list(run.glob("checkpoints/step-*")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(how)
        text, _ = process.communicate(timeout=60)
        assert process.returncode == status, text
        assert ("--resume goes on from" in text) == (how == signal.SIGINT)
        again = start(run, "--resume", "--workers", "1")
        text, _ = again.communicate(timeout=100)
        assert again.returncode == 0 and "resuming at epoch" in text, text
        a, b = (checkpoint.Checkpoints(r / "checkpoints").load()["model"] for r in (tmp_path / "whole", run))
        for name in a:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_status_of_the_process(tmp_path):
    environment = os.environ | {"MINIDL_DATA": str(tmp_path)}
    command = [sys.executable, "-m", "demos.vision", "--data", "cats"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
