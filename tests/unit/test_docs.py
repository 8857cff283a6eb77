"""Public functions and classes have docstrings; paths and commands in the READMEs are valid."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from explorer import options

PROJECT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "checkpoints/README.md", "explorer/README.md", "tests/README.md")
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
PATH = re.compile(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|toml|txt|css|js|html|png)|(?:[\w.-]+/)+)`")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
CREATED_ON_DEMAND = ("data/", "checkpoints/runs/")  # not in the repository


def undocumented(path: Path) -> list[str]:
    """The module and its public functions, classes and methods that have no docstring."""
    tree, missing = ast.parse(path.read_text("utf-8")), []
    if not ast.get_docstring(tree):
        missing.append(f"{path.relative_to(PROJECT)}: the module")
    if "core" not in path.parts:
        return missing
    rest = [(node, "") for node in tree.body]
    while rest:
        node, owner = rest.pop()
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                missing.append(f"{path.relative_to(PROJECT)}:{node.lineno} {owner}{node.name}")
            if isinstance(node, ast.ClassDef):
                rest += [(inner, f"{node.name}.") for inner in node.body]
    return missing


def text(readme: str) -> str:
    return (PROJECT / readme).read_text("utf-8")


def commands(readme: str) -> list[str]:
    """Lines in code blocks and tables that run `python -m explorer.train`."""
    lines = [line for block in FENCED.findall(text(readme)) for line in block.splitlines()]
    lines += re.findall(r"`(python -m explorer\.train[^`]*)`", FENCED.sub("", text(readme)))
    parts = [part for line in lines for part in re.split(r"\s{2,}|&&", line)]  # a line may have two commands
    return [part.strip() for part in parts if "python -m explorer.train" in part]


@pytest.mark.parametrize("path", sorted((PROJECT / "explorer").rglob("*.py")), ids=lambda path: path.stem)
def test_what_is_public_is_documented(path):
    assert undocumented(path) == []


def test_the_command_lines_of_the_readme_are_understood():
    lines = commands("README.md")
    assert len(lines) >= 5  # one for each shipped bundle at least
    for line in lines:
        words = shlex.split(line.partition("python -m explorer.train")[2], comments=True)
        options.parser().parse_args(words)  # exits, which fails the test, for an unknown option


@pytest.mark.parametrize("readme", READMES)
def test_every_path_in_a_readme_exists(readme):
    prose, folder = FENCED.sub("", text(readme)), (PROJECT / readme).parent
    everywhere = {path.name for part in ("explorer", "tests", "checkpoints") for path in (PROJECT / part).rglob("*")}
    named = set(PATH.findall(prose)) - set(CREATED_ON_DEMAND) | set(LINK.findall(prose))
    here = {name for name in named if (folder / name).exists() or (PROJECT / name).exists()}
    assert {name for name in named - here if name.strip("/") not in everywhere} == set()


@pytest.mark.parametrize(
    "source, missing",
    [
        ("", ["the module"]),
        ('"""M."""\ndef f(): pass\ndef _g(): pass', ["2 f"]),
        ('"""M."""\nclass C:\n    "c"\n    def f(self): pass\n    def __len__(self): return 0', ["4 C.f"]),
        ('"""M."""\ndef f():\n    "f"\n    def inner(): pass', []),
    ],
)
def test_a_missing_docstring_is_found(tmp_path, monkeypatch, source, missing):
    monkeypatch.setitem(globals(), "PROJECT", tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "m.py").write_text(source)
    assert [line.split(":")[1].strip() for line in undocumented(tmp_path / "core" / "m.py")] == missing


def test_paths_and_links_are_found_in_prose():
    prose = "See `explorer/core/engine/engine.py`, `data/`, `pytest -q`, `x.y` and [this](tests/README.md) or [that](https://a.b/c.py)."
    assert PATH.findall(prose) == ["explorer/core/engine/engine.py", "data/"] and LINK.findall(prose) == ["tests/README.md"]
