"""Sentences and numbers about a run: its status, the titles of twins, speed and time left."""

from explorer.core.runs import twins, waiting
from explorer.ui import resources

STATUS_TEXT = {
    "queued": "Another run has the device; this one begins when that is over.",
    "starting": "Starting: the libraries and the images are being loaded.",
    "paused": "Paused.",
    "mapping": "Trained and saved. The page shows PCA while the UMAP map is made.",
    "stopped": "Stopped. It can be resumed.",
}
FAILED = ("failed", "lost", "damaged")


def status_text(run) -> str:
    """What a run is doing, what it has reached, or why it failed; for twins, the first sentence of any of them."""
    sentences = [run.sentence, *(twin.sentence for twin in run.twins)]
    if run.status == "queued":
        sentences.append(_waiting_text(run))
    return next(filter(None, [*sentences, run.outcome]), STATUS_TEXT.get(run.status, ""))


def _waiting_text(run) -> str:
    """The run that a queued one waits for, and how long; "" if that run is not in this folder."""
    runs = resources.run_list()
    holder = waiting.holder(run, runs)
    if holder is None:
        return ""
    left = waiting.seconds_left(holder, resources.run_events((holder.twins or (holder,))[0].folder))
    n = waiting.n_before(run, runs)
    time_left = ", which is paused" if holder.status == "paused" else "" if left is None else f", about {span(left)}"
    return f"Waiting for {holder.name}{time_left}" + (f", then {n} more run{'s' * (n > 1)}" if n else "") + "."


def twin_title(name: str, started: float, beta: float) -> str:
    """The title of a twin: what differs from the others. `beta` is the current value, `started` that of the first batch."""
    is_turned = beta != started
    if name.startswith("beta-"):
        return f"β = {beta:g}" + (f", was {started:g}" if is_turned else "")
    return twins.shown(name) + (f", β = {beta:g}" if is_turned else "")


def facts(run, events: list[dict], start: dict) -> list[str]:
    """Number of images, speed, time left and trained, device. `start`: the last event of kind "training"."""
    found = [f"{start['n_train']:,} images"] if "n_train" in start else []
    pace = waiting.steps_per_s(events) if run.status == "training" else None
    if pace is not None and "n_train" in start and "steps_per_epoch" in start:
        left = span(waiting.seconds_left(run, events))
        found += [f"{pace * start['n_train'] / start['steps_per_epoch']:,.0f} images/s", f"{left} left"]
    if epochs := [e for e in events if e["kind"] == "epoch" and "seconds" in e]:
        found += [f"{span(epochs[-1]['seconds'])} trained"]
        found += [f"{epochs[-1]['memory'] / 2**20:,.0f} MB"] if run.is_live and "memory" in epochs[-1] else []
    return found + ([str(start["device"])] if "device" in start else [])


def span(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
