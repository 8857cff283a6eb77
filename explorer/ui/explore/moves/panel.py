"""Ways to move z: a strip of tabs under the map, of which only the open one is here.

Down, one packet (packet.py): header `ack` (the last request handled) and `here` (where z is on the pad's two axes); array
`content`, itself a packet that changes with what is shown: header `stamp`, `order`, `tab`, `tabs` ([name, label] each),
`latent_dim`, `shape`, `columns` (of the sheet), `plane`, `note`, and
- prior, neighbours, classes, arithmetic: `items`, [caption, title] for each picture (arithmetic: null for a missing one);
- directions: `choices` ([id, label] each), `choice`, `classes` ([label, name] each), `pair`, `marks` ([value, name] each),
  `at`, `can_save`; array `values`;
- pad: `side`, `span`, `axes` (the two dimensions), `dims` (all, the most telling first).
Its arrays: `frames` (n pictures), `z` (n, D), `xy` (n, 2), `support` (n,): of neighbours only `frames` and `rows` (n,).

Up, the state `request`: {all: [{seq, kind, ...}, ...]}, those without an ack yet (mailbox.js). Their kinds:
"move"; "tab" {tab}; "draw"; "pick" {row}; "direction" {choice}; "classes" {pair};
"save" {name}, the direction from A to B; "remove" {choice}; "pad" {axes}. Any may carry z, to which z moves first.

While a line or the pad is scrubbed nothing is sent: each frame goes to the stage by the window event `latent:preview`,
{picture, index, columns, shape, z, xy, support, plane, seq, event}. `seq` is the number of the request that will carry
this z; once it has been heard the window event `latent:heard` {ack} says so, and the session's z holds again.
"""

from collections.abc import Callable

import numpy as np

from explorer.core.latent import linear, navigation
from explorer.ui import resources
from explorer.ui.state import link
from explorer.ui.state import session as state
from explorer.ui.wire import film_encoding as travel
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import pack

mount = register(__file__, "moves")

KEY = "moves"
LABELS = {
    "prior": "prior",
    "neighbours": "neighbours",
    "classes": "classes",
    "directions": "directions",
    "arithmetic": "A \u2212 B + C",
    "pad": "pad",
}
N_DRAWS, N_NEIGHBOURS, N_CLASSES, N_PRINCIPAL = 16, 8, 16, 6
N_LINE, N_SIDE = 49, 11  # frames of a direction's film, and of the pad along each side
REACH = 3.0  # standard units on both sides of a direction's zero
LIMITS = travel.Limits(150_000, 200_000)  # less than a film's: the stage sends its own at the same release
NAME_LENGTH = 24

Content = tuple[tuple, Callable[[], tuple[dict, dict]]]  # what it depends on, and what makes its header and arrays


def render(engine, session) -> None:
    tabs = _tabs(engine)
    if session.tab not in tabs:
        session.open_tab(tabs[0])
    key, make = CONTENTS[session.tab](engine, session)
    key = (session.content_hash, session.tab, session.plane, *key, travel.visitor_limits(LIMITS))
    content = session.packet(KEY, key, lambda: _content(engine, session, key, make), ("stamp", "order"))
    axes = list(_axes(engine, session)) if session.tab == "pad" else []
    header = {"ack": session.acks.get(KEY, 0), "here": [float(v) for v in session.z[axes]]}
    mount(pack(header, {"content": content}), KEY, lambda: _handle_requests(engine, session))


def _handle_requests(engine, session) -> None:
    for asked in state.requests(session, KEY):
        _do(engine, session, asked)


def _do(engine, session, asked: dict) -> None:
    if _are_numbers(asked.get("z")):
        session.move_to(asked["z"])
    match asked:
        case {"kind": "tab", "tab": str(tab)} if tab in _tabs(engine):
            session.open_tab(tab)
        case {"kind": "draw"}:
            session.draw_again()
        case {"kind": "pick", "row": int(row)} if 0 <= row < session.n_images:
            session.go_to_row(int(row), engine.gallery.mu[int(row)])  # True is an int too
        case {"kind": "direction", "choice": str(choice)} if choice in _choices(engine, session):
            session.choose_direction(choice)
        case {"kind": "classes", "pair": [int(start), int(end)]} if {start, end} <= _classes(engine).keys():
            session.choose_classes(int(start), int(end))
        case {"kind": "save", "name": str(name)} if _has_direction(engine, session):
            name, mu = " ".join(name.split())[:NAME_LENGTH], engine.gallery.mu
            session.save_direction(name, linear.direction(mu[session.a], mu[session.b]))
            if name in session.saved:
                session.choose_direction(_saved(name))
        case {"kind": "remove", "choice": str(choice)}:
            session.remove_direction(choice.removeprefix(_saved("")))
        case {"kind": "pad", "axes": [int(i), int(j)]} if i != j and {i, j} <= set(range(engine.latent_dim)):
            session.choose_pad(int(i), int(j))


