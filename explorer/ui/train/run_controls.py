"""The settings of a run in one line, its controls (pause, one epoch, stop, resume, delete), and beta and the learning rate."""

from dataclasses import dataclass
from html import escape

import streamlit as st

from explorer.core.runs import commands as runs
from explorer.core.runs import epoch_maps
from explorer.core.runs.folder import read_control
from explorer.slides import films as slides
from explorer.ui import resources
from explorer.ui.state import messages, widgets
from explorer.ui.state.training import form_of
from explorer.ui.train.run_view.facts import twin_title
from explorer.ui.train.settings import summary

AREA = "run"  # the area of the messages
BETAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 50.0)
LR_SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
WIDE_PX, NARROW_PX = 140, 116  # width of a slider; narrow with twins: four sliders must fit beside the buttons


@dataclass(frozen=True)
class RunControls:
    """Everything that the controls of a run show. They are drawn again only when it has changed."""

    runs: tuple[str, ...]  # names of all runs
    name: str
    settings: str  # in one line
    status: str
    is_live: bool
    is_paused: bool
    has_begun: bool
    has_film: bool
    bundles: tuple[tuple[str, str | None], ...]  # (title, bundle) of the run, or of each twin
    models: tuple[tuple[str, float], ...]  # (name, beta) of the run, or of each twin
    lr_scale: float
    maps: tuple[tuple[str, str], ...]  # (model, status) of the UMAPs of the epochs
    map_progress: str  # of the slowest of them, in percent; "": none is being computed
    map_error: str  # why one failed
    more_s: int  # seconds that are offered on top of a used budget; 0: none

    @property
    def is_training(self) -> bool:
        return self.status in ("training", "paused")


def controls_of(names: list[str], run, views: list[tuple]) -> RunControls:
    """What the controls of a run show. `names`: of all runs; `views`: (model, events, frames) of the run or of each twin."""
    control = read_control(run.folder)
    models = [model for model in run.twins or (run,) if model.spec is not None]
    own_controls = [read_control(model.folder) for model in models]
    betas = [own.beta for own in own_controls]
    started = [model.spec.train.get("beta", 1.0) for model in models]
    betas = [first if beta is None else beta for first, beta in zip(started, betas)]
    titles = {model.name: twin_title(model.folder.name, *pair) for model, *pair in zip(models, started, betas) if run.twins}
    has_ended = run.status in ("done", "stopped")
    maps = {
        model.name: epoch_maps.look(model.folder)
        for model in models
        if has_ended and model.spec.model.get("latent_dim", 16) > 2
    }
    shares = [umap.share for umap in maps.values() if umap.status == "making"]
    return RunControls(
        tuple(names),
        run.name,
        summary(form_of(run)) if run.spec else "",
        run.status,
        run.is_live,
        run.status == "paused" or control.pause,
        run.step > 0,
        min(len(film) for _, _, film in views) >= 2,
        tuple((titles.get(model.name, model.name), model.bundle) for model in run.twins or (run,)),
        tuple((model.name, float(beta)) for model, beta in zip(models, betas)),
        own_controls[0].lr_scale if own_controls else 1.0,
        tuple((name, umap.status) for name, umap in maps.items()),
        f"{min(shares):.0%}" if shares else "",
        next((umap.sentence for umap in maps.values() if umap.status == "failed"), ""),
        run.more_s,
    )


def render(controls: RunControls, training) -> str | None:
    """Draws the controls. Returns the bundle whose Open in Explore was pressed in this run of the page."""
    opened = _header(controls, training)
    with st.container(key="run_controls", horizontal=True, vertical_alignment="center"):
        _commands(controls)
        _sliders(controls)
    with st.container(key="run_message"):
        messages.show(AREA)
        if controls.map_error:
            messages.error(controls.map_error)
    return opened


def _header(controls: RunControls, training) -> str | None:
    """The settings in one line; Open, UMAP, Film, Delete and the selector of the run. Returns the bundle that was opened."""
    with st.container(key="run_head", horizontal=True, vertical_alignment="center"):
        st.html(f"<p class='le-settings'>{escape(controls.settings)}</p>", width="content")
        st.button("Change", key="run-change", on_click=_change, args=(controls.name, training))
        st.space("stretch")
        opened = _open(controls)
        _map(controls)
        _film(controls)
        _button("Delete", "run-delete", not controls.is_live, lambda: delete(controls.name, training))
        version, key = training.version, f"watched-{training.version}"
        st.selectbox(
            "run",
            controls.runs,
            controls.runs.index(controls.name),
            key=key,
            label_visibility="collapsed",
            width=200,
            on_change=lambda: version == training.version and training.watch(widgets.widget(key)),
        )
    return opened


