"""The Export menu: the files it offers, read back, and the lines of Python, run in a process of their own."""

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pyarrow import parquet

from explorer import open_bundle, open_model, train
from explorer.core.engine.live_run import open_run
from explorer.ui.explore import downloads, export
from explorer.ui.explore.lanes.panel import N_FRAMES
from explorer.ui.state.session import Session
from tests.helpers import noise_set, random_bundle, sprite_set

PROJECT = Path(__file__).resolve().parents[2]
N, D = 60, 3
SLIDE = (1920, 1080)
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
    image = picture(downloads.pixels_png(engine, session))
    assert image.format == "PNG" and min(image.size) >= 512
    factor, frame = image.height // 32, engine.film(session.z).frames[0, 0]
    np.testing.assert_array_equal(np.asarray(image), enlarged(frame, factor))


def enlarged(frame: np.ndarray, factor: int) -> np.ndarray:
    return frame.repeat(factor, 0).repeat(factor, 1)


def lanes_of(engine) -> list:
    """Films from A to B of `session_of`, as on the page."""
    mu = engine.gallery.mu
    return [engine.interpolation_film(mu[2], mu[5], N_FRAMES, kind, 0.5) for kind in ("lerp", "slerp", "pixel")]


@pytest.mark.parametrize("make", [downloads.stage_png, downloads.lanes_png, downloads.map_png])
def test_the_slides_are_pngs_of_full_hd(engine, make):
    image = picture(make(engine, session_of(engine)))
    assert (image.format, image.size) == ("PNG", SLIDE)


def svg_texts(data: bytes) -> list[str]:
    root = ET.fromstring(data)
    assert root.attrib["viewBox"] == "0 0 1920 1080"
    return ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_stage_slide_says_what_the_stage_says(engine):
    session = session_of(engine)
    film, shown = engine.film(session.z, session.plane), svg_texts(downloads.stage_svg(engine, session))
    assert {f"sprites: {D} dims", f"|z| = {film.norm[0]:.2f}; sqrt(D) = 1.7", f"support {film.support[0]:.2f}"} <= set(shown)
    assert {f"{value:.2f}" for value in session.z} <= set(shown)


def test_the_map_slide_has_the_names_of_the_classes_and_the_badges(engine):
    session = session_of(engine)
    assert {*engine.origin.class_names, "A", "B", f"sprites: {D} dims, UMAP"} <= set(
        svg_texts(downloads.map_svg(engine, session))
    )
    session.clear()
    assert not {"A", "B"} & set(svg_texts(downloads.map_svg(engine, session)))


def test_the_map_slide_has_the_colouring_of_the_page(engine):
    session = session_of(engine)
    session.set_colour("KL")
    assert "KL, nats" in svg_texts(downloads.map_svg(engine, session))


def test_the_lanes_slide_names_the_lanes_and_both_images(engine):
    names, labels = engine.origin.class_names, engine.gallery.labels
    shown = svg_texts(downloads.lanes_svg(engine, session_of(engine)))
    assert f"sprites: {D} dims, image 2 ({names[labels[2]]}) to image 5 ({names[labels[5]]})" in shown
    assert {"lerp", "slerp", "pixel", "t = -0.5", "1.5"} <= set(shown)


LANE_LEFT, LANE_TOP, LANE_PX = (60, 370, 680), 130, 280  # of the images in a film


def shown_lanes(pixels: np.ndarray) -> list[np.ndarray]:
    """The three images in a frame of a film (H, W, 3), one value per pixel of a 32 x 32 model."""
    side, edge = 8 * 32, (LANE_PX - 8 * 32) // 2
    tops = slice(LANE_TOP + edge + 4, LANE_TOP + edge + side, 8)
    return [pixels[tops, left + edge + 4 : left + edge + side : 8].mean(2) for left in LANE_LEFT]


