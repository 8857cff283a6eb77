"""The layers, read from the imports. explorer/README.md shows the same table and says why."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LAYERS = {  # a module imports from lower layers, or from its own without a circle; a folder stands for its files
    6: ("app.py", "explorer/train.py", "explorer/options.py"),
    5: (
        "explorer/ui/explore",
        "explorer/ui/train",
        "explorer/ui/library",
        "explorer/ui/exhibits",
        "explorer/ui/lectures",
        "explorer/web",
    ),
    4: (
        "explorer/ui/state",
        "explorer/ui/wire",
        "explorer/ui/widgets",
        "explorer/ui/resources.py",
        "explorer/ui/style.py",
        "explorer/ui/launch.py",
        "explorer/ui/__init__.py",
    ),
    3: ("explorer/figures.py", "explorer/slides", "explorer/tables.py", "explorer/__init__.py"),
    2: ("explorer/core/engine", "explorer/core/theory", "explorer/core/worker", "explorer/core/transfer.py"),
    1: ("explorer/core/bundles", "explorer/core/training", "explorer/core/runs"),
    0: (
        "explorer/core/vae",
        "explorer/core/data",
        "explorer/core/latent",
        "explorer/core/storage",
        "explorer/core/config.py",
        "explorer/core/errors.py",
        "explorer/core/device.py",
        "explorer/core/paths.py",
        "explorer/core/__init__.py",
    ),
}
LAYER_OF = {path: layer for layer, paths in LAYERS.items() for path in paths}
FIGURES = 3
NO_SCREEN = {"streamlit"}  # at or below figures, and in WITHOUT_SCREEN
WITHOUT_SCREEN = ("explorer/web/",)
NO_TENSORS = {"torch", "torchvision", "umap", "numba", "sklearn"}  # at or above figures, and in WITHOUT_TENSORS
WITHOUT_TENSORS = ("explorer/core/runs/",)
SERVER = {"starlette", "uvicorn"}  # only where requests are answered
ANSWERS = ("app.py", "explorer/web/")
LAZY = {"torchvision", "umap", "numba", "sklearn"}  # seconds to import: only inside the function that needs them
OWNERS = {
    "session_state": "explorer/ui/state/",
    "query_params": "explorer/ui/state/",
    "cache_data": "explorer/ui/resources.py",
    "cache_resource": "explorer/ui/resources.py",
}
LONGEST = {"app.py": 40}
LONGEST_MODULE = 300
LONGEST_FUNCTION = 60


def layer_of(path: str) -> int | None:
    """None where the table has neither the file nor a folder above it."""
    return next((LAYER_OF[p] for p in (path, *map(str, Path(path).parents)) if p in LAYER_OF), None)


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
    files, found, same_layer = sources(root), [], {}
    for path, tree in files.items():
        layer = layer_of(path)
        if layer is None:
            found.append(f"{path} is in no layer: add it to LAYERS in tests/unit/test_architecture.py")
            continue
        running, same_layer[path] = at_import(tree), set()
        for name, node in imports(tree, path, files):
            where = f"{path}:{node.lineno}"
            if name in files and name != path:
                other = layer_of(name)
                if other is not None and other > layer:
                    found.append(f"{where} is in layer {layer} and imports {name} from layer {other}")
                if other == layer:
                    same_layer[path].add(name)
            if name in NO_SCREEN and (layer <= FIGURES or path.startswith(WITHOUT_SCREEN)):
                found.append(f"{where} imports {name}, which is for the screen alone")
            if name in NO_TENSORS and (layer >= FIGURES or path.startswith(WITHOUT_TENSORS)):
                found.append(f"{where} imports {name}, which has no place there")
            if name in SERVER and not path.startswith(ANSWERS):
                found.append(f"{where} imports {name}, which belongs to {' and '.join(ANSWERS)}")
            if name in LAZY and node in running:
                found.append(f"{where} imports {name} when it is itself imported: do it in the function that needs it")
        for name in names(tree) & OWNERS.keys():
            if not path.startswith(OWNERS[name]):
                found.append(f"{path} uses {name}, which belongs to {OWNERS[name]}")
        if path.startswith("explorer/core/"):
            calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call)]
            found += [f"{path}:{f.lineno} prints" for f in calls if isinstance(f, ast.Name) and f.id == "print"]
    try:
        TopologicalSorter(same_layer).prepare()
    except CycleError as circle:
        found.append(f"these import each other in a circle: {' <- '.join(circle.args[1])}")
    return found


def too_long(root: Path) -> list[str]:
    lines = {path: len((root / path).read_text("utf-8").splitlines()) for path in sources(root)}
    limits = {path: LONGEST.get(path, LONGEST_MODULE) for path in lines}
    return [f"{path} has {n} lines, {limits[path]} at most" for path, n in lines.items() if n > limits[path]]


def test_every_import_goes_down():
    assert faults(PROJECT) == []


def test_the_readme_shows_the_same_layers():
    text = (PROJECT / "explorer" / "README.md").read_text("utf-8")
    block = text.partition("## Layers")[2].partition("```\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if not line.startswith("---")]
    shown = {int(line[0]): set(re.findall(r"\S+", line[1:])) for line in lines}
    table = {layer: set() for layer in LAYERS}
    for layer, paths in LAYERS.items():
        names = {path.removeprefix("explorer/").removesuffix(".py") for path in paths if not path.endswith("__init__.py")}
        table[layer] = {f"{name}.py" if f"{name}.py" in ("app.py", "train.py", "options.py") else name for name in names}
    assert shown == table


@pytest.mark.parametrize("package", ["runs", "storage", "data"])
def test_these_packages_need_no_torch(package):
    names = [path.stem for path in (PROJECT / "explorer" / "core" / package).glob("[!_]*.py")]
    assert heavy_imports(f"from explorer.core.{package} import {', '.join(names)}") == []


@pytest.mark.parametrize("module", ["config", "errors", "paths", "latent.navigation", "latent.linear"])
def test_these_modules_need_no_torch(module):
    assert heavy_imports(f"import explorer.core.{module}") == []


def heavy_imports(code: str) -> list[str]:
    """Which of the large libraries the code imports, in a process of its own."""
    code = f"import sys\n{code}\nprint(*sorted({{'torch', 'streamlit', 'umap', 'sklearn'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_no_file_is_too_long():
    assert too_long(PROJECT) == []


def test_no_function_is_too_long():
    found = []
    for path, tree in sources(PROJECT).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                found.append(f"{path}:{node.lineno} {node.name} has over {LONGEST_FUNCTION} lines")
    assert found == []


def test_the_core_has_few_modules_at_its_top():
    names = {path.name for path in (PROJECT / "explorer" / "core").glob("[!_]*.py")}
    assert names == {"config.py", "errors.py", "device.py", "paths.py", "transfer.py"}


def test_every_file_was_read():
    files = sources(PROJECT)
    engine = "explorer/core/engine/engine.py"
    assert {"app.py", "explorer/train.py", engine, "explorer/ui/explore/page.py"} <= files.keys()
    assert "explorer/core/errors.py" in dict(imports(files[engine], engine, files))


CORE, PANEL, PAGE = "explorer/core", "explorer/ui/explore/x.py", "explorer/ui/explore/page.py"
PLANTS = {
    "upward": (
        f"{CORE}/vae/model.py",
        "from explorer.core.engine.engine import Engine",
        "layer 0 and imports explorer/core/engine",
    ),
    "upward in a function": (
        f"{CORE}/data/catalog.py",
        "def f():\n    from explorer.core.training import loop",
        "from layer 1",
    ),
    "upward, relative": (f"{CORE}/errors.py", "from .bundles.store import load", "imports explorer/core/bundles/store.py"),
    "upward, three dots": (f"{CORE}/engine/engine.py", "from ... import figures", "imports explorer/figures.py from layer 3"),
    "upward, the package": (f"{CORE}/vae/objective.py", "import explorer", "imports explorer/__init__.py from layer 3"),
    "upward to the screen": ("explorer/figures.py", "import explorer.ui.resources", "imports explorer/ui/resources.py"),
    "a page in a widget": ("explorer/ui/widgets/x.py", "from explorer.ui.explore import page", "layer 4 and imports"),
    "a circle": (f"{CORE}/errors.py", "from explorer.core.latent import navigation", "in a circle"),
    "streamlit in the core": (
        f"{CORE}/engine/engine.py",
        "def f():\n    import streamlit as st",
        "streamlit, which is for the screen",
    ),
    "streamlit in figures": ("explorer/figures.py", "from streamlit import image", "streamlit, which is for the screen alone"),
    "torch in figures": ("explorer/figures.py", "def f():\n    from torch import nn", "torch, which has no place there"),
    "torch in a page": (PAGE, "import torch.nn", "torch, which has no place there"),
    "torch in a run": (f"{CORE}/runs/x.py", "import torch.nn", "torch, which has no place there"),
    "torch in the command line": ("explorer/train.py", "def f():\n    import torch as t", "torch, which has no place there"),
    "sklearn in a panel": (PANEL, "def f():\n    import sklearn.manifold", "sklearn, which has no place there"),
    "streamlit in web": ("explorer/web/x.py", "def f():\n    import streamlit", "streamlit, which is for the screen alone"),
    "torch in web": ("explorer/web/x.py", "import torch", "torch, which has no place there"),
    "starlette in a panel": (PANEL, "def f():\n    from starlette.routing import Route", "starlette, which belongs to app.py"),
    "starlette in the core": (
        f"{CORE}/runs/commands.py",
        "import starlette",
        "starlette, which belongs to app.py and explorer/web/",
    ),
    "umap at import": (f"{CORE}/latent/projection.py", "from umap import UMAP", "umap when it is itself imported"),
    "torchvision if there": (f"{CORE}/data/x.py", "try:\n    import torchvision\nexcept ImportError: pass", "itself imported"),
    "numba in a class": (f"{CORE}/latent/projection.py", "class C:\n    import numba", "numba when it is itself imported"),
    "session state in a page": (PAGE, "st.session_state['z'] = 1", "session_state, which belongs to explorer/ui/state/"),
    "query params by name": (PANEL, "from streamlit import query_params", "belongs to explorer/ui/state/"),
    "a cache in a page": (PAGE, "f = st.cache_data(len)", "cache_data, which belongs to explorer/ui/resources.py"),
    "a new core file": (f"{CORE}/extra.py", "", "explorer/core/extra.py is in no layer: add it to LAYERS"),
    "a new file above": ("explorer/extra.py", "", "explorer/extra.py is in no layer"),
    "print in the core": (f"{CORE}/training/loop.py", "print('loss')", "prints"),
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


@pytest.mark.parametrize("path, n", [("app.py", 41), ("explorer/core/errors.py", 301), ("explorer/ui/explore/x.py", 301)])
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
    file = clean / "explorer/core/engine/engine.py"
    kept = file.read_text("utf-8")
    file.write_text(f"{kept}\n{code}\n", "utf-8")
    try:
        assert len(faults(clean)) == len(before)
    finally:
        file.write_text(kept, "utf-8")
