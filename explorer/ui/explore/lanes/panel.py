"""The lanes: three films from A to B in lock-step, scrubbed or played, with what the theory says of each frame.

Down, one packet: header `stamp`, `order`, `ack`, `shape`, `n_frames` (0 until there are two anchors), `overshoot`,
`has_anchor`, `hint`, `plane`, `near_told`, ...; arrays `frames` (lerp, slerp, pixel: 3 * n pictures), `times`, `norm`,
`log_prior`, `support` (n,), `xy` (n, 2) of the lerp film, `ends` (A, B), `near` (the nearest real images) and `near_of` (n,).

Up, the state `request`: {seq, kind}: "swap", "clear", or "overshoot" {on}. Scrubbing and playing send nothing.
"""

import numpy as np

from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.wire import film_encoding as travel
from explorer.ui.wire.component import register

mount = register(__file__, "lanes")

KEY = "lanes"
N_FRAMES = 64
HINTS = ("Click two points of the map: A, then B. Their interpolation appears here.", "Now click a second point: B.")


def render(engine, session) -> None:
    limits = travel.visitor_limits()
    key = (session.a, session.b, session.overshoot, session.plane, limits)
    content = lambda: resources.shared(engine, KEY, key, lambda: _films(engine, session, limits))  # noqa: E731
    packet = session.packet(KEY, key, content, ("stamp", "order", "ack"))
    mount(packet, KEY, lambda: _handle_requests(session))


def _handle_requests(session) -> None:
    for asked in state.requests(session, KEY):
        match asked:
            case {"kind": "swap"}:
                session.swap()
            case {"kind": "clear"}:
                session.clear()
            case {"kind": "overshoot", "on": bool(on)}:
                session.set_overshoot(on)


def _films(engine, session, limits: travel.Limits) -> tuple[dict, dict, dict]:
    """(header, arrays, encodings), equal for all visitors with the same A and B."""
    a, b = session.a, session.b
    ends = [(name, row) for name, row in (("a", a), ("b", b)) if row is not None]
    header = {
        "shape": engine.image_shape,
        "latent_dim": engine.latent_dim,
        "plane": str(session.plane),
        "overshoot": session.overshoot,
        "has_anchor": bool(ends),
        "ends_parts": [name for name, _ in ends],
        "n_frames": 0,
        "hint": HINTS[bool(ends)],
    }
    pictures, _ = engine.images_or_recons([row for _, row in ends])
    if a is None or b is None:
        return header, {"ends": pictures}, {}
    mu = engine.gallery.mu
    how = session.overshoot, session.plane
    films = [engine.interpolation_film(mu[a], mu[b], N_FRAMES, kind, *how) for kind in ("lerp", "slerp", "pixel")]
    lerp = films[0]
    frames, encodings = travel.encode_frames(np.concatenate([film.frames for film in films]), N_FRAMES, limits)
    rows, near_of = np.unique(engine.nearest_row(lerp.z), return_inverse=True)
    names = engine.origin.class_names
    header |= {
        "n_frames": len(lerp),
        "n_near": len(rows),
        "pair": f"{a}-{b}",
        "near_told": [_told(row, int(engine.gallery.labels[row]), names) for row in rows.tolist()],
        "log_prior_max": -0.5 * engine.latent_dim * float(np.log(2 * np.pi)),
    }
    arrays = {
        "times": lerp.values,
        "norm": lerp.norm,
        "log_prior": lerp.log_prior,
        "support": lerp.support,
        "xy": lerp.xy,
        "near_of": near_of,
        "ends": pictures,
        "near": engine.images_or_recons(rows)[0],
        "frames": frames,
    }
    return header, arrays, encodings


def _told(row: int, label: int, names: tuple[str, ...]) -> str:
    return f"nearest: {names[label]}, {row}" if 0 <= label < len(names) else f"nearest: {row}"
