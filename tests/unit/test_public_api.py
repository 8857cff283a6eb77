"""`import explorer` costs nothing, and what it offers is there."""

import subprocess
import sys
from pathlib import Path

import pytest

import explorer

PROJECT = Path(__file__).resolve().parents[2]
PUBLIC = {
    "Engine",
    "ExplorerError",
    "Film",
    "ImageSet",
    "ModelConfig",
    "TrainConfig",
    "VAE",
    "list_bundles",
    "open_bundle",
    "open_model",
    "open_run",
    "save_bundle",
}


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.strip()


def test_the_import_alone_brings_nothing():
    code = "import sys; before = set(sys.modules); import explorer; print(*sorted(set(sys.modules) - before))"
    brought = {name.partition(".")[0] for name in run(code).split()}
    assert not brought - set(sys.stdlib_module_names) - {"explorer"}


def test_settings_and_errors_need_neither_torch_nor_numpy():
    code = "import sys, explorer; explorer.TrainConfig, explorer.ExplorerError; print(*{'torch', 'numpy'} & set(sys.modules))"
    assert run(code) == ""


def test_every_name_is_there():
    assert set(explorer.__all__) == PUBLIC <= set(dir(explorer))
    for name in explorer.__all__:
        made = getattr(explorer, name)
        assert made.__name__ == name and made.__doc__


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'explorer' has no attribute 'open_bundel'"):
        explorer.open_bundel  # noqa: B018
    with pytest.raises(ImportError):
        from explorer import open_bundel  # noqa: F401


def test_modules_are_still_found():
    from explorer import figures

    assert figures.map_figure