def test_the_mp4_shows_the_three_lanes_from_a_to_b(engine):
    with av.open(io.BytesIO(downloads.lanes_mp4(engine, session_of(engine)))) as file:
        stream = file.streams.video[0]
        frames = [frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray() for frame in file.decode(stream)]
        assert frames[0].shape == (*SLIDE[::-1], 3) and stream.codec_context.name == "h264"
        n = N_FRAMES - 1 + 2 * 12  # the first and the last stay for 0.75 s at 16 frames a second
        assert len(frames) == n and float(stream.duration * stream.time_base) == pytest.approx(n / 16, abs=0.01)
    films = lanes_of(engine)
    for at, i in ((0, 0), (11 + 32, 32), (n - 1, N_FRAMES - 1)):
        for pixels, film in zip(shown_lanes(frames[at]), films):
            assert np.abs(pixels - film.frames[i, 0]).mean() < 6


def test_the_gif_goes_from_a_to_b_and_back(engine):
    image = picture(downloads.lanes_gif(engine, session_of(engine)))
    assert (image.format, image.size, image.info["loop"]) == ("GIF", SLIDE, 0)
    there = [*range(0, N_FRAMES - 1, 2), N_FRAMES - 1]
    order = there + there[-2:0:-1]
    assert image.n_frames == len(order)
    films = lanes_of(engine)
    for at in (0, 10, len(there) - 1, len(order) - 1):
        image.seek(at)
        for pixels, film in zip(shown_lanes(np.asarray(image.convert("RGB"))), films):
            assert np.abs(pixels - film.frames[order[at], 0]).max() <= 24  # 256 colours


def test_the_films_are_arrays_that_numpy_loads(engine):
    session = session_of(engine)
    with np.load(io.BytesIO(downloads.films_npz(engine, session)), allow_pickle=False) as arrays:
        films = engine.traversal_films(session.z, arrays["dims"], plane=session.plane)
        np.testing.assert_array_equal(arrays["z"], session.z)
        assert sorted(arrays["dims"]) == list(range(D))
        for name in ("values", "frames", "xy", "support"):
            np.testing.assert_array_equal(arrays[name], np.stack([getattr(film, name) for film in films]))


def test_pandas_reads_the_table_of_the_map(engine):
    table = pd.read_csv(io.BytesIO(downloads.map_csv(engine, session_of(engine))))
    gallery, names = engine.gallery, engine.origin.class_names
    assert table.index.tolist() == list(range(N))
    expected = {"row": np.arange(N), "index": gallery.index, "label": gallery.labels, "recon_loss": gallery.recon_loss}
    expected |= {f"{plane}_{axis}": engine.map_xy(plane)[:, i] for plane in ("umap", "pca") for i, axis in enumerate("xy")}
    expected |= {"kl": engine.encoding.kl_per_dim.sum(1)}
    for d in range(D):
        expected |= {f"mu_{d}": gallery.mu[:, d], f"logvar_{d}": gallery.logvar[:, d]}
    assert set(table.columns) == {*expected, "class"}
    assert table["class"].tolist() == [names[label] for label in gallery.labels]
    for name, column in expected.items():
        np.testing.assert_allclose(table[name], column, rtol=1e-6, err_msg=name)


def test_the_file_for_embedding_atlas_has_the_map_and_the_pictures(engine):
    table = parquet.read_table(io.BytesIO(downloads.atlas_parquet(engine, session_of(engine))))
    xy = engine.map_xy(engine.planes[0])
    np.testing.assert_array_equal(np.stack([table["x"], table["y"]], 1), xy)
    np.testing.assert_array_equal(np.stack([table[f"mu_{d}"] for d in range(D)], 1), engine.gallery.mu)
    shown = np.asarray(picture(table["image"][7].as_py()["bytes"]))
    np.testing.assert_array_equal(shown, engine.pictures(np.array([7]))[0, 0])


