"""The bar at the top of Explore: model selector, link, keyboard help, presenter view.

The script writes the link to the address bar with history.replaceState, so that Back still leaves the page in one step. It
sends no requests.
"""

from typing import TypedDict

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.ui import resources
from explorer.ui.state import messages, widgets
from explorer.ui.state import session as state
from explorer.ui.widgets.guard import delete_model, guarded
from explorer.ui.widgets.rows import plain
from explorer.ui.wire.component import register

mount = register(__file__, "bar")
NUMBERS = {"test_elbo": "test ELBO {:.1f} nats", "active_units": "{:.0f} active", "trustworthiness": "trust {:.2f}"}


class Header(TypedDict):
    link: str  # query that restores the page


def render(engine, session) -> None:
    for notice in session.take_notices():
        messages.toast(plain(notice))
    header: Header = {"link": session.link()}
    mount(header, "bar")


def choose_model():
    """Draws the model selector. A toast reports each damaged bundle, and a model in the link that is not on this machine.

    Returns (the chosen engine, or None if there is no model; whether the plain address opens it).
    """
    try:
        own = resources.own_model()
    except ExplorerError as error:
        messages.toast_once(str(error), stays=True)
        own = None
    infos = resources.bundles()
    good = {info.name: info for info in infos if info.error is None}
    for info in infos:
        if info.error:
            messages.toast_once(info.error)
    live = resources.live_runs()
    names = ([own.name] if own else []) + list(good) + live
    _replace_finished_run(good, live)
    if not names:
        messages.error("There is no model on this machine. Train one: python -m explorer.train --dataset digits --name digits")
        return None, False
    arriving = state.arriving_query()
    linked = state.linked_bundle() if arriving is None else arriving.get("model")
    if linked is not None and linked.startswith(resources.RUN_PREFIX) and linked not in names:
        linked = resources.run_bundle(linked) or linked.removeprefix(resources.RUN_PREFIX)
    if linked is not None and linked not in names and (state.current() is None or arriving is not None):
        messages.toast(f"The link's model '{plain(linked)}' is not on this machine; this is '{names[0]}'.")
    if arriving is None and state.current() is not None:  # returning from another page
        linked = state.current().bundle
    index = names.index(linked) if linked in names else 0
    if arriving is not None:
        widgets.preset("bundle", names[index])
        index = 0  # a widget whose value is set has no other default
    name = st.selectbox(
        "Model", names, index, format_func=lambda n: _title(n, good.get(n)), key="bundle", label_visibility="collapsed"
    )
    with st.popover("Models", key="models", on_change="rerun") as popover:
        if popover.open:
            _cards(good, name)
    if name in live:
        engine = resources.run_engine(name)
        st.badge(f"training, epoch {engine.metrics['epoch']}", color="primary")
        return engine, name == names[0]
    return own if own and name == own.name else resources.engine(name, good[name].stamp), name == names[0]


def _replace_finished_run(good: dict, live: list[str]) -> None:
    """Selects the bundle of the run that was shown, once the run has finished."""
    shown = state.current().bundle if state.current() is not None else ""
    if shown.startswith(resources.RUN_PREFIX) and shown not in live and (bundle := resources.run_bundle(shown)) in good:
        widgets.preset("bundle", bundle)


def _title(name: str, info) -> str:
    if name.startswith(resources.RUN_PREFIX):
        return f"{name.removeprefix(resources.RUN_PREFIX)}, in training"
    if info is None:
        return f"{name}, your own model"
    return f"{name} · {info.origin.title or info.origin.dataset}, D = {info.config.latent_dim}"


def _cards(good: dict, chosen: str) -> None:
    """Draws a card for every bundle: picture, numbers and origin of the data."""
    for name, info in good.items():
        with guarded(name, f"card-{name}", delete_model(name)):
            _card(name, info, chosen)


def _card(name: str, info, chosen: str) -> None:
    picture, words, button = st.columns([3, 6, 2], vertical_alignment="center")
    picture.image(resources.samples_png(name, info.stamp))
    numbers = [f"D = {info.config.latent_dim}, {info.config.arch}, {info.config.likelihood}"]
    for key, form in NUMBERS.items():
        if isinstance(info.metrics.get(key), int | float):
            numbers.append(form.format(info.metrics[key]))
    origin = info.origin
    source = " · ".join(part for part in (origin.title or origin.dataset, origin.origin, origin.licence) if part)
    words.markdown(f"**{name}**  \n{', '.join(numbers)}  \n:small[{source}]")
    button.button("open", key=f"open-{name}", disabled=name == chosen, on_click=state.choose_bundle, args=(name,))
