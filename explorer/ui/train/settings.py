"""The settings of a run in one line."""

from explorer.core.data import catalog
from explorer.core.runs import twins
from explorer.ui.state.training import TrainForm


def summary(form: TrainForm) -> str:
    """For example "Digits 8x8, 16 dims, β 1, 60 s"; for twins also in what they differ."""
    length = f"{form.seconds:,} s" if form.length == "seconds" else f"{form.epochs:,} epochs"
    parts = [title(form.dataset)]
    if form.twins != "latent_dim":
        parts.append(f"{form.latent_dim} dims")
    if form.twins not in ("beta", "terms"):
        parts.append(f"β {form.beta:g}")
    if form.has_twins:
        parts.append(f"{len(form.values)} twins ({twins.SETTINGS[form.twins][0]})")
    return ", ".join([*parts, length])


def title(dataset: str) -> str:
    """The title of a data set; of an upload, its name."""
    titles = {info.name: info.title for info in catalog.list_datasets()}
    return titles.get(dataset, dataset.removeprefix("upload:"))
