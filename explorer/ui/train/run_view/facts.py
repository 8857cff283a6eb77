"""Sentences and numbers about a run: its status, the titles of twins, speed and time left."""

import time

from explorer.core.runs import twins

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
    return next(filter(None, [*sentences, run.outcome]), STATUS_TEXT.get(run.status, ""))


def twin_title(name: str, started: float, beta: float) -> str:
    """The title of a twin: what differs from the others. `beta` is the current value, `started` that of the first batch."""
    is_turned = beta != started
    if name.startswith("beta-"):
        return f"β = {beta:g}" + (f", was {started:g}" if is_turned else "")
    return twins.shown(name) + (f", β = {beta:g}" if is_turned else "")


def facts(run, events: list[dict], start: dict) -> list[str]:
    """Number of images, speed, time left and trained, device. `start`: the last event of kind "training"."""
    latest = [e for e in events[-60:] if e["kind"] in ("batch", "epoch") and "t" in e and "step" in e]
    recent = [e for e in latest if e["step"] > start.get("step", 0)][-20:]
    found = [f"{start['n_train']:,} images"] if "n_train" in start else []
    if run.status == "training" and len(recent) > 1 and "n_train" in start and "steps_per_epoch" in start:
        first, last = recent[0], recent[-1]
        steps, seconds = last["step"] - first["step"], last["t"] - first["t"]
        if steps > 0 and seconds > 0:
            left = (run.n_steps - run.step) * seconds / steps - (time.time() - last["t"])
            found += [f"{steps / seconds * start['n_train'] / start['steps_per_epoch']:,.0f} images/s", f"{span(left)} left"]
    if epochs := [e for e in events if e["kind"] == "epoch" and "seconds" in e]:
        found += [f"{span(epochs[-1]['seconds'])} trained"]
        found += [f"{epochs[-1]['memory'] / 2**20:,.0f} MB"] if run.is_live and "memory" in epochs[-1] else []
    return found + ([str(start["device"])] if "device" in start else [])


def span(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
