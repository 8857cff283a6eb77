"""Building bundles: their contents and size, and the arguments that are refused."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

import explorer
from explorer.core.bundles import build as bundling
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.bundles.build import make_gallery, measure, save_bundle, saving, thumbnails
from explorer.core.config import ModelConfig
from explorer.core.data import attributes, catalog
from explorer.core.data.image_set import ImageSet
from explorer.core.data.sprites import FACTOR_NAMES, SHAPES, draw_sprites, random_factors
from explorer.core.errors import BundleError, ConfigError, ExplorerError
from explorer.core.latent import projection
from explorer.core.vae.encoding import encode_images
from explorer.core.vae.model import VAE

pytestmark = pytest.mark.usefixtures("one_thread")


def build(latent_dim=3, image_shape=(1, 8, 8), arch="mlp") -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VAE(ModelConfig(image_shape, latent_dim, arch, widths=(8,), hidden=16))


def image_set(n=60, image_shape=(1, 8, 8), labelled=True) -> ImageSet:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3 if labelled else np.full(n, -1)
    return ImageSet(
        "things",
        "test",
        rng.integers(0, 256, (n, *image_shape), dtype=np.uint8),
        labels.astype(np.int64),
        ("a", "b", "c") if labelled else (),
        title="Things",
        origin="a test",
        licence="MIT",
    )


@pytest.fixture
def no_umap(monkeypatch):
    monkeypatch.setattr(projection, "umap_map", lambda means, seed: pytest.fail("UMAP was made where it was not wanted"))


@pytest.fixture
def quick_umap(monkeypatch):
    """A replacement for UMAP: the real one is tested in test_projection.py and compiles for seconds."""
    made = []

    def umap_map(means, seed):
        made.append((means, seed))
        return means[:, :2] * np.float32(2)

    monkeypatch.setattr(projection, "umap_map", umap_map)
    return made


def test_a_bundle_holds_the_model_the_gallery_and_the_numbers(tmp_path, quick_umap):
    model, test = build(), image_set()
    path = save_bundle("mine", model, test, metrics={"epochs": 7}, root=tmp_path, seed=4)
    assert path == tmp_path / "mine"
    bundle = store.load("mine", tmp_path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, bundle.model.state_dict()[name])
    encoding, gallery, metrics = encode_images(model, test.images, 4), bundle.gallery, bundle.metrics
    for part in ("mu", "logvar", "recon_loss"):
        assert np.array_equal(getattr(gallery, part), getattr(encoding, part))
    assert np.array_equal(gallery.labels, test.labels) and np.array_equal(gallery.index, np.arange(60))
    assert np.array_equal(gallery.thumbs, test.images)
    assert np.array_equal(gallery.umap, encoding.mu[:, :2] * 2) and quick_umap[0][1] == 4
    np.testing.assert_allclose(gallery.pca, projection.pca(encoding.mu))
    assert (bundle.origin.dataset, bundle.origin.class_names, bundle.origin.licence) == ("things", ("a", "b", "c"), "MIT")
    assert metrics["map"] == "umap" and metrics["epochs"] == 7 and metrics["evaluation_seed"] == 4
    assert (metrics["iwae_k"], metrics["iwae_n"], metrics["trustworthiness_k"]) == (100, 60, 15)
    assert metrics["iwae"] > metrics["test_elbo"] and 0 < metrics["trustworthiness"] <= 1


def test_the_numbers_are_those_of_torch_distributions():
    model, test = build(), image_set()
    encoding = encode_images(model, test.images, 0)
    metrics = measure(model, encoding, 0)
    q = Normal(torch.from_numpy(encoding.mu).double(), (torch.from_numpy(encoding.logvar).double() / 2).exp())
    kl = kl_divergence(q, Normal(0.0, 1.0)).mean(0)
    assert metrics["kl_per_dim"] == pytest.approx(kl.tolist()) and metrics["test_kl"] == pytest.approx(kl.sum().item())
    assert metrics["test_elbo"] == pytest.approx(-(metrics["test_recon_loss"] + metrics["test_kl"]))
    assert metrics["test_n"] == 60 and metrics["active_units"] == encoding.active_units
    assert metrics["n_parameters"] == sum(v.numel() for v in model.state_dict().values())
    assert metrics["versions"]["torch"] == torch.__version__.split("+")[0] and metrics["device"] == "cpu"
    assert json.dumps(metrics, allow_nan=False)
    assert bundling._version("no-such-package") is None


@pytest.mark.parametrize("latent_dim, n, name", [(1, 60, "plane"), (2, 60, "plane"), (3, 60, "umap")])
def test_a_plane_needs_no_map(tmp_path, quick_umap, latent_dim, n, name):
    save_bundle("mine", build(latent_dim), image_set(n), root=tmp_path)
    bundle = store.load("mine", tmp_path)
    assert bundle.metrics["map"] == name and (bundle.gallery.umap is None) == (name == "plane") == (not quick_umap)
    if latent_dim == 2:
        assert bundle.metrics["trustworthiness"] == 1  # the map is the latent space itself
    if latent_dim == 1:
        plane = np.hstack([bundle.gallery.mu, bundle.gallery.logvar])
        assert bundle.metrics["trustworthiness"] == projection.trustworthiness(bundle.gallery.mu, plane, 15)


def test_without_a_map_pca_serves(tmp_path, no_umap):
    save_bundle("mine", build(), image_set(), root=tmp_path, umap=False, thumbs=False)
    bundle = store.load("mine", tmp_path)
    assert bundle.gallery.umap is None and bundle.gallery.thumbs is None and bundle.metrics["map"] == "pca"
    assert bundle.metrics["trustworthiness"] == projection.trustworthiness(bundle.gallery.mu, bundle.gallery.pca, 15)


def test_the_bundle_can_be_opened_while_its_map_is_being_made(tmp_path, monkeypatch):
    def umap_map(means, seed):
        early = store.load("mine", tmp_path)
        assert early.gallery.umap is None and early.metrics["map"] == "pca" and "iwae" not in early.metrics
        raise KeyboardInterrupt

    monkeypatch.setattr(projection, "umap_map", umap_map)
    with pytest.raises(KeyboardInterrupt):
        save_bundle("mine", build(), image_set(), root=tmp_path)
    assert len(store.load("mine", tmp_path).gallery.mu) == 60


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_handful_of_images_makes_a_bundle(tmp_path, n):
    save_bundle("few", build(), image_set(n), root=tmp_path, umap=False)
    bundle = store.load("few", tmp_path)
    assert len(bundle.gallery.mu) == n and "trustworthiness" not in bundle.metrics


def test_unlabelled_images_make_a_bundle(tmp_path):
    save_bundle("mine", build(), image_set(labelled=False), root=tmp_path, umap=False)
    assert (store.load("mine", tmp_path).gallery.labels == -1).all()


def test_factors_go_with_their_images(tmp_path):
    factors = random_factors(40, 0)
    test = ImageSet("sprites", "test", draw_sprites(factors), factors[:, 0].astype(np.int64), SHAPES, factors, FACTOR_NAMES)
    save_bundle("shapes", build(2, (1, 32, 32), "conv"), test.take(np.arange(5, 40)), root=tmp_path, thumbs=False)
    bundle = store.load("shapes", tmp_path)
    assert bundle.origin.factor_names == FACTOR_NAMES and np.array_equal(bundle.gallery.index, np.arange(5, 40))
    assert np.array_equal(bundle.gallery.factors, factors[5:])
    assert np.array_equal(draw_sprites(bundle.gallery.factors), test.images[5:])  # redrawn from the factors


def test_more_than_ten_thousand_images_are_drawn_from_class_by_class():
    n = 10_400
    test = image_set(n)
    test = ImageSet("things", "test", test.images, (np.arange(n) % 8 == 0).astype(np.int64), ("many", "few"))
    encoding = encode_images(build(2), test.images, 0)
    gallery = make_gallery(encoding, test, thumbs=False, seed=1)
    assert len(gallery.index) == 10_000 and len(set(gallery.index)) == 10_000
    assert np.bincount(gallery.labels).tolist() == [8750, 1250]
    assert np.array_equal(gallery.labels, test.labels[gallery.index])
    assert np.array_equal(gallery.mu, encoding.mu[gallery.index])
    assert np.array_equal(gallery.index, make_gallery(encoding, test, False, 1).index)
    assert not np.array_equal(gallery.index, make_gallery(encoding, test, False, 2).index)


def test_a_gallery_with_thumbnails_stays_under_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(bundling, "iwae_estimate", lambda *args: -1.0)  # saves ten seconds
    test = image_set(3000, (3, 32, 32))
    model = build(16, (3, 32, 32), "conv")
    save_bundle("colour", model, test, root=tmp_path, umap=False)
    gallery = store.load("colour", tmp_path).gallery
    assert 2300 < len(gallery.index) < 3000 and gallery.thumbs.shape[1:] == (3, 32, 32)
    assert 7_500_000 < (tmp_path / "colour" / bundle_format.GALLERY).stat().st_size < 8_000_000
    assert np.array_equal(gallery.thumbs, test.images[gallery.index])


def digits_set(**changes) -> ImageSet:
    return dataclasses.replace(catalog.load("digits", "test"), **changes)


def test_the_attributes_of_grey_ink_are_measured(tmp_path, no_umap):
    test = digits_set()
    first, last = saving("mine", build(), test, root=tmp_path, umap=False)
    bundle = store.load("mine", tmp_path)
    assert bundle.origin.attribute_names == attributes.NAMES
    assert np.array_equal(bundle.gallery.attributes, attributes.measure(test.images))


def test_the_attributes_are_those_of_the_images_in_the_gallery(tmp_path, no_umap, monkeypatch):
    monkeypatch.setattr(bundling, "MAX_GALLERY_BYTES", 20_000)
    full = catalog.load("digits", "test")
    test = full.take(np.random.default_rng(0).permutation(len(full)))
    save_bundle("mine", build(), test, root=tmp_path, umap=False)
    gallery = store.load("mine", tmp_path).gallery
    assert len(gallery.index) < len(test)
    assert np.array_equal(gallery.attributes, attributes.measure(full.images[gallery.index]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: digits_set(images=255 - digits_set().images),
        lambda: digits_set(factors=np.zeros((len(digits_set()), 1), np.float32), factor_names=("x",)),
        lambda: image_set(image_shape=(3, 8, 8)),
        lambda: image_set(),
    ],
    ids=["dark ink", "known factors", "colours", "noise"],
)
def test_other_images_have_no_attributes(tmp_path, no_umap, make):
    test = make()
    save_bundle("mine", build(image_shape=test.images.shape[1:]), test, root=tmp_path, umap=False)
    bundle = store.load("mine", tmp_path)
    assert bundle.gallery.attributes is None and bundle.origin.attribute_names == ()


@pytest.mark.parametrize(
    "size, small",
    [
        ((32, 32), (32, 32)),
        ((64, 64), (32, 32)),
        ((128, 9), (32, 2)),
        ((33, 100), (11, 32)),
    ],
)
def test_thumbnails_are_at_most_32_px_and_mean_over_areas(size, small):
    images = np.random.default_rng(0).integers(0, 256, (3, 3, *size), dtype=np.uint8)
    images.flags.writeable = False
    thumbs = thumbnails(images)
    assert thumbs.shape == (3, 3, *small) and thumbs.dtype == np.uint8
    if size == (64, 64):
        exact = images.reshape(3, 3, 32, 2, 32, 2).mean((3, 5))
        assert np.abs(thumbs - exact).max() <= 0.5
    flat = np.full((1, 1, *size), 200, np.uint8)
    assert (thumbnails(flat) == 200).all()


def test_images_that_are_not_the_models_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"for images of shape \(1, 8, 8\), and 'things' has 60 of shape \(3, 8, 8\)"):
        save_bundle("mine", build(), image_set(60, (3, 8, 8)), root=tmp_path)
    with pytest.raises(ConfigError, match="has 0 of shape"):
        save_bundle("mine", build(), image_set(0), root=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bad_name_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(bundling, "encode_images", lambda *args: pytest.fail("worked for nothing"))
    with pytest.raises(BundleError, match="cannot be called"):
        save_bundle("../mine", build(), image_set(), root=tmp_path)


def test_an_older_bundle_stays_whole_where_the_new_one_fails(tmp_path, monkeypatch):
    save_bundle("mine", build(2), image_set(), root=tmp_path)
    before = store.load("mine", tmp_path)
    broken = build(2)
    with torch.no_grad():
        broken.decoder[0].weight.fill_(float("nan"))
    with pytest.raises(ExplorerError):
        save_bundle("mine", broken, image_set(), root=tmp_path)
    assert store.load("mine", tmp_path).content_hash == before.content_hash


def test_the_callers_metrics_are_not_changed(tmp_path):
    metrics = {"seed": 3}
    save_bundle("mine", build(2), image_set(), metrics=metrics, root=tmp_path)
    assert metrics == {"seed": 3}


def test_the_public_names_lead_here(tmp_path):
    assert explorer.save_bundle is save_bundle and explorer.VAE is VAE and explorer.ModelConfig is ModelConfig
    explorer.save_bundle("mine", build(2), image_set(), root=tmp_path)
    assert [info.name for info in explorer.list_bundles(tmp_path)] == ["mine"]
    decoded = explorer.open_bundle("mine", tmp_path, "cpu").decode(np.zeros((1, 2), np.float32))
    with torch.no_grad():
        np.testing.assert_allclose(decoded, build(2).decode(torch.zeros(1, 2)), atol=1e-6)
