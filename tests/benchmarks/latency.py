"""How long a person waits for a picture: the Engine against the bare decoder module, on the shipped convolutional model."""

import time

import numpy as np
import torch
from safetensors.torch import load_file

from explorer.core import paths
from explorer.core.bundles import store
from explorer.core.engine.engine import open_bundle
from explorer.core.vae.model import VAE


def median_ms(*functions, n: int = 41) -> list[float]:
    """Medians in ms of calls that take turns, so that whatever else the machine does hits all alike."""
    times = [[] for _ in functions]
    for _ in range(n + 3):
        for kept, function in zip(times, functions):
            began = time.perf_counter()
            function()
            kept.append(time.perf_counter() - began)
    return [1e3 * float(np.median(kept[3:])) for kept in times]


@torch.inference_mode()
def rows(name: str = "mnist"):
    engine, model = open_bundle(name), store.load(name).model
    z = np.random.default_rng(0).standard_normal((528, engine.latent_dim), np.float32)
    for n in (1, 64, 528):
        points = torch.from_numpy(z[:n])
        ours, bare, film = median_ms(lambda: engine.decode(z[:n]), lambda: model.decode(points), lambda: engine.film(z[:n]))  # noqa: B023
        yield f"engine.decode, {n} points", f"{ours:.2f} ms", f"bare module {bare:.2f} ms", f"{ours / bare:.2f}", "1.2"
        yield f"engine.film, {n} points", f"{film:.2f} ms", f"bare module {bare:.2f} ms", f"{film / bare:.2f}", "1.5"
    folder = paths.checkpoints_dir() / name
    config = engine_config(name)

    def floor():
        VAE(config).load_state_dict(load_file(folder / "model.safetensors"))
        load_file(folder / "gallery.safetensors")

    ours, bare = median_ms(lambda: open_bundle(name), floor, n=15)
    yield f"open_bundle {name}", f"{ours:.1f} ms", f"unchecked load_file {bare:.1f} ms", f"{ours / bare:.2f}", "-"


def engine_config(name: str):
    return store.describe(name).config
