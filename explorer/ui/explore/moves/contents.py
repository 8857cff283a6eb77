"""The contents of the tabs that move z: for each tab, what its content depends on, and its pictures and header fields."""

from collections.abc import Callable

import numpy as np

from explorer.core.engine.latent_map import MAX_ABS_Z
from explorer.core.latent import linear, navigation
from explorer.ui.state.own_image import OWN, key_of, name_of, posterior_of

N_DRAWS, N_NEIGHBOURS, N_CLASSES, N_PRINCIPAL = 32, 8, 16, 6
N_LINE, N_SIDE = 49, 11  # frames of a direction's film, and of the pad along each side
REACH = 3.0  # of a direction's film to each side, in standard units

TabContent = tuple[tuple, Callable[[], tuple[dict, dict]]]  # (what the content depends on, makes header and arrays)


def classes_of(engine) -> dict[int, str]:
    """The labels that occur in the gallery -> their names."""
    names, labels = engine.origin.class_names, np.unique(engine.gallery.labels).tolist()
    return {label: names[label] if label < len(names) else str(label) for label in labels if label >= 0}


def _class_means(engine, labels) -> np.ndarray:
    gallery = engine.gallery
    return linear.class_means(gallery.mu, gallery.labels, max(labels) + 1)[list(labels)]


def _arrays(film) -> dict[str, np.ndarray]:
    return {"frames": film.frames, "z": film.z, "xy": film.xy, "support": film.support}


def _prior(engine, session) -> TabContent:
    def make():
        film = engine.film(navigation.prior_draws(N_DRAWS, engine.latent_dim, session.draws_seed), session.plane)
        items = [["", f"sample {i} of the prior, |z| {norm:.2f}"] for i, norm in enumerate(film.norm, 1)]
        return {"items": items, "note": ""}, _arrays(film)

    return (session.draws_seed,), make


def _neighbours(engine, session) -> TabContent:
    def make():
        rows, distances = engine.neighbours(session.z, N_NEIGHBOURS)
        (frames, is_recon), names = engine.images_or_recons(rows), classes_of(engine)
        note = "reconstructions: the images are not on this machine" if is_recon else ""
        items = []
        for row, label, distance in zip(rows, engine.gallery.labels[rows].tolist(), distances):
            prefix = [names[label]] if label in names else []
            caption, title = " \u00b7 ".join([*prefix, f"{distance:.2f}"]), ", ".join([*prefix, f"image {row}"])
            items.append([caption, f"{title}: {distance:.2f} from z"])
        return {"items": items, "note": note}, {"frames": frames, "rows": rows}

    return (session.z.tobytes(),), make


def _means(engine, session) -> TabContent:
    def make():
        names = classes_of(engine)
        labels = list(names)[:N_CLASSES]
        film = engine.film(_class_means(engine, labels), session.plane)
        note = f"the first {N_CLASSES} of {len(names)} classes" if len(names) > N_CLASSES else ""
        return {"items": [[names[label], f"mean of class {names[label]}"] for label in labels], "note": note}, _arrays(film)

    return (), make


def _arithmetic(engine, session) -> TabContent:
    anchors = {"A": session.a, "B": session.b, "C": session.c}

    def make():
        named = {name: anchor for name, anchor in anchors.items() if anchor is not None}
        captions = {name: f"{name} \u00b7 {_short_name(engine, anchor)}" for name, anchor in named.items()}
        items = [[captions[name], f"{name}: {name_of(engine, anchors[name])}"] if name in named else None for name in anchors]
        points = [posterior_of(engine, session, anchor)[0] for anchor in named.values()]
        missing = [name for name in anchors if name not in named]
        note = f"missing: {', '.join(missing)}. Click points of the map for A and B, with Shift for C." if missing else ""
        if not missing:
            items.append(["result", "move z to A \u2212 B + C"])
            points.append(linear.arithmetic(*points))
        no_frames = {"frames": np.zeros((0, *engine.image_shape), np.uint8)}
        return {"items": items, "note": note}, _arrays(engine.film(np.stack(points), session.plane)) if points else no_frames

    return tuple(key_of(session, anchor) for anchor in anchors.values()), make


def _short_name(engine, anchor: int) -> str:
    if anchor == OWN:
        return "yours"
    return classes_of(engine).get(int(engine.gallery.labels[anchor]), str(anchor))


