"""The files of the Export menu, as bytes, from an Engine and the Session of a tab."""

import io

import numpy as np

from explorer import figures, tables
from explorer.slides import films, scatter, stills, video
from explorer.slides.canvas import Canvas, PixelCanvas, SvgCanvas
from explorer.ui import resources
from explorer.ui.explore.lanes.panel import N_FRAMES
from explorer.ui.explore.stage.panel import N_SLIDERS, order_of_dims
from explorer.ui.state.own_image import name_of, place_of, posterior_of

FPS = 16  # 64 frames in four seconds
GIF_STEP = 2  # a GIF has every second frame: half the size, and half the time until it is ready


def title(engine) -> str:
    """The name of the model and the number of its dimensions."""
    name = engine.name.removeprefix(resources.RUN_PREFIX) + (", in training" if engine.is_live else "")
    return f"{name}: {engine.latent_dim} dims"


def stage_png(engine, session) -> bytes:
    return _stage(PixelCanvas(), engine, session)


def stage_svg(engine, session) -> bytes:
    return _stage(SvgCanvas(), engine, session)


def _stage(canvas: Canvas, engine, session) -> bytes:
    film, spans = engine.film(session.z, session.plane), engine.spans
    facts = [f"|z| = {film.norm[0]:.2f}; sqrt(D) = {engine.latent_dim**0.5:.1f}", f"support {film.support[0]:.2f}"]
    dims = order_of_dims(engine)[0].tolist()
    values = [stills.LatentValue(d, float(session.z[d]), *map(float, spans[d])) for d in dims]
    stills.stage(canvas, title(engine), film.frames[0], facts, values)
    return canvas.data()


def pixels_png(engine, session) -> bytes:
    """The decoded image alone."""
    return figures.png(figures.strip(figures.enlarge(engine.film(session.z).frames, 512)))


def lane_films(engine, session) -> dict:
    """The films from A to B, by lane, as the page shows them."""
    a, b = (posterior_of(engine, session, anchor)[0] for anchor in (session.a, session.b))
    options = session.overshoot, session.plane
    return {kind: engine.interpolation_film(a, b, N_FRAMES, kind, *options) for kind in stills.LANES}


def _pair_title(engine, session) -> str:
    return f"{title(engine)}, {name_of(engine, session.a)} to {name_of(engine, session.b)}"


def lanes_png(engine, session) -> bytes:
    return _lanes(PixelCanvas(), engine, session)


def lanes_svg(engine, session) -> bytes:
    return _lanes(SvgCanvas(), engine, session)


def _lanes(canvas: Canvas, engine, session) -> bytes:
    stills.interpolation(canvas, _pair_title(engine, session), lane_films(engine, session), engine.latent_dim)
    return canvas.data()


def lanes_mp4(engine, session) -> bytes:
    return video.mp4(_lanes_film(engine, session), FPS)


def lanes_gif(engine, session) -> bytes:
    """From A to B and back."""
    film = _lanes_film(engine, session)
    last = film.n - 1
    shown = np.unique([*range(0, last, GIF_STEP), last]).tolist()
    return video.gif(map(film.draw, shown), round(1000 * GIF_STEP / FPS), back=True)


def _lanes_film(engine, session) -> films.SlideFilm:
    a, b = (np.array(place_of(engine, session, anchor)) for anchor in (session.a, session.b))
    lanes, points = lane_films(engine, session), _map_points(engine, session)
    return films.interpolation(_pair_title(engine, session), lanes, engine.latent_dim, points, a, b)


def map_png(engine, session) -> bytes:
    return _map(PixelCanvas(), engine, session)


def map_svg(engine, session) -> bytes:
    return _map(SvgCanvas(), engine, session)


def _map(canvas: Canvas, engine, session) -> bytes:
    plane, anchors = session.plane, (session.a, session.b)
    a, b = (None if anchor is None else np.array(place_of(engine, session, anchor)) for anchor in anchors)
    path = np.zeros((0, 2), np.float32)
    if a is not None and b is not None:
        ends = (posterior_of(engine, session, anchor)[0] for anchor in anchors)
        path = engine.path_xy(*ends, N_FRAMES, session.overshoot, plane)
    name = plane.upper() if isinstance(plane, str) else "encoder means"
    cursor = engine.place(session.z[None], plane)[0][0]
    stills.map_slide(canvas, f"{title(engine)}, {name}", _map_points(engine, session), cursor, a, b, path)
    return canvas.data()


def _map_points(engine, session) -> scatter.MapPoints:
    figure = resources.figure(engine, session.plane, session.colour)
    return scatter.from_figure(figure, engine.gallery.labels, engine.origin.class_names)


def map_csv(engine, session) -> bytes:
    """One row per gallery image: its class, its position in each plane, losses, mu and log variance."""
    columns = _image_columns(engine)
    for plane in (p for p in ("umap", "pca") if p in engine.planes):
        columns |= {f"{plane}_{axis}": engine.map_xy(plane)[:, i] for i, axis in enumerate("xy")}
    return tables.as_csv(columns | _latent_columns(engine, "mu") | _latent_columns(engine, "logvar"))


def _image_columns(engine) -> dict:
    gallery = engine.gallery
    return {
        "row": np.arange(len(gallery.mu)),
        "index": gallery.index,
        "label": gallery.labels,
        "class": tables.class_column(gallery.labels, engine.origin.class_names),
        "recon_loss": gallery.recon_loss,
        "kl": engine.encoding.kl_per_dim.sum(1),
    }


def _latent_columns(engine, name: str) -> dict:
    values = getattr(engine.gallery, name)
    return {f"{name}_{d}": values[:, d] for d in range(engine.latent_dim)}


def atlas_parquet(engine, session) -> bytes:
    """The images with their position in the plane that the page shows."""
    xy = engine.map_xy(session.plane)
    columns = {"x": xy[:, 0], "y": xy[:, 1]} | _image_columns(engine) | _latent_columns(engine, "mu")
    return tables.as_parquet(columns, _all_pictures(engine))


def projector_zip(engine, session) -> bytes:
    columns = {name: column for name, column in _image_columns(engine).items() if name != "label"}
    return tables.projector_zip(engine.gallery.mu, columns, _all_pictures(engine))


def _all_pictures(engine) -> np.ndarray | None:
    return engine.pictures(np.arange(len(engine.gallery.mu)))


def films_npz(engine, session) -> bytes:
    """z and the films of the sliders on the page, for `numpy.load`."""
    dims = order_of_dims(engine)[0][session.first : session.first + N_SLIDERS]
    traversals = engine.traversals(session.z, dims, plane=session.plane)
    buffer = io.BytesIO()
    parts = {part: getattr(traversals, part) for part in ("values", "frames", "xy", "support")}
    np.savez_compressed(buffer, z=session.z, dims=dims, **parts)
    return buffer.getvalue()
