"""Exhibits with parts: each part fits a projector and a phone, and reads in both themes."""

import pytest

from tests.browser.layout import SIZES, faults
from tests.browser.test_exhibits import window  # noqa: F401
from tests.browser.test_explore_keys import axe  # noqa: F401
from tests.browser.test_pages_axe import serious

PARTS = (
    "reparameterization?part=estimators&f=elbo",
    "reparameterization?part=variance",
    "reparameterization?part=maps",
    "prior?part=sheet",
    "prior?part=holes",
)
PHONE = next(size for size in SIZES if size.width == 390)


@pytest.mark.parametrize("path", PARTS)
def test_a_part_fits_its_window_and_has_no_serious_finding_of_axe(window, path, axe):  # noqa: F811
    for size, theme in ((SIZES[0], "light"), (PHONE, "dark")):
        page = window(size, path, color_scheme=theme)
        page.wait_until(lambda page=page: not page.page.locator(".le-status:visible").filter(has_text="Drawing").count())
        page.settled()
        assert faults(page.page, size) == {}
        assert not serious(page.page, axe)
