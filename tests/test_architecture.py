"""The shape of the house (design, section 2): who may import whom, one concept a file, and a first line that says which."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEVELS = {
    "errors": 0, "backend": 0, "autograd": 1, "ops": 2, "params": 2, "nn": 3, "optim": 3, "data": 3,
    "train": 4, "vision": 4, "speech": 4, "language": 4, "parallel": 5, "compress": 5,
}  # fmt: skip
# Within level 2 and 3 these look at a neighbour: layers are made of parameters, optimizers work on their space.
# A field's training and report are those of any training, with what is its own.
NEIGHBOURS = {("vision", "train"), ("language", "train"), ("speech", "train"), ("speech", "language")}
# What the chapter's older methods need: no autograd, no layers.
PURE = {
    "speech": ("gmm", "hmm", "phones", "lexicon", "decoder", "features", "segments", "wer"),
    "language": (
        "vocabulary", "text", "model", "ngram", "arpa", "binary", "cache", "mixture", "perplexity", "generate", "bands",
        "neighbours",
    ),
}  # fmt: skip
LONGEST = 320  # lines
FILES = sorted(f for folder in ("minidl", "demos", "benchmarks") for f in (ROOT / folder).rglob("*.py"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))


def imported_modules(file: Path) -> set[tuple[str, ...]]:
    """Absolute dotted paths of all that a file imports, also inside functions."""
    package = file.relative_to(ROOT).with_suffix("").parts
    package = package[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            found |= {(*module, alias.name) for alias in node.names}
    return found


def part_of(module: tuple[str, ...]) -> str | None:
    """The part of minidl that a module belongs to; None outside minidl and for its front page."""
    return module[1] if len(module) > 1 and module[0] == "minidl" and module[1] in LEVELS else None


def violations(own: str, modules: set[tuple[str, ...]]) -> list[str]:
    """Imports of one file of part `own` that do not point downwards."""
    found = []
    for module in modules:
        other = part_of(module)
        if other is None or other == own or (own, other) in NEIGHBOURS:
            continue
        if LEVELS[other] >= LEVELS[own] and (own, other) not in {("backend", "errors")}:
            found.append(".".join(module))
    return found


@every_file
def test_imports_point_downwards(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "minidl" and len(parts) > 1 and parts[1] in LEVELS:
        assert violations(parts[1], imported_modules(file)) == []
    elif parts[0] in ("demos", "benchmarks"):
        others = {m[0] for m in imported_modules(file)} & {"demos", "benchmarks", "tests"}
        assert others <= {parts[0]}


@every_file
def test_the_older_methods_need_arrays_alone(file):
    package, *rest = file.relative_to(ROOT).with_suffix("").parts
    if package == "minidl" and len(rest) > 1 and rest[1] in PURE.get(rest[0], ()):
        assert not_arrays(rest[0], imported_modules(file)) == []


def not_arrays(own: str, modules: set[tuple[str, ...]]) -> list[str]:
    """What a file of a pure part of `own` imports beside arrays, errors, and other pure parts."""
    ours = [m for m in modules if m[0] == "minidl" and m[1:2] not in {("backend",), ("errors",)}]
    return [".".join(m) for m in ours if m[1] != own or m[2] not in PURE[own]]


def test_a_violation_is_found():
    assert not_arrays("language", {("minidl", "ops", "exp"), ("numpy",)}) == ["minidl.ops.exp"]
    assert not_arrays("language", {("minidl", "language", "rnn"), ("minidl", "errors", "A")}) == ["minidl.language.rnn"]
    assert violations("ops", {("minidl", "nn", "Linear")}) == ["minidl.nn.Linear"]
    assert violations("autograd", {("minidl", "ops", "exp")}) == ["minidl.ops.exp"]
    assert violations("nn", {("minidl", "ops"), ("minidl", "params", "Parameter"), ("numpy",)}) == []
    example = ROOT / "minidl" / "ops" / "linear.py"
    assert ("minidl", "autograd", "op", "op") in imported_modules(example)


@every_file
def test_one_concept_a_file(file):
    text = file.read_text()
    assert text.count("\n") <= LONGEST
    first_line = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert len(first_line) > 10, "the first line of a module says in plain words what it is"


def test_only_the_backends_and_the_speed_extras_name_their_libraries():
    """CuPy, Numba and mpi4py have their place; anywhere else they would be an `if gpu`."""
    homes = {"cupy": {"cupy.py"}, "cupyx": {"cupy.py"}, "numba": {"compiled.py"}}
    for file in FILES:
        for module in imported_modules(file):
            assert file.name in homes.get(module[0], {file.name}), f"{file} imports {module[0]}"