def test_the_file_for_the_projector_has_a_tile_and_a_line_per_image(engine):
    with zipfile.ZipFile(io.BytesIO(downloads.projector_zip(engine, session_of(engine)))) as file:
        assert len(file.read("vectors.tsv").splitlines()) == N and len(file.read("metadata.tsv").splitlines()) == N + 1
        sprite = np.asarray(picture(file.read("sprite.png")))
    assert sprite.shape == (8 * 32, 8 * 32)
    np.testing.assert_array_equal(sprite[32:64, 64:96], engine.pictures(np.array([10]))[0, 0])  # row 1, column 2


def test_a_colour_model_exports_colour_pictures(checkpoints):
    random_bundle(checkpoints, "noise", noise_set(N, (3, 20, 20)), latent_dim=D)
    engine = open_bundle("noise", device="cpu")
    session = session_of(engine)
    image = picture(downloads.pixels_png(engine, session))
    assert image.mode == "RGB"
    frame = engine.film(session.z).frames[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(np.asarray(image), enlarged(frame, image.height // 20))
    assert picture(downloads.lanes_png(engine, session)).mode == "RGB"


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_models_with_one_or_two_dimensions_have_all_slides(checkpoints, latent_dim):
    random_bundle(checkpoints, "small", noise_set(N), latent_dim=latent_dim)
    engine = open_bundle("small", device="cpu")
    session = session_of(engine)
    for make in (downloads.stage_svg, downloads.map_svg, downloads.lanes_svg):
        assert svg_texts(make(engine, session))
    axes = {"mu", "log variance"} if latent_dim == 1 else {"z0", "z1"}
    assert axes <= set(svg_texts(downloads.map_svg(engine, session)))


class Panel:
    """The downloads, captions and code that the open menu offers."""

    def __init__(self, monkeypatch, engine, session):
        self.files, self.disabled, self.captions, self.code = {}, set(), [], ""
        monkeypatch.setattr(export.st, "download_button", self.download_button)
        monkeypatch.setattr(export.st, "caption", self.captions.append)
        monkeypatch.setattr(export.st, "code", self.keep_code)
        export._content(engine, session)

    def download_button(self, label, data, file_name, mime, *, disabled, **_):
        if disabled:
            self.disabled.add(label)
        else:
            self.files[file_name] = data(), mime

    def keep_code(self, text, **_):
        self.code = text


INTERPOLATION = {"Film MP4", "Film GIF", "Lanes PNG", "Lanes SVG"}
TOOLS = {"Embedding Atlas", "Embedding Projector"}


def test_the_menu_offers_each_file_under_its_name_and_type(monkeypatch, engine):
    session = session_of(engine)
    panel = Panel(monkeypatch, engine, session)
    assert {name: mime for name, (_, mime) in panel.files.items()} == {
        "sprites-stage.png": "image/png",
        "sprites-stage.svg": "image/svg+xml",
        "sprites-z.png": "image/png",
        "sprites-films.npz": "application/octet-stream",
        "sprites-2-to-5.mp4": "video/mp4",
        "sprites-2-to-5.gif": "image/gif",
        "sprites-2-to-5.png": "image/png",
        "sprites-2-to-5.svg": "image/svg+xml",
        "sprites-map.png": "image/png",
        "sprites-map.svg": "image/svg+xml",
        "sprites-map.csv": "text/csv",
        "sprites-atlas.parquet": "application/octet-stream",
        "sprites-projector.zip": "application/zip",
    }
    assert panel.files["sprites-z.png"][0] == downloads.pixels_png(engine, session)
    assert panel.files["sprites-map.csv"][0] == downloads.map_csv(engine, session)
    assert panel.code == export.as_python(engine, session) and not panel.disabled


def test_without_two_anchors_there_is_no_interpolation_to_export(monkeypatch, engine):
    session = session_of(engine)
    session.clear()
    session.set_anchor(2)
    panel = Panel(monkeypatch, engine, session)
    assert panel.disabled == INTERPOLATION and len(panel.files) == 9
    assert "Choose A and B on the map first." in panel.captions
    assert "interpolation_film" not in panel.code


def test_without_the_images_the_files_with_images_are_disabled_and_say_why(monkeypatch, checkpoints):
    random_bundle(checkpoints, "noise", noise_set(N), latent_dim=D)  # a data set that this computer does not have
    engine = open_bundle("noise", device="cpu")
    panel = Panel(monkeypatch, engine, session_of(engine))
    assert panel.disabled == TOOLS
    assert "These need the images: Noise is not on this computer." in panel.captions


# As Python


def run_lines(engine, tmp_path: Path, **environment: str) -> None:
    """Runs the lines of Python as they are printed, in a new process, and compares what they make with the page."""
    session, made = session_of(engine), tmp_path / "made.npz"
    keep = f"np.savez({str(made)!r}, z=z, image=image, lerp=lerp.frames, slerp=slerp.frames, slerp_z=slerp.z)"
    script = tmp_path / "lines.py"
    script.write_text(f"{export.as_python(engine, session)}\n{keep}\n", "utf-8")
    paths = os.pathsep.join([str(PROJECT), environment.pop("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=PROJECT,
        env=os.environ | environment | {"PYTHONPATH": paths, "EXPLORER_DEVICE": "cpu"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    mu = engine.gallery.mu
    with np.load(made) as arrays:
        np.testing.assert_array_equal(arrays["z"], session.z)
        np.testing.assert_allclose(arrays["image"], engine.decode(session.z[None])[0], atol=1e-5)
        for kind in ("lerp", "slerp"):
            film = engine.interpolation_film(mu[2], mu[5], N_FRAMES, kind, overshoot=0.5)
            assert np.abs(arrays[kind].astype(int) - film.frames).max() <= 1
        np.testing.assert_allclose(arrays["slerp_z"], film.z, atol=1e-5)


def test_the_lines_of_a_bundle_run(engine, tmp_path):
    run_lines(engine, tmp_path)


def test_the_lines_of_a_shipped_bundle_run(tmp_path, monkeypatch):
    monkeypatch.delenv("EXPLORER_CHECKPOINTS", raising=False)
    monkeypatch.delenv("EXPLORER_MODEL", raising=False)
    run_lines(open_bundle("digits", device="cpu"), tmp_path)


def test_the_lines_of_a_model_of_uploaded_images_run(checkpoints, tmp_path):
    random_bundle(checkpoints, "its-mine", noise_set(N, name="upload:mine"), latent_dim=D)
    run_lines(open_bundle("its-mine", device="cpu"), tmp_path)


def test_the_lines_of_a_run_run(checkpoints, tmp_path, one_thread):
    command = "--dataset digits --limit 96 --latent-dim 2 --device cpu --precision fp32 --no-map --epochs 1 --name mine"
    assert train.main(command.split()) == 0
    run_lines(open_run("mine", device="cpu"), tmp_path)


def test_the_lines_of_a_custom_model_run(checkpoints, tmp_path, monkeypatch):
    (tmp_path / "lab_export.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("EXPLORER_MODEL", "lab_export:model")
    engine = open_model("lab_export:model")
    assert "with lab_export on PYTHONPATH" in export.as_python(engine, session_of(engine))
    run_lines(engine, tmp_path, PYTHONPATH=str(tmp_path), XDG_CACHE_HOME=str(tmp_path))


def test_a_script_may_end_right_after_it_has_opened_a_custom_model(tmp_path):
    (tmp_path / "lab_export.py").write_text(
        MODEL.replace("[:, :2]", "[:, :4]").replace("(len(x), 2)", "(len(x), 4)").replace("32, 1", "16, 1")
    )
    code = "from explorer import open_model\nengine = open_model('lab_export:model', umap=False)\nprint(engine.planes)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), str(tmp_path)])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "['pca', (0, 1)]\n"), done.stderr


def test_at_the_origin_the_lines_make_zeros(engine):
    session = Session(engine.name, engine.content_hash, np.zeros(D, np.float32), N)
    made = {}
    exec(export.as_python(engine, session), made)
    assert not made["z"].any() and "lerp" not in made
