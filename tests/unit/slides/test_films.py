"""Films for slides: the frames, and the MP4 and GIF files read back with PyAV and Pillow."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from explorer.slides import films, video
from explorer.slides.canvas import PixelCanvas
from explorer.slides.films import SlideFilm


@pytest.fixture
def written(monkeypatch) -> list[tuple[str, int]]:
    """(text, size) of everything written on a PixelCanvas."""
    kept, write = [], PixelCanvas.text

    def text(self, x, y, text, size, *more, **options):
        kept.append((text, size))
        write(self, x, y, text, size, *more, **options)

    monkeypatch.setattr(PixelCanvas, "text", text)
    return kept


def interpolation(lanes, points) -> SlideFilm:
    return films.interpolation("mnist: 16 dims", lanes, 16, points, points.xy[0], points.xy[1])


def difference(a: Image.Image, b: Image.Image) -> np.ndarray:
    return np.asarray(a).astype(int) != np.asarray(b)


def test_every_frame_says_t_and_names_the_lanes(lanes, points, written):
    film = interpolation(lanes, points)
    assert {"lerp", "slerp", "pixel", "mnist: 16 dims", "|z|; grey: sqrt(D) = 4.0", "support by the data"} <= {
        text for text, _ in written
    }
    for i in range(film.n):
        written.clear()
        assert film.draw(i).size == (1920, 1080)
        assert [text for text, _ in written] == [f"t = {lanes['lerp'].values[i]:.2f}"]


def test_the_smallest_text_of_the_films_has_28_px(lanes, points, run, written):
    for film in (interpolation(lanes, points), films.epochs("digits", *run)):
        list(film)
    assert min(size for _, size in written) == 28


def test_images_markers_and_cursors_move_in_each_frame(lanes, points):
    film = interpolation(lanes, points)
    first, last = film.draw(0), film.draw(film.n - 1)
    moved = difference(first, last).any(2)
    for left, top, right, bottom in ((60, 130, 340, 410), (370, 130, 650, 410), (680, 130, 960, 410)):
        assert moved[top:bottom, left:right].mean() > 0.9  # random frames
    assert moved[540:730, 120:970].any() and moved[820:1010, 120:970].any() and moved[130:, 1030:].any()
    pixels = np.asarray(first)[130:410, 60:340, 0]
    np.testing.assert_array_equal(pixels, lanes["lerp"].frames[0, 0].repeat(10, 0).repeat(10, 1))


def test_the_epochs_say_beta_and_the_loss_of_their_epoch(run, written):
    film = films.epochs("digits: 8 dims", *run)
    assert film.n == 5 and ("digits: 8 dims", 48) in written
    for i, beta in enumerate((1, 1, 1, 4, 4)):
        written.clear()
        film.draw(i)
        said = [text for text, _ in written]
        assert f"epoch {i} of 4" in said and f"beta {beta}, -ELBO {40 - i:.1f}" in said


def test_an_epoch_without_losses_is_shown_without_numbers(run, written):
    events, frames = run
    film = films.epochs("digits", [event for event in events if event["kind"] != "epoch"], frames)
    film.draw(2)
    assert "epoch 2 of 2" in {text for text, _ in written}
    assert not any("ELBO" in text for text, _ in written)


def test_a_film_of_one_epoch(run):
    events, frames = run
    assert films.epochs("digits", events[:2], frames[:1]).draw(0).size == (1920, 1080)


def blocks(n: int) -> list[Image.Image]:
    return [Image.new("RGB", (320, 180), (200, 40 * i, 30)) for i in range(n)]


def test_an_mp4_has_its_size_frames_duration_and_colours():
    data = video.mp4(blocks(5), fps=16)
    with av.open(io.BytesIO(data)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        decoded = list(file.decode(stream))
        n = 5 - 2 + 2 * 12 + 1  # the first and last stay 0.75 s, 12 frames; the last is also drawn once itself
        assert len(decoded) == n and float(stream.duration * stream.time_base) == pytest.approx(n / 16, abs=0.01)
        assert decoded[0].colorspace == 1
        for frame, shade in ((decoded[0], 0), (decoded[-1], 160)):
            assert (frame.width, frame.height) == (320, 180)
            pixels = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
            assert np.abs(pixels.mean((0, 1)) - (200, shade, 30)).max() < 6


def test_a_gif_goes_forwards_and_back_and_loops():
    image = Image.open(io.BytesIO(video.gif(blocks(4), 120, back=True)))
    assert (image.format, image.size, image.info["loop"], image.n_frames) == ("GIF", (320, 180), 0, 6)
    shades, durations = [], []
    for i in range(image.n_frames):
        image.seek(i)
        shades.append(image.convert("RGB").getpixel((5, 5))[1])
        durations.append(image.info["duration"])
    assert np.abs(np.array(shades) - (0, 40, 80, 120, 80, 40)).max() <= 8
    assert durations == [870, 120, 120, 870, 120, 120]


def test_a_gif_of_epochs_ends_with_the_last_one(run):
    image = Image.open(io.BytesIO(films.epoch_gif("digits", *run)))
    assert (image.size, image.n_frames) == ((1920, 1080), 5)
    image.seek(4)
    assert image.info["duration"] == 930
    assert image.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_the_mp4_of_a_run_has_a_frame_per_epoch(run):
    with av.open(io.BytesIO(films.epoch_mp4("digits", *run))) as file:
        stream = file.streams.video[0]
        n = sum(1 for _ in file.decode(stream))
        assert (stream.width, stream.height, n) == (1920, 1080, 5 - 1 + 2 * 6)  # the first and the last stay 0.75 s
        assert float(stream.duration * stream.time_base) == pytest.approx(n / 8, abs=0.01)
