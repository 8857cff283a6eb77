"""A researcher's own model behind the Engine's interface: EXPLORER_MODEL=package.module:function."""

import re
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from explorer.core.data.image_set import ImageSet
from explorer.core.engine import custom_model
from explorer.core.engine.custom_model import open_model
from explorer.core.errors import ConfigError, DataError, ExplorerError
from explorer.core.latent import projection
from tests.helpers import noise_set, random_vae

README = Path(__file__).resolve().parents[4] / "README.md"
D = 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The user's cache folder, and maps that are made in a moment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(projection, "umap_map", lambda mu: np.ascontiguousarray(mu[:, :2], np.float32))
    return tmp_path / "cache" / "latent-explorer"


@pytest.fixture
def served(monkeypatch):
    """Serves encode, decode, images as the module `lab.models` would, and returns the Engine."""

    def serve(encode=None, decode=None, images=None, returns=None):
        model = random_vae(D)

        def own_encode(x):
            with torch.no_grad():
                return model.encode(torch.from_numpy(x))

        made = encode or own_encode, decode or (lambda z: model.decode(torch.from_numpy(z))), images
        made = made if images is not None else (*made[:2], noise_set().images)
        module = SimpleNamespace(mine=lambda: made if returns is None else returns)
        monkeypatch.setitem(sys.modules, "lab_models", module)
        opened.append(open_model("lab_models:mine"))
        return opened[-1]

    opened = []
    yield serve
    for engine in opened:
        engine.latent_map._umap.exception(timeout=60)  # a thread that outlives its test would see another test's patches


def test_without_a_umap_the_gallery_is_ready_and_no_thread_is_started(served):
    served()  # registers the module
    before = set(threading.enumerate())
    engine = open_model("lab_models:mine", umap=False)
    assert engine.has_gallery and engine.umap is None and engine.planes == ["pca", (0, 1)]
    assert set(threading.enumerate()) <= before


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)[:, :D]


def finished(engine):
    """The engine once its gallery and its map are made."""
    engine.latent_map._umap.result(timeout=60)
    return engine


def test_a_function_in_a_module_becomes_an_engine(tmp_path, monkeypatch):
    (tmp_path / "my_vae.py").write_text("""
import numpy as np
w = np.random.default_rng(0).standard_normal((192, 3)) / 14
def model():
    images = np.random.default_rng(1).integers(0, 256, (40, 3, 8, 8), np.uint8)
    encode = lambda x: ((x.reshape(len(x), -1) @ w).tolist(), np.zeros((len(x), 3)))
    return encode, lambda z: (0.5 + z @ w.T).reshape(-1, 3, 8, 8), images
""")
    monkeypatch.syspath_prepend(tmp_path)
    engine = finished(open_model("my_vae:model"))
    assert engine.name == "my_vae:model" and engine.image_shape == (3, 8, 8) and engine.latent_dim == 3
    assert engine.metrics == {} and engine.planes == ["umap", "pca", (0, 1)] and len(engine.gallery.mu) == 40
    x = engine.decode(9 * np.ones((2, 3)))
    assert x.dtype == np.float32 and x.shape == (2, 3, 8, 8) and x.min() >= 0 and x.max() == 1
    film = engine.interpolation_film(engine.gallery.mu[0], engine.gallery.mu[1], 5)
    np.testing.assert_allclose(film.support[[0, -1]], 1, atol=1e-5)
    assert np.isfinite(film.xy).all() and (engine.gallery.labels == -1).all()
    assert engine.pictures(np.array([3, 1])).shape == (2, 3, 8, 8)


def test_tensors_lists_and_every_precision_are_welcome(served):
    for encode in (
        lambda x: (torch.from_numpy(flat(x)).double().requires_grad_(), torch.zeros(len(x), D)),
        lambda x: [flat(x).astype(np.float16), flat(x).astype(np.float64)],
        lambda x: (np.ones((len(x), D), int), np.asfortranarray(np.zeros((len(x), D)))),
    ):
        engine = finished(served(encode))
        assert engine.gallery.mu.shape == (60, D) and engine.gallery.mu.dtype == np.float32


def test_an_image_set_brings_labels_names_and_factors(served):
    images = noise_set()
    engine = finished(served(images=images))
    assert engine.origin.class_names == images.class_names and engine.origin.title == "Noise"
    np.testing.assert_array_equal(engine.gallery.labels, images.labels)
    tensor = finished(served(images=torch.from_numpy(images.images)))
    np.testing.assert_array_equal(tensor.pictures([0]), images.images[:1])


def test_more_than_ten_thousand_images_are_drawn_from(served):
    images = np.random.default_rng(0).integers(0, 256, (10_500, 1, 8, 8), np.uint8)
    engine = finished(served(lambda x: (flat(x), 0 * flat(x)), lambda z: np.zeros((len(z), 1, 8, 8)), images))
    index = engine.gallery.index
    assert len(index) == len(set(index)) == 10_000 == len(engine.gallery.mu)
    np.testing.assert_array_equal(engine.pictures([7]), images[index[7:8]])
    np.testing.assert_allclose(engine.gallery.mu[7], flat(images[index[7:8]])[0] / 255)


