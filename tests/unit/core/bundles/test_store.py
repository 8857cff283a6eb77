"""Bundles on disk: exact when they are good, refused in one sentence when they are not."""

import errno
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from explorer.core import paths
from explorer.core.bundles import format as bundle_format
from explorer.core.bundles import store
from explorer.core.bundles.format import CONFIG, GALLERY, METRICS, MODEL, Gallery, Origin
from explorer.core.config import ModelConfig
from explorer.core.errors import BundleError
from explorer.core.storage import atomic, safe_read
from explorer.core.vae.model import VAE

N, D = 12, 3
ORIGIN = Origin("digits", "test", ("nought", "one"), ("x", "y"), "Ciphers", "drawn by hand", "CC0")
METRIC_VALUES = {"test_elbo": -12.5, "history": [{"epoch": 1, "elbo": -20.25}]}


def make_model(seed=0, **settings) -> VAE:
    settings = {"image_shape": (1, 8, 8), "latent_dim": D, "arch": "mlp", "widths": (5,)} | settings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return VAE(ModelConfig(**settings))


def make_gallery(seed=0, **arrays) -> Gallery:
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    labels = rng.integers(-1, 2, N)
    good = Gallery(np.arange(N) * 2, labels, normal(N, D), normal(N, D), normal(N), normal(N, 2))
    return replace(good, **arrays)


def full_gallery(seed=0) -> Gallery:
    rng = np.random.default_rng(seed)
    thumbs = rng.integers(0, 256, (N, 1, 8, 8)).astype(np.uint8)
    factors = rng.standard_normal((N, 2), np.float32)
    return make_gallery(seed, umap=rng.standard_normal((N, 2), np.float32), factors=factors, thumbs=thumbs)


def save(root, name="good", seed=0, **changes) -> Path:
    given = {"model": make_model(seed), "origin": ORIGIN, "gallery": full_gallery(seed), "metrics": METRIC_VALUES}
    return store.save(name, root=root, **given | {"replace": True} | changes)


def same_weights(a: VAE, b: VAE) -> bool:
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


def same_gallery(a: Gallery, b: Gallery) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(Gallery)]
    return all(x is y if x is None or y is None else x.dtype == y.dtype and np.array_equal(x, y) for x, y in pairs)


def names_in(root) -> set[str]:
    return {path.name for path in root.iterdir()}


def assert_one_sentence(error: BundleError, *words: str) -> None:
    """What and where (the words), what next (the hint), and nothing of the machinery."""
    assert error.message.endswith(".") and error.hint.endswith((".", "?", "'", "s")), str(error)
    assert len(str(error)) < 600 and "\n" not in str(error)
    assert not any(noise in str(error) for noise in ("Traceback", "Error(", "SafetensorError", "line ", "object at 0x"))
    for word in words:
        assert word in str(error), f"{word!r} is not in {str(error)!r}"


# ---- round trips


@pytest.mark.parametrize("gallery", [make_gallery(), full_gallery()], ids=["least", "all"])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-learned"])
def test_a_bundle_comes_back_exactly(tmp_path, gallery, likelihood):
    model = make_model(likelihood=likelihood)
    model.log_scale.data.fill_(-0.75)
    path = save(tmp_path, model=model, gallery=gallery)
    bundle = store.load("good", tmp_path)
    assert same_weights(bundle.model, model) and same_gallery(bundle.gallery, gallery)
    assert (bundle.name, bundle.config, bundle.origin) == ("good", model.config, ORIGIN)
    assert bundle.metrics == METRIC_VALUES and bundle.path == path == tmp_path / "good"
    assert bundle.content_hash == bundle_format.content_hash(model.config, model.state_dict())
    assert not bundle.model.training
    assert bundle.model.log_scale.requires_grad == (likelihood == "gaussian-learned")
    assert all(p.device.type == "cpu" for p in bundle.model.parameters())
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(bundle.model.encode(x)[0], model.encode(x)[0])


def test_a_convolutional_model_and_a_bfloat16_one(tmp_path):
    model = make_model(arch="conv", image_shape=(3, 9, 11), widths=(4,), hidden=6)
    save(tmp_path, "conv", model=model, gallery=make_gallery())
    loaded = store.load("conv", tmp_path).model
    assert same_weights(loaded, model)
    strides = {name: weight.stride() for name, weight in model.named_parameters()}  # their order in memory sets the speed
    assert {name: weight.stride() for name, weight in loaded.named_parameters()} == strides
    half = make_model().bfloat16()
    save(tmp_path, "half", model=half)
    loaded = store.load("half", tmp_path).model
    assert same_weights(loaded, half.float())


