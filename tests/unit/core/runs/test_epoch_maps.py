"""The aligned map of a run on disk: which epochs it is of, what is taken for it, where the film puts its points."""

import os
import time

import numpy as np
import pytest

from explorer.core.latent import aligned_umap
from explorer.core.runs import epoch_maps
from explorer.core.runs import folder as run_folder
from explorer.core.runs import process as run_process
from explorer.core.runs import snapshots as run_epochs
from explorer.core.runs.epoch_film import RunFilm
from explorer.core.runs.epoch_maps import UmapState, look, read, snapshots
from explorer.core.runs.folder import MAP, MAP_PROGRESS, RunSpec
from explorer.core.storage import atomic, safe_read

M = 4  # points; so few have a map without a layout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run with the epochs 0 to 8."""
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    made = run_folder.create(RunSpec("mine"))
    for epoch in range(9):
        write_epoch(made, epoch)
    return made


def write_epoch(folder, epoch: int, means=None) -> None:
    means = np.random.default_rng(epoch).normal(size=(M, 5)).astype(np.float32) if means is None else means
    picture = np.zeros((1, 1, 8, 8), np.uint8)
    run_epochs.write_epoch(folder, epoch, {"means": means, "reconstructions": picture, "samples": picture})
    os.utime(run_epochs.epoch_path(folder, epoch), ns=(0, 1000 + epoch))


def write_map(folder, epochs=(0, 3, 8), **other) -> None:
    """A map in which every point lies at (epoch, -epoch)."""
    xy = np.tile(np.array(epochs, np.float32)[:, None, None] * [1, -1], (1, M, 1))
    arrays = {"epochs": np.array(epochs), "xy": xy.astype(np.float32), "stamps": 1000 + np.array(epochs)} | other
    atomic.replace_file(folder / MAP, safe_read.dump_safetensors({k: v for k, v in arrays.items() if v is not None}, MAP))


# ---- which epochs


@pytest.mark.parametrize(
    "epochs",
    [
        [],
        [0],
        [0, 1],
        [0, 7],
        [*range(12)],
        [*range(13)],
        [*range(64)],
        [0, *range(5, 400, 7)],
        [0, 1, *range(20, 5000, 90)],
    ],
    ids=len,
)
def test_at_most_twelve_epochs_are_mapped_the_first_and_the_last_among_them(epochs):
    chosen = snapshots(epochs)
    assert len(chosen) <= 12 and set(chosen) <= set(epochs) and chosen == sorted(set(chosen))
    assert chosen[:1] + chosen[-1:] == epochs[:1] + epochs[-1:] and (len(epochs) > 12 or chosen == epochs)
    assert len(chosen) >= min(len(epochs), 8)


def test_epochs_are_nearer_together_where_more_happens():
    assert snapshots(list(range(61))) == [0, 1, 2, 3, 5, 8, 13, 19, 28, 41, 60]


# ---- what is made


def test_the_map_that_is_made_is_that_of_the_film(folder):
    epoch_maps.work(folder)
    assert look(folder) == UmapState("ready", 1.0) and not (folder / MAP_PROGRESS).exists()
    assert read(folder).epochs.tolist() == list(range(9))
    film = RunFilm(folder).update()
    assert all(frame.umap.shape == (M, 2) and frame.umap.dtype == np.float32 for frame in film)
    np.testing.assert_array_equal(np.stack([frame.umap for frame in film]), read(folder).xy)


@pytest.mark.parametrize(
    "means, sentence",
    [
        (np.full((M, 5), np.nan, np.float32), "Encoder means hold numbers that are not finite."),
        (np.zeros((M + 1, 5), np.float32), "Aligned maps need the same images at every epoch."),
        (np.zeros(M, np.float32), "Run 'mine': epoch 4 holds no means. It cannot be mapped."),
    ],
)
def test_epochs_that_have_no_map_are_one_sentence(folder, means, sentence):
    write_epoch(folder, 4, means)
    epoch_maps.work(folder)
    assert look(folder) == UmapState("failed", sentence=sentence)
    write_epoch(folder, 4)
    epoch_maps.work(folder)
    assert look(folder).status == "ready", "and it can be made again"


def test_a_full_disk_is_one_sentence(folder, full_disk):
    with full_disk("map.safetensors"):
        epoch_maps.work(folder)
    state = look(folder)
    assert state.status == "failed" and state.sentence.startswith("The disk is full while saving the map")


@pytest.mark.parametrize("now", [None, {"pid": 1}], ids=["cancelled", "another's"])
def test_a_process_that_the_folder_no_longer_names_leaves_no_map(folder, monkeypatch, now):
    def fit(means, progress):
        (folder / MAP_PROGRESS).unlink()
        if now:
            epoch_maps._write_progress(folder, **now)
        progress(0.5)

    monkeypatch.setattr(aligned_umap, "fit", fit)
    epoch_maps.work(folder)
    assert not (folder / MAP).exists() and epoch_maps.read_progress(folder) == (now or {})


def test_how_far_it_is_is_written_down_no_oftener_than_twice_a_second(folder, monkeypatch):
    said, real = [], epoch_maps._write_progress
    monkeypatch.setattr(
        epoch_maps, "_write_progress", lambda folder, **values: said.append(values["share"]) or real(folder, **values)
    )
    quick = lambda means, progress: [progress(i / 1e4) for i in range(9000)] and np.zeros((9, M, 2), np.float32)  # noqa: E731
    monkeypatch.setattr(aligned_umap, "fit", quick)
    began = time.monotonic()
    epoch_maps.work(folder)
    assert len(said) <= 4 + 2 * (time.monotonic() - began) and said == sorted(said)


