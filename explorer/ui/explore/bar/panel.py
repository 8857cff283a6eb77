"""The bar: which model is shown, the link, the keys, the presenter view.

Down: `link`, the query that restores the page; the script writes it into the address line by history.replaceState, so that
Back still leaves the page in one step. Up: nothing.
"""

import streamlit as st

from explorer.core.errors import ExplorerError
from explorer.ui import resources
from explorer.ui.state import messages
from explorer.ui.state import session as state
from explorer.ui.widgets.guard import delete_model, guarded
from explorer.ui.wire.component import register

mount = register(__file__, "bar")
NUMBERS = {"test_elbo": "test ELBO {:.1f} nats", "active_units": "{:.0f} active", "trustworthiness": "trust {:.2f}"}


def render(engine, session) -> None:
    for notice in session.take_notices():
        messages.toast(notice)
    mount({"link": session.link()}, "bar")


def choose_model():
    """The engine of the chosen bundle; a bad bundle gets its sentence and hides none of the others."""
    try:
        own = resources.own_model()
    except ExplorerError as error:
        messages.error(str(error))
        own = None
    infos = resources.bundles()
    good = {info.name: info for info in infos if info.error is None}
    for info in infos:
        if info.error:
            messages.warning(info.error)
    live = resources.live_runs()
    names = ([own.name] if own else []) + list(good) + live
    _landed(good, live)
    if not names:
        messages.error("There is no model on this machine. Train one: python -m explorer.train --dataset digits --name digits")
        return None
    linked = state.linked_bundle()
    if linked is not None and linked.startswith(resources.RUN_PREFIX) and linked not in names:
        linked = resources.run_bundle(linked) or linked.removeprefix(resources.RUN_PREFIX)
    if linked is not None and linked not in names and state.current() is None:
        messages.warning(f"The link's model '{linked}' is not on this machine; this is '{names[0]}'.")
    if state.current() is not None:  # back from another page
        linked = state.current().bundle
    start = names.index(linked) if linked in names else 0
    name = st.selectbox(
        "Model", names, start, format_func=lambda n: _title(n, good.get(n)), key="bundle", label_visibility="collapsed"
    )
    with st.popover("Models", key="models", on_change="rerun") as popover:
        if popover.open:
            _cards(good, name)
    if name in live:
        made = resources.run_engine(name)
        st.badge(f"training, epoch {made.metrics['epoch']}", color="primary")
        return made
    return own if own and name == own.name else resources.engine(name, good[name].stamp)


def _landed(good: dict, live: list[str]) -> None:
    """A run that was looked at and is over: its bundle takes its place."""
    shown = state.current().bundle if state.current() is not None else ""
    if shown.startswith(resources.RUN_PREFIX) and shown not in live and (bundle := resources.run_bundle(shown)) in good:
        state.preset("bundle", bundle)


def _title(name: str, info) -> str:
    if name.startswith(resources.RUN_PREFIX):
        return f"{name.removeprefix(resources.RUN_PREFIX)}, in training"
    if info is None:
        return f"{name}, your own model"
    return f"{name} · {info.origin.title or info.origin.dataset}, D = {info.config.latent_dim}"


def _cards(good: dict, chosen: str) -> None:
    """Every bundle with its picture, its numbers and where its data comes from."""
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
