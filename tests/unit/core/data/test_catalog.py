"""What a user notices of the data sets: the right images, the same each time, and one clear sentence when not."""

import gzip
import hashlib
import io
import os
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from explorer.core import paths
from explorer.core.data import catalog, image_folder, sprites
from explorer.core.data.catalog import list_datasets, load, split_indices, stratified_draw
from explorer.core.data.image_set import ImageSet
from explorer.core.errors import ConfigError, DataError

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def tiny_mnist() -> dict[str, bytes]:
    """The four files, with 20 images to train on and 10 to test."""
    chance = np.random.RandomState(0)
    files = {}
    for part, n in (("train", 20), ("t10k", 10)):
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(chance.randint(256, size=(n, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(np.arange(n) % 10)
    return files


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty data folder, and no network."""
    monkeypatch.setenv("EXPLORER_DATA_DIR", str(tmp_path))

    def unplugged(*_, **__):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", unplugged)
    return tmp_path


@pytest.fixture
def raw(home) -> Path:
    """The four tiny files in torchvision's layout."""
    raw = home / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in tiny_mnist().items():
        (raw / name).write_bytes(content)
    return raw


@pytest.fixture
def archives(monkeypatch) -> dict[str, bytes]:
    """The four tiny files as .gz, with the checksums torchvision is made to expect."""
    from torchvision.datasets import MNIST

    files = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in tiny_mnist().items()}
    monkeypatch.setattr(MNIST, "resources", [(name, hashlib.md5(files[name]).hexdigest()) for name in files])
    monkeypatch.setattr(MNIST, "mirrors", ["http://mirror.test/"])
    return files


def snapshot(place: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in [place, *place.rglob("*")]}


# ---- names, places, listing


def test_importing_data_needs_numpy_only():
    heavy = ["torch", "torchvision", "sklearn", "scipy", "PIL", "streamlit"]
    code = "import sys; from explorer.core.data import catalog; catalog.list_datasets(); "
    code += f"print([name for name in {heavy} if name in sys.modules])"
    project = paths.PROJECT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project)
    assert done.stdout.strip() == "[]", done.stderr


def test_data_dir_is_read_at_each_call(monkeypatch):
    monkeypatch.setenv("EXPLORER_DATA_DIR", "~/pictures")
    assert catalog.data_dir() == Path.home() / "pictures"
    monkeypatch.delenv("EXPLORER_DATA_DIR")
    assert catalog.data_dir() == paths.PROJECT / "data"


def test_list_says_what_is_there(home):
    infos = {info.name: info for info in list_datasets()}
    assert list(infos) == ["mnist", "fashion-mnist", "kmnist", "digits", "sprites"]
    assert not infos["mnist"].present and infos["mnist"].download_mb > 5
    assert infos["digits"].present and infos["digits"].download_mb == 0
    assert all(info.title and info.licence and info.origin for info in infos.values())


def test_list_accepts_packed_and_unpacked_files(raw):
    (raw / NAMES[0]).rename(raw / f"{NAMES[0]}.gz")
    mnist = list_datasets()[0]
    assert mnist.present and mnist.download_mb == 0


@pytest.mark.parametrize(
    "name, suggestion",
    [
        ("mnits", "mnist"),
        ("fashion", "fashion-mnist"),
        ("MNIST", "mnist"),
        ("folder", "folder:PATH"),
        ("folder:", "folder:PATH"),
    ],
)
def test_unknown_name_suggests_the_near_one(name, suggestion):
    with pytest.raises(DataError, match=f"no data set '{name}'. Did you mean '{suggestion}'"):
        load(name, "train")


def test_unknown_split_and_misplaced_size():
    with pytest.raises(ConfigError, match="no split 'tset'. Did you mean 'test'"):
        load("digits", "tset")
    with pytest.raises(ConfigError, match="own size"):
        load("digits", "test", size=16)


@pytest.mark.parametrize("name", ["digits", "sprites"])
def test_the_listing_tells_the_truth(name):
    info = next(i for i in list_datasets() if i.name == name)
    train, test = load(name, "train"), load(name, "test")
    assert (len(train), len(test)) == (info.n_train, info.n_test)
    for part in (train, test):
        assert part.images.shape[1:] == info.shape
        assert len(part.class_names) == info.n_classes == len(np.unique(part.labels))
        assert (part.title, part.licence) == (info.title, info.licence)


# ---- ImageSet


def image_set(n=6, **changes) -> ImageSet:
    values = dict(
        name="x",
        split="train",
        images=np.arange(n * 64, dtype=np.uint8).reshape(n, 1, 8, 8),
        labels=np.arange(n) % 2,
        class_names=("a", "b"),
        factors=np.arange(n, dtype=np.float32)[:, None],
        factor_names=("f",),
    )
    return ImageSet(**values | changes)


def test_head_keeps_everything_in_step():
    whole = image_set()
    head = whole.take(np.array([4, 2, 5])).head(2)
    assert len(head) == 2
    assert head.index.tolist() == [4, 2] and head.factors[:, 0].tolist() == [4, 2]
    assert (head.images == whole.images[[4, 2]]).all() and (head.labels == whole.labels[[4, 2]]).all()
    assert whole.head(0) is whole and len(whole.head(99)) == 6
    assert image_set(factors=None, factor_names=()).head(1).factors is None
    with pytest.raises(ConfigError, match="-1"):
        whole.head(-1)


@pytest.mark.parametrize(
    "changes, says",
    [
        (dict(images=np.zeros((6, 8, 8), np.uint8)), "uint8 \\(N, C, H, W\\)"),
        (dict(images=np.zeros((6, 1, 8, 8), np.float32)), "float32"),
        (dict(labels=np.zeros(5, np.int64)), "6 images but 5 labels"),
        (dict(factors=np.zeros((7, 1), np.float32)), "6 images but 7 factors"),
        (dict(labels=np.full(6, 2)), "outside its 2 classes"),
    ],
)
def test_image_set_refuses_parts_that_do_not_fit(changes, says):
    with pytest.raises(DataError, match=says):
        image_set(**changes)


# ---- splits and draws


def test_split_is_stratified_disjoint_and_always_the_same():
    labels = np.repeat([0, 1, 2], [500, 100, 10])
    train, test = split_indices(labels, 610)
    assert sorted([*train, *test]) == list(range(610))
    assert [int((labels[test] == k).sum()) for k in range(3)] == [100, 20, 2]
    assert (split_indices(labels, 610)[1] == test).all()
    assert (split_indices(labels, 610, seed=1)[1] != test).any()


def test_split_never_changes_between_versions():
    """Bundles on disk hold positions in this split."""
    assert split_indices(None, 20)[1].tolist() == [1, 5, 15, 17]
    assert stratified_draw(np.arange(20) % 2, 4).tolist() == [5, 6, 10, 15]


@pytest.mark.parametrize("labels", [[0, 1], [0, 0], [-1] * 5, [0, 0, 1, 1, 2, 2], list(range(9)), [0] * 50 + [1, 1, 2]])
def test_small_classes_are_in_both_splits(labels):
    labels = np.array(labels)
    train, test = split_indices(labels, len(labels))
    assert len(train) and len(test)
    for label in np.unique(labels):
        if (labels == label).sum() > 1:
            assert label in labels[train] and label in labels[test]


def test_one_image_is_for_training():
    train, test = split_indices(None, 1)
    assert (len(train), len(test)) == (1, 0)


def test_draw_keeps_the_proportions():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    drawn = stratified_draw(labels, 100)
    assert (np.diff(drawn) > 0).all()
    assert np.abs(np.bincount(labels[drawn]) - [60, 30, 10]).max() <= 1 and len(drawn) == 100
    assert stratified_draw(labels, 5000).tolist() == list(range(1000))


# ---- digits and sprites


def test_digits_fill_the_grey_scale():
    test = load("digits", "test")
    assert test.images.dtype == np.uint8 and test.labels.dtype == np.int64
    assert (test.images.min(), test.images.max()) == (0, 255)
    assert 128 in test.images  # 8 of 16, rounded


def test_digits_are_not_in_both_splits():
    seen = {image.tobytes() for image in load("digits", "train").images}
    assert not any(image.tobytes() in seen for image in load("digits", "test").images)


def test_sprites_are_redrawn_from_their_factors():
    test = load("sprites", "test")
    assert test.factor_names == ("shape", "scale", "rotation", "x", "y")
    assert (test.factors[:, 0] == test.labels).all() and test.factors.dtype == np.float32
    few = test.take(np.arange(0, 4000, 7))
    assert (sprites.draw_sprites(few.factors) == few.images).all()
    assert (load("sprites", "test").head(50).images == test.images[:50]).all()


def sprite(shape=0, scale=0.8, rotation=0.0, x=0.0, y=0.0) -> np.ndarray:
    return sprites.draw_sprites(np.array([[shape, scale, rotation, x, y]], np.float32))[0, 0].astype(float)


@pytest.mark.parametrize("shape", range(3))
def test_each_factor_does_what_it_says(shape):
    rows, columns = np.mgrid[:32, :32]

    def centre(image):
        return np.array([(columns * image).sum(), (rows * image).sum()]) / image.sum()

    moved = centre(sprite(shape, x=5, y=-3)) - centre(sprite(shape))
    assert moved == pytest.approx([5, -3], abs=0.05)
    assert sprite(shape, scale=1.0).sum() / sprite(shape, scale=0.5).sum() == pytest.approx(4, rel=0.03)
    upright, turned = sprite(shape), sprite(shape, rotation=45)
    assert turned.sum() == pytest.approx(upright.sum(), rel=0.05)
    assert np.abs(turned - upright).max() > 100
    assert upright == pytest.approx(upright[:, ::-1], abs=1)  # upright shapes are their own mirror image


def test_rotation_is_clockwise_and_a_heart_stands_on_its_tip():
    def lowest(image):  # the column of the lowest lit pixels
        row = image[np.flatnonzero(image.max(1) > 128)[-1]]
        return row @ np.arange(32) / row.sum()

    heart = sprite(2, scale=1.0)
    assert heart[:16].sum() > 1.2 * heart[16:].sum()  # broad above
    assert lowest(heart) == pytest.approx(15.5, abs=0.1)
    assert lowest(sprite(2, scale=1.0, rotation=30)) < 15  # clockwise: the tip swings to the left


def test_shapes_stay_inside_and_have_soft_edges():
    corners = np.array([[s, 1, r, x, y] for s in range(3) for r in (-45, -20, 0, 45) for x in (-8, 8) for y in (-8, 8)])
    images = sprites.draw_sprites(corners).astype(float)
    for shape in range(3):
        assert images[corners[:, 0] == shape].sum((1, 2, 3)) == pytest.approx(sprite(shape, 1.0).sum(), rel=0.02)
    assert len(np.unique(images)) > 50


@pytest.mark.parametrize(
    "factors", [np.zeros((3, 4)), np.zeros(5), [[0, 0, 0, 0, 0]], [[3, 1, 0, 0, 0]], [[0, 1, np.nan, 0, 0]]]
)
def test_impossible_factors_are_refused(factors):
    with pytest.raises(DataError, match="[Ff]actor"):
        sprites.draw_sprites(factors)


# ---- the sets of torchvision


@pytest.mark.parametrize("name, class_name", [("mnist", "7"), ("fashion-mnist", "Sneaker")])
def test_real_images(real_data, name, class_name):
    if name != "mnist" and not list_datasets()[1].present:
        pytest.skip(f"NO REAL DATA: {name} is not in {real_data}")
    before = snapshot(real_data)
    test = load(name, "test")
    assert test.images.shape == (10_000, 1, 28, 28) and test.images.dtype == np.uint8
    assert len(test.class_names) == 10 and test.class_names[7] == class_name
    assert np.bincount(test.labels).min() > 800
    assert len(load(name, "train")) == 60_000
    assert snapshot(real_data) == before
    if name == "mnist":
        assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_files_in_place_are_read_and_nothing_is_written(raw):
    before = snapshot(raw.parents[1])
    train = load("mnist", "train")
    assert train.images.shape == (20, 1, 28, 28) and train.labels[:3].tolist() == [0, 1, 2]
    assert len(load("mnist", "test", download=False)) == 10
    assert snapshot(raw.parents[1]) == before


def test_offline_is_one_clear_sentence(home, capfd):
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert "MNIST is not on this machine and could not be fetched" in caught.value.message
    assert "no route to host" in caught.value.message and "\n" not in str(caught.value)
    assert str(home / "MNIST" / "raw") in caught.value.hint and "EXPLORER_DATA_DIR" in caught.value.hint
    assert all(name in caught.value.hint for name in NAMES)
    assert caught.value.__context__ is None
    assert list(home.iterdir()) == []  # nothing left behind
    assert capfd.readouterr() == ("", "")


def test_no_download_unless_allowed(home, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("went to the network"))
    with pytest.raises(DataError, match="KMNIST is not on this machine\\."):
        load("kmnist", "train", download=False)


def test_download_tells_its_progress_and_prints_nothing(home, archives, monkeypatch, capfd):
    class Response(io.BytesIO):
        url = None

    def plugged(request, *_, **__):
        response = Response(archives[request.full_url.rsplit("/")[-1]])
        response.length = len(response.getvalue())
        return response

    monkeypatch.setattr(urllib.request, "urlopen", plugged)
    heard = []
    train = load("mnist", "train", progress=lambda share, doing: heard.append((share, doing)))
    assert len(train) == 20
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1.0 and "downloading MNIST" in heard[0][1]
    assert capfd.readouterr() == ("", "")


def test_a_download_of_the_wrong_bytes_is_refused(home, archives, monkeypatch):
    class Response(io.BytesIO):
        url, length = None, 4

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Response(b"<htm"))
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert "corrupted" in caught.value.message
    assert f"{NAMES[0]}.gz in {home / 'MNIST' / 'raw'} is damaged" in caught.value.hint