def test_arrays_need_not_lie_in_order(tmp_path):
    mu = np.asfortranarray(np.random.default_rng(1).standard_normal((N, D), np.float32))
    save(tmp_path, gallery=make_gallery(mu=mu))
    assert np.array_equal(store.load("good", tmp_path).gallery.mu, mu)


def test_loading_draws_nothing_and_what_is_loaded_can_be_changed(tmp_path):
    save(tmp_path)
    before = torch.get_rng_state()
    bundle = store.load("good", tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    bundle.gallery.mu[:] = 0
    torch.from_numpy(bundle.gallery.logvar)  # would warn were it read-only
    with torch.no_grad():
        bundle.model.log_scale.add_(1)


def test_metrics_are_strict_json(tmp_path):
    values = {"test_elbo": float("nan"), "kl": np.array([1.0, np.inf]), "n": np.int64(3), "t": (1, 2), 4: None}
    save(tmp_path, metrics=values)
    expected = {"test_elbo": None, "kl": [1.0, None], "n": 3, "t": [1, 2], "4": None}
    assert store.load("good", tmp_path).metrics == expected


def test_by_path_by_name_and_by_a_copied_name(tmp_path, monkeypatch):
    path = save(tmp_path)
    shutil.copytree(path, tmp_path / "copy")
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert paths.checkpoints_dir() == tmp_path
    for given in ("good", path, str(path), "./good", Path("good")):
        assert store.load(given).name == "good"
    assert store.load("copy").name == "copy"
    monkeypatch.delenv("EXPLORER_CHECKPOINTS")
    assert paths.checkpoints_dir() == paths.PROJECT / "checkpoints"


def test_describe_and_list_read_no_weights(tmp_path, monkeypatch):
    save(tmp_path, "b")
    save(tmp_path, "a", gallery=make_gallery())
    (tmp_path / "README.md").write_text("not a bundle")
    for name in ("runs", ".hidden"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(safe_read, "parse_safetensors", None)
    infos = store.list_bundles(tmp_path)
    assert [info.name for info in infos] == ["a", "b"] and all(info.error is None for info in infos)
    info = store.describe("b", tmp_path)
    assert info == infos[1]
    assert (info.config, info.origin, info.metrics) == (make_model().config, ORIGIN, METRIC_VALUES)
    assert info.n_bytes == sum(f.stat().st_size for f in (tmp_path / "b").iterdir()) and len(info.content_hash) == 16
    assert store.list_bundles(tmp_path / "nowhere") == []


@pytest.mark.parametrize("file", bundle_format.LIMITS)
def test_the_stamp_changes_with_every_file(tmp_path, file):
    path = save(tmp_path)
    before = store.describe("good", tmp_path).stamp
    assert store.describe("good", tmp_path).stamp == before
    os.utime(path / file, ns=(1, 1))
    assert store.describe("good", tmp_path).stamp != before


def test_the_hash_knows_weights_names_and_settings():
    model = make_model()
    state = model.state_dict()
    same = bundle_format.content_hash(model.config, state)
    assert same == bundle_format.content_hash(model.config, dict(reversed(state.items())))
    other = dict(state) | {"log_scale": torch.tensor(1e-9)}
    renamed = {k.replace("log_scale", "logscale"): v for k, v in state.items()}
    settings = replace(model.config, likelihood="gaussian")
    changed = ((model.config, other), (model.config, renamed), (settings, state))
    assert len({same, *(bundle_format.content_hash(*pair) for pair in changed)}) == 4


def test_nothing_heavy_is_imported():
    heavy = "{'torchvision', 'umap', 'numba', 'sklearn', 'streamlit'}"
    code = f"import sys, explorer.core.bundles.store; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.PROJECT)


# ---- damage: every row is refused in one sentence, and hides nothing


class Trap:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def edit_json(file, **changes):
    def damage(folder):
        values = json.loads((folder / file).read_text())
        for key, value in changes.items():
            values.pop(key) if value is ... else values.update({key: value})
        (folder / file).write_text(json.dumps(values))

    return damage


def edit_model_config(**changes):
    def damage(folder):
        values = json.loads((folder / CONFIG).read_text())
        values["model"] |= changes
        (folder / CONFIG).write_text(json.dumps(values))

    return damage


def edit_arrays(file, **changes):
    """A value, a function of the old array, or ... to drop it; `__` in a name stands for a dot."""

    def damage(folder):
        arrays = unpack((folder / file).read_bytes())
        for key, value in changes.items():
            key = key.replace("__", ".")
            arrays[key] = value(arrays[key].copy()) if callable(value) else value
        arrays = {k: np.asarray(v, order="C") for k, v in arrays.items() if v is not ...}
        (folder / file).write_bytes(pack(arrays))

    return damage


def write(file, data):
    return lambda folder: (folder / file).write_bytes(data)


def cut(file, n):
    return lambda folder: os.truncate(folder / file, n if n >= 0 else (folder / file).stat().st_size + n)


def grow(file, n_bytes):
    return lambda folder: os.truncate(folder / file, n_bytes)  # a sparse file: no disk is filled


def put(position, value):
    def change(array):
        array[position] = value
        return array

    return change


def pickled(file, protocol):
    return lambda folder: (folder / file).write_bytes(pickle.dumps(Trap(folder.parent / "trapped"), protocol))


def zipped(file):
    def damage(folder):
        torch.save({"weights": Trap(folder.parent / "trapped")}, folder / file)

    return damage


def raw(header: bytes, data=b"", claimed=None):
    return struct.pack("<Q", len(header) if claimed is None else claimed) + header + data


def entry(shape, n_bytes, dtype="F32"):
    return json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, n_bytes]}}).encode()