def _change(name: str, training) -> None:
    """Opens the form with the settings of the run."""
    messages.attempt(AREA, lambda: training.edit(form_of(resources.run(name))))


def _commands(controls: RunControls) -> None:
    """Four buttons, whatever the status: what does not apply is disabled, so that nothing moves."""
    is_training = controls.is_training
    if controls.more_s:
        _button(f"Train for {controls.more_s} s more", "run-more", True, lambda: runs.extend(controls.name, controls.more_s))
    elif controls.status in ("stopped", "failed", "lost"):
        _button("Resume", "run-resume", True, lambda: runs.resume(controls.name))
    else:
        _button(
            "Resume" if controls.is_paused else "Pause",
            "run-pause",
            is_training,
            lambda: runs.steer(controls.name, pause=not controls.is_paused, step_to=None),
        )
    _button(
        "One epoch",
        "run-step",
        is_training,
        lambda: runs.steer(controls.name, pause=False, step_to=resources.run(controls.name).epoch + 1),
    )
    _button("Stop", "run-stop", controls.is_live and controls.status != "mapping", lambda: runs.stop(controls.name))
    _button("Stop and keep", "run-keep", is_training and controls.has_begun, lambda: runs.stop(controls.name, keep=True))


def _sliders(controls: RunControls) -> None:
    """The sliders: β of each model, and the learning rate of all."""
    width = WIDE_PX if len(controls.bundles) == 1 else NARROW_PX
    names = [name for name, _ in controls.models]
    for i, (name, beta) in enumerate(controls.models, 1):
        label = f"β of twin {i}" if len(names) > 1 else "β"
        _slider(label, f"beta-{name}", BETAS, beta, controls.is_training, [name], "beta", width)
    if names:
        _slider(
            "learning rate ×",
            f"lr-{controls.name}",
            LR_SCALES,
            controls.lr_scale,
            controls.is_training,
            names,
            "lr_scale",
            width,
        )


def _map(controls: RunControls) -> None:
    """The button that starts or cancels the UMAP of the epochs of a run that has ended."""
    missing = [name for name, status in controls.maps if status != "ready"]
    if controls.map_progress:
        _button(
            f"Cancel UMAP, {controls.map_progress}",
            "run-map-cancel",
            True,
            lambda: [epoch_maps.cancel(name) for name, _ in controls.maps],
        )
        return
    _button("UMAP of the epochs", "run-map", bool(missing), lambda: [epoch_maps.start(name) for name in missing])


def _open(controls: RunControls) -> str | None:
    """Open in Explore; for twins, a popover with a button for each."""
    if len(controls.bundles) == 1:
        ((_, bundle),) = controls.bundles
        return bundle if st.button("Open in Explore", key="run-open", disabled=bundle is None) else None
    with st.popover("Open in Explore", disabled=not any(bundle for _, bundle in controls.bundles)):
        for title, bundle in controls.bundles:
            if st.button(title, key=f"run-open-{title}", disabled=not bundle):
                return bundle
    return None


def _film(controls: RunControls) -> None:
    """The film of the epochs of the run, or of each twin, as MP4 and GIF of 1920 x 1080."""
    with st.popover("Film", key="run-film", disabled=not controls.has_film):
        for (title, _), (model, _) in zip(controls.bundles, controls.models):
            for kind, make in (("MP4", slides.epoch_mp4), ("GIF", slides.epoch_gif)):
                st.download_button(
                    f"{title} {kind}",
                    lambda model=model, title=title, make=make: make(title, *resources.watch(model)),
                    f"{model.replace('/', '-')}.{kind.lower()}",
                    {"MP4": "video/mp4", "GIF": "image/gif"}[kind],
                    key=f"film-{model}-{kind}",
                    on_click="ignore",
                    width="stretch",
                )


def delete(name: str, training) -> None:
    """Deletes the watched run."""
    runs.delete(name)
    training.watch(None)


def _button(text: str, key: str, enabled: bool, action) -> None:
    st.button(text, key=key, disabled=not enabled, on_click=messages.attempt, args=(AREA, action))


def _slider(label: str, key: str, values: tuple, value: float, enabled: bool, models: list[str], name: str, width: int) -> None:
    options = sorted({*values, value})

    def send() -> None:
        messages.attempt(AREA, lambda: [runs.steer(model, **{name: float(widgets.widget(key))}) for model in models])

    st.select_slider(
        label, options, value, format_func=lambda v: f"{v:g}", key=key, disabled=not enabled, on_change=send, width=width
    )