def _are_numbers(values) -> bool:
    return isinstance(values, list) and all(type(v) in (int, float) and abs(v) <= link.MAX_ABS_Z for v in values)  # no NaN


def _content(engine, session, key: tuple, make) -> tuple[dict, dict, dict]:
    *_, limits = key
    return resources.shared(engine, KEY, key, lambda: _pictures(engine, session, make, limits))


def _pictures(engine, session, make, limits: travel.Limits) -> tuple[dict, dict, dict]:
    """(header, arrays, encodings): the part that is equal for all visitors who see the same."""
    header, arrays = make()
    columns = header.get("side") or max(1, len(arrays["frames"]))
    frames, encodings = travel.encode_frames(arrays["frames"], columns, limits)
    header |= {
        "tab": session.tab,
        "latent_dim": engine.latent_dim,
        "tabs": [[tab, LABELS[tab]] for tab in _tabs(engine)],
        "shape": engine.image_shape,
        "columns": columns,
        "plane": str(session.plane),
    }
    return header, arrays | {"frames": frames}, encodings


def _tabs(engine) -> list[str]:
    """Without labels there are no classes; one dimension makes no pad."""
    absent = ({"classes"} if not _classes(engine) else set()) | ({"pad"} if engine.latent_dim == 1 else set())
    return [tab for tab in LABELS if tab not in absent]


def _classes(engine) -> dict[int, str]:
    """The labels that occur in the gallery, and their names."""
    names, labels = engine.origin.class_names, np.unique(engine.gallery.labels).tolist()
    return {label: names[label] if label < len(names) else str(label) for label in labels if label >= 0}


def _class_means(engine, labels) -> np.ndarray:
    gallery = engine.gallery
    return linear.class_means(gallery.mu, gallery.labels, max(labels) + 1)[list(labels)]


def _of(film) -> dict[str, np.ndarray]:
    return {"frames": film.frames, "z": film.z, "xy": film.xy, "support": film.support}


def _prior(engine, session) -> Content:
    def make():
        film = engine.film(navigation.prior_draws(N_DRAWS, engine.latent_dim, session.draws_seed), session.plane)
        items = [["", f"draw {i} of the prior, |z| {norm:.2f}"] for i, norm in enumerate(film.norm, 1)]
        return {"items": items, "note": ""}, _of(film)

    return (session.draws_seed,), make


def _neighbours(engine, session) -> Content:
    def make():
        rows, distances = engine.neighbours(session.z, N_NEIGHBOURS)
        (frames, is_recon), names = engine.images_or_recons(rows), _classes(engine)
        note = "reconstructions: the images are not on this machine" if is_recon else ""
        items = []
        for row, label, distance in zip(rows, engine.gallery.labels[rows].tolist(), distances):
            word = [names[label]] if label in names else []
            caption, title = " \u00b7 ".join([*word, f"{distance:.2f}"]), ", ".join([*word, f"image {row}"])
            items.append([caption, f"{title}: {distance:.2f} from z"])
        return {"items": items, "note": note}, {"frames": frames, "rows": rows}

    return (session.z.tobytes(),), make


def _means(engine, session) -> Content:
    def make():
        names = _classes(engine)
        shown = list(names)[:N_CLASSES]
        film = engine.film(_class_means(engine, shown), session.plane)
        note = f"the first {N_CLASSES} of {len(names)} classes" if len(names) > N_CLASSES else ""
        return {"items": [[names[label], f"mean of class {names[label]}"] for label in shown], "note": note}, _of(film)

    return (), make


