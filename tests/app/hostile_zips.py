"""Zips of runs and models with one invalid entry each."""

import io
import json
import zipfile
from dataclasses import asdict

import numpy as np
from safetensors.numpy import load, save

from explorer.core import transfer
from explorer.core.bundles.format import CONFIG, METRICS
from explorer.core.errors import ExplorerError
from explorer.core.runs.folder import RunSpec

HUGE, TEXT, NAN, INFINITE = 10**400, "12", float("nan"), float("inf")
D, N_MEANS, S = 4, 12, 8
ORDER = RunSpec("bad", {"latent_dim": D}, {"dataset": "digits", "epochs": 3}, created=1.7e9)


def events() -> list[dict]:
    began = {
        "kind": "training",
        "t": 1.7e9,
        "step": 0,
        "epoch": 0,
        "device": "cpu",
        "n_steps": 12,
        "steps_per_epoch": 4,
        "n_train": 128,
        "n_test": 64,
        "beta": 1.0,
        "lr": 1e-3,
        "latent_dim": D,
        "shape": [1, 8, 8],
        "classes": ["0", "1"],
        "labels": [i % 2 for i in range(N_MEANS)],
    }
    found = [began]
    for epoch in range(4):
        losses = {"elbo": -30.0 - epoch, "recon_loss": 25.0, "kl": 5.0 + epoch}
        common = {
            "t": 1.7e9 + epoch,
            "epoch": epoch,
            "step": 4 * epoch,
            "seconds": 2.0 * epoch,
            "lr": 1e-3,
            "beta": 1.0,
            "images_per_second": 900.0,
            "n_steps": 12,
        }
        found.append({"kind": "batch", "train": losses, "test": None, **common})
        found.append(
            {
                "kind": "epoch",
                "train": losses,
                "test": losses,
                "active_units": D,
                "kl_per_dim": [0.5] * D,
                "memory": 2**28,
                **common,
            }
        )
    return [*found, {"kind": "dial", "t": 1.7e9, "step": 4, "beta": 2.0, "lr_scale": 1.0}, {"kind": "stopped", "t": 1.7e9 + 9}]


def pictures(epoch: int) -> dict[str, np.ndarray]:
    small = np.full((S, 1, 8, 8), 20 * epoch, np.uint8)
    means = np.random.default_rng(epoch).normal(size=(N_MEANS, D)).astype(np.float32)
    return {
        "means": means,
        "reconstructions": small,
        "samples": small,
        "originals": small,
        "kl_per_dim": np.full(D, 0.5, np.float32),
    }


def run_files() -> dict[str, bytes]:
    values = {"format": 1, "order": asdict(ORDER)}
    found = {"run.json": json.dumps(values).encode(), "events.jsonl": lines(events())}
    return found | {f"epochs/{epoch:03}.safetensors": save(pictures(epoch)) for epoch in range(4)}


def lines(found: list) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in found)


def edited(kind: str, **changes):
    """Every event of the kind says something else; `None` as a change leaves the entry out."""

    def forge(files: dict[str, bytes]) -> None:
        found = [json.loads(line) for line in files["events.jsonl"].splitlines()]
        for event in found:
            if event["kind"] == kind:
                event |= changes
                for key in [key for key, value in changes.items() if value is MISSING]:
                    del event[key]
        files["events.jsonl"] = lines(found)

    return forge


MISSING = object()


def losses_of_test(**losses):
    return edited("epoch", test={"elbo": -30.0, "recon_loss": 25.0, "kl": 5.0} | losses)


def ragged(files: dict[str, bytes]) -> None:
    found = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    for event in found:
        if event["kind"] == "epoch":
            event["kl_per_dim"] = [0.5] * (D + event["epoch"] % 2)
    files["events.jsonl"] = lines(found)


def appended(line: bytes):
    return lambda files: files.update({"events.jsonl": files["events.jsonl"] + line + b"\n"})


def ordered(**changes):
    def forge(files: dict[str, bytes]) -> None:
        values = json.loads(files["run.json"])
        values["order"] |= changes
        files["run.json"] = json.dumps(values).encode()

    return forge


def drawn(at: int | None = None, **arrays):
    """The pictures of one epoch, or of all, are others."""

    def forge(files: dict[str, bytes]) -> None:
        for epoch in range(4) if at is None else [at]:
            path = f"epochs/{epoch:03}.safetensors"
            found = {name: array for name, array in (load(files[path]) | arrays).items() if array is not None}
            files[path] = save(found)

    return forge