def link_out(file):
    def damage(folder):
        outside = folder.parent.parent / "outside"
        (folder / file).rename(outside)
        (folder / file).symlink_to(outside)

    return damage


def fifo(file):
    def damage(folder):
        (folder / file).unlink()
        os.mkfifo(folder / file)

    return damage


def as_folder(file):
    def damage(folder):
        (folder / file).unlink()
        (folder / file).mkdir()

    return damage


def loop(folder):
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to(folder / MODEL)


def other_weights(folder):
    edit_arrays(MODEL, log_scale=np.float32(0.5))(folder)


JSON_DAMAGE = {
    "empty": (lambda f: cut(f, 0), "not valid JSON"),
    "cut": (lambda f: cut(f, -9), "not valid JSON"),
    "nan": (lambda f: write(f, b'{"test_elbo": NaN}'), "not valid JSON"),
    "infinite": (lambda f: write(f, b'{"test_elbo": 1e999}'), "not valid JSON"),
    "latin-1": (lambda f: write(f, b'{"title": "\xe9"}'), "not valid JSON"),
    "half a character": (lambda f: write(f, b'{"title": "\\ud800"}'), "not valid JSON"),
    "deep": (lambda f: write(f, b"[" * 200_000), "not valid JSON"),
    "long number": (lambda f: write(f, b'{"n": ' + b"9" * 5000 + b"}"), "not valid JSON"),
    "list": (lambda f: write(f, b"[1]"), "not a JSON object"),
    "huge": (lambda f: grow(f, 30_000_000), "too large"),
}
TENSOR_DAMAGE = {
    "empty": (lambda f: cut(f, 0), "damaged or cut short"),
    "cut in the length": (lambda f: cut(f, 5), "damaged or cut short"),
    "cut in the header": (lambda f: cut(f, 40), "damaged or cut short"),
    "cut in the data": (lambda f: cut(f, -1), "damaged or cut short"),
    "longer": (lambda f: lambda folder: (folder / f).open("ab").write(b"x") and None, "damaged or cut short"),
    "huge header": (lambda f: write(f, raw(b"{", claimed=2**63)), "damaged or cut short"),
    "long header": (lambda f: write(f, raw(b"{}", claimed=90_000_000)), "damaged or cut short"),
    "overflow": (lambda f: write(f, raw(entry([2**40, 2**40], 4), b"1234")), "damaged or cut short"),
    "nothing, hugely": (lambda f: write(f, raw(entry([0, 2**62], 0))), "damaged or cut short"),
    "many axes": (lambda f: write(f, raw(entry([1] * 99, 4), b"1234")), "damaged or cut short"),
    "dtype": (lambda f: write(f, raw(entry([2], 4, "BF16"), b"1234")), "as BF16, which is not read here"),
    "no tensors": (lambda f: write(f, raw(b"{}")), "lacks the tensor"),
    "pickle 0": (lambda f: pickled(f, 0), "looks like a Python pickle, which is never opened"),
    "pickle 2": (lambda f: pickled(f, 2), "looks like a Python pickle, which is never opened"),
    "pickle 5": (lambda f: pickled(f, 5), "looks like a Python pickle, which is never opened"),
    "torch.save": (lambda f: zipped(f), "looks like a Python pickle, which is never opened"),
    "huge": (lambda f: grow(f, bundle_format.LIMITS[f] + 1), "too large"),
}
ANY_DAMAGE = {
    "missing": (lambda f: lambda folder: (folder / f).unlink(), "is missing"),
    "a link out of the folder": (link_out, "link to a place outside"),
    "a pipe": (fifo, "not a regular file"),
    "a folder": (as_folder, "not a regular file"),
}
VALUE_DAMAGE = {
    "no version": (CONFIG, edit_json(CONFIG, format_version=...), "format_version None"),
    "newer version": (CONFIG, edit_json(CONFIG, format_version=2), "newer Latent Explorer"),
    "older version": (CONFIG, edit_json(CONFIG, format_version=0), "unknown"),
    "text version": (CONFIG, edit_json(CONFIG, format_version="1"), "unknown"),
    "true version": (CONFIG, edit_json(CONFIG, format_version=True), "unknown"),
    "long version": (CONFIG, edit_json(CONFIG, format_version="9" * 9999), "unknown"),
    "unknown entry": (CONFIG, edit_json(CONFIG, colour="red"), "colour"),
    "lacking entry": (CONFIG, edit_json(CONFIG, licence=...), "lacks licence"),
    "entry of another kind": (CONFIG, edit_json(CONFIG, title=3), "title"),
    "no data set": (CONFIG, edit_json(CONFIG, dataset=""), "dataset"),
    "names that are numbers": (CONFIG, edit_json(CONFIG, class_names=[0, 1]), "class_names"),
    "names in one": (CONFIG, edit_json(CONFIG, factor_names="xy"), "factor_names"),
    "model of another kind": (CONFIG, edit_json(CONFIG, model=[1]), "model"),
    "impossible model": (CONFIG, edit_model_config(latent_dim=0), "latent_dim"),
    "unknown architecture": (CONFIG, edit_model_config(arch="cnv" * 999), "architecture"),
    "unknown setting": (CONFIG, edit_model_config(depth=1), "depth"),
    "setting of another kind": (CONFIG, edit_model_config(image_shape=3), "image_shape|wrong kind"),
    "other image shape": (CONFIG, edit_json(CONFIG, image_shape=[1, 8, 9]), "image_shape"),
    "elbo as text": (METRICS, edit_json(METRICS, test_elbo="-93"), "test_elbo"),
    "elbo as truth": (METRICS, edit_json(METRICS, test_elbo=True), "test_elbo"),
    "weights missing": (MODEL, edit_arrays(MODEL, encoder__1__weight=...), "encoder.1.weight"),
    "weights too many": (MODEL, edit_arrays(MODEL, extra=np.zeros(1, np.float32)), "extra"),
    "weights of another shape": (MODEL, edit_arrays(MODEL, encoder__1__weight=lambda w: w.T), "shape"),
    "weights in double": (MODEL, edit_arrays(MODEL, log_scale=np.zeros(())), "float64"),
    "weights in half": (MODEL, edit_arrays(MODEL, log_scale=np.zeros((), np.float16)), "float16"),
    "weights nan": (MODEL, edit_arrays(MODEL, encoder__1__bias=put(0, np.nan)), "NaN"),
    "weights infinite": (MODEL, edit_arrays(MODEL, encoder__1__bias=put(0, -np.inf)), "infinite"),
    "weights changed": (MODEL, other_weights, "do not belong together"),
    "settings changed": (CONFIG, edit_model_config(likelihood="gaussian"), "do not belong together"),
    "hash changed": (CONFIG, edit_json(CONFIG, content_hash="0" * 16), "do not belong together"),
    "a link to itself": (MODEL, loop, "cannot be read"),
    "gallery lacks mu": (GALLERY, edit_arrays(GALLERY, mu=...), "lacks the tensor mu"),
    "gallery lacks index": (GALLERY, edit_arrays(GALLERY, index=...), "lacks the tensor index"),
    "gallery extra": (GALLERY, edit_arrays(GALLERY, tsne=np.zeros((N, 2), np.float32)), "tsne"),
    "index dtype": (GALLERY, edit_arrays(GALLERY, index=lambda a: a.astype(np.int32)), "index is int32"),
    "index shape": (GALLERY, edit_arrays(GALLERY, index=lambda a: a[:, None]), "index has the shape"),
    "index negative": (GALLERY, edit_arrays(GALLERY, index=put(3, -1)), "negative index"),
    "index twice": (GALLERY, edit_arrays(GALLERY, index=put(3, 0)), "twice"),
    "labels too few": (GALLERY, edit_arrays(GALLERY, labels=lambda a: a[1:]), "labels has the shape"),
    "labels too high": (GALLERY, edit_arrays(GALLERY, labels=put(0, 2)), "outside the 2 classes"),
    "labels too low": (GALLERY, edit_arrays(GALLERY, labels=put(0, -2)), "outside the 2 classes"),
    "mu of other D": (GALLERY, edit_arrays(GALLERY, mu=lambda a: a[:, 1:]), "mu has the shape"),
    "mu nan": (GALLERY, edit_arrays(GALLERY, mu=put((0, 0), np.nan)), "mu has NaN"),
    "logvar infinite": (GALLERY, edit_arrays(GALLERY, logvar=put((0, 0), np.inf)), "logvar has NaN or infinite"),
    "recon_loss in double": (GALLERY, edit_arrays(GALLERY, recon_loss=lambda a: a.astype(float)), "float64"),
    "pca of 3": (GALLERY, edit_arrays(GALLERY, pca=np.zeros((N, 3), np.float32)), "pca has the shape"),
    "umap too few": (GALLERY, edit_arrays(GALLERY, umap=lambda a: a[1:]), "umap has the shape"),
    "factors too wide": (GALLERY, edit_arrays(GALLERY, factors=np.zeros((N, 3), np.float32)), "factors has the shape"),
    "thumbs dtype": (GALLERY, edit_arrays(GALLERY, thumbs=lambda a: a.astype(np.float32)), "thumbs is float32"),
    "thumbs large": (GALLERY, edit_arrays(GALLERY, thumbs=np.zeros((N, 1, 8, 33), np.uint8)), "(12, 1, 8, 32)"),
    "thumbs empty": (GALLERY, edit_arrays(GALLERY, thumbs=np.zeros((N, 1, 0, 8), np.uint8)), "thumbs has the shape"),
    "thumbs coloured": (GALLERY, edit_arrays(GALLERY, thumbs=np.zeros((N, 3, 8, 8), np.uint8)), "thumbs has the shape"),
    "thumbs flat": (GALLERY, edit_arrays(GALLERY, thumbs=np.zeros((N, 1, 8), np.uint8)), "thumbs has the shape"),
}
DAMAGE = (
    [(f"{f}: {k}", f, make(f), words) for f in (CONFIG, METRICS) for k, (make, words) in JSON_DAMAGE.items()]
    + [(f"{f}: {k}", f, make(f), words) for f in (MODEL, GALLERY) for k, (make, words) in TENSOR_DAMAGE.items()]
    + [(f"{f}: {k}", f, make(f), words) for f in bundle_format.LIMITS for k, (make, words) in ANY_DAMAGE.items()]
    + [(k, *row) for k, row in VALUE_DAMAGE.items()]
)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("pristine"))


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("file, damage, words", [row[1:] for row in DAMAGE], ids=[row[0] for row in DAMAGE])
def test_damage_is_refused_and_hides_nothing(tmp_path, pristine, file, damage, words):
    root = tmp_path / "checkpoints"
    good, bad = root / "good", root / "bad"
    for folder in (good, bad):
        shutil.copytree(pristine, folder)
    damage(bad)

    with pytest.raises(BundleError) as caught:
        store.load("bad", root)
    assert_one_sentence(caught.value, "bad", file)
    assert any(word in str(caught.value) for word in words.split("|")), str(caught.value)

    infos = {info.name: info for info in store.list_bundles(root)}
    assert set(infos) == {"good", "bad"} and infos["good"].error is None
    if infos["bad"].error is None:  # what only the weights or the gallery tell
        assert words.startswith("do not belong") or file in (MODEL, GALLERY)
    else:
        assert infos["bad"].error == str(caught.value) and infos["bad"].config is None
    assert same_gallery(store.load("good", root).gallery, full_gallery())
    assert not (root / "trapped").exists()


