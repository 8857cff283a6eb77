"""The Export panel: files that open, and lines of Python that run."""

import io

import numpy as np
import pytest
from PIL import Image

from explorer import open_bundle, open_model, train
from explorer.core.engine.live_run import open_run
from explorer.ui.explore import export
from explorer.ui.state.session import Session
from tests.helpers import random_bundle, sprite_set

N, D = 60, 3
MODEL = """
import numpy as np

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (40, 1, 8, 8), np.uint8)


def model():
    encode = lambda x: (x.reshape(len(x), -1)[:, :2], np.zeros((len(x), 2)))
    decode = lambda z: 1 / (1 + np.exp(-np.repeat(z, 32, 1).reshape(-1, 1, 8, 8)))
    return encode, decode, images
"""


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    return tmp_path


@pytest.fixture
def engine(checkpoints):
    random_bundle(checkpoints, "sprites", sprite_set(N), latent_dim=D, thumbs=True)
    return open_bundle("sprites", device="cpu")


def session_of(engine) -> Session:
    """A point, two anchors and a plane."""
    session = Session(engine.name, engine.content_hash, np.zeros(engine.latent_dim, np.float32), len(engine.gallery.mu))
    session.move_to(np.linspace(-0.5, 1.1, engine.latent_dim, dtype=np.float32))
    session.set_anchor(2)
    session.set_anchor(5)
    session.set_overshoot(True)
    session.set_plane(engine.planes[0])
    return session


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_the_decoded_image_is_a_png_of_whole_pixels(engine):
    session = session_of(engine)
    image = picture(export._stage_png(engine, session))
    assert image.format == "PNG" and min(image.size) >= 512
    factor, frame = image.height // 32, engine.film(session.z).frames[0, 0]
    np.testing.assert_array_equal(np.asarray(image), frame.repeat(factor, 0).repeat(factor, 1))


def test_the_interpolation_is_a_png_and_a_gif_that_goes_there_and_back(engine):
    session = session_of(engine)
    still, moving = picture(export._lanes_png(engine, session)), picture(export._lanes_gif(engine, session))
    assert still.format == "PNG" and still.width > 3 * still.height
    assert moving.format == "GIF" and 2 < moving.n_frames <= 2 * export.N_FRAMES - 2 and moving.info["loop"] == 0


def test_the_films_are_arrays_that_numpy_loads(engine):
    session = session_of(engine)
    with np.load(io.BytesIO(export._films_npz(engine, session)), allow_pickle=False) as arrays:
        films = engine.traversal_films(session.z, arrays["dims"], plane=session.plane)
        np.testing.assert_array_equal(arrays["z"], session.z)
        assert sorted(arrays["dims"]) == list(range(D))
        for name in ("values", "frames", "xy", "support"):
            np.testing.assert_array_equal(arrays[name], np.stack([getattr(film, name) for film in films]))


def test_the_table_of_the_map_has_a_row_for_each_image(engine):
    first, head, *rows = export._map_csv(engine, session_of(engine)).splitlines()
    table = dict(zip(head.split(","), np.array([row.split(",") for row in rows], float).T))
    assert first.startswith("# classes: ") and len(rows) == N
    np.testing.assert_allclose(table["mu_2"], engine.gallery.mu[:, 2], rtol=1e-5)
    np.testing.assert_allclose(table["pca_x"], engine.map_xy("pca")[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(table["label"], engine.gallery.labels)


def run_lines(engine) -> None:
    """Runs the lines of Python and compares what they make with what the page shows."""
    session, made = session_of(engine), {}
    exec(export.as_python(engine, session), made)
    np.testing.assert_array_equal(made["z"], session.z)
    np.testing.assert_allclose(made["image"], engine.decode(session.z[None])[0], atol=1e-5)
    mu = engine.gallery.mu
    film = engine.interpolation_film(mu[2], mu[5], export.N_FRAMES, "slerp", overshoot=0.5)
    np.testing.assert_allclose(made["film"].z, film.z, atol=1e-5)


def test_the_lines_of_a_bundle_run(engine):
    run_lines(engine)


def test_the_lines_of_a_run_run(checkpoints, one_thread):
    command = "--dataset digits --limit 96 --latent-dim 2 --device cpu --precision fp32 --no-map --epochs 1 --name mine"
    assert train.main(command.split()) == 0
    run_lines(open_run("mine", device="cpu"))


def test_the_lines_of_a_custom_model_run(checkpoints, tmp_path, monkeypatch):
    (tmp_path / "lab_export.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EXPLORER_MODEL", "lab_export:model")
    run_lines(open_model("lab_export:model"))


def test_at_the_origin_the_lines_make_zeros(engine):
    session = Session(engine.name, engine.content_hash, np.zeros(D, np.float32), N)
    made = {}
    exec(export.as_python(engine, session), made)
    assert not made["z"].any() and "film" not in made
