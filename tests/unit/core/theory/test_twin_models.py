"""The models of a recorded run, opened and compared."""

import numpy as np
import pytest

from explorer.core.errors import BundleError
from explorer.core.runs import exhibit_plans, exhibit_runs
from explorer.core.theory.twin_models import open_twin


@pytest.fixture(scope="module")
def twins():
    run = exhibit_runs.recorded(exhibit_plans.autoencoders())
    return {twin.folder.name: open_twin(twin.folder) for twin in run.twins}


def test_only_the_weight_of_the_kl_differs_and_it_orders_them(twins):
    recon, kl = ([getattr(twin.summary, name) for twin in twins.values()] for name in ("recon_loss", "kl"))
    assert list(twins) == ["autoencoder", "vae", "beta-vae"]
    assert recon == sorted(recon) and kl == sorted(kl, reverse=True)
    assert twins["autoencoder"].summary.n_point_dims == 8 and twins["vae"].summary.n_point_dims == 0


def test_an_interpolation_begins_and_ends_at_the_reconstructions(twins):
    vae = twins["vae"]
    film = vae.interpolation(3, 7, 5)
    assert film.shape == (5, 1, 8, 8) and film.dtype == np.uint8
    np.testing.assert_array_equal(film[[0, -1]], vae.decode(vae.mu[[3, 7]]))


def test_a_folder_without_a_state_is_refused(tmp_path):
    with pytest.raises(BundleError):
        open_twin(tmp_path / "missing")
