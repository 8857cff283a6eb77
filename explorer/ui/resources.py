"""What all visitors share: the bundles on this machine and a bounded number of open engines. Owns st.cache_*."""

import gc
import os
from collections.abc import Sequence

import streamlit as st

from explorer import ExplorerError, list_bundles, open_bundle, open_model

SHIPPED = ("mnist", "mnist-2d", "fashion", "sprites", "digits")  # in the order of the lecture; the first one opens
N_ENGINES = 6  # some 10 MB each


def bundles() -> Sequence:
    """BundleInfo of every bundle, the shipped first. Reads small files only, so it is made anew at each run."""
    place = {name: i for i, name in enumerate(SHIPPED)}
    return sorted(list_bundles(), key=lambda info: (place.get(info.name, len(place)), info.name))


def engine(name: str, stamp: str):
    """The shared Engine of a bundle as it is on disk: `stamp` changes with its files. Raises ExplorerError, never cached."""
    return _engine(name, stamp)


def own_model():
    """The Engine of EXPLORER_MODEL, or None where it is not set. Raises ExplorerError for one that does not work."""
    spec = os.environ.get("EXPLORER_MODEL")
    return _own_model(spec) if spec else None


@st.cache_resource(max_entries=N_ENGINES, show_spinner="Opening the model")
def _engine(name: str, stamp: str):
    made = open_bundle(name)
    _freeze()
    return made


@st.cache_resource(max_entries=1, show_spinner="Opening your model")
def _own_model(spec: str):
    return open_model(spec)


@st.cache_resource
def _freeze() -> None:
    """Once, after the imports: what torch brought along is never searched for garbage again (160 ms a time)."""
    gc.collect()
    gc.freeze()


__all__ = ["ExplorerError", "bundles", "engine", "own_model"]