@pytest.mark.parametrize("n", [0, bundle_format.MAX_IMAGES + 1])
def test_too_few_and_too_many_images(tmp_path, n):
    zeros = {
        name: np.zeros((n, *shape), np.float32)
        for name, shape in {"mu": (D,), "logvar": (D,), "recon_loss": (), "pca": (2,)}.items()
    }
    path = save(tmp_path)
    (path / GALLERY).write_bytes(pack({"index": np.arange(n), "labels": np.zeros(n, np.int64), **zeros}))
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", GALLERY, f"{n:,} images")


def test_an_unlabelled_gallery_needs_no_classes(tmp_path):
    gallery = make_gallery(labels=np.full(N, -1))
    save(tmp_path, origin=Origin("folder:x"), gallery=gallery)
    assert same_gallery(store.load("good", tmp_path).gallery, gallery)


def test_links_that_stay_inside_are_fine(tmp_path):
    path = save(tmp_path)
    (path / MODEL).rename(path / "weights")
    (path / MODEL).symlink_to("weights")
    (tmp_path / "alias").symlink_to("good")
    assert store.load("alias", tmp_path).name == "alias"


def test_a_bundle_that_is_a_link_out_of_the_root(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "elsewhere"
    save(root)
    target = save(outside, "far")
    (root / "far").symlink_to(target)
    with pytest.raises(BundleError) as caught:
        store.load("far", root)
    assert_one_sentence(caught.value, "far", "link")
    infos = {info.name: info.error for info in store.list_bundles(root)}
    assert infos == {"far": str(caught.value), "good": None}
    assert store.load(root / "far").name == "far"  # a path is the user's own word


def test_a_name_on_disk_that_no_bundle_may_have(tmp_path):
    path = save(tmp_path)
    path.rename(tmp_path / "my model")
    save(tmp_path)
    good, bad = store.list_bundles(tmp_path)
    assert (good.name, good.error, bad.name) == ("good", None, "my model") and "'my-model'" in bad.error
    with pytest.raises(BundleError):
        store.load(tmp_path / "my model")


@pytest.mark.parametrize(
    "given, words",
    [
        ("gooood", "Did you mean 'good'?"),
        ("zzzzzz", "Known: good."),
        ("./gooood", "Did you mean 'good'?"),
        (Path("zzzzzz"), "There is no bundle folder"),
        ("", "letters"),
        (".good.old", "letters"),
        ("a\0b/c", "letters"),
        ("runs", "reserved"),
    ],
)
def test_unknown_names_suggest_the_near_one(tmp_path, monkeypatch, given, words):
    save(tmp_path)
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    for ask in (store.load, store.describe):
        with pytest.raises(BundleError) as caught:
            ask(given, tmp_path)
        assert_one_sentence(caught.value, words)


@pytest.mark.parametrize(
    "name, suggestion",
    [
        ("", "vae"),
        (".hidden", "hidden"),
        ("a/b", "a-b"),
        ("..", "vae"),
        ("x" * 65, "x" * 56),
        ("my model", "my-model"),
        ("runs", "runs-vae"),
        ("RUNS", "RUNS-vae"),
        ("con", "con-vae"),
        ("LPT1.x", "LPT1-x"),
        ("end.", "end"),
        ("con.", "con-vae"),
        ("modèle", "mod-le"),
        ("a\n", "a"),
    ],
)
def test_bad_names_are_refused_with_one_that_would_do(tmp_path, name, suggestion):
    with pytest.raises(BundleError) as caught:
        save(tmp_path, name)
    assert_one_sentence(caught.value, f"'{suggestion}'")
    assert paths.checked_name(suggestion) == suggestion and names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["a", "mnist-2d", "_", "A.b_c-1", "x" * 64, "console"])
