"""The verdict on one picture: its numbers against torch.distributions and closed forms, its rank among the gallery's."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from explorer.core.data import catalog
from explorer.core.engine.engine import Engine, open_bundle
from explorer.core.engine.evaluation import ImageEvaluation, edge_strength
from explorer.core.engine.latent_map import LatentMap, done
from explorer.core.errors import ConfigError
from tests.helpers import noise_set, random_bundle, random_vae, sprite_set

RGB = (3, 16, 12)


@pytest.fixture(scope="module")
def engines(tmp_path_factory) -> dict[str, Engine]:
    root = tmp_path_factory.mktemp("checkpoints")
    random_bundle(root, "sprites", sprite_set(24), latent_dim=5, thumbs=True)
    random_bundle(root, "rgb", image_shape=RGB, latent_dim=1, likelihood="gaussian-learned")
    return {name: open_bundle(name, root, device="cpu") for name in ("sprites", "rgb")}


@pytest.fixture
def engine(engines) -> Engine:
    return engines["sprites"]


def one(engine: Engine, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, *engine.image_shape), np.uint8)


def without_likelihood(engine: Engine) -> Engine:
    """The same model as a researcher would hand it over."""
    return Engine(
        encode=engine._encode,
        decode=engine._decode,
        latent_map=LatentMap("own", engine.latent_dim, done(engine.gallery), done(engine.umap)),
        origin=engine.origin,
        image_shape=engine.image_shape,
        content_hash="",
        device=engine.device,
        pictures=engine.pictures,
        metrics={},
    )


def test_the_terms_are_those_of_torch_distributions(engine):
    x = sprite_set(80).images[70:71]
    verdict = engine.evaluate(x, seed=3)
    model = random_vae(5, (1, 32, 32))
    seen = torch.from_numpy(x).double() / 255
    with torch.inference_mode():
        q = Normal(torch.from_numpy(verdict.mu).double(), torch.from_numpy(verdict.logvar).double().mul(0.5).exp())
        eps = torch.randn((16, 5), generator=torch.Generator().manual_seed(3))
        logits = model.decode_logits((q.mean + q.stddev * eps).float()).double()
        pixels = Independent(Bernoulli(logits=logits, validate_args=False), 3)  # grey levels: a loss, not a likelihood
        recon_loss = -pixels.log_prob(seen.expand(16, 1, 32, 32)).mean()
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum()
    assert verdict.kl == pytest.approx(float(kl), rel=1e-5)
    assert verdict.recon_loss == pytest.approx(float(recon_loss), rel=1e-4)
    assert verdict.elbo == pytest.approx(-verdict.recon_loss - verdict.kl)


def test_pictures_are_exact(engine):
    x = one(engine)
    verdict = engine.evaluate(x)
    np.testing.assert_array_equal(verdict.recon, np.rint(np.float32(255) * engine.reconstruct(x)[0]).astype(np.uint8))
    np.testing.assert_array_equal(verdict.error, np.abs(x[0].astype(int) - verdict.recon))
    assert verdict.recon.dtype == verdict.error.dtype == np.uint8
    np.testing.assert_array_equal(verdict.mu, engine.encode(x)[0][0])


def test_an_image_of_the_gallery_is_judged_as_the_gallery_has_it(engine):
    images, elbo = sprite_set(24).images, engine.encoding.elbo
    verdicts = [engine.evaluate(image[None], seed) for seed, image in enumerate(images)]
    difference = np.array([verdict.elbo for verdict in verdicts]) - elbo  # sixteen draws of z here, one there
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(len(images))
    for row, verdict in enumerate(verdicts):
        assert verdict.percentile == 100 * (elbo < verdict.elbo).mean()
        np.testing.assert_allclose(verdict.xy, engine.map_xy()[row], atol=1e-3 * np.ptp(engine.map_xy()))
        assert verdict.support == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("loss, percentile", [(1e6, 0), (-1e6, 100)])
def test_the_strangest_and_the_least_strange(engine, monkeypatch, loss, percentile):
    monkeypatch.setattr(engine, "_recon_loss", lambda z, x: torch.full((len(z),), loss))
    assert engine.evaluate(one(engine)).percentile == percentile


def test_the_number_is_steady(engine):
    images = sprite_set(6).images
    assert engine.evaluate(images[:1], 5).elbo == engine.evaluate(images[:1], 5).elbo
    judged = np.array([[engine.evaluate(x[None], seed).recon_loss for seed in range(6)] for x in images])
    model, singles = random_vae(5, (1, 32, 32)), []
    with torch.inference_mode():
        for seed in range(6):
            mu, logvar = (torch.from_numpy(part) for part in engine.encode(images))
            z = mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=torch.Generator().manual_seed(seed))
            singles.append(model.recon_loss(z, torch.from_numpy(images) / 255).numpy())
    assert judged.std(1).mean() < 0.5 * np.std(singles, 0).mean()


def test_every_plane_and_shape(engines):
    rgb = engines["rgb"]
    verdict = rgb.evaluate(one(rgb))
    assert verdict.recon.shape == verdict.error.shape == RGB and verdict.mu.shape == verdict.logvar.shape == (1,)
    assert np.isfinite([verdict.elbo, verdict.kl, verdict.recon_loss, verdict.percentile, *verdict.xy]).all()
    engine = engines["sprites"]
    for plane in (*engine.planes, (3, 1)):
        xy = engine.evaluate(one(engine), plane=plane).xy
        np.testing.assert_allclose(xy, engine.place(engine.evaluate(one(engine)).mu, plane)[0][0])


def test_a_model_without_a_likelihood_has_no_elbo(engine):
    known, unknown = engine.evaluate(one(engine)), without_likelihood(engine).evaluate(one(engine))
    assert unknown.recon_loss is unknown.elbo is unknown.percentile is None and unknown.kl == known.kl
    assert unknown.verdict in (None, "far from the data", "unusually simple")
    for field in fields(ImageEvaluation):
        if field.name not in ("recon_loss", "elbo", "percentile"):
            np.testing.assert_array_equal(getattr(known, field.name), getattr(unknown, field.name))


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 1, 32, 32), np.uint8),
        np.zeros((1, 1, 32, 32)),
        np.zeros((1, 1, 28, 28), np.uint8),
        np.zeros((1, 32, 32), np.uint8),
    ],
)
def test_what_is_no_single_picture_is_refused(engine, x):
    with pytest.raises(ConfigError):
        engine.evaluate(x)


def test_the_habits_of_the_set_are_read_from_what_is_here(engines, tmp_path):
    assert engines["rgb"].ink_layout.dark_background is False
    assert engines["sprites"].ink_layout.dark_background is True  # thumbnails
    random_bundle(tmp_path, "noise", noise_set())
    assert open_bundle("noise", tmp_path).ink_layout.dark_background is False  # reconstructions, grey all over


# The verdict


@pytest.mark.parametrize(
    "percentile, isolation, sharpness, verdict",
    [
        (50.0, 50.0, 50.0, "typical"),
        (97.5, 99.0, 1.0, "typical"),  # the -ELBO is below 97.5 % of the gallery's
        (2.5, 0.0, 100.0, "typical"),
        (97.6, 50.0, 50.0, "unusually simple"),
        (100.0, 50.0, 50.0, "unusually simple"),
        (50.0, 50.0, 0.9, "unusually simple"),
        (2.4, 50.0, 50.0, "unusually hard"),
        (0.0, 50.0, 0.0, "unusually hard"),
        (50.0, 99.1, 50.0, "far from the data"),
        (0.0, 100.0, 0.0, "far from the data"),
        (None, 100.0, 50.0, "far from the data"),
        (None, 50.0, 0.0, "unusually simple"),
        (None, 50.0, 50.0, None),
        (50.0, np.nan, np.nan, "typical"),  # while there is no gallery
    ],
)
def test_the_verdict_has_two_tails_the_distance_and_the_edges(engine, percentile, isolation, sharpness, verdict):
    evaluation = replace(engine.evaluate(one(engine)), percentile=percentile, isolation=isolation, sharpness=sharpness)
    assert evaluation.verdict == verdict


def test_the_edges_of_an_image():
    plain, ramp, step = np.full((4, 6), 99), np.arange(0, 60, 10) * np.ones((4, 1)), np.repeat([0, 0, 0, 200, 200, 200], 4)
    images = np.stack([plain, ramp, step.reshape(6, 4).T])[:, None].astype(np.uint8)
    np.testing.assert_allclose(edge_strength(images), [0, 10, 200])
    np.testing.assert_allclose(edge_strength(images.transpose(0, 1, 3, 2)), [0, 10, 200])


def test_the_distance_to_the_data_is_a_share_of_the_gallerys_own(engine):
    latent_map = engine.latent_map
    mu = engine.gallery.mu
    spacing = np.sort(np.linalg.norm(mu[:, None] - mu, axis=2), 1)[:, 5]  # to the fifth nearest other
    z = mu.mean(0) + np.float32(0.3)
    fifth = np.sort(np.linalg.norm(mu - z, axis=1))[4]
    assert latent_map.isolation(z) == pytest.approx(100 * (spacing < fifth).mean())
    assert latent_map.isolation(mu[0] + 100) == 100
    assert latent_map.isolation(np.median(mu, 0)) < 100


def seen(engine: Engine, image: np.ndarray) -> ImageEvaluation:
    return engine.evaluate(np.rint(image).clip(0, 255).astype(np.uint8)[None, None])


def strange_images(side: int) -> dict[str, np.ndarray]:
    """(side, side) each: plain, blurred and noisy images."""
    y, x = np.indices((side, side)) / (side - 1)
    return {
        "black": np.zeros((side, side)),
        "grey": np.full((side, side), 128.0),
        "gradient": 255 * x,
        "faint gradient": 100 + 60 * y,
        "dim gradient": 90 * x * y,
        "blurred spot": 255 * np.exp(-8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)),
        "blurred photo": 110 + 60 * np.sin(5 * x + 2 * y) + 40 * np.cos(4 * y - 3 * x * y),
        "noise": np.random.default_rng(0).integers(0, 256, (side, side)),
    }


@pytest.mark.parametrize(
    "name, dataset",
    [("mnist", "mnist"), ("mnist-2d", "mnist"), ("digits", "digits"), ("digits-2d", "digits"), ("sprites", "sprites")],
)
def test_images_of_another_kind_are_not_typical_and_those_of_the_set_are(real_data, name, dataset):
    engine, test = open_bundle(name, device="cpu"), catalog.load(dataset, "test").images
    found = {what: seen(engine, image).verdict for what, image in strange_images(engine.image_shape[1]).items()}
    found["inverted"] = seen(engine, 255.0 - test[3, 0]).verdict
    assert "typical" not in found.values() and found["noise"] in ("unusually hard", "far from the data")
    verdicts = [engine.evaluate(image[None]).verdict for image in test[:100]]
    assert verdicts.count("typical") >= 88  # of images of the set, 7 % at most are expected in the tails


def test_smooth_images_are_unusually_simple_although_their_elbo_is_ordinary(real_data):
    """The model of Fashion-MNIST gives blurred photos an ELBO in the middle of those of its own images."""
    engine = open_bundle("fashion", device="cpu")
    found = {what: seen(engine, image) for what, image in strange_images(28).items()}
    assert found["black"].percentile == 100 and found["black"].verdict == "unusually simple"
    ordinary = [what for what, evaluation in found.items() if 10 < evaluation.percentile < 90]
    assert len(ordinary) >= 2 and {found[what].verdict for what in ordinary} == {"unusually simple"}
    assert "typical" not in {evaluation.verdict for evaluation in found.values()}
    images = catalog.load("fashion-mnist", "test").images[:100]
    assert [engine.evaluate(image[None]).verdict for image in images].count("typical") >= 88
