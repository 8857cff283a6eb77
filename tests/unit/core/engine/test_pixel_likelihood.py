"""log p(x|z) of a model as arrays: equal to the training loss, in either form, and absent where it is unknown."""

import numpy as np
import pytest
import torch

from explorer.core.config import LIKELIHOODS
from explorer.core.engine.engine import Engine, open_bundle
from tests.helpers import random_bundle
from tests.unit.core.engine.engines import pictures, points
from tests.unit.core.engine.test_evaluation import without_likelihood


@pytest.fixture(scope="module")
def by_likelihood(tmp_path_factory) -> dict[str, Engine]:
    root = tmp_path_factory.mktemp("checkpoints")
    for name in LIKELIHOODS:
        random_bundle(root, name, likelihood=name, image_shape=(3, 16, 12), latent_dim=3)
    return {name: open_bundle(name, root, device="cpu") for name in LIKELIHOODS}


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_it_is_the_negative_reconstruction_loss(by_likelihood, name):
    engine = by_likelihood[name]
    z, x = points(engine, 5), pictures(engine, 1)[0]
    with torch.inference_mode():
        loss = engine.likelihood.recon_loss(torch.from_numpy(z), torch.from_numpy(x).expand(5, *x.shape)).numpy()
    log_prob = engine.likelihood.log_prob(z, x)
    assert engine.likelihood.name == name and log_prob.shape == (5,) and log_prob.dtype == np.float64
    np.testing.assert_allclose(log_prob, -loss, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_it_is_linear_in_the_image(by_likelihood, name):
    likelihood, engine = by_likelihood[name].likelihood, by_likelihood[name]
    z, x = points(engine, 1500), pictures(engine, 1)[0]
    a, b = likelihood.linear_form(z)
    assert a.shape == (1500, x.size) and a.dtype == np.float32 and b.dtype == np.float64
    expected = a.astype(float) @ x.ravel().astype(float) + b + likelihood.log_base(x)
    np.testing.assert_allclose(likelihood.log_prob(z, x), expected, rtol=1e-9, atol=1e-5)


def test_a_researchers_own_model_has_none(by_likelihood):
    assert without_likelihood(by_likelihood["bernoulli"]).likelihood is None
