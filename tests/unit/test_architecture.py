"""The floors of the house, read from the imports: explorer/README.md says why, this keeps it so."""

import ast
import shutil
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FLOORS = {  # what may be imported lies on a lower floor, or on the same without a circle; a folder stands for its files
    "explorer/core/__init__.py": 0,
    "explorer/core/aligned_umap.py": 0,
    "explorer/core/archive.py": 0,
    "explorer/core/atomic.py": 0,
    "explorer/core/config.py": 0,
    "explorer/core/data.py": 0,
    "explorer/core/device.py": 0,
    "explorer/core/errors.py": 0,
    "explorer/core/files.py": 0,
    "explorer/core/film.py": 0,
    "explorer/core/folder.py": 0,
    "explorer/core/image_set.py": 0,
    "explorer/core/image_zip.py": 0,
    "explorer/core/likelihood.py": 0,
    "explorer/core/model.py": 0,
    "explorer/core/navigation.py": 0,
    "explorer/core/objective.py": 0,
    "explorer/core/picture.py": 0,
    "explorer/core/places.py": 0,
    "explorer/core/event_schema.py": 0,
    "explorer/core/projection.py": 0,
    "explorer/core/sprites.py": 0,
    "explorer/core/torchvision_sets.py": 0,
    "explorer/core/atlas.py": 1,
    "explorer/core/bundle.py": 1,
    "explorer/core/checkpoint.py": 1,
    "explorer/core/description_cache.py": 1,
    "explorer/core/encoding.py": 1,
    "explorer/core/parallel.py": 1,
    "explorer/core/pictures.py": 1,
    "explorer/core/diary.py": 1,
    "explorer/core/run_epochs.py": 1,
    "explorer/core/run_events.py": 1,
    "explorer/core/run_folder.py": 1,
    "explorer/core/run_state.py": 1,
    "explorer/core/steering.py": 1,
    "explorer/core/training.py": 1,
    "explorer/core/trainee.py": 2,
    "explorer/core/budget.py": 0,
    "explorer/core/twins.py": 2,
    "explorer/core/turns.py": 1,
    "explorer/core/bundling.py": 2,
    "explorer/core/engine.py": 2,
    "explorer/core/estimate.py": 2,
    "explorer/core/external.py": 2,
    "explorer/core/library.py": 2,
    "explorer/core/run_library.py": 2,
    "explorer/core/shelf_zip.py": 2,
    "explorer/core/run_film.py": 2,
    "explorer/core/live.py": 2,
    "explorer/core/runner.py": 2,
    "explorer/core/run_umap.py": 2,
    "explorer/core/runs.py": 2,
    "explorer/__init__.py": 3,
    "explorer/figures.py": 3,
    "explorer/web": 3,
    "explorer/ui/__init__.py": 4,
    "explorer/ui/components": 4,
    "explorer/ui/launch.py": 4,
    "explorer/ui/link.py": 4,
    "explorer/ui/resources.py": 4,
    "explorer/ui/state.py": 4,
    "explorer/ui/style.py": 4,
    "explorer/ui/panels": 5,
    "explorer/ui/pages": 6,
    "explorer/options.py": 7,
    "explorer/train.py": 7,
    "app.py": 7,
}
FIGURES = 3
NO_SCREEN = {"streamlit"}  # at or below figures
NO_TENSORS = {"torch", "torchvision", "umap", "numba", "sklearn"}  # at or above figures
SERVER = {"starlette", "uvicorn"}  # only where requests are answered
ANSWERS = ("app.py", "explorer/web/")
LAZY = {"torchvision", "umap", "numba", "sklearn"}  # seconds to import: only inside the function that needs them
OWNERS = {
    "session_state": "explorer/ui/state.py",
    "query_params": "explorer/ui/state.py",
    "cache_data": "explorer/ui/resources.py",
    "cache_resource": "explorer/ui/resources.py",
}
LONGEST = {"app.py": 40}
LONGEST_MODULE = 300


def floor_of(path: str) -> int | None:
    """None where the table has neither the file nor a folder above it."""
    return next((FLOORS[p] for p in (path, *map(str, Path(path).parents)) if p in FLOORS), None)


def sources(root: Path) -> dict[str, ast.Module]:
    paths = [root / "app.py", *sorted((root / "explorer").rglob("*.py"))]
    return {path.relative_to(root).as_posix(): parsed(path.read_text("utf-8")) for path in paths}


parsed = cache(ast.parse)


