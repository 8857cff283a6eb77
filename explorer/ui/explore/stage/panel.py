"""The stage: the decoded image beside one film-strip slider per latent dimension.

The panel sends the films of the sliders in one packet. While a slider is dragged the script sends nothing; a release, or 150 ms
without a key press, sends one "move".

The script shows a film only where it is valid: where z differs from the film's centre in the film's dimension alone.
"""

from typing import Literal, TypedDict

import numpy as np

from explorer.core.engine.latent_map import DEAD_KL, MAX_ABS_Z
from explorer.core.engine.traits import followed
from explorer.ui import resources
from explorer.ui.state import session as state
from explorer.ui.state.own_image import OWN, key_of, name_of, posterior_of
from explorer.ui.wire import film_encoding
from explorer.ui.wire.component import register
from explorer.ui.wire.packet import Numbered

mount = register(__file__, "stage")

KEY = "stage"
N_SLIDERS = 16


class Films(TypedDict):
    """The header fields that are equal for all visitors at the same z."""

    shape: tuple[int, int, int]
    n_frames: int  # of each film
    plane: str
    at_xy: list[float | None]  # z on the map
    at_support: float | None
    kl: list[float]  # nats, per slider
    follows: list[list | None]  # per slider: [name of the trait that it follows most, |rank correlation|]
    posterior: list[list[float]] | None  # [mu, sigma] of the picked image, per slider
    picked: int | None  # gallery row; -1: the visitor's own image
    n_images: int
    told: str | None  # description of the picked image
    trio_parts: list[str]  # what the pictures of `trio` show: "picked", "recon", "error"
    dead: str | None  # description of the dead dimensions
    pages: list[int] | None  # [first, end, total] of the dimensions with a slider; None if all have one


class Header(Films):
    model: str
    can_undo: bool
    can_redo: bool
    approximate: bool  # z was read off the map
    stamp: str  # this and the following are added by Session.packet
    order: int
    ack: int


class Arrays(TypedDict):
    """For k sliders with n frames each."""

    rest: np.ndarray  # (C, H, W), the exact image at z
    z: np.ndarray  # (D,)
    dims: np.ndarray  # (k,)
    values: np.ndarray  # (k, n)
    xy: np.ndarray  # (k, n, 2)
    support: np.ndarray  # (k, n)
    trio: np.ndarray  # (0 to 3, C, H, W)
    frames: np.ndarray | bytes  # (k * n, C, H, W)


class Move(Numbered):
    kind: Literal["move"]
    z: list[float]


class GoToRow(Numbered):
    kind: Literal["go"]
    row: int


class Command(Numbered):
    kind: Literal["undo", "redo", "prior", "picked", "back", "more"]


Request = Move | GoToRow | Command


def render(engine, session) -> None:
    if session.first >= len(order_of_dims(engine)[0]):
        session.show_dims(0)
    limits = film_encoding.visitor_limits()
    picked = key_of(session, session.picked), resources.has_images(engine)
    shown = (session.z.tobytes(), session.first, session.plane, *picked, limits, *engine.traits)
    key = (*shown, session.approximate, bool(session.past), bool(session.future))
    packet = session.packet(KEY, key, lambda: _content(engine, session, shown, limits), ("stamp", "order", "ack"))
    mount(packet, KEY, lambda: _handle_requests(engine, session))


def order_of_dims(engine) -> tuple[np.ndarray, np.ndarray]:
    """(live dimensions, dead ones), both in order of decreasing KL. If all are dead, all count as live."""
    kl = engine.kl_per_dim
    order = np.argsort(-kl, kind="stable")
    live = order[kl[order] >= DEAD_KL]
    return (live, order[len(live) :]) if len(live) else (order, live)


def _handle_requests(engine, session) -> None:
    for request in state.requests(session, KEY):
        match request:
            case {"kind": "move", "z": list(z)} if all(isinstance(v, int | float) and abs(v) <= MAX_ABS_Z for v in z):
                session.move_to(np.array(z, np.float64))
            case {"kind": "undo"}:
                session.undo()
            case {"kind": "redo"}:
                session.redo()
            case {"kind": "prior"}:
                session.draw_prior(engine.draw)
            case {"kind": "picked"} if session.picked is not None:
                session.move_to(posterior_of(engine, session, session.picked)[0])
            case {"kind": "go", "row": int(row)}:
                if 0 <= row < session.n_images:
                    session.go_to_row(row, engine.gallery.mu[row])
                else:
                    session.notify(f"There is no image {row:,}: images are numbered 0 to {session.n_images - 1:,}.")
            case {"kind": "back"}:
                session.show_dims(session.first - N_SLIDERS)
            case {"kind": "more"} if session.first + N_SLIDERS < len(order_of_dims(engine)[0]):
                session.show_dims(session.first + N_SLIDERS)