def test_good_names(name):
    assert paths.checked_name(name) == name


def test_a_root_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BundleError) as caught:
        store.list_bundles(tmp_path)
    assert_one_sentence(caught.value, str(tmp_path), "Permission denied")


# ---- writing


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"gallery": make_gallery(mu=np.zeros((N, D)))}, "mu is float64"),
        ({"gallery": make_gallery(index=np.zeros(N, np.int64))}, "twice"),
        ({"gallery": make_gallery(labels=np.array(["a"] * N))}, "cannot be written"),
        ({"gallery": make_gallery(recon_loss=np.full(N, np.nan, np.float32))}, "NaN"),
        ({"model": make_model().double()}, "float64"),
        ({"origin": replace(ORIGIN, dataset=None)}, "dataset"),
        ({"origin": replace(ORIGIN, title="\udcff")}, "cannot be written as JSON"),
        ({"metrics": {"when": object}}, "cannot be written as JSON"),
        ({"metrics": {"test_elbo": "low"}}, "test_elbo"),
        ({"metrics": {"log": "x" * 20_000_000}}, "too large"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_nothing_is_saved_that_could_not_be_loaded(tmp_path, changes, words):
    save(tmp_path)
    with pytest.raises(BundleError) as caught:
        save(tmp_path, seed=1, **changes)
    assert_one_sentence(caught.value, "good", words)
    assert same_weights(store.load("good", tmp_path).model, make_model(0)) and names_in(tmp_path) == {"good"}


@pytest.mark.parametrize("nth", range(4))
@pytest.mark.parametrize("number, words", [(errno.ENOSPC, "disk is full"), (errno.EIO, "failed (")])
def test_a_full_disk_leaves_the_old_bundle_whole(tmp_path, monkeypatch, nth, number, words):
    save(tmp_path)
    written, write_file = [], atomic.write_file

    def failing(path, data):
        if len(written) == nth:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(number, os.strerror(number))
        written.append(path.name)
        write_file(path, data)

    monkeypatch.setattr(atomic, "write_file", failing)
    with pytest.raises(BundleError) as caught:
        save(tmp_path, seed=1)
    assert_one_sentence(caught.value, words, "'good'", str(tmp_path))
    assert len(written) == nth and names_in(tmp_path) == {"good"}
    bundle = store.load("good", tmp_path)
    assert same_weights(bundle.model, make_model(0)) and same_gallery(bundle.gallery, full_gallery(0))
    monkeypatch.undo()
    save(tmp_path, seed=1)
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


def failing_rename(monkeypatch, fails, error):
    rename = os.rename

    def maybe(source, target):
        if fails(Path(source), Path(target)):
            raise error
        return rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", maybe)
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), KeyboardInterrupt()], ids=type)
def test_a_second_rename_that_fails_brings_the_old_one_back(tmp_path, monkeypatch, error):
    save(tmp_path)
    failing_rename(monkeypatch, lambda source, target: source.suffix == ".tmp", error)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else BundleError):
        save(tmp_path, seed=1)
    monkeypatch.undo()
    assert names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(0))