def imports(tree: ast.Module, path: str, files) -> list[tuple[str, ast.AST]]:
    """What a file imports, wherever in it: our files as paths, others by their first name."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                folder = Path(path).parents[node.level - 1]
                module = ".".join([*folder.parts, *([module] if module else [])])
            inner = {alias.name: f"{module}.{alias.name}" for alias in node.names}
            found += [(name if _file(name, files) else module, node) for name in inner.values()]
    return [(_file(name, files) or name.partition(".")[0], node) for name, node in found]


def _file(module: str, files) -> str | None:
    base = module.replace(".", "/")
    return next((f for f in (f"{base}.py", f"{base}/__init__.py") if f in files), None)


@cache
def at_import(tree: ast.Module) -> set[ast.AST]:
    """The nodes that run when the module is imported: all that is in no function."""
    found, rest = set(), [tree]
    while rest:
        node = rest.pop()
        found.add(node)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            rest += ast.iter_child_nodes(node)
    return found


@cache
def names(tree: ast.Module) -> set[str]:
    """Attributes, and names imported from elsewhere."""
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return used | {a.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}


def faults(root: Path) -> list[str]:
    """Every way in which the tree breaks the rules, as sentences."""
    files, found, same_floor = sources(root), [], {}
    for path, tree in files.items():
        floor = floor_of(path)
        if floor is None:
            found.append(f"{path} is on no floor: add it to FLOORS in tests/unit/test_architecture.py")
            continue
        running, same_floor[path] = at_import(tree), set()
        for name, node in imports(tree, path, files):
            where = f"{path}:{node.lineno}"
            if name in files and name != path:
                other = floor_of(name)
                if other is not None and other > floor:
                    found.append(f"{where} is on floor {floor} and imports {name} from floor {other}")
                if other == floor:
                    same_floor[path].add(name)
            if name in NO_SCREEN and floor <= FIGURES:
                found.append(f"{where} imports {name}, which never sinks to floor {floor}")
            if name in NO_TENSORS and floor >= FIGURES:
                found.append(f"{where} imports {name}, which never rises to floor {floor}")
            if name in SERVER and not path.startswith(ANSWERS):
                found.append(f"{where} imports {name}, which belongs to {' and '.join(ANSWERS)}")
            if name in LAZY and node in running:
                found.append(f"{where} imports {name} when it is itself imported: do it in the function that needs it")
        for name in names(tree) & OWNERS.keys():
            if path != OWNERS[name]:
                found.append(f"{path} uses {name}, which belongs to {OWNERS[name]}")
        if path.startswith("explorer/core/"):
            calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
            found += [f"{path}:{f.lineno} prints" for f in calls if isinstance(f, ast.Name) and f.id == "print"]
    try:
        TopologicalSorter(same_floor).prepare()
    except CycleError as circle:
        found.append(f"these import each other in a circle: {' <- '.join(circle.args[1])}")
    return found


def too_long(root: Path) -> list[str]:
    lines = {path: len((root / path).read_text("utf-8").splitlines()) for path in sources(root)}
    limits = {path: LONGEST.get(path, LONGEST_MODULE) for path in lines}
    return [f"{path} has {n} lines, {limits[path]} at most" for path, n in lines.items() if n > limits[path]]


def test_every_import_goes_down():
    assert faults(PROJECT) == []


def test_no_file_is_too_long():
    assert too_long(PROJECT) == []


def test_every_file_was_read():
    files = sources(PROJECT)
    assert {"app.py", "explorer/train.py", "explorer/core/engine.py", "explorer/ui/pages/explore.py"} <= files.keys()
    assert "explorer/core/errors.py" in dict(imports(files["explorer/core/engine.py"], "explorer/core/engine.py", files))


CORE, PANEL, PAGE = "explorer/core", "explorer/ui/panels/x.py", "explorer/ui/pages/explore.py"
PLANTS = {
    "upward": (f"{CORE}/model.py", "from explorer.core.engine import Engine", "floor 0 and imports explorer/core/engine.py"),
    "upward in a function": (f"{CORE}/data.py", "def f():\n    from explorer.core import training", "training.py from floor 1"),
    "upward, relative": (f"{CORE}/errors.py", "from .checkpoint import load", "imports explorer/core/checkpoint.py"),
    "upward, two dots": (f"{CORE}/engine.py", "from .. import figures", "imports explorer/figures.py from floor 3"),
    "upward, the package": (f"{CORE}/objective.py", "import explorer", "imports explorer/__init__.py from floor 3"),
    "upward to the screen": ("explorer/figures.py", "import explorer.ui.resources", "imports explorer/ui/resources.py"),
    "a page in a panel": (PANEL, "from explorer.ui.pages import explore", "floor 5 and imports"),
    "a circle": (f"{CORE}/errors.py", "from explorer.core import navigation", "in a circle"),
    "streamlit in the core": (f"{CORE}/engine.py", "def f():\n    import streamlit as st", "streamlit, which never sinks"),
    "streamlit in figures": ("explorer/figures.py", "from streamlit import image", "streamlit, which never sinks to floor 3"),
    "torch in figures": ("explorer/figures.py", "def f():\n    from torch import nn", "torch, which never rises to floor 3"),
    "torch in a page": (PAGE, "import torch.nn", "torch, which never rises to floor 6"),
    "torch at the second door": ("explorer/train.py", "def f():\n    import torch as t", "torch, which never rises to floor 7"),
    "sklearn in a panel": (PANEL, "def f():\n    import sklearn.manifold", "sklearn, which never rises"),
    "streamlit in web": ("explorer/web/x.py", "def f():\n    import streamlit", "streamlit, which never sinks to floor 3"),
    "torch in web": ("explorer/web/x.py", "import torch", "torch, which never rises to floor 3"),
    "the screen in web": ("explorer/web/x.py", "from explorer.ui import launch", "floor 3 and imports explorer/ui/launch.py"),
    "starlette in a panel": (PANEL, "def f():\n    from starlette.routing import Route", "starlette, which belongs to app.py"),
    "starlette in the core": (f"{CORE}/runs.py", "import starlette", "starlette, which belongs to app.py and explorer/web/"),
    "umap at import": (f"{CORE}/projection.py", "from umap import UMAP", "umap when it is itself imported"),
    "torchvision if there": (f"{CORE}/data.py", "try:\n    import torchvision\nexcept ImportError: pass", "itself imported"),
    "numba in a class": (f"{CORE}/projection.py", "class C:\n    import numba", "numba when it is itself imported"),
    "session state in a page": (PAGE, "st.session_state['z'] = 1", "session_state, which belongs to explorer/ui/state.py"),
    "query params by name": (PANEL, "from streamlit import query_params", "belongs to explorer/ui/state.py"),
    "a cache in a page": (PAGE, "f = st.cache_data(len)", "cache_data, which belongs to explorer/ui/resources.py"),
    "a new core file": (f"{CORE}/extra.py", "", "explorer/core/extra.py is on no floor: add it to FLOORS"),
    "a new file above": ("explorer/extra.py", "", "explorer/extra.py is on no floor"),
    "print in the core": (f"{CORE}/training.py", "print('loss')", "prints"),
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> Path:
    """A copy of the tree, in which whatever is wrong today does not count."""
    root = tmp_path_factory.mktemp("house")
    shutil.copytree(PROJECT / "explorer", root / "explorer", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "app.py", root)
    return root


@pytest.fixture(scope="module")
def before(clean) -> list[str]:
    """What is wrong in it today."""
    return faults(clean)


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(clean, before, plant):
    path, code, says = PLANTS[plant]
    file = clean / path
    kept = file.read_text("utf-8") if file.exists() else None
    file.write_text(f"{kept or ''}\n{code}\n", "utf-8")
    try:
        new = [fault for fault in faults(clean) if fault not in before]
    finally:
        file.unlink() if kept is None else file.write_text(kept, "utf-8")
    assert len(new) == 1 and says in new[0], new


@pytest.mark.parametrize("path, n", [("app.py", 41), ("explorer/core/errors.py", 301), ("explorer/ui/panels/x.py", 301)])
def test_a_long_file_is_found(clean, path, n):
    file = clean / path
    kept = file.read_text("utf-8") if file.exists() else None
    file.write_text("\n" * n, "utf-8")
    try:
        assert f"{path} has {n} lines, {n - 1} at most" in too_long(clean)
    finally:
        file.unlink() if kept is None else file.write_text(kept, "utf-8")


@pytest.mark.parametrize(
    "code",
    [
        "from explorer.core.errors import unknown",
        "import torch",
        "import numpy",
        "def f():\n    import sklearn",
        "from functools import cached_property",
    ],
)
def test_what_is_allowed_is_no_fault(clean, before, code):
    file = clean / "explorer/core/engine.py"
    kept = file.read_text("utf-8")
    file.write_text(f"{kept}\n{code}\n", "utf-8")
    try:
        assert len(faults(clean)) == len(before)
    finally:
        file.write_text(kept, "utf-8")
