"""What a bundle may contain: every damaged or invalid file is refused in one sentence and hides no other bundle."""

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
from explorer.core.bundles.format import GALLERY, MODEL, Origin
from explorer.core.errors import BundleError
from tests.unit.core.bundles.damage import DAMAGE
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


@pytest.mark.parametrize("n", [0, bundle_format.MAX_IMAGES + 1])
def test_too_few_and_too_many_images(tmp_path, n):
    zeros = {
        name: np.zeros((n, *shape), np.float32)
        for name, shape in {"mu": (D,), "logvar": (D,), "recon_loss": (), "pca": (2,)}.items()
    }
    path = save(tmp_path)
    (path / GALLERY).write_bytes(pack({"index": np.arange(n), "labels": np.zeros(n, np.int64), **zeros}))
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", GALLERY, f"{n:,} images")


def test_an_unlabelled_gallery_needs_no_classes(tmp_path):
    gallery = make_gallery(labels=np.full(N, -1))
    save(tmp_path, origin=Origin("folder:x"), gallery=gallery)
    assert same_gallery(store.load("good", tmp_path).gallery, gallery)