def blank(*shape, kind=np.uint8):
    return np.zeros(shape, kind)


RUNS = {
    "ELBO 10^400": losses_of_test(elbo=HUGE),
    "ELBO NaN": losses_of_test(elbo=NAN),
    "ELBO text": losses_of_test(elbo=TEXT),
    "ELBO a list": losses_of_test(elbo=[1]),
    "ELBO 1e300": losses_of_test(elbo=1e300),
    "recon infinite": losses_of_test(recon_loss=INFINITE),
    "kl null": losses_of_test(kl=None),
    "kl missing": edited("epoch", test={"elbo": -1.0}),
    "test text": edited("epoch", test=TEXT),
    "test missing": edited("epoch", test=MISSING),
    "test of a batch": edited("batch", train={}),
    "train text": edited("batch", train=TEXT),
    "train 10^400": edited("batch", train={"elbo": HUGE, "recon_loss": HUGE, "kl": HUGE}),
    "seconds NaN": edited("epoch", seconds=NAN),
    "seconds 10^400": edited("epoch", seconds=HUGE),
    "seconds text": edited("epoch", seconds=TEXT),
    "seconds missing": edited("epoch", seconds=MISSING),
    "seconds negative": edited("epoch", seconds=-1e300),
    "memory text": edited("epoch", memory=TEXT),
    "step text": edited("epoch", step=TEXT),
    "step 10^400": edited("epoch", step=HUGE),
    "step negative": edited("epoch", step=-5),
    "step missing": edited("batch", step=MISSING),
    "epoch text": edited("epoch", epoch=TEXT),
    "epoch a half": edited("epoch", epoch=0.5),
    "epoch 10^400": edited("epoch", epoch=HUGE),
    "epoch missing": edited("epoch", epoch=MISSING),
    "kl_per_dim missing": edited("epoch", kl_per_dim=MISSING),
    "kl_per_dim null": edited("epoch", kl_per_dim=None),
    "kl_per_dim text": edited("epoch", kl_per_dim=TEXT),
    "kl_per_dim of text": edited("epoch", kl_per_dim=[TEXT] * D),
    "kl_per_dim NaN": edited("epoch", kl_per_dim=[NAN] * D),
    "kl_per_dim 10^400": edited("epoch", kl_per_dim=[HUGE] * D),
    "kl_per_dim of lists": edited("epoch", kl_per_dim=[[1], [2]]),
    "kl_per_dim ragged": ragged,
    "t text": edited("epoch", t=TEXT),
    "t NaN": edited("batch", t=NAN),
    "t 10^400": edited("batch", t=HUGE),
    "t missing": edited("batch", t=MISSING),
    "t in the future": edited("batch", t=9e10),
    "created in the future": ordered(created=9e10),
    "size text": ordered(size=TEXT),
    "size 10^400": ordered(size=HUGE),
    "map and thumbs text": ordered(map=TEXT, thumbs=TEXT),
    "beta of a dial text": edited("dial", beta=TEXT),
    "beta of a dial missing": edited("dial", beta=MISSING),
    "step of a dial 10^400": edited("dial", step=HUGE),
    "n_steps 10^400": edited("epoch", n_steps=HUGE),
    "steps_per_epoch 0": edited("training", steps_per_epoch=0),
    "steps_per_epoch text": edited("training", steps_per_epoch=TEXT),
    "n_train text": edited("training", n_train=TEXT),
    "n_train 10^400": edited("training", n_train=HUGE),
    "latent_dim text": edited("training", latent_dim=TEXT),
    "latent_dim a list": edited("training", latent_dim=[2]),
    "shape text": edited("training", shape=TEXT),
    "shape huge": edited("training", shape=[1, 10**9, 10**9]),
    "labels text": edited("training", labels=TEXT),
    "labels of text": edited("training", labels=[TEXT] * N_MEANS),
    "labels 10^400": edited("training", labels=[HUGE] * N_MEANS),
    "labels few": edited("training", labels=[0]),
    "classes a number": edited("training", classes=5),
    "device a list": edited("training", device=[1]),
    "no events": lambda files: files.update({"events.jsonl": b""}),
    "events of lists": lambda files: files.update({"events.jsonl": b'[1]\n{"kind": [1]}\n{"kind": "epoch"}\n'}),
    "done of nothing": appended(b'{"kind": "done"}'),
    "failed of lists": appended(b'{"kind":"failed","message":[1]}'),
    "control text": lambda files: files.update({"control.json": b'{"beta": "x", "lr_scale": 1e999, "step_to": [1]}'}),
    "control 10^400": lambda files: files.update({"control.json": b'{"beta": 1%s, "step_to": 1%s}' % (b"0" * 400, b"0" * 400)}),
    "two shapes": drawn(2, samples=blank(S, 1, 9, 9), reconstructions=blank(S, 1, 9, 9)),
    "two colours": drawn(2, samples=blank(S, 3, 8, 8), reconstructions=blank(S, 3, 8, 8)),
    "two numbers of pictures": drawn(2, samples=blank(S + 3, 1, 8, 8)),
    "two numbers of means": drawn(2, means=blank(N_MEANS + 1, D, kind=np.float32)),
    "two dimensions": drawn(2, means=blank(N_MEANS, D + 1, kind=np.float32)),
    "no dimension": drawn(means=blank(N_MEANS, 0, kind=np.float32)),
    "no pictures": drawn(samples=blank(0, 1, 8, 8), reconstructions=blank(0, 1, 8, 8)),
    "empty pictures": drawn(samples=blank(S, 1, 0, 8), reconstructions=blank(S, 1, 0, 8)),
    "wide pictures": drawn(samples=blank(2, 1, 1, 60_000), reconstructions=blank(2, 1, 1, 60_000)),
    "pictures of floats": drawn(samples=blank(S, 1, 8, 8, kind=np.float32)),
    "no samples": drawn(samples=None),
    "no means": drawn(means=None),
    "means NaN": drawn(means=np.full((N_MEANS, D), np.nan, np.float32)),
    "means huge": drawn(means=np.full((N_MEANS, D), 3e38, np.float32)),
    "other originals": drawn(originals=blank(3, 1, 4, 4)),
    "epochs far away": lambda files: files.update({"epochs/999999999.safetensors": files["epochs/003.safetensors"]}),
}