def _arithmetic(engine, session) -> Content:
    rows = {"A": session.a, "B": session.b, "C": session.picked}

    def make():
        names, labels = _classes(engine), engine.gallery.labels
        items = [
            None if row is None else [f"{name} \u00b7 {names.get(int(labels[row]), row)}", f"{name}: image {row}"]
            for name, row in rows.items()
        ]
        points = [engine.gallery.mu[row] for row in rows.values() if row is not None]
        missing = [name for name, row in rows.items() if row is None]
        note = f"missing: {', '.join(missing)}. Click points of the map; C is the picked image." if missing else ""
        if not missing:
            items.append(["result", "move z to A \u2212 B + C"])
            points.append(linear.arithmetic(*points))
        nothing = {"frames": np.zeros((0, *engine.image_shape), np.uint8)}
        return {"items": items, "note": note}, _of(engine.film(np.stack(points), session.plane)) if points else nothing

    return tuple(rows.values()), make


def _saved(name: str) -> str:
    return f"saved-{name}"


def _choices(engine, session) -> dict[str, str]:
    """The directions there are: what each is called here, and on the screen."""
    classes = {"classes": "class to class"} if len(_classes(engine)) > 1 else {}
    principal = {f"principal-{k}": f"principal {k + 1}" for k in range(min(N_PRINCIPAL, engine.latent_dim))}
    return classes | principal | {_saved(name): name for name in session.saved}


def _has_direction(engine, session) -> bool:
    """Whether A and B are two different points."""
    mu = engine.gallery.mu
    return session.a is not None and session.b is not None and bool((mu[session.a] != mu[session.b]).any())


def _directions(engine, session) -> Content:
    choices = _choices(engine, session)
    choice = session.direction if session.direction in choices else next(iter(choices))
    names = _classes(engine)
    pair = session.classes or tuple(names)[:2]

    def make():
        direction, marks = _direction(engine, session, choice, pair)
        unit = max(1.0, float((engine.gallery.mu @ direction).std()))  # of the prior, or of means that spread further
        here = float(session.z @ direction) / unit
        values, _, at = navigation.traversal([here], 0, -REACH, REACH, N_LINE)
        path = session.z + np.outer((values - np.float32(here)) * unit, direction)
        path[at] = session.z
        film = engine.film(path.clip(-link.MAX_ABS_Z, link.MAX_ABS_Z), session.plane, values, at)
        header = {
            "choices": list(choices.items()),
            "choice": choice,
            "classes": list(names.items()),
            "pair": pair,
            "at": at,
            "marks": sorted([float(mean @ direction) / unit, name] for mean, name in marks),
            "can_save": _has_direction(engine, session),
            "note": "",
        }
        return header, _of(film) | {"values": values}

    saved = tuple((name, direction.tobytes()) for name, direction in session.saved.items())
    return (session.z.tobytes(), choice, pair, saved, session.a, session.b), make


def _direction(engine, session, choice: str, pair: tuple[int, int]) -> tuple[np.ndarray, list]:
    """(unit vector (D,), the named points whose place on it is marked)."""
    mu = engine.gallery.mu
    if choice == "classes":
        names, means = _classes(engine), _class_means(engine, pair)
        return linear.direction(*means), [(mean, names[label]) for mean, label in zip(means, pair)]
    anchors = [(mu[row], name) for name, row in (("A", session.a), ("B", session.b)) if row is not None]
    if choice.startswith("principal-"):
        k = int(choice.removeprefix("principal-"))
        return linear.principal_directions(mu, k + 1)[0][k], anchors
    return session.saved[choice.removeprefix(_saved(""))], anchors


def _axes(engine, session) -> tuple[int, int]:
    first, second = np.argsort(-engine.kl_per_dim, kind="stable")[:2].tolist()
    return session.pad or (first, second)


def _pad(engine, session) -> Content:
    axes, z = list(_axes(engine, session)), session.z.copy()
    span = float(max(np.abs(engine.spans[axes]).max(), np.abs(z[axes]).max()))
    z[axes] = 0  # the pad goes through z whatever its two coordinates are

    def make():
        film = engine.film(navigation.plane(z, *axes, span, N_SIDE), session.plane)
        dims = np.argsort(-engine.kl_per_dim, kind="stable").tolist()
        return {"side": N_SIDE, "span": span, "axes": axes, "dims": dims, "note": ""}, _of(film)

    return (*axes, span, z.tobytes()), make


CONTENTS = {
    "prior": _prior,
    "neighbours": _neighbours,
    "classes": _means,
    "directions": _directions,
    "arithmetic": _arithmetic,
    "pad": _pad,
}
