"""What the map says below itself, and what it names."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import open_bundle
from explorer.ui.explore.map import panel
from tests.helpers import random_bundle, sprite_set


def engine_with(kl: list[float]) -> SimpleNamespace:
    return SimpleNamespace(kl_per_dim=np.array(kl), planes=["umap", "pca"], metrics={"trustworthiness": 0.929})


@pytest.mark.parametrize(
    "kl, plane, text",
    [
        ([1.0, 0.001], "umap", "trustworthiness 0.929 (k = 15)"),
        ([1.0, 0.001], "pca", "PCA"),
        ([1.0, 0.001], (0, 1), "two dimensions of the latent space itself"),
        ([0.001, 0.002], "umap", "nothing was learned: no active units, so places on this map mean nothing"),
    ],
)
def test_the_caption(monkeypatch, kl, plane, text):
    captions = []
    monkeypatch.setattr(panel.st, "caption", lambda text, help: captions.append((text, help is not None)))
    panel.caption(engine_with(kl), SimpleNamespace(plane=plane))
    assert captions == [(text, text.startswith("trustworthiness"))]  # the number explains itself


def test_classes_are_named_among_their_points(tmp_path):
    engine = open_bundle(random_bundle(tmp_path, "sprites", sprite_set(90), latent_dim=3))
    xy, labels = engine.map_xy("pca"), engine.gallery.labels
    names = panel._names(engine, xy)
    assert [name for name, _, _ in names] == list(engine.origin.class_names)
    for label, (_, x, y) in enumerate(names):
        own = xy[labels == label]
        assert (own.min(0) <= (x, y)).all() and ((x, y) <= own.max(0)).all()