def metric(**changes):
    def forge(files: dict[str, bytes]) -> None:
        files[METRICS] = json.dumps(json.loads(files[METRICS]) | changes).encode()

    return forge


def configured(**changes):
    def forge(files: dict[str, bytes]) -> None:
        files[CONFIG] = json.dumps(json.loads(files[CONFIG]) | changes).encode()

    return forge


BUNDLES = {
    "test_elbo 10^400": metric(test_elbo=HUGE),
    "test_elbo 1e300": metric(test_elbo=1e300),
    "active_units 10^400": metric(active_units=HUGE),
    "active_units text": metric(active_units=TEXT),
    "active_units NaN": metric(active_units=NAN),
    "active_units a list": metric(active_units=[3]),
    "trustworthiness text": metric(trustworthiness=TEXT),
    "trustworthiness 10^400": metric(trustworthiness=HUGE),
    "trustworthiness a table": metric(trustworthiness={"k": 15}),
    "trustworthiness_k text": metric(trustworthiness=0.9, trustworthiness_k="# 15"),
    "trustworthiness_k 10^400": metric(trustworthiness=0.9, trustworthiness_k=HUGE),
    "kl_per_dim text": metric(kl_per_dim=TEXT),
    "kl_per_dim missing": metric(kl_per_dim=None),
    "history text": metric(history=TEXT),
    "no metrics": lambda files: files.update({METRICS: b"{}"}),
    "names of classes": configured(class_names=["<b>x</b>", "", "y" * 10_000]),
    "long title": configured(title="z" * 100_000),
    "markup": configured(title="![](http://127.0.0.1:9/x.png) <script>", origin="[a](http://b)", licence="**c**"),
    "split": configured(split="\ud800".encode("utf-8", "replace").decode()),
}


def zipped(folder: str, files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for path, data in files.items():
            out.writestr(f"{folder}/{path}", data)
    return buffer.getvalue()


def imported(folder: str, files: dict[str, bytes]) -> str | None:
    """Its name here, or None for a zip that is refused in a sentence."""
    try:
        (name,) = transfer.import_zip(zipped(folder, files))
        return name
    except ExplorerError as error:
        assert str(error)
        return None
