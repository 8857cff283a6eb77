"""The Export panel: the files it offers, read back, and the lines of Python, run."""

import io

import numpy as np
import pytest
from PIL import Image

from explorer import open_bundle, open_model, train
from explorer.core.engine.live_run import open_run
from explorer.ui.explore import export
from explorer.ui.state.session import Session
from tests.helpers import noise_set, random_bundle, sprite_set

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


def lanes_of(engine) -> list:
    """Films from A to B of `session_of`, as on the page."""
    mu = engine.gallery.mu
    return [engine.interpolation_film(mu[2], mu[5], export.N_FRAMES, kind, 0.5) for kind in ("lerp", "slerp", "pixel")]


def enlarged(frame: np.ndarray, factor: int) -> np.ndarray:
    return frame.repeat(factor, 0).repeat(factor, 1)


def test_the_interpolation_png_has_a_row_per_lane_of_every_fourth_frame(engine):
    image = picture(export._lanes_png(engine, session_of(engine)))
    side, n = 4 * 32, len(range(0, export.N_FRAMES, 4))
    assert (image.format, image.size) == ("PNG", (n * (side + 1) - 1, 3 * side))
    pixels = np.asarray(image)
    for lane, film in enumerate(lanes_of(engine)):
        for i in range(n):
            tile = pixels[lane * side : (lane + 1) * side, i * (side + 1) : i * (side + 1) + side]
            np.testing.assert_array_equal(tile, enlarged(film.frames[4 * i, 0], 4))


def test_the_interpolation_gif_goes_from_a_to_b_and_back(engine):
    image = picture(export._lanes_gif(engine, session_of(engine)))
    assert image.format == "GIF" and image.info["loop"] == 0
    shown = []  # equal frames in a row are stored as one of longer duration
    for i in range(image.n_frames):
        image.seek(i)
        shown += [np.asarray(image.convert("L"))] * (image.info["duration"] // 40)
    order = [*range(export.N_FRAMES), *range(export.N_FRAMES - 2, 0, -1)]
    assert len(shown) == len(order)
    films, side = lanes_of(engine), 5 * 32
    for pixels, i in zip(shown, order):
        for lane, film in enumerate(films):
            tile = pixels[:, lane * (side + 1) : lane * (side + 1) + side]
            np.testing.assert_array_equal(tile, enlarged(film.frames[i, 0], 5))


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
    gallery = engine.gallery
    assert first == "# classes: " + ", ".join(engine.origin.class_names) and len(rows) == N
    expected = {"row": np.arange(N), "index": gallery.index, "label": gallery.labels, "recon_loss": gallery.recon_loss}
    expected |= {f"{plane}_{axis}": engine.map_xy(plane)[:, i] for plane in ("umap", "pca") for i, axis in enumerate("xy")}
    expected |= {"kl": engine.encoding.kl_per_dim.sum(1)}
    for d in range(D):
        expected |= {f"mu_{d}": gallery.mu[:, d], f"logvar_{d}": gallery.logvar[:, d]}
    assert table.keys() == expected.keys()
    for name, column in expected.items():
        np.testing.assert_allclose(table[name], column, rtol=1e-6, err_msg=name)


def test_a_colour_model_exports_colour_pictures(checkpoints):
    random_bundle(checkpoints, "noise", noise_set(N, (3, 20, 20)), latent_dim=D)
    engine = open_bundle("noise", device="cpu")
    session = session_of(engine)
    image = picture(export._stage_png(engine, session))
    assert image.mode == "RGB"
    frame = engine.film(session.z).frames[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(np.asarray(image), enlarged(frame, image.height // 20))
    assert picture(export._lanes_png(engine, session)).mode == "RGB"


class Panel:
    """The downloads and the code that the open panel offers."""

    def __init__(self, monkeypatch, engine, session):
        self.files, self.disabled, self.code = {}, set(), ""
        monkeypatch.setattr(export.st, "download_button", self.download_button)
        monkeypatch.setattr(export.st, "code", self.keep_code)
        export._content(engine, session)

    def download_button(self, label, data, file_name, mime, *, disabled, **_):
        if disabled:
            self.disabled.add(label)
        else:
            self.files[file_name] = data(), mime

    def keep_code(self, text, language):
        self.code = text


def test_the_panel_offers_each_file_under_its_name_and_type(monkeypatch, engine):
    session = session_of(engine)
    panel = Panel(monkeypatch, engine, session)
    assert {name: mime for name, (_, mime) in panel.files.items()} == {
        "sprites-z.png": "image/png",
        "sprites-2-to-5.png": "image/png",
        "sprites-2-to-5.gif": "image/gif",
        "sprites-films.npz": "application/octet-stream",
        "sprites-map.csv": "text/csv",
    }
    data = {name: content for name, (content, _) in panel.files.items()}
    assert picture(data["sprites-z.png"]).size == (512, 512)
    assert picture(data["sprites-2-to-5.png"]).format == "PNG" and picture(data["sprites-2-to-5.gif"]).format == "GIF"
    with np.load(io.BytesIO(data["sprites-films.npz"]), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["z"], session.z)
    assert len(data["sprites-map.csv"].splitlines()) == N + 2
    assert panel.code == export.as_python(engine, session)


def test_without_two_anchors_there_is_no_interpolation_to_export(monkeypatch, engine):
    session = session_of(engine)
    session.clear()
    session.set_anchor(2)
    panel = Panel(monkeypatch, engine, session)
    assert panel.disabled == {"Interpolation, PNG", "Interpolation, GIF"} and len(panel.files) == 3
    assert "interpolation_film" not in panel.code


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