# ---- the film


def test_between_two_maps_points_glide_by_the_logarithm_of_the_epoch(folder):
    write_map(folder)
    at = np.stack([frame.umap[0] for frame in RunFilm(folder).update()])
    np.testing.assert_array_equal(at[[0, 3, 8], 0], [0, 3, 8])
    np.testing.assert_array_equal(at[:, 1], -at[:, 0])
    np.testing.assert_allclose(at[1, 0], 1.5, rtol=1e-5)  # log 2 is half of log 4
    assert (np.diff(at[:, 0]) > 0).all()


def test_frames_are_asked_for_again_when_the_map_comes_and_read_once_all_the_same(folder, monkeypatch):
    n_read, real = [], run_epochs.read_epoch
    monkeypatch.setattr(run_epochs, "read_epoch", lambda *of: n_read.append(of) or real(*of))
    film = RunFilm(folder)
    before = film.update()
    assert all(frame.umap is None for frame in before)
    write_map(folder)
    after = film.update()
    assert all(a.stamp != b.stamp and a.reconstructions is b.reconstructions for a, b in zip(before, after))
    assert all(a is b for a, b in zip(after, film.update()))
    os.utime(folder / MAP, ns=(0, 7))  # made again
    assert all(a.stamp != b.stamp for a, b in zip(after, film.update()))
    (folder / MAP).unlink()
    assert [(frame.stamp, frame.umap) for frame in film.update()] == [(frame.stamp, None) for frame in before]
    assert len(n_read) == 9


def test_a_map_of_other_images_is_not_shown(folder):
    write_map(folder, xy=np.zeros((3, M + 1, 2), np.float32))
    assert all(frame.umap is None for frame in RunFilm(folder).update())


# ---- what is no map of theirs


@pytest.mark.parametrize(
    "happens",
    [
        lambda folder: os.utime(run_epochs.epoch_path(folder, 3), ns=(0, 1)),
        lambda folder: run_epochs.remove_epoch(folder, 3),
        lambda folder: run_epochs.remove_epoch(folder, 8),
        lambda folder: write_epoch(folder, 9),
    ],
    ids=["trained again", "taken back", "shorter", "longer"],
)
def test_a_map_of_other_epochs_is_not_taken_for_theirs(folder, happens):
    write_map(folder)
    assert look(folder).status == "ready"
    happens(folder)
    assert look(folder) == UmapState("none") and read(folder) is None
    assert all(frame.umap is None for frame in RunFilm(folder).update())


def test_an_epoch_between_two_maps_is_no_matter(folder):
    write_map(folder)
    run_epochs.remove_epoch(folder, 5)
    assert look(folder).status == "ready"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(b"\x80\x04junk."),
        lambda path: path.write_bytes(b"\0" * 2_000_000),
        lambda path: (path.unlink(), path.mkdir()),
        *(
            lambda path, wrong=wrong: write_map(path.parent, **wrong)
            for wrong in (
                {"xy": None},
                {"stamps": None},
                {"xy": np.full((3, M, 2), np.nan, np.float32)},
                {"xy": np.zeros((3, M, 2))},
                {"xy": np.zeros((2, M, 2), np.float32)},
                {"xy": np.zeros((3, M, 3), np.float32)},
                {"xy": np.zeros(3, np.float32)},
                {"epochs": (0,)},
                {"epochs": ()},
                {"epochs": (0, 8, 3)},
                {"epochs": (0, 0, 8)},
                {"epochs": (-1, 8)},
                {"epochs": (0, 2**62)},
                {"stamps": np.zeros(3, np.float32)},
                {"stamps": np.zeros((3, 1), np.int64)},
            )
        ),
    ],
)
def test_what_is_no_map_is_as_if_it_were_not_there(folder, damage):
    write_map(folder)
    damage(folder / MAP)
    assert look(folder) == UmapState("none")
    assert [frame.epoch for frame in RunFilm(folder).update()] == list(range(9))


@pytest.mark.parametrize(
    "text, state",
    [
        ("", UmapState("none")),
        ("[]", UmapState("none")),
        ('{"pid": NaN}', UmapState("none")),
        ("{}", UmapState("none")),
        ('{"pid": "1"}', UmapState("failed", sentence=epoch_maps.ENDED_UNEXPECTEDLY)),
        ('{"pid": 4194305, "pid_started": 1000.0, "share": 0.5}', UmapState("failed", sentence=epoch_maps.ENDED_UNEXPECTEDLY)),
        ('{"failed": 3}', UmapState("none")),
        ('{"failed": "No."}', UmapState("failed", sentence="No.")),
    ],
)
def test_whatever_is_written_of_the_making_something_is_said(folder, text, state):
    (folder / MAP_PROGRESS).write_text(text)
    assert look(folder) == state


@pytest.mark.parametrize("share, shown", [(0.25, 0.25), (-1, 0.0), (7, 0.0), ("x", 0.0), (None, 0.0)])
def test_a_share_that_cannot_be_is_none(folder, share, shown):
    epoch_maps._write_progress(folder, share=share, **run_process.this_process())
    assert look(folder) == UmapState("making", shown)


def test_a_folder_that_is_gone_has_no_map(tmp_path):
    assert look(tmp_path / "gone") == UmapState("none")