def test_packed_files_are_unpacked_without_the_network(home, archives):
    raw = home / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in archives.items():
        (raw / name).write_bytes(content)
    assert len(load("mnist", "test", download=False)) == 10


def test_a_half_packed_file_is_named(raw, archives):
    (raw / NAMES[0]).unlink()
    (raw / f"{NAMES[0]}.gz").write_bytes(archives[f"{NAMES[0]}.gz"][:100])
    with pytest.raises(DataError, match=f"{NAMES[0]}.gz in .* is damaged or only half there"):
        load("mnist", "train")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "damage", [lambda b: b[:-5], lambda b: b[:6], lambda b: b"", lambda b: b + b"x", lambda b: b"\x1f\x8b" + b[2:]]
)
def test_a_damaged_file_is_named(raw, name, damage):
    (raw / name).write_bytes(damage((raw / name).read_bytes()))
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    assert f"{raw / name} is damaged or only half there" in caught.value.message
    assert caught.value.hint == "Delete it and start again."


def test_labels_of_other_images_are_refused(raw):
    (raw / NAMES[3]).write_bytes(tiny_mnist()[NAMES[1]])
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte has 20 labels for 10 images"):
        load("mnist", "test")


def test_labels_that_are_no_classes_are_refused(raw):
    (raw / NAMES[1]).write_bytes(idx_bytes(np.full(20, 77)))
    with pytest.raises(DataError, match="label outside its 10 classes"):
        load("mnist", "train")


