"""Ways to damage the files of a bundle, each with words of the expected error message."""

import json
import os
import pickle
import struct

import numpy as np
import torch
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from explorer.core.bundles import format as bundle_format
from explorer.core.bundles.format import CONFIG, GALLERY, METRICS, MODEL
from tests.unit.core.bundles.sample_bundles import N


class Trap:
    """Creates a file when it is unpickled."""

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
    return lambda folder: os.truncate(folder / file, n_bytes)  # a sparse file, which takes no space


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
    "dtype": (lambda f: write(f, raw(entry([2], 4, "BF16"), b"1234")), "as BF16, which is not supported"),
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
    "newer version": (CONFIG, edit_json(CONFIG, format_version=3), "newer Latent Explorer"),
    "older version": (CONFIG, edit_json(CONFIG, format_version=0), "unknown"),
    "text version": (CONFIG, edit_json(CONFIG, format_version="1"), "unknown"),
    "true version": (CONFIG, edit_json(CONFIG, format_version=True), "unknown"),
    "long version": (CONFIG, edit_json(CONFIG, format_version="9" * 9999), "unknown"),
    "unknown entry": (CONFIG, edit_json(CONFIG, colour="red"), "colour"),
    "lacking entry": (CONFIG, edit_json(CONFIG, licence=...), "lacks licence"),
    "entry of another kind": (CONFIG, edit_json(CONFIG, title=3), "title"),
    "no data set": (CONFIG, edit_json(CONFIG, dataset=""), "dataset"),
    "attributes of the older version": (CONFIG, edit_json(CONFIG, format_version=1), "attribute_names"),
    "id as number": (CONFIG, edit_json(CONFIG, id=7), "id"),
    "no id": (CONFIG, edit_json(CONFIG, id=""), "id"),
    "long id": (CONFIG, edit_json(CONFIG, id="x" * 65), "id"),
    "id with a slash": (CONFIG, edit_json(CONFIG, id="../x"), "id"),
    "attributes that are numbers": (CONFIG, edit_json(CONFIG, attribute_names=[0, 1]), "attribute_names"),
    "attribute twice": (CONFIG, edit_json(CONFIG, attribute_names=["ink", "ink"]), "attribute_names"),
    "attribute without a name": (CONFIG, edit_json(CONFIG, attribute_names=["ink", ""]), "attribute_names"),
    "many attributes": (CONFIG, edit_json(CONFIG, attribute_names=[*map(str, range(65))]), "attribute_names"),
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
    "attributes missing": (GALLERY, edit_arrays(GALLERY, attributes=...), "lacks the tensor attributes"),
    "attributes without names": (GALLERY, edit_json(CONFIG, attribute_names=...), "unknown tensor 'attributes'"),
    "attributes too wide": (GALLERY, edit_arrays(GALLERY, attributes=np.zeros((N, 3), np.float32)), "attributes has the shape"),
    "attributes nan": (GALLERY, edit_arrays(GALLERY, attributes=put((0, 0), np.nan)), "attributes has NaN"),
    "attributes in double": (GALLERY, edit_arrays(GALLERY, attributes=lambda a: a.astype(float)), "float64"),
    "fingerprint too few": (GALLERY, edit_arrays(GALLERY, fingerprint=lambda a: a[1:]), "fingerprint has the shape"),
    "fingerprint too short": (GALLERY, edit_arrays(GALLERY, fingerprint=lambda a: a[:, :4]), "fingerprint has the shape"),
    "fingerprint dtype": (GALLERY, edit_arrays(GALLERY, fingerprint=lambda a: a.astype(np.int64)), "fingerprint is int64"),
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
