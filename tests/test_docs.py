"""The documents: every block of the guide runs, and what the README names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), re.DOTALL)
    assert len(blocks) > 5
    session: dict = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, "docs/guide.md", "exec"), session)
    assert (tmp_path / "runs" / "guide" / "checkpoints").is_dir()


def test_the_example_of_language_models_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "language.md").read_text(), re.DOTALL)
    session: dict = {"__name__": "language"}
    exec(compile(block, "docs/language.md", "exec"), session)
    perplexities = [float(p) for p in re.findall(r"including_unknown=([\d.]+)", capsys.readouterr().out)]
    assert len(perplexities) == 3 and perplexities[2] < min(perplexities[:2])


def test_the_readme_names_what_exists():
    readme = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^)#]+)\)", readme)
    assert links and all((ROOT / link).exists() for link in links if "://" not in link)
    paths = re.findall(r"`((?:minidl|demos|docs|tests|benchmarks)/[\w./-]*)`", readme)
    assert paths and all((ROOT / path).exists() for path in paths)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)`", readme)) <= set(targets)


def test_the_readmes_example_trains(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    session: dict = {"__name__": "readme"}
    exec(compile(block.replace("epochs=5", "epochs=1"), "README.md", "exec"), session)
    assert session["model"](session["images"].test_images[:2]).shape == (2, 10)
