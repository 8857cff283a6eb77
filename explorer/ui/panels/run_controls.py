"""The hand on a run: pause, one epoch, stop, go on, delete; beta and the learning rate while it trains."""

import numpy as np
import streamlit as st

from explorer import figures
from explorer.core import runs
from explorer.core.run_folder import read_control
from explorer.ui import state
from explorer.ui.resources import ExplorerError

BETAS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 50.0)
SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)
TILE_PX, FRAME_MS = 48, 180  # of the GIF


def head(run, film, training) -> bool:
    """What can be done with a run at any time. True when its model shall be opened in Explore."""
    opened = st.button("Open in Explore", key="run-open", disabled=run.bundle is None)
    st.download_button("GIF", lambda: _gif(film), f"{run.name}.gif", "image/gif", key="run-gif", on_click="ignore",
                       disabled=len(film) < 2, help="Reconstructions and samples, epoch by epoch")  # fmt: skip
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
        if run.order is not None:
            start = control.beta if control.beta is not None else run.order.train.get("beta", 1.0)
            _dial("β", f"beta-{run.name}", BETAS, start, trains, run, training, "beta")
            _dial("learning rate ×", f"lr-{run.name}", SCALES, control.lr_scale, trains, run, training, "lr_scale")
    if training.said:
        st.error(training.said)


def _gif(film) -> bytes:
    pictures = []
    for frame in film:
        sheets = [figures.sheet(figures.enlarge(part, TILE_PX), 8) for part in (frame.reconstructions, frame.samples)]
        pictures.append(np.concatenate([sheets[0], np.zeros_like(sheets[0][:, : TILE_PX // 4]), sheets[1]], axis=1))
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


def _dial(label: str, key: str, values: tuple, now: float, enabled: bool, run, training, name: str) -> None:
    options = sorted({*values, float(now)})

    def turn() -> None:
        _said(training, lambda: runs.steer(run.name, **{name: float(state.widget(key))}))

    st.select_slider(label, options, float(now), format_func=lambda v: f"{v:g}", key=key, disabled=not enabled,
                     on_change=turn, width=140)  # fmt: skip