def test_a_reader_that_fills_the_gap_does_not_stop_the_writer(tmp_path, monkeypatch):
    save(tmp_path)
    rename, met = os.rename, []

    def slow(source, target):
        if str(source).endswith(".tmp") and not met:
            met.append(rename(tmp_path / ".good.old", tmp_path / "good"))  # taken for a crash by another process
        return rename(source, target)

    monkeypatch.setattr(atomic.os, "rename", slow)
    save(tmp_path, seed=1)
    assert met and names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


@pytest.mark.parametrize("ask", ["load", "describe", "list", "save"])
def test_a_crash_between_the_renames_is_mended(tmp_path, monkeypatch, ask):
    path = save(tmp_path)
    path.rename(tmp_path / ".good.old")
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)
    if ask == "list":
        assert [(info.name, info.error) for info in store.list_bundles(tmp_path)] == [("good", None)]
    elif ask == "save":
        failing_rename(monkeypatch, lambda source, target: source.suffix == ".tmp", OSError(errno.EIO, "no"))
        with pytest.raises(BundleError):
            save(tmp_path, seed=1)
    else:
        assert getattr(store, ask)("good", tmp_path).name == "good"
    assert names_in(tmp_path) == {"good"}
    assert same_weights(store.load("good", tmp_path).model, make_model(0))