def saved_id(name: str) -> str:
    return f"saved-{name}"


def choices(engine, session) -> dict[str, str]:
    """The directions available: id -> label."""
    classes = {"classes": "class to class"} if len(classes_of(engine)) > 1 else {}
    traits = {key: f"{trait.name}, R\u00b2 {trait.r2:.2f}" for key, trait in engine.traits.items() if trait.direction.any()}
    principal = {f"principal-{k}": f"principal {k + 1}" for k in range(min(N_PRINCIPAL, engine.latent_dim))}
    return classes | traits | principal | {saved_id(name): name for name in session.saved}


def has_direction(engine, session) -> bool:
    """Whether A and B are two different points."""
    a, b = (posterior_of(engine, session, anchor) for anchor in (session.a, session.b))
    return a is not None and b is not None and bool((a[0] != b[0]).any())


def _directions(engine, session) -> TabContent:
    labels = choices(engine, session)
    choice = session.direction if session.direction in labels else next(iter(labels))
    names = classes_of(engine)
    pair = session.classes or tuple(names)[:2]

    def make():
        direction, marks = _direction(engine, session, choice, pair)
        unit = max(1.0, float((engine.gallery.mu @ direction).std()))  # 1 is the prior; more if the means spread further
        position = float(session.z @ direction) / unit
        values, _, at = navigation.traversal([position], 0, -REACH, REACH, N_LINE)
        path = session.z + np.outer((values - np.float32(position)) * unit, direction)
        path[at] = session.z
        film = engine.film(path.clip(-MAX_ABS_Z, MAX_ABS_Z), session.plane, values, at)
        header = {
            "choices": list(labels.items()),
            "choice": choice,
            "classes": list(names.items()),
            "pair": pair,
            "at": at,
            "marks": sorted([float(mean @ direction) / unit, name] for mean, name in marks),
            "can_save": has_direction(engine, session),
            "note": "",
        }
        return header, _arrays(film) | {"values": values}

    saved = tuple((name, direction.tobytes()) for name, direction in session.saved.items())
    ends = key_of(session, session.a), key_of(session, session.b)
    return (session.z.tobytes(), choice, pair, saved, *ends, *engine.traits), make


def _direction(engine, session, choice: str, pair: tuple[int, int]) -> tuple[np.ndarray, list]:
    """(unit vector (D,), the (point, name) pairs to mark on it)."""
    mu = engine.gallery.mu
    if choice == "classes":
        names, means = classes_of(engine), _class_means(engine, pair)
        return linear.direction(*means), [(mean, names[label]) for mean, label in zip(means, pair)]
    ends = (("A", session.a), ("B", session.b))
    anchors = [(posterior_of(engine, session, end)[0], name) for name, end in ends if end is not None]
    if trait := engine.traits.get(choice):
        return trait.direction, anchors
    if choice.startswith("principal-"):
        k = int(choice.removeprefix("principal-"))
        return linear.principal_directions(mu, k + 1)[0][k], anchors
    return session.saved[choice.removeprefix(saved_id(""))], anchors


def pad_axes(engine, session) -> tuple[int, int]:
    """The dimensions across and up the pad: those chosen, or those of the highest KL; of two, in the order of the map."""
    first, second = (0, 1) if engine.latent_dim == 2 else np.argsort(-engine.kl_per_dim, kind="stable")[:2].tolist()
    return session.pad or (first, second)


def _pad(engine, session) -> TabContent:
    axes, z = list(pad_axes(engine, session)), session.z.copy()
    span = float(max(np.abs(engine.spans[axes]).max(), np.abs(z[axes]).max()))
    z[axes] = 0  # the key must not depend on the two coordinates that the pad spans

    def make():
        film = engine.film(navigation.plane(z, *axes, span, N_SIDE), session.plane)
        dims = np.argsort(-engine.kl_per_dim, kind="stable").tolist()
        return {"side": N_SIDE, "span": span, "axes": axes, "dims": dims, "note": ""}, _arrays(film)

    return (*axes, span, z.tobytes()), make


CONTENTS = {
    "prior": _prior,
    "neighbours": _neighbours,
    "classes": _means,
    "directions": _directions,
    "arithmetic": _arithmetic,
    "pad": _pad,
}
