"""Autoencoder, VAE and beta-VAE, trained from the same seeds: what the weight of the KL does to the latent space."""

import numpy as np
import pytest

from explorer.core.config import ModelConfig, TrainConfig
from explorer.core.data import catalog
from explorer.core.theory.autoencoders import LatentSummary, summarize
from explorer.core.training.loop import fit
from explorer.core.training.state import begin
from explorer.core.vae.encoding import Encoding, encode_images
from tests.helpers import torch_threads

AUTOENCODER, VAE, BETA_VAE, COLLAPSED = 0.0, 1.0, 2.0, 8.0
SEEDS = range(3)
LATENT_DIM = 4


def trained(beta: float, seed: int) -> LatentSummary:
    """Twenty epochs on the 8 x 8 digits: a third of a second on one core."""
    train, test = (catalog.load("digits", split).images for split in ("train", "test"))
    run = {"epochs": 20, "batch_size": 64, "lr": 1e-2, "precision": "fp32", "device": "cpu"}
    state = begin(ModelConfig((1, 8, 8), LATENT_DIM, "mlp", widths=(64,)), TrainConfig("digits", beta=beta, seed=seed, **run))
    for _ in fit(state, train, test):
        pass
    return summarize(encode_images(state.model, test, seed=0))


@pytest.fixture(scope="module")
def summaries() -> dict[tuple[float, int], LatentSummary]:
    with torch_threads(1):
        return {(beta, seed): trained(beta, seed) for seed in SEEDS for beta in (AUTOENCODER, VAE, BETA_VAE)}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weight_of_the_kl_orders_the_three(summaries, seed):
    autoencoder, vae, beta_vae = (summaries[beta, seed] for beta in (AUTOENCODER, VAE, BETA_VAE))
    assert autoencoder.recon_loss < vae.recon_loss < beta_vae.recon_loss
    assert autoencoder.kl > vae.kl > beta_vae.kl
    assert autoencoder.active_units >= vae.active_units > beta_vae.active_units
    assert np.median(autoencoder.relative_width) < np.median(vae.relative_width) < np.median(beta_vae.relative_width)
    assert autoencoder.holes.share > 0.9 > 0.1 > vae.holes.share >= beta_vae.holes.share
    assert vae.elbo > max(autoencoder.elbo, beta_vae.elbo)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_the_kl_the_variances_collapse(summaries, seed):
    assert summaries[AUTOENCODER, seed].n_point_dims == LATENT_DIM and summaries[AUTOENCODER, seed].n_prior_dims == 0
    assert summaries[VAE, seed].n_point_dims == summaries[VAE, seed].n_prior_dims == 0


def test_with_too_much_of_it_the_posteriors_collapse(one_thread):
    collapsed = trained(COLLAPSED, seed=0)
    assert collapsed.n_prior_dims == LATENT_DIM and collapsed.active_units == collapsed.n_point_dims == 0
    assert collapsed.kl < 0.04 and collapsed.holes.share < 0.01


def test_a_summary_by_hand():
    mu = np.array([[1.0, 0.0], [-1, 0]], np.float32)
    logvar = np.log(np.array([[0.0004, 1.0], [0.0004, 1]], np.float32))
    found = summarize(Encoding(mu, logvar, np.array([3.0, 5.0], np.float32)), n_draws=500)
    kl = 0.5 * (1 + 0.0004 - 1 - np.log(0.0004))
    assert found.recon_loss == 4 and found.kl_per_dim == pytest.approx([kl, 0], abs=1e-6)
    assert found.elbo == pytest.approx(-4 - kl, rel=1e-6)
    assert found.active_units == found.n_point_dims == found.n_prior_dims == 1
    assert found.relative_width[0] == pytest.approx(0.02) and found.relative_width[1] > 1e6
    assert found.holes.share > 0.5