def test_a_disk_that_cannot_be_mended_says_what_is_missing(tmp_path, monkeypatch):
    save(tmp_path).rename(tmp_path / ".good.old")
    failing_rename(monkeypatch, lambda source, target: True, OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "There is no bundle 'good'")
    assert (tmp_path / ".good.old" / CONFIG).exists()


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(os.name != "posix", reason="asks for processes by signal 0")
def test_leftovers_are_swept_and_the_living_left_alone(tmp_path, monkeypatch):
    path = save(tmp_path)
    shutil.copytree(path, tmp_path / ".good.old")  # a crash after the second rename
    gone = [f".good.{dead_pid()}-0123abcd.tmp", f".b.{os.getpid()}-0123abcd.tmp", f".c.{10**30}-0123abcd.tmp"]
    kept = [f".good.{os.getppid()}-0123abcd.tmp", ".notes.tmp"]
    for name in gone + kept:
        (tmp_path / name).mkdir()
    save(tmp_path, seed=1)
    assert names_in(tmp_path) == {"good", *kept}

    def not_ours(pid, signal):
        raise PermissionError

    monkeypatch.setattr(atomic.os, "kill", not_ours)
    assert atomic._at_work(1)
    monkeypatch.setattr(atomic.os, "name", "nt")
    assert atomic._at_work(os.getpid() + 1) and not atomic._at_work(os.getpid())


