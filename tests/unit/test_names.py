"""Names that were replaced because a newcomer could not guess them stay out of the project, and so do formatter exceptions."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
OLD_CLASSES = {  # old name -> new name
    "Atlas": "LatentMap",
    "Control": "ControlFile",
    "Controls": "ControlFile",
    "Dial": "LiveSettings",
    "Diary": "EventLog or RunRecorder",
    "Events": "EventWriter",
    "Habit": "InkLayout",
    "Hand": "RunControls",
    "Order": "RunSpec",
    "Steering": "ControlReader",
    "Trainee": "ModelJob",
    "Verdict": "ImageEvaluation",
}
OLD_MODULES = {
    "answer": "messages",
    "atlas": "latent_map",
    "book": "rows",
    "diary": "event_log or recorder",
    "lane": "device_queue",
    "places": "paths",
    "steering": "controls",
    "trainee": "model_job",
    "turns": "device_queue",
}
FORMATTER_EXCEPTIONS = tuple(f"# fmt: {word}" for word in ("skip", "off"))


def python_files(root: Path) -> list[Path]:
    return [root / "app.py", *sorted((root / "explorer").rglob("*.py")), *sorted((root / "tests").rglob("*.py"))]


def old_names(root: Path) -> list[str]:
    """A sentence for each class and module that has an old name."""
    found = []
    for path in python_files(root):
        shown = path.relative_to(root).as_posix()
        for part in path.relative_to(root).with_suffix("").parts:
            if (module := part.removeprefix("test_")) in OLD_MODULES:
                found.append(f"{shown}: call the module {OLD_MODULES[module]}")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name in OLD_CLASSES:
                found.append(f"{shown}:{node.lineno} call the class {OLD_CLASSES[node.name]}, not {node.name}")
    return found


def formatter_exceptions(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root).as_posix()}:{number}"
        for path in python_files(root)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if any(exception in line for exception in FORMATTER_EXCEPTIONS)
    ]


def test_no_class_or_module_has_an_old_name():
    assert old_names(PROJECT) == []


def test_no_line_is_kept_from_the_formatter():
    assert formatter_exceptions(PROJECT) == []


@pytest.mark.parametrize(
    "path, code, says",
    [
        ("explorer/core/diary.py", "", "explorer/core/diary.py: call the module event_log or recorder"),
        ("tests/unit/core/test_places.py", "", "tests/unit/core/test_places.py: call the module paths"),
        ("explorer/turns/x.py", "", "explorer/turns/x.py: call the module device_queue"),
        ("explorer/x.py", "def f():\n    class Hand: pass", "explorer/x.py:2 call the class RunControls, not Hand"),
    ],
)
def test_an_old_name_is_found(tmp_path, path, code, says):
    (tmp_path / "app.py").touch()
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(code)
    assert old_names(tmp_path) == [says]


def test_a_line_kept_from_the_formatter_is_found(tmp_path):
    (tmp_path / "app.py").write_text(f"x = 1\ny=2  {FORMATTER_EXCEPTIONS[0]}\n")
    assert formatter_exceptions(tmp_path) == ["app.py:2"]
