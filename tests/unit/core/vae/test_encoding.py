"""Encoding a split: batches do not change the result, the seed determines eps, the caller's array is not modified."""

import numpy as np
import pytest
import torch

from explorer.core.config import ModelConfig
from explorer.core.vae import objective
from explorer.core.vae.encoding import Encoding, as_tensor, encode_images, iwae_estimate, to_float
from explorer.core.vae.model import VAE

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGES = np.random.default_rng(0).integers(0, 256, (23, 1, 8, 8), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> VAE:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VAE(ModelConfig((1, 8, 8), 3, widths=(8,), hidden=16))


def test_means_are_the_encoders_own_whatever_the_batch(model):
    with torch.no_grad():
        mu, logvar = model.encode(torch.from_numpy(IMAGES).float() / 255)
    for batch_size in (1, 10, 23, 1000):  # 10 leaves a short last batch
        encoding = encode_images(model, IMAGES, seed=0, batch_size=batch_size)
        assert encoding.mu.dtype == encoding.logvar.dtype == encoding.recon_loss.dtype == np.float32
        assert encoding.mu.shape == (23, 3) and encoding.recon_loss.shape == (23,)
        np.testing.assert_allclose(encoding.mu, mu, atol=1e-6)
        np.testing.assert_allclose(encoding.logvar, logvar, atol=1e-6)


def test_the_seed_decides_the_one_z_of_each_image(model):
    before = torch.random.get_rng_state()
    first, again, other = (encode_images(model, IMAGES, seed) for seed in (5, 5, 6))
    assert np.array_equal(first.recon_loss, again.recon_loss) and np.array_equal(first.mu, other.mu)
    assert not np.array_equal(first.recon_loss, other.recon_loss)
    assert torch.equal(before, torch.random.get_rng_state())
    with torch.no_grad():
        terms = objective.terms(model, to_float(as_tensor(IMAGES), torch.device("cpu")), torch.Generator().manual_seed(5))
    np.testing.assert_allclose(first.recon_loss, terms.recon_loss, rtol=1e-5)
    np.testing.assert_allclose(first.kl_per_dim, terms.kl_per_dim, atol=1e-6)
    np.testing.assert_allclose(first.elbo, terms.elbo, rtol=1e-5)


def test_the_estimate_over_seeds_is_the_expected_reconstruction(model):
    losses = np.array([encode_images(model, IMAGES, seed).recon_loss.mean() for seed in range(60)])
    x, generator = torch.from_numpy(IMAGES).float() / 255, torch.Generator().manual_seed(9)
    with torch.no_grad():
        expected = torch.stack([objective.terms(model, x, generator).recon_loss.mean() for _ in range(200)])
    error = np.sqrt(losses.var() / 60 + expected.var().item() / 200)
    assert abs(losses.mean() - expected.mean().item()) < 4.5 * error


def test_active_units_are_counted_as_burda_et_al_do():
    n = 1000
    spread = np.float32([0.2, 0.09, 0.11, 0.0])  # variances 0.04, 0.0081, 0.0121 and 0
    mu = np.where(np.arange(n)[:, None] % 2, spread, -spread) + np.float32(7)
    assert Encoding(mu, np.zeros_like(mu), np.zeros(n, np.float32)).active_units == 2


def test_kl_is_in_double_precision_and_never_negative():
    mu, logvar = np.zeros((1, 3), np.float32), np.float32([[1e-4, -1e-4, 0]])
    kl = Encoding(mu, logvar, np.zeros(1, np.float32)).kl_per_dim
    assert kl.dtype == np.float64 and (kl >= 0).all()
    np.testing.assert_allclose(kl[0, :2], 2.5e-9, rtol=1e-3)


@pytest.mark.parametrize("kind", ["read-only", "reversed", "strided"])
def test_any_array_will_do_and_none_is_changed(model, kind):
    images = {"read-only": IMAGES.copy(), "reversed": IMAGES[::-1], "strided": np.repeat(IMAGES, 2, axis=0)[::2]}[kind]
    images.flags.writeable = False
    before = images.copy()
    encoding = encode_images(model, images, 0)
    assert np.array_equal(images, before)
    np.testing.assert_array_equal(encoding.mu, encode_images(model, before, 0).mu)
    assert np.isfinite(iwae_estimate(model, images, k=2, n=5))


def test_an_ordinary_array_is_not_copied():
    images = IMAGES.copy()
    assert as_tensor(images).data_ptr() == images.ctypes.data


def test_bytes_become_floats_from_0_to_1():
    x = to_float(torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16), torch.device("cpu"))
    assert x.dtype == torch.float32 and x.min() == 0 and x.max() == 1
    assert torch.equal(x.mul(255).round().to(torch.uint8).flatten(), torch.arange(256, dtype=torch.uint8))


def test_iwae_is_taken_over_a_random_draw_without_replacement(model, monkeypatch):
    seen = []

    def iwae(model, x, k, generator):
        seen.append(x)
        return torch.full((len(x),), -2.0)

    monkeypatch.setattr(objective, "iwae", iwae)
    images = np.arange(200, dtype=np.uint8)[:, None, None, None].repeat(8, 2).repeat(8, 3)
    assert iwae_estimate(model, images, k=3, n=120) == -2
    assert [len(x) for x in seen] == [50, 50, 20]  # a short last batch counts for its 20
    drawn = (torch.cat(seen)[:, 0, 0, 0] * 255).round().int().tolist()
    assert len(set(drawn)) == 120 and max(drawn) > 150 and drawn != sorted(drawn)
    seen.clear()
    iwae_estimate(model, images, k=3, n=500)
    assert sum(map(len, seen)) == 200  # there are no more


def test_iwae_is_the_same_for_the_same_seed_and_above_the_elbo(model):
    first, again = (iwae_estimate(model, IMAGES, k=50, seed=1) for _ in range(2))
    elbo = np.mean([encode_images(model, IMAGES, seed).elbo.mean() for seed in range(30)])
    assert first == again and first != iwae_estimate(model, IMAGES, k=50, seed=2)
    assert first > elbo
