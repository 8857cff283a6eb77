"""The panels of /reparameterization and /prior for models that they do not fit, or fit in part."""

from types import SimpleNamespace

import numpy as np
import pytest

from explorer import open_bundle
from explorer.core.paths import SHIPPED_DIR
from explorer.core.theory import prior as theory
from explorer.ui.exhibits.prior import measured
from explorer.ui.exhibits.prior import panel as prior
from explorer.ui.exhibits.reparameterization import estimates
from explorer.ui.exhibits.reparameterization import panel as reparameterization
from explorer.ui.state.exhibit import ExhibitState


def state_of(panel, **values) -> ExhibitState:
    state = ExhibitState(panel.EXHIBIT.path, panel.EXHIBIT.settings, len(panel.EXHIBIT.predictions))
    state.read({name: str(value) for name, value in values.items()})
    assert not state.notices
    return state


@pytest.fixture(scope="module")
def digits():
    return open_bundle("digits", SHIPPED_DIR, device="cpu")


@pytest.mark.parametrize("panel", [prior, reparameterization])
def test_a_model_with_one_dimension_is_refused_in_a_sentence(panel, digits):
    assert "one latent dimension" in panel.EXHIBIT.misfit(SimpleNamespace(latent_dim=1, has_gallery=True))
    assert panel.EXHIBIT.misfit(digits) is None


def test_a_model_without_encoded_images_has_no_aggregate_posterior():
    assert "no encoded images" in prior.EXHIBIT.misfit(SimpleNamespace(latent_dim=2, has_gallery=False))


def test_without_a_likelihood_the_toys_still_work():
    engine = SimpleNamespace(likelihood=None)
    header, curves = estimates.packet(engine, state_of(reparameterization, f="elbo"), np.zeros((1, 8, 8)), None)
    assert "likelihood of this model is unknown" in header["status"] and not curves["edges"].size
    header, curves = estimates.packet(engine, state_of(reparameterization, f="step"), np.zeros((1, 8, 8)), None)
    assert header["true"] == pytest.approx(0.3989, abs=1e-4) and header["ratios"] == [None] * 3


def test_a_hole_that_the_model_does_not_have_is_the_chosen_point(digits):
    found = measured.measure(digits)
    assert 0 < len(found.holes.centres) < 8
    header, _ = prior._content(digits, state_of(prior, hole=8, z1=0, z2=0), found)
    assert header["spot_support"] == pytest.approx(float(digits.place(np.zeros((1, 8), np.float32))[1][0]))
    header, _ = prior._content(digits, state_of(prior, hole=1), found)
    assert header["spot_support"] < theory.HOLE_SUPPORT
