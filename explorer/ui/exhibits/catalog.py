"""The exhibits in the order in which they are shown."""

from functools import cache

from explorer.ui.exhibits.autoencoders import panel as autoencoders
from explorer.ui.exhibits.derivation import panel as derivation
from explorer.ui.exhibits.factors import panel as factors
from explorer.ui.exhibits.likelihood import panel as likelihood
from explorer.ui.exhibits.loss_terms import panel as loss_terms
from explorer.ui.exhibits.lower_bound import panel as lower_bound
from explorer.ui.exhibits.page import exhibit_page
from explorer.ui.exhibits.practicum import panel as practicum
from explorer.ui.exhibits.prior import panel as prior
from explorer.ui.exhibits.reparameterization import panel as reparameterization
from explorer.ui.widgets import nav

PANELS = (
    loss_terms,
    lower_bound,
    derivation,
    reparameterization,
    prior,
    likelihood,
    autoencoders,
    factors,
    practicum,
)
EXHIBITS = tuple(panel.EXHIBIT for panel in PANELS)


@cache
def pages() -> list:
    """Their pages, for st.navigation."""
    paths = [None, *(exhibit.path for exhibit in EXHIBITS), None]
    return [
        nav.sub_page(panel.EXHIBIT.path, panel.EXHIBIT.title, exhibit_page(panel, paths[i], paths[i + 2]))
        for i, panel in enumerate(PANELS)
    ]