def test_two_dimensions_need_no_map(served, cache):
    engine = finished(served(lambda x: (flat(x)[:, :2], 0 * flat(x)[:, :2]), lambda z: np.zeros((len(z), 1, 16, 16))))
    assert engine.planes == [(0, 1), "pca"] and engine.umap is None and not cache.exists()


# What does not fit, in one sentence each


NOISE = noise_set(4).images


@pytest.mark.parametrize(
    "spec, says",
    [
        ("model", "EXPLORER_MODEL is 'model'. Write it as package.module:function."),
        ("model:", "Write it as"),
        (":function", "Write it as"),
        ("", "Write it as"),
        ("no_such_module_here:f", "failed with ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("lab_models:other", "failed with AttributeError"),
    ],
)
def test_a_spec_that_leads_nowhere(served, spec, says):
    served()
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        open_model(spec)
    assert "\n" not in str(caught.value)


def test_a_function_that_raises_is_quoted_in_one_line(monkeypatch):
    def broken():
        raise RuntimeError("weights are\nsomewhere else." + 1000 * " far")

    monkeypatch.setitem(sys.modules, "lab_models", SimpleNamespace(mine=broken))
    with pytest.raises(ConfigError, match="failed with RuntimeError: weights are somewhere else. far") as caught:
        open_model("lab_models:mine")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500 and "Run it in Python" in str(caught.value)


@pytest.mark.parametrize("returns", [7, (), (len, len), (len, 3, NOISE), (None, len, NOISE), {"encode": len}])
def test_what_the_function_must_return(served, returns):
    with pytest.raises(ConfigError, match=r"lab_models:mine must return \(encode, decode, images\). The README has"):
        served(returns=returns)


@pytest.mark.parametrize(
    "images",
    [NOISE / 255, NOISE[0], NOISE[:1], NOISE[:0], NOISE[:, [0, 0]], [[1], [2, 3]], "images", torch.zeros(4, 1, 8, 8)],
    ids=["float", "one image", "N = 1", "none", "C = 2", "ragged", "text", "float tensor"],
)
def test_what_the_images_must_be(served, images):
    with pytest.raises(ConfigError, match=r"must be uint8 \(N, C, H, W\) with C 1 or 3 and N at least 2, not "):
        served(images=images)


def test_an_image_set_is_looked_at_too(served):
    with pytest.raises(ConfigError, match="N at least 2"):
        served(images=noise_set(1))
    with pytest.raises(DataError):
        ImageSet("x", "test", NOISE, np.zeros(3, np.int64))


@pytest.mark.parametrize(
    "encode, says",
    [
        (lambda x: flat(x), r"encode of \S+ must return \(mu, logvar\)"),
        (lambda x: (flat(x), flat(x), flat(x)), r"must return \(mu, logvar\)"),
        (lambda x: (flat(x), flat(x)[:, :2]), r"shape \(2, D\) each, not \(2, 4\) and \(2, 2\)"),
        (lambda x: (flat(x)[:1], flat(x)[:1]), r"shape \(2, D\) each, not \(1, 4\)"),
        (lambda x: (x, x), r"not \(2, 1, 16, 16\)"),
        (lambda x: (flat(x)[:, :0], flat(x)[:, :0]), r"not \(2, 0\)"),
        (lambda x: (flat(x), None), "arrays of numbers, not NoneType"),
        (lambda x: (flat(x), "zero"), "encode of .* must return arrays of numbers, not str"),
        (lambda x: (flat(x), [[1], [1, 2]]), "arrays of numbers, not list"),
        (lambda x: (flat(x), flat(x) * np.nan), "NaN or infinite values. Check the weights"),
        (lambda x: 1 / 0, "encode of EXPLORER_MODEL=lab_models:mine failed with ZeroDivisionError: division by zero"),
    ],
)
def test_what_encode_must_return(served, encode, says):
    with pytest.raises(ConfigError, match=says) as caught:
        served(encode)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "decode, says",
    [
        (lambda z: np.zeros((len(z), 9, 9)), r"decode of \S+ must return images of shape \(2, 1, 16, 16\), not \(2, 9, 9\)"),
        (lambda z: np.full((len(z), 1, 16, 16), np.inf), "decode of .* returned NaN or infinite"),
        (lambda z: None, "decode of .* must return arrays of numbers, not NoneType"),
        (lambda z: z.undefined, "decode of .* failed with AttributeError"),
    ],
)
def test_what_decode_must_return(served, decode, says):
    with pytest.raises(ConfigError, match=says):
        served(decode=decode)


# In the background


def test_sliders_work_while_the_gallery_is_made(served, monkeypatch):
    monkeypatch.setattr(custom_model, "BATCH_SIZE", 1)

    def encode(x):
        time.sleep(0.005)
        return flat(x), 0 * flat(x)

    engine = served(encode, images=noise_set(200))
    frames = [engine.film(np.zeros((1, D))).frames for _ in range(3)]
    assert not engine.has_gallery and engine.planes == ["pca", (0, 1)] and len(frames) == 3
    assert finished(engine).has_gallery and engine.planes[0] == "umap"