def _content(engine, session, shown: tuple, limits: film_encoding.Limits) -> tuple[dict, Arrays, dict]:
    header, arrays, encodings = resources.shared(engine, KEY, shown, lambda: _films(engine, session, limits))
    own = {
        "model": f"{session.bundle}-{session.content_hash}",
        "can_undo": bool(session.past),
        "can_redo": bool(session.future),
        "approximate": session.approximate,
    }
    return header | own, arrays, encodings


def _films(engine, session, limits: film_encoding.Limits) -> tuple[Films, Arrays, dict]:
    """(header, arrays, encodings), equal for all visitors at the same z."""
    live, dead = order_of_dims(engine)
    dims = live[session.first : session.first + N_SLIDERS]
    n = film_encoding.n_frames(len(dims), engine.image_shape)
    films = engine.traversals(session.z, dims, n_frames=n, plane=session.plane)
    pictures, encodings = film_encoding.encode_frames(films.frames.reshape(-1, *engine.image_shape), n, limits)
    rest = films.at[0]  # the frames at z of all films are equal
    kl = engine.kl_per_dim
    trio, parts, description, posterior = _picked(engine, session, dims)
    position = [None if np.isnan(v) else float(v) for v in (*films.xy[0, rest], films.support[0, rest])]
    header: Films = {
        "shape": engine.image_shape,
        "n_frames": n,
        "plane": str(session.plane),
        "at_xy": position[:2],
        "at_support": position[2],
        "kl": [float(kl[d]) for d in dims],
        "follows": [_followed(engine, d) for d in dims],
        "posterior": posterior,
        "picked": session.picked,
        "n_images": session.n_images,
        "told": description,
        "trio_parts": parts,
        "dead": _dead(dead, kl),
        "pages": [session.first, session.first + len(dims), len(live)] if len(live) > N_SLIDERS else None,
    }
    arrays: Arrays = {
        "rest": films.frames[0, rest],
        "z": session.z,
        "dims": dims,
        "values": films.values,
        "xy": films.xy,
        "support": films.support,
        "trio": trio,
        "frames": pictures,
    }
    return header, arrays, encodings


def _followed(engine, dim: int) -> list | None:
    found = followed(engine.traits, dim)
    return found and [found[0].name, found[1]]


def _dead(dead: np.ndarray, kl: np.ndarray) -> str | None:
    if not len(dead):
        return None
    names = ", ".join(f"z{d}" for d in dead[:12]) + (", ..." if len(dead) > 12 else "")
    return f"{len(dead)} dead (KL under {DEAD_KL} nats, at most {kl[dead].max():.4f}): {names}"


def _picked(engine, session, dims) -> tuple[np.ndarray, list[str], str | None, list | None]:
    """(pictures, their names, description, [mu, sigma] of q(z|x) for each of `dims`) of the picked image."""
    if session.picked is None:
        return np.zeros((0, *engine.image_shape), np.uint8), [], None, None
    mu, logvar = posterior_of(engine, session, session.picked)
    posterior = [[float(mu[d]), float(np.exp(logvar[d] / 2))] for d in dims]
    if session.picked == OWN:
        evaluation, image = session.own.evaluation, session.own.prepared.image[0]
        loss, kl, recon, is_recon = evaluation.recon_loss, evaluation.kl, evaluation.recon, False
    else:
        (image,), is_recon = engine.images_or_recons([session.picked])
        loss, kl = float(engine.gallery.recon_loss[session.picked]), float(engine.encoding.kl_per_dim[session.picked].sum())
        recon = engine.film(mu).frames[0]
    description = f"{name_of(engine, session.picked)}: "
    if loss is not None and np.isfinite(loss):
        description += f"-ELBO {loss + kl:.1f} = {loss:.1f} + {kl:.1f} KL nats"
    else:
        description += f"KL {kl:.1f} nats"
    if is_recon:
        data = engine.origin.title or engine.origin.dataset
        description += f"; reconstruction only: {data} is not on this computer"
        return image[None], ["recon"], description, posterior
    error = np.abs(image.astype(int) - recon).astype(np.uint8)
    return np.stack([image, recon, error]), ["picked", "recon", "error"], description, posterior
