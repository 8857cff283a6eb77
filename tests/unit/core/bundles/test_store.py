"""Saving, loading and listing bundles: exact round trips, names and paths, and what may be replaced."""

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.bundles.format import CONFIG
from explorer.core.errors import BundleError
from explorer.core.storage import safe_read
from tests.unit.core.bundles.sample_bundles import (
    METRIC_VALUES,
    ORIGIN,
    D,
    N,
    assert_one_sentence,
    full_gallery,
    make_gallery,
    make_model,
    names_in,
    origin_of,
    same_gallery,
    same_weights,
    save,
)


@pytest.mark.parametrize("gallery", [make_gallery(), full_gallery()], ids=["least", "all"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned"])
def test_a_bundle_comes_back_exactly(tmp_path, gallery, likelihood):
    model = make_model(likelihood=likelihood)
    model.log_scale.data.fill_(-0.75)
    path = save(tmp_path, model=model, gallery=gallery)
    bundle = store.load("good", tmp_path)
    assert same_weights(bundle.model, model) and same_gallery(bundle.gallery, gallery)
    assert (bundle.name, bundle.config, bundle.origin) == ("good", model.config, origin_of(gallery))
    assert bundle.metrics == METRIC_VALUES and bundle.path == path == tmp_path / "good"
    assert bundle.content_hash == bundle_format.content_hash(model.config, model.state_dict())
    assert not bundle.model.training
    assert bundle.model.log_scale.requires_grad == (likelihood == "gaussian-learned")
    assert all(p.device.type == "cpu" for p in bundle.model.parameters())
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(bundle.model.encode(x)[0], model.encode(x)[0])


def test_a_convolutional_model_and_a_bfloat16_one(tmp_path):
    model = make_model(arch="conv", image_shape=(3, 9, 11), widths=(4,), hidden=6)
    save(tmp_path, "conv", model=model, gallery=make_gallery())
    loaded = store.load("conv", tmp_path).model
    assert same_weights(loaded, model)
    strides = {name: weight.stride() for name, weight in model.named_parameters()}  # channels-last, for speed
    assert {name: weight.stride() for name, weight in loaded.named_parameters()} == strides
    half = make_model().bfloat16()
    save(tmp_path, "half", model=half)
    loaded = store.load("half", tmp_path).model
    assert same_weights(loaded, half.float())


def test_loading_draws_nothing_and_what_is_loaded_can_be_changed(tmp_path):
    save(tmp_path)
    before = torch.get_rng_state()
    bundle = store.load("good", tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    bundle.gallery.mu[:] = 0
    torch.from_numpy(bundle.gallery.logvar)  # warns if it is read-only
    with torch.no_grad():
        bundle.model.log_scale.add_(1)


def test_by_path_by_name_and_by_a_copied_name(tmp_path, monkeypatch):
    path = save(tmp_path)
    shutil.copytree(path, tmp_path / "copy")
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert paths.checkpoints_dir() == tmp_path
    for given in ("good", path, str(path), "./good", Path("good")):
        assert store.load(given).name == "good"
    assert store.load("copy").name == "copy"
    monkeypatch.delenv("EXPLORER_CHECKPOINTS")
    assert paths.checkpoints_dir() == paths.PROJECT / "checkpoints"


def test_describe_and_list_read_no_weights(tmp_path, monkeypatch):
    save(tmp_path, "b")
    save(tmp_path, "a", gallery=make_gallery())
    (tmp_path / "README.md").write_text("not a bundle")
    for name in ("runs", ".hidden"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(safe_read, "parse_safetensors", None)
    infos = store.list_bundles(tmp_path)
    assert [info.name for info in infos] == ["a", "b"] and all(info.error is None for info in infos)
    info = store.describe("b", tmp_path)
    assert info == infos[1]
    assert (info.config, info.origin, info.metrics) == (make_model().config, ORIGIN, METRIC_VALUES)
    assert info.n_bytes == sum(f.stat().st_size for f in (tmp_path / "b").iterdir()) and len(info.content_hash) == 16
    assert store.list_bundles(tmp_path / "nowhere") == []


@pytest.mark.parametrize("file", bundle_format.LIMITS)
def test_the_stamp_changes_with_every_file(tmp_path, file):
    path = save(tmp_path)
    before = store.describe("good", tmp_path).stamp
    assert store.describe("good", tmp_path).stamp == before
    os.utime(path / file, ns=(1, 1))
    assert store.describe("good", tmp_path).stamp != before


def test_nothing_heavy_is_imported():
    heavy = "{'torchvision', 'umap', 'numba', 'sklearn', 'streamlit'}"
    code = f"import sys, explorer.core.bundles.store; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.PROJECT)


def test_a_bundle_that_is_a_link_out_of_the_root(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "elsewhere"
    save(root)
    target = save(outside, "far")
    (root / "far").symlink_to(target)
    with pytest.raises(BundleError) as caught:
        store.load("far", root)
    assert_one_sentence(caught.value, "far", "link")
    infos = {info.name: info.error for info in store.list_bundles(root)}
    assert infos == {"far": str(caught.value), "good": None}
    assert store.load(root / "far").name == "far"  # an explicit path is accepted


def test_a_name_on_disk_that_no_bundle_may_have(tmp_path):
    path = save(tmp_path)
    path.rename(tmp_path / "my model")
    save(tmp_path)
    good, bad = store.list_bundles(tmp_path)
    assert (good.name, good.error, bad.name) == ("good", None, "my model") and "'my-model'" in bad.error
    with pytest.raises(BundleError):
        store.load(tmp_path / "my model")


@pytest.mark.parametrize(
    "given, words",
    [
        ("gooood", "Did you mean 'good'?"),
        ("zzzzzz", "Known: good."),
        ("./gooood", "Did you mean 'good'?"),
        (Path("zzzzzz"), "There is no model folder"),
        ("", "letters"),
        (".good.old", "letters"),
        ("a\0b/c", "letters"),
        ("runs", "reserved"),
    ],
)
def test_unknown_names_suggest_the_near_one(tmp_path, monkeypatch, given, words):
    save(tmp_path)
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    for ask in (store.load, store.describe):
        with pytest.raises(BundleError) as caught:
            ask(given, tmp_path)
        assert_one_sentence(caught.value, words)


def test_a_root_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BundleError) as caught:
        store.list_bundles(tmp_path)
    assert_one_sentence(caught.value, str(tmp_path), "Permission denied")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"gallery": make_gallery(mu=np.zeros((N, D)))}, "mu is float64"),
        ({"gallery": make_gallery(index=np.zeros(N, np.int64))}, "twice"),
        ({"gallery": make_gallery(labels=np.array(["a"] * N))}, "cannot be written"),
        ({"gallery": make_gallery(recon_loss=np.full(N, np.nan, np.float32))}, "NaN"),
        ({"model": make_model().double()}, "float64"),
        ({"origin": replace(ORIGIN, dataset=None)}, "dataset"),
        ({"origin": replace(ORIGIN, title="\udcff")}, "cannot be written as JSON"),
        ({"metrics": {"when": object}}, "cannot be written as JSON"),
        ({"metrics": {"test_elbo": "low"}}, "test_elbo"),
        ({"metrics": {"log": "x" * 20_000_000}}, "too large"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_nothing_is_saved_that_could_not_be_loaded(tmp_path, changes, words):
    save(tmp_path)
    with pytest.raises(BundleError) as caught:
        save(tmp_path, seed=1, **changes)
    assert_one_sentence(caught.value, "good", words)
    assert same_weights(store.load("good", tmp_path).model, make_model(0)) and names_in(tmp_path) == {"good"}


@pytest.mark.parametrize("kind", ["file", "folder", "link", "damaged", "empty"])
def test_what_may_be_replaced(tmp_path, kind):
    target, outside = tmp_path / "good", tmp_path / "outside"
    outside.mkdir()
    (outside / CONFIG).write_text("mine")
    match kind:
        case "file":
            target.write_text("notes")
        case "link":
            target.symlink_to(outside)
        case _:
            target.mkdir()
    if kind in ("folder", "damaged"):
        (target / (CONFIG if kind == "damaged" else "thesis.tex")).write_text("years")
    if kind in ("file", "folder"):
        with pytest.raises(BundleError) as caught:
            save(tmp_path)
        assert_one_sentence(caught.value, "good", "in the way")
        assert target.is_file() or (target / "thesis.tex").read_text() == "years"
    else:
        save(tmp_path)
        assert store.load("good", tmp_path).name == "good" and (outside / CONFIG).read_text() == "mine"