def test_calls_to_the_model_take_turns(served):
    at_work, most = [], []

    def decode(z):
        at_work.append(1)
        most.append(len(at_work))
        threading.Event().wait(0.002)
        at_work.pop()
        return np.zeros((len(z), 1, 16, 16))

    engine = served(decode=decode)
    threads = [threading.Thread(target=engine.film, args=(np.zeros((2, D)),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1 and len(most) == 13


def test_a_model_that_writes_into_what_it_is_given_harms_nobody(served):
    def decode(z):
        z *= 0
        return np.zeros((len(z), 1, 16, 16))

    def encode(x):
        mu = flat(x).copy()
        x[:] = 7
        return mu, 0 * mu

    engine, z = finished(served(encode, decode)), np.ones((3, D), np.float32)
    x = np.full((2, 1, 16, 16), 0.5, np.float32)
    engine.encode(x), engine.encode(x)
    assert (engine.film(z).z == 1).all() and (z == 1).all() and (x == 0.5).all()


def test_a_model_that_fails_on_a_later_image_is_said(served):
    def encode(x):
        return (flat(x), 0 * flat(x)) if len(x) == 2 else (flat(x) * np.nan, 0 * flat(x))

    engine = served(encode)
    with pytest.raises(ConfigError, match="NaN or infinite"):
        finished(engine)
    for question in (lambda: engine.gallery, lambda: engine.has_gallery, lambda: engine.neighbours(np.zeros(D))):
        with pytest.raises(ConfigError, match="NaN or infinite"):
            question()
    assert engine.umap is None and engine.decode(np.zeros((1, D))).shape == (1, 1, 16, 16)


def test_a_gallery_that_fails_for_reasons_of_its_own_is_a_sentence_too(served, monkeypatch):
    monkeypatch.setattr(projection, "pca", lambda mu: (_ for _ in ()).throw(MemoryError("no room")))
    engine = served()
    with pytest.raises(ExplorerError, match="The gallery could not be computed: MemoryError: no room."):
        finished(engine)


def test_a_map_that_fails_leaves_the_pca(served, monkeypatch):
    monkeypatch.setattr(projection, "umap_map", lambda mu: (_ for _ in ()).throw(RuntimeError("numba")))
    engine = served()
    assert isinstance(engine.latent_map._umap.exception(timeout=60), ExplorerError)
    assert engine.has_gallery and engine.planes == ["pca", (0, 1)]


# The map is kept


def test_the_map_is_made_once(served, cache, monkeypatch):
    made = finished(served()).umap
    assert [path.suffix for path in cache.iterdir()] == [".npy"]
    monkeypatch.setattr(projection, "umap_map", lambda mu: pytest.fail("made again"))
    np.testing.assert_array_equal(finished(served()).umap, made)


@pytest.mark.parametrize("spoiled", [b"", b"\x93NUMPY", b"nothing", "other points", "float64", "nan", "folder"])
def test_a_spoiled_map_is_made_again(served, cache, spoiled):
    made = finished(served()).umap
    (path,) = cache.iterdir()
    if spoiled == "folder":
        path.unlink()
        path.mkdir()
    elif isinstance(spoiled, bytes):
        path.write_bytes(spoiled)
    else:
        np.save(path, {"other points": made[:3], "float64": made.astype(float), "nan": made * np.nan}[spoiled])
    np.testing.assert_array_equal(finished(served()).umap, made)
    assert [p.name for p in cache.iterdir()] == [path.name]  # and no half of a file beside it
    if spoiled != "folder":
        np.testing.assert_array_equal(np.load(path), made)


def test_a_cache_that_cannot_be_written_costs_nothing_else(served, cache, monkeypatch):
    cache.parent.mkdir()
    cache.write_text("a file where the folder should be")
    assert finished(served()).umap.shape == (60, 2) and cache.read_text().startswith("a file")

    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent / "other"))
    monkeypatch.setattr(np, "save", lambda *args, **more: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    assert finished(served()).umap.shape == (60, 2)
    assert not list((cache.parent / "other" / "latent-explorer").iterdir())


# The example


def test_the_example_of_the_readme_works(tmp_path, monkeypatch):
    section = README.read_text("utf-8").split("<!-- own-model -->")[1].split("<!-- /own-model -->")[0]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert len(code.strip().splitlines()) <= 15
    (tmp_path / "my_model.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_model", raising=False)
    spec = re.search(r"EXPLORER_MODEL=(my_model:\w+)", README.read_text("utf-8"))[1]
    engine = finished(open_model(spec))
    x = engine.pictures(np.arange(20))
    assert np.abs(engine.reconstruct(x) - x / 255).mean() < 0.15
    assert engine.traversal_films(engine.gallery.mu[0], [0], n_frames=9)[0].frames.std(0).max() > 10
    assert len(engine.planes) == 3 and np.isfinite(engine.map_xy()).all()
