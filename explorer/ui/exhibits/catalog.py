"""The exhibits in the order in which they are shown. Their panels are imported when they are needed, not at the start."""

from functools import cache, partial
from importlib import import_module
from types import ModuleType

from explorer.ui.exhibits.exhibit import Exhibit
from explorer.ui.exhibits.page import exhibit_page
from explorer.ui.widgets import nav

TITLES = {  # by path
    "loss-terms": "The terms of the loss",
    "lower-bound": "The lower bound",
    "derivation": "The derivation",
    "reparameterization": "Reparameterization",
    "prior": "The prior",
    "likelihood": "The likelihood",
    "autoencoders": "Autoencoder, VAE, beta-VAE",
    "factors": "Factors",
    "practicum": "The practicum",
}


@cache
def panel(path: str) -> ModuleType:
    """The panel module of an exhibit."""
    return import_module(f"explorer.ui.exhibits.{path.replace('-', '_')}.panel")


def panels() -> list[ModuleType]:
    return [panel(path) for path in TITLES]


def exhibits() -> list[Exhibit]:
    return [panel(path).EXHIBIT for path in TITLES]


@cache
def pages() -> list:
    """Their pages, for st.navigation."""
    paths = [None, *TITLES, None]
    return [
        nav.sub_page(path, title, exhibit_page(partial(panel, path), paths[i], paths[i + 2]))
        for i, (path, title) in enumerate(TITLES.items())
    ]