def test_an_unreadable_file_is_named(raw, monkeypatch):
    real_open = Path.open

    def locked(self, *args, **kwargs):
        if self.name == NAMES[2]:
            raise PermissionError(13, "Permission denied")
        return real_open(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(DataError, match=f"{NAMES[2]} cannot be read .*Permission denied"):
        load("mnist", "train")


def test_a_broken_cache_of_an_old_torchvision_is_refused(raw):
    processed = raw.parent / "processed"
    processed.mkdir()
    for name in ("training.pt", "test.pt"):
        (processed / name).write_bytes(b"not a tensor")
    with pytest.raises(DataError, match="MNIST in .* cannot be read"):
        load("mnist", "train")


# ---- folders


def picture(path: Path, size=(16, 16), mode="RGB", colour=None, **how) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    if colour is None:
        colour = {"L": 100, "RGB": (200, 30, 30), "RGBA": (200, 30, 30, 255)}[mode]
    Image.new(mode, size, colour).save(path, **how)
    return path


def whole(name: str, **how) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of both splits together."""
    parts = [load(name, split, **how) for split in ("train", "test")]
    return np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])


def test_sub_folders_are_classes(tmp_path):
    for kind, n in (("cats", 10), ("dogs", 5)):
        for i in range(n):
            picture(tmp_path / kind / f"deep{i % 2}" / f"{i}.png")
    (tmp_path / "empty").mkdir()
    name = f"folder:{tmp_path}"
    train, test = load(name, "train"), load(name, "test")
    assert train.class_names == ("cats", "dogs") and train.name == name and train.title == tmp_path.name
    assert np.bincount(train.labels).tolist() == [8, 4] and np.bincount(test.labels).tolist() == [2, 1]
    assert train.images.shape == (12, 3, 16, 16) and train.notes == ()
    assert train.images[0, :, 0, 0].tolist() == [200, 30, 30]


def test_a_flat_folder_is_unlabelled_and_in_order(tmp_path):
    from PIL import Image

    for i in (3, 1, 2, 0):
        Image.fromarray(np.full((12, 12), 10 * i, np.uint8)).save(tmp_path / f"{i}.png")
    train = load(f"folder:{tmp_path}", "train")
    assert train.class_names == () and set(train.labels) == {-1}
    assert train.images.shape == (3, 1, 12, 12)  # grey
    assert (np.diff(train.images[:, 0, 0, 0].astype(int)) > 0).all()


def test_images_of_the_size_wanted_are_untouched(tmp_path):
    from PIL import Image

    pixels = np.random.RandomState(0).randint(256, size=(2, 20, 20, 3)).astype(np.uint8)
    for i in range(2):
        Image.fromarray(pixels[i]).save(tmp_path / f"{i}.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert sorted(i.tobytes() for i in images) == sorted(p.transpose(2, 0, 1).tobytes() for p in pixels)


@pytest.mark.parametrize(
    "sides, size, expected",
    [((200, 300), None, 64), ((200, 300), 128, 128), ((30, 40), None, 35), ((9, 9), None, 9), ((9, 9), 8, 8)],
)
def test_the_size(tmp_path, sides, size, expected):
    for i, side in enumerate(sides):
        picture(tmp_path / f"{i}.jpg", (side, side + 10))
    assert load(f"folder:{tmp_path}", "test", size=size).images.shape[1:] == (3, expected, expected)


@pytest.mark.parametrize("size", [7, 129, 16.0, True])
def test_impossible_sizes(tmp_path, size):
    with pytest.raises(ConfigError, match="size must be a whole number from 8 to 128"):
        load(f"folder:{tmp_path}", "test", size=size)


def test_the_centre_is_kept(tmp_path):
    from PIL import Image

    wide = np.zeros((16, 48), np.uint8)
    wide[:, 16:32] = 255
    for i in range(2):
        Image.fromarray(wide).save(tmp_path / f"{i}.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert images.shape == (2, 1, 16, 16) and (images == 255).all()


def test_grey_only_if_all_are(tmp_path):
    picture(tmp_path / "a.png", mode="L")
    picture(tmp_path / "b.png", colour=(7, 7, 7))
    picture(tmp_path / "c.jpg", colour=(90, 90, 90))
    assert load(f"folder:{tmp_path}", "train").images.shape[1] == 1
    picture(tmp_path / "d.png", colour=(7, 8, 7))
    for split in ("train", "test"):
        assert load(f"folder:{tmp_path}", split).images.shape[1] == 3


def test_every_kind_of_pixel(tmp_path):
    from PIL import Image

    picture(tmp_path / "clear.png", mode="RGBA", colour=(255, 0, 0, 0))
    Image.fromarray(np.full((16, 16), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.new("1", (16, 16), 1).save(tmp_path / "one_bit.bmp")
    Image.new("P", (16, 16), 0).save(tmp_path / "palette.gif", transparency=0)
    Image.new("LA", (16, 16), (0, 128)).save(tmp_path / "half.png")
    frames = [Image.new("L", (16, 16), level) for level in (60, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    Image.new("RGB", (16, 16), (50, 50, 50)).save(tmp_path / "web.webp", lossless=True)
    images, notes = image_folder.read_folder(tmp_path)[::3]
    found = dict(zip(sorted(p.name for p in tmp_path.iterdir()), images[:, 0, 8, 8].tolist()))
    assert notes == ()
    assert found == {
        "clear.png": 255,
        "deep.png": round(40_000 / 257),
        "one_bit.bmp": 255,
        "palette.gif": 255,
        "half.png": 127,
        "film.gif": 60,
        "web.webp": 50,
    }


def test_exif_turns_the_picture(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right of the file
    pixels = np.zeros((32, 32), np.uint8)
    pixels[:, 16:] = 255
    for i in range(2):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png", exif=exif)
    images, _ = whole(f"folder:{tmp_path}")
    assert images[0, 0, 31].min() > 200 and images[0, 0, 0].max() < 50


def test_what_cannot_be_used_is_counted_and_named(tmp_path, capfd, recwarn):
    for i in range(8):
        picture(tmp_path / "good" / f"{i}.jpg", (64, 64))
    (tmp_path / "good" / "a.txt").write_text("hello")
    (tmp_path / "good" / "b.png").write_bytes(b"no picture")
    (tmp_path / "good" / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.png").write_bytes(b"no picture")
    cut = picture(tmp_path / "good" / "c.jpg", (300, 300))
    cut.write_bytes(cut.read_bytes()[:700])
    (tmp_path / "good" / "d.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    picture(tmp_path / "bad" / "tiny.png", (1, 1))
    picture(tmp_path / "loose.png")
    os.mkfifo(tmp_path / "pipe.png")
    train = load(f"folder:{tmp_path}", "train")
    assert train.notes == (
        "1 of 15 files is smaller than 8 px and was left out: bad/tiny.png",
        "5 of 15 files are no images and were left out: good/a.txt, good/b.png, good/c.jpg, good/d.png, pipe.png",
        "1 of 9 images lie in no sub-folder and have no class",
    )
    assert train.class_names == ("good",)
    assert capfd.readouterr() == ("", "") and not list(recwarn)


def test_many_are_counted_and_a_few_named(tmp_path):
    for i in range(9):
        picture(tmp_path / f"{i}.png")
        (tmp_path / f"{i}.txt").write_text("")
    assert load(f"folder:{tmp_path}", "test").notes == (
        "9 of 18 files are no images and were left out: 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 4 more",
    )


def png_claiming(width: int, height: int) -> bytes:
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.filterwarnings("error")
def test_bombs_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    from PIL import Image, PngImagePlugin

    for i in range(2):
        picture(tmp_path / f"{i}.png")
    for name, side in (("large", 8_000), ("warned", 10_000), ("bomb", 60_000)):
        (tmp_path / f"{name}.png").write_bytes(png_claiming(side, side))
    limit, decode = Image.MAX_IMAGE_PIXELS, PngImagePlugin.PngImageFile.load

    def small_only(self):
        assert self.size == (16, 16), "decoded a bomb"
        return decode(self)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", small_only)
    train = load(f"folder:{tmp_path}", "train")
    assert train.notes == ("3 of 5 files are larger than 50 megapixels and were left out: bomb.png, large.png, warned.png",)
    assert Image.MAX_IMAGE_PIXELS == limit


def test_links_out_of_the_folder_are_not_followed(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for i in range(3):
        picture(inside / f"{i}.png")
    secret = picture(outside / "secret.png")
    (inside / "link.png").symlink_to(secret)
    (inside / "linked").symlink_to(outside)
    (inside / "loop.png").symlink_to(inside / "loop.png")
    (inside / "again.png").symlink_to(inside / "0.png")
    (tmp_path / "door").symlink_to(inside)
    for path in (inside, tmp_path / "door"):
        images, labels, classes, notes = image_folder.read_folder(path)
        assert len(images) == 4 and classes == ()
        assert notes == (
            "1 of 6 files is a link out of the folder and was left out: link.png",
            "1 of 6 files is no image and was left out: loop.png",
        )


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda p: None, "There is no folder"),
        (lambda p: p.write_text(""), "is a file, not a folder"),
        (lambda p: p.mkdir(), "holds no image that can be read"),
        (lambda p: picture(p / "a.png"), "holds one image only"),
        (lambda p: (p.mkdir(), (p / "a.txt").write_text("")), "1 of 1 files is no image and was left out: a.txt"),
    ],
)
def test_folders_that_are_no_data_set(tmp_path, make, says):
    make(tmp_path / "pictures")
    with pytest.raises(DataError, match=says):
        load(f"folder:{tmp_path / 'pictures'}", "train")


def test_a_folder_is_read_once_for_both_splits_and_again_when_it_changes(tmp_path):
    heard = []
    for i in range(5):
        picture(tmp_path / f"{i}.png")
    for split in ("train", "test"):
        load(f"folder:{tmp_path}", split, progress=lambda share, doing: heard.append(share))
    assert heard == [0.0, 1.0]
    picture(tmp_path / "5.png")
    images, _ = whole(f"folder:{tmp_path}")
    assert len(images) == 6
