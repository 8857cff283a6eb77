"""Reading and packing files, tested with bundles: strict JSON, arrays of any memory order, links, folders being replaced."""

import numpy as np
import pytest

from explorer.core.bundles import store
from explorer.core.bundles.format import MODEL
from explorer.core.errors import BundleError
from explorer.core.storage import atomic, safe_read
from tests.unit.core.bundles.sample_bundles import D, N, assert_one_sentence, make_gallery, save


def test_arrays_need_not_lie_in_order(tmp_path):
    mu = np.asfortranarray(np.random.default_rng(1).standard_normal((N, D), np.float32))
    save(tmp_path, gallery=make_gallery(mu=mu))
    assert np.array_equal(store.load("good", tmp_path).gallery.mu, mu)


def test_metrics_are_strict_json(tmp_path):
    values = {"test_elbo": float("nan"), "kl": np.array([1.0, np.inf]), "n": np.int64(3), "t": (1, 2), 4: None}
    save(tmp_path, metrics=values)
    expected = {"test_elbo": None, "kl": [1.0, None], "n": 3, "t": [1, 2], "4": None}
    assert store.load("good", tmp_path).metrics == expected


def test_links_that_stay_inside_are_fine(tmp_path):
    path = save(tmp_path)
    (path / MODEL).rename(path / "weights")
    (path / MODEL).symlink_to("weights")
    (tmp_path / "alias").symlink_to("good")
    assert store.load("alias", tmp_path).name == "alias"


def test_a_bundle_that_never_holds_still(tmp_path, monkeypatch):
    save(tmp_path)
    ticks = iter(range(1000))
    monkeypatch.setattr(safe_read, "stamp", lambda found: str(next(ticks)))
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", "being saved or removed", "Try again")


@pytest.mark.parametrize(
    "name, taken, free",
    [
        ("a", [], "a"),
        ("a", ["A"], "a-2"),
        ("a", ["a", "a-2", "A-3"], "a-4"),
        ("x" * 64, ["x" * 64], "x" * 62 + "-2"),
        ("straße", ["STRASSE"], "straße-2"),
    ],
)
def test_free_names(name, taken, free):
    assert safe_read.free_name(name, taken) == free
