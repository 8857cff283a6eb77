"""What a bundle may contain: every damaged or invalid file is refused in one sentence and hides no other bundle."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save as pack

from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.bundles.format import CONFIG, GALLERY, MODEL, Origin
from explorer.core.data import attributes, catalog
from explorer.core.errors import BundleError
from explorer.core.paths import SHIPPED_DIR
from explorer.core.vae.encoding import encode_images
from tests.unit.core.bundles.damage import DAMAGE, edit_arrays, edit_json
from tests.unit.core.bundles.sample_bundles import (
    D,
    N,
    assert_one_sentence,
    full_gallery,
    make_gallery,
    make_model,
    same_gallery,
    save,
)


def test_the_hash_knows_weights_names_and_settings():
    model = make_model()
    state = model.state_dict()
    same = bundle_format.content_hash(model.config, state)
    assert same == bundle_format.content_hash(model.config, dict(reversed(state.items())))
    other = dict(state) | {"log_scale": torch.tensor(1e-9)}
    renamed = {k.replace("log_scale", "logscale"): v for k, v in state.items()}
    settings = replace(model.config, likelihood="gaussian")
    changed = ((model.config, other), (model.config, renamed), (settings, state))
    assert len({same, *(bundle_format.content_hash(*pair) for pair in changed)}) == 4


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("pristine"))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("file, damage, words", [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damage_is_refused_and_hides_nothing(tmp_path, pristine, file, damage, words):
    root = tmp_path / "checkpoints"
    good, bad = root / "good", root / "bad"
    for folder in (good, bad):
        shutil.copytree(pristine, folder)
    damage(bad)

    with pytest.raises(BundleError) as caught:
        store.load("bad", root)
    assert_one_sentence(caught.value, "bad", file)
    assert any(word in str(caught.value) for word in words.split("|")), str(caught.value)

    infos = {info.name: info for info in store.list_bundles(root)}
    assert set(infos) == {"good", "bad"} and infos["good"].error is None
    if infos["bad"].error is None:  # detectable only in the weights or the gallery
        assert words.startswith("do not belong") or file in (MODEL, GALLERY)
    else:
        assert infos["bad"].error == str(caught.value) and infos["bad"].config is None
    assert same_gallery(store.load("good", root).gallery, full_gallery())
    assert not (root / "trapped").exists()


def test_what_is_saved_is_format_2_and_may_have_an_id(tmp_path):
    path = save(tmp_path)
    assert json.loads((path / CONFIG).read_text())["format_version"] == 2
    edit_json(CONFIG, id="3f-2a_B")(path)
    bundle = store.load("good", tmp_path)
    assert same_gallery(bundle.gallery, full_gallery()) and bundle.origin.attribute_names == ("slant", "ink")


def to_format_1(folder: Path) -> None:
    edit_json(CONFIG, format_version=1, attribute_names=...)(folder)
    edit_arrays(GALLERY, attributes=..., fingerprint=...)(folder)


def test_format_1_can_be_read(tmp_path):
    to_format_1(save(tmp_path))
    bundle = store.load("good", tmp_path)
    assert same_gallery(bundle.gallery, replace(full_gallery(), attributes=None, fingerprint=None))
    assert bundle.origin.attribute_names == () and store.describe("good", tmp_path).error is None


@pytest.mark.parametrize(
    "file, change, word",
    [
        (CONFIG, edit_json(CONFIG, id="x"), "id"),
        (GALLERY, edit_arrays(GALLERY, attributes=np.zeros((N, 2), np.float32)), "attributes"),
        (GALLERY, edit_arrays(GALLERY, fingerprint=np.zeros((N, 8), np.uint8)), "fingerprint"),
    ],
)
def test_format_1_has_no_parts_of_format_2(tmp_path, file, change, word):
    path = save(tmp_path)
    to_format_1(path)
    change(path)
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", file, "unknown", word)


@pytest.mark.parametrize("n", [0, bundle_format.MAX_IMAGES + 1])
def test_too_few_and_too_many_images(tmp_path, n):
    zeros = {
        name: np.zeros((n, *shape), np.float32)
        for name, shape in {"mu": (D,), "logvar": (D,), "recon_loss": (), "pca": (2,)}.items()
    }
    path = save(tmp_path, gallery=make_gallery())
    (path / GALLERY).write_bytes(pack({"index": np.arange(n), "labels": np.zeros(n, np.int64), **zeros}))
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", GALLERY, f"{n:,} images")


@pytest.mark.parametrize(
    "name, content_hash, attribute_names",
    [
        ("mnist", "719c23b30c2932d9", attributes.NAMES),
        ("mnist-2d", "4119938a63930fdc", attributes.NAMES),
        ("fashion", "6dfbb9ab7b2dc705", attributes.NAMES),
        ("sprites", "0837e557052db856", ()),
        ("digits", "9264cb14849e4b6e", attributes.NAMES),
        ("digits-2d", "5a1a6361f5671102", attributes.NAMES),
    ],
)
def test_a_shipped_model_has_format_2_and_the_weights_of_its_hash(name, content_hash, attribute_names):
    assert json.loads((SHIPPED_DIR / name / CONFIG).read_text())["format_version"] == 2
    bundle = store.load(SHIPPED_DIR / name)
    assert bundle.content_hash == content_hash and bundle.origin.attribute_names == attribute_names
    assert (bundle.gallery.attributes is None) == (not attribute_names)


def test_the_shipped_digits_2d_has_its_images_and_is_trained(monkeypatch, tmp_path):
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path))
    bundle = store.load(SHIPPED_DIR / "digits-2d")
    gallery = bundle.gallery
    assert bundle.config.latent_dim == 2 and bundle.metrics["test_elbo"] > -23.7
    images = catalog.load("digits", "test").images[gallery.index]
    assert np.array_equal(gallery.thumbs, images) and np.array_equal(gallery.attributes, attributes.measure(images))
    elbo = encode_images(bundle.model, images, seed=1).elbo
    assert elbo.mean() == pytest.approx(bundle.metrics["test_elbo"], abs=0.2)


def test_an_unlabelled_gallery_needs_no_classes(tmp_path):
    gallery = make_gallery(labels=np.full(N, -1))
    save(tmp_path, origin=Origin("folder:x"), gallery=gallery)
    assert same_gallery(store.load("good", tmp_path).gallery, gallery)
