"""The hand on a run: pause, one epoch, stop, go on, delete; beta and the learning rate while it trains."""

import numpy as np
import streamlit as st

from explorer import figures
from explorer.core import run_umap, runs, twins
from explorer.core.run_folder import read_control
from explorer.ui import state
from explorer.ui.resources import ExplorerError

BETAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 50.0)
SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
WIDE_PX, NARROW_PX = 140, 116  # of a dial: with three twins four stand beside the buttons
TILE_PX, FRAME_MS = 48, 180  # of the GIF


def head(run, films: list, training) -> str | None:
    """What can be done with a run at any time. The bundle that shall be opened in Explore, if one was asked for."""
    opened = _open(run)
    st.download_button("GIF", lambda: _gif(films), f"{run.name}.gif", "image/gif", key="run-gif", on_click="ignore",
                       disabled=min(map(len, films)) < 2, help="Reconstructions and samples, epoch by epoch")  # fmt: skip
    _button("Delete", "run-delete", training, not run.is_live, lambda: _delete(run, training))
    return opened


def render(run, training) -> None:
    """The hand on a run that trains."""
    control = read_control(run.folder)
    trains = run.status in ("training", "paused")
    with st.container(key="run_controls", horizontal=True, vertical_alignment="bottom"):
        paused = run.status == "paused" or control.pause
        _button("Go on" if paused else "Pause", "run-pause", training, trains,
                lambda: runs.steer(run.name, pause=not paused, step_to=None))  # fmt: skip
        _button("One epoch", "run-step", training, trains,
                lambda: runs.steer(run.name, pause=False, step_to=run.epoch + 1))  # fmt: skip
        _button("Stop", "run-stop", training, run.is_live and run.status != "mapping", lambda: runs.stop(run.name))
        _button("Stop and keep", "run-keep", training, trains and run.step > 0, lambda: runs.stop(run.name, keep=True))
        _button("Resume", "run-resume", training, run.status in ("stopped", "failed", "lost"), lambda: runs.resume(run.name))
        width = WIDE_PX if not run.twins else NARROW_PX
        models = [model for model in run.twins or (run,) if model.order is not None]
        for model in models:
            own = read_control(model.folder)
            start = own.beta if own.beta is not None else model.order.train.get("beta", 1.0)
            of = f", {twins.shown(model.folder.name)}" if run.twins else ""
            _dial(f"β{of}", f"beta-{model.name}", BETAS, start, trains, [model], training, "beta", width)
        if models:
            scale = read_control(models[0].folder).lr_scale
            _dial("learning rate ×", f"lr-{run.name}", SCALES, scale, trains, models, training, "lr_scale", width)
        _map(run, training)
    if training.said:
        st.error(training.said)


def _map(run, training) -> None:
    """A UMAP of the epochs of a run that is over: begun, watched, cancelled."""
    models = [model for model in run.twins or (run,) if model.order and model.order.model.get("latent_dim", 16) > 2]
    if run.status not in ("done", "stopped") or not models:
        return
    states = [run_umap.look(model.folder) for model in models]
    making = [state for state in states if state.status == "making"]
    if making:
        _button(f"Cancel the UMAP, {min(state.share for state in making):.0%} done", "run-map-cancel", training, True,
                lambda: [run_umap.cancel(model.name) for model in models])  # fmt: skip
        return
    missing = [model for model, state in zip(models, states) if state.status != "ready"]
    if missing:
        _button("UMAP of the epochs", "run-map", training, True, lambda: [run_umap.start(model.name) for model in missing])
    if said := [state.sentence for state in states if state.status == "failed"]:
        st.caption(said[0])


def _open(run) -> str | None:
    if not run.twins:
        return run.bundle if st.button("Open in Explore", key="run-open", disabled=run.bundle is None) else None
    with st.popover("Open in Explore", disabled=not any(twin.bundle for twin in run.twins)):
        for twin in run.twins:
            if st.button(twins.shown(twin.folder.name), key=f"run-open-{twin.name}", disabled=not twin.bundle):
                return twin.bundle
    return None


def _gif(films: list) -> bytes:
    """Twins side by side, the epochs that all of them have."""
    common = sorted(set.intersection(*({frame.epoch for frame in film} for film in films)))
    pictures = []
    for frames in zip(*([frame for frame in film if frame.epoch in common] for film in films)):
        parts = [part for frame in frames for part in (frame.reconstructions, frame.samples)]
        sheets = [figures.sheet(figures.enlarge(part, TILE_PX if len(films) == 1 else TILE_PX // 2), 8) for part in parts]
        gap = np.zeros_like(sheets[0][:, : TILE_PX // 4])
        pictures.append(np.concatenate([piece for sheet in sheets for piece in (sheet, gap)][:-1], axis=1))
    return figures.gif([*pictures, *pictures[-1:] * 6], FRAME_MS)  # it rests on the last


def _delete(run, training) -> None:
    runs.delete(run.name)
    training.watch(None)


def _button(text: str, key: str, training, enabled: bool, act) -> None:
    st.button(text, key=key, disabled=not enabled, on_click=_said, args=(training, act))


def _said(training, act) -> None:
    """Do it; what goes wrong becomes the sentence under the buttons."""
    training.said = ""
    try:
        act()
    except ExplorerError as error:
        training.said = str(error)


def _dial(label: str, key: str, values: tuple, now: float, enabled: bool, models: list, training, name: str,
          width: int) -> None:  # fmt: skip
    options = sorted({*values, float(now)})

    def turn() -> None:
        _said(training, lambda: [runs.steer(model.name, **{name: float(state.widget(key))}) for model in models])

    st.select_slider(label, options, float(now), format_func=lambda v: f"{v:g}", key=key, disabled=not enabled,
                     on_change=turn, width=width)  # fmt: skip