def test_what_cannot_be_removed_stays_hidden(tmp_path, monkeypatch):
    save(tmp_path)

    def refuse(path, **_):
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(atomic.shutil, "rmtree", lambda path, ignore_errors=False: ignore_errors or refuse(path))
    save(tmp_path, seed=1)
    assert [info.name for info in store.list_bundles(tmp_path)] == ["good"]
    assert same_weights(store.load("good", tmp_path).model, make_model(1))


@pytest.mark.parametrize("kind", ["file", "folder", "link", "damaged", "empty"])
def test_what_may_be_replaced(tmp_path, kind):
    target, outside = tmp_path / "good", tmp_path / "outside"
    outside.mkdir()
    (outside / CONFIG).write_text("mine")
    match kind:
        case "file":
            target.write_text("notes")
        case "link":
            target.symlink_to(outside)
        case _:
            target.mkdir()
    if kind in ("folder", "damaged"):
        (target / (CONFIG if kind == "damaged" else "thesis.tex")).write_text("years")
    if kind in ("file", "folder"):
        with pytest.raises(BundleError) as caught:
            save(tmp_path)
        assert_one_sentence(caught.value, "good", "in the way")
        assert target.is_file() or (target / "thesis.tex").read_text() == "years"
    else:
        save(tmp_path)
        assert store.load("good", tmp_path).name == "good" and (outside / CONFIG).read_text() == "mine"


def test_loading_while_another_thread_saves(tmp_path):
    galleries, models = [full_gallery(s) for s in (0, 1)], [make_model(s) for s in (0, 1)]
    save(tmp_path)
    stop, problems, saved, loaded = time.monotonic() + 1, [], [], []

    def saver():
        while time.monotonic() < stop:
            seed = len(saved) % 2
            save(tmp_path, model=models[seed], gallery=galleries[seed], metrics={"seed": seed})
            saved.append(seed)

    def loader():
        while time.monotonic() < stop:
            bundle = store.load("good", tmp_path)
            seed = bundle.metrics.get("seed", 0)
            assert same_weights(bundle.model, models[seed]) and same_gallery(bundle.gallery, galleries[seed])
            assert [info.error for info in store.list_bundles(tmp_path)] == [None]
            loaded.append(seed)

    def guarded(work):
        try:
            work()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (saver, saver, loader)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not problems and len(saved) > 5 and len(loaded) > 5
    assert names_in(tmp_path) == {"good"}


def test_a_bundle_that_never_holds_still(tmp_path, monkeypatch):
    save(tmp_path)
    ticks = iter(range(1000))
    monkeypatch.setattr(safe_read, "stamp", lambda found: str(next(ticks)))
    monkeypatch.setattr(atomic, "PAUSE_S", 0.0)
    with pytest.raises(BundleError) as caught:
        store.load("good", tmp_path)
    assert_one_sentence(caught.value, "good", "being saved or removed", "Try again")
