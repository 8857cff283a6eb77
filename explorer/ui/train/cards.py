"""The three cards above Start: digits, MNIST, and the visitor's own images."""

import base64
from pathlib import Path

import streamlit as st

from explorer.core.data import catalog, image_folder, zip_upload
from explorer.ui import resources
from explorer.ui.state import messages, widgets
from explorer.ui.state.training import Training
from explorer.ui.widgets import rows

AREA = "images"  # the area of the messages about an upload
UPLOAD_FITS = ("crop", "pad")
SUGGESTIONS = {"digits": ("Digits in 15 s", 15), "mnist": ("MNIST in 60 s", 60)}


def render(training: Training, sets: dict) -> None:
    """`sets`: the DatasetInfo of each data set, by name."""
    chosen = widgets.widget("f-dataset")
    with st.container(key="cards"):
        for name, (label, seconds) in SUGGESTIONS.items():
            info = sets[name]
            with st.container(key=f"card-{name}"):
                _picture(name, info.title)
                st.button(
                    label,
                    key=f"choose-{name}",
                    type="secondary",
                    icon=":material/check:" if name == chosen else None,
                    width="stretch",
                    on_click=_choose,
                    args=(name, seconds),
                )
                st.caption(_described(info))
        with st.container(key="card-own"):
            _upload(training)


def _described(info) -> str:
    _, height, width = info.shape
    size = f"{info.n_train:,} images of {height} × {width}"
    return size if info.present else f"{size}; a download of {info.download_mb:.0f} MB"


def _picture(name: str, title: str) -> None:
    """What the shipped model draws; an empty box of the same size until it is there."""
    png = resources.card_picture(name)
    source = base64.b64encode(png).decode() if png else ""
    image = f"<img alt='{title}: drawn by a trained model' src='data:image/png;base64,{source}'>" if png else ""
    st.html(f"<div class='le-card-picture'>{image}</div>")


def _choose(name: str, seconds: int) -> None:
    widgets.preset("f-dataset", name)
    widgets.preset("f-length", "seconds")
    widgets.preset("f-seconds", seconds)


def _upload(training: Training) -> None:
    """The form that adds a zip of images to the data sets of this machine."""
    with st.form("f-images", clear_on_submit=True, border=False):
        st.file_uploader("Your images", "zip", key="f-zip", max_upload_size=500)
        st.segmented_control(
            "Images that are not square",
            UPLOAD_FITS,
            default="crop",
            required=True,
            format_func=lambda fit: f"{fit.capitalize()} to a square",
            label_visibility="collapsed",
            key="f-fit",
            width="stretch",
        )
        st.form_submit_button("Add your images", key="f-add", type="primary", width="stretch", on_click=_add, args=(training,))
    st.caption("A zip of images, at most 500 MB; its folders are the classes")
    with st.container(key="upload_message"):
        messages.show(AREA)


def _add(training: Training) -> None:
    """Unpacks the zip. In a callback, because another input at the same time would interrupt the script before the end."""
    uploaded = widgets.widget("f-zip")
    if uploaded is None:
        hint = "Choose one of at most 500 MB; train on a larger set with --dataset folder:PATH."
        messages.post(AREA, f"No zip was uploaded. {hint}")
        return

    name, fit = uploaded.name.rpartition(".")[0], widgets.widget("f-fit")

    def unpack() -> None:
        folder = zip_upload.unpack(uploaded, name, fit=fit)
        training.choose_upload(catalog.upload_name(folder))
        messages.post(AREA, f"{rows.plain(_summary(folder))} They are chosen: press Start.", is_error=False)

    messages.attempt(AREA, unpack)


def _summary(folder: Path) -> str:
    """What an uploaded folder holds: images, classes and the size of the test split."""
    counts = image_folder.count_by_class(folder)
    n, classes = sum(counts.values()), [name for name in counts if name]
    n_test = min(max(1, round(catalog.TEST_FRACTION * n)), n - 1) if n > 1 else 0
    of = f" of {len(classes)} class{'es' * (len(classes) != 1)} ({', '.join(classes[:5])}{', ...' * (len(classes) > 5)})"
    return f"{folder.name}: {n:,} images{of if classes else ''}, about {n - n_test:,} to train and {n_test:,} to test."
