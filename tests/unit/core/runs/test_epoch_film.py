"""A run as a film: planes that are turned and never stretched, files that are read once or left out."""

import os

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes

from explorer.core.errors import BundleError
from explorer.core.latent import projection
from explorer.core.runs import epoch_film, snapshots
from explorer.core.runs import folder as run_folder
from explorer.core.runs.epoch_film import RunFilm, plane, turned
from explorer.core.runs.folder import RunSpec


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EXPLORER_CHECKPOINTS", str(tmp_path))
    return run_folder.create(RunSpec("mine"))


def means(dim: int, seed: int = 0, n: int = 40) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (chance.normal(size=(n, dim)) * np.linspace(3, 1, dim) + chance.normal(size=dim)).astype(np.float32)


def write(folder, epoch: int, xy=None, **more) -> None:
    pictures = np.full((3, 1, 8, 8), epoch, np.uint8)
    arrays = {"means": means(4, epoch) if xy is None else xy, "reconstructions": pictures, "samples": pictures + 1}
    snapshots.write_epoch(folder, epoch, arrays | ({"originals": pictures + 2} if epoch == 0 else {}) | more)


def rotation(angle: float, mirrored: bool = False) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s], [-s, c]]) @ np.diag([1, -1 if mirrored else 1])


# ---- the plane


@pytest.mark.parametrize("dim", [3, 8, 64])
def test_the_plane_is_that_of_the_map_up_to_sign(dim):
    points = means(dim)
    np.testing.assert_allclose(np.abs(plane(points)), np.abs(projection.pca(points)), atol=1e-4)


def test_the_plane_of_two_dimensions_is_z_itself_and_one_has_zeros_beside_it():
    two, one = means(2), means(1)
    np.testing.assert_array_equal(plane(two), two)
    np.testing.assert_array_equal(plane(one), np.hstack([one, np.zeros_like(one)]))


@pytest.mark.parametrize("points", [np.full((4, 3), np.nan), np.full((4, 3), np.inf), np.zeros(4), np.zeros((2, 2, 2))])
def test_what_is_no_point_has_no_plane(points):
    with pytest.raises(ValueError):
        plane(points)


@pytest.mark.parametrize("points", [np.zeros((1, 5)), np.ones((9, 3)), np.zeros((0, 2))])
def test_hardly_any_points_have_a_plane_too(points):
    assert plane(points).shape == (len(points), 2) and np.isfinite(plane(points)).all()


# ---- turned


@pytest.mark.parametrize("seed", range(5))
def test_the_turn_is_the_best_one_and_never_scales(seed):
    xy, before = means(2, seed), 5 * means(2, seed + 50)
    found = turned(xy, before)
    best, _ = orthogonal_procrustes(xy - xy.mean(0), before - before.mean(0))
    np.testing.assert_allclose(found - found.mean(0), (xy - xy.mean(0)) @ best, atol=1e-5)
    np.testing.assert_allclose(found.mean(0), xy.mean(0), atol=1e-5)

    def distances(points):
        return np.linalg.norm(points[:, None] - points[None], axis=2)

    np.testing.assert_allclose(distances(found), distances(xy), atol=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.7, 3.0])
def test_a_plane_that_was_only_turned_or_mirrored_lies_as_before(angle, mirrored):
    before = means(2) - means(2).mean(0)
    np.testing.assert_allclose(turned(before @ rotation(angle, mirrored), before), before, atol=1e-5)


def test_no_other_angle_is_nearer():
    xy, before = means(2, 1), means(2, 2)

    def far(points):
        return np.square(points - points.mean(0) - (before - before.mean(0))).sum()

    others = [far(xy @ rotation(angle, mirrored)) for angle in np.linspace(0, 2 * np.pi, 100) for mirrored in (False, True)]
    assert far(turned(xy, before)) <= min(others) + 1e-4


# ---- the film


def test_frames_come_in_order_with_their_pictures(folder):
    for epoch in (12, 0, 3):
        write(folder, epoch)
    film = RunFilm(folder).update()
    assert [frame.epoch for frame in film] == [0, 3, 12]
    assert film[0].originals[0, 0, 0, 0] == 2 and film[1].originals is None
    assert film[2].reconstructions.max() == 12 and film[2].samples.max() == 13
    assert all(frame.xy.shape == (40, 2) and frame.xy.dtype == np.float32 for frame in film)


def test_points_glide_from_epoch_to_epoch(folder):
    points = means(2)
    for epoch in range(4):
        write(folder, epoch, np.ascontiguousarray((points @ rotation(2.0 * epoch, epoch % 2 == 1)), np.float32))
    xy = [frame.xy - frame.xy.mean(0) for frame in RunFilm(folder).update()]
    for later in xy[1:]:
        np.testing.assert_allclose(later, xy[0], atol=1e-4)


def test_a_frame_is_read_once(folder, monkeypatch):
    read, real = [], snapshots.read_epoch
    monkeypatch.setattr(snapshots, "read_epoch", lambda folder, epoch: read.append(epoch) or real(folder, epoch))
    film = RunFilm(folder)
    assert film.update() == []
    write(folder, 0)
    write(folder, 1)
    first = film.update()
    write(folder, 2)
    second = film.update()
    assert read == [0, 1, 2] and second[:2] == first and second[0] is first[0] and len(first) == 2
    assert film.update() is not second and film.update() == second and read == [0, 1, 2]


def test_an_epoch_that_was_trained_again_is_a_new_frame(folder):
    film = RunFilm(folder)
    for epoch in (0, 1):
        write(folder, epoch)
    first = film.update()
    write(folder, 1, reconstructions=np.full((3, 1, 8, 8), 99, np.uint8))
    os.utime(snapshots.epoch_path(folder, 1), ns=(0, 7))
    second = film.update()
    assert second[0] is first[0] and second[1].stamp != first[1].stamp and second[1].reconstructions.max() == 99


def test_an_epoch_that_was_taken_back_leaves_the_film(folder):
    film = RunFilm(folder)
    for epoch in (0, 1):
        write(folder, epoch)
    assert len(film.update()) == 2
    snapshots.remove_epoch(folder, 1)
    assert [frame.epoch for frame in film.update()] == [0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-10]),
        lambda path: path.write_bytes(b"\x80\x04junk."),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: write(path.parents[1], 1, samples=np.zeros((3, 1, 8, 8), np.float32)),
        lambda path: write(path.parents[1], 1, reconstructions=np.zeros((3, 64), np.uint8)),
        lambda path: write(path.parents[1], 1, samples=np.zeros((3, 3, 9, 9), np.uint8)),
        lambda path: write(path.parents[1], 1, np.full((40, 4), np.nan, np.float32)),
        lambda path: write(path.parents[1], 1, np.zeros(40, np.float32)),
        lambda path: snapshots.write_epoch(path.parents[1], 1, {"means": means(2)}),
    ],
    ids=["empty", "cut", "pickle", "folder", "floats", "flat", "two sizes", "nan", "no table", "no pictures"],
)
def test_an_epoch_that_cannot_be_read_is_left_out(folder, damage):
    for epoch in range(3):
        write(folder, epoch)
    damage(snapshots.epoch_path(folder, 1))
    film = RunFilm(folder)
    assert [frame.epoch for frame in film.update()] == [0, 2]
    if not snapshots.epoch_path(folder, 1).is_dir():
        write(folder, 1)
        assert [frame.epoch for frame in film.update()] == [0, 1, 2], "and comes back when it is whole"


def test_an_epoch_of_another_number_of_points_is_left_out(folder):
    write(folder, 0)
    write(folder, 1, means(4, 1, n=20))
    write(folder, 2)
    assert [frame.epoch for frame in RunFilm(folder).update()] == [0, 2]


def test_a_folder_that_is_gone_is_an_empty_film(tmp_path):
    assert epoch_film.RunFilm(tmp_path / "gone").update() == []


@pytest.mark.parametrize(
    "samples",
    [
        None,
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((3, 1, 8, 8), np.float32),
        np.zeros((0, 1, 8, 8), np.uint8),
        np.zeros((3, 2, 8, 8), np.uint8),
    ],
)
def test_samples_that_are_no_pictures_are_refused(folder, samples):
    snapshots.write_epoch(folder, 1, {"means": means(4)} | ({} if samples is None else {"samples": samples}))
    with pytest.raises(BundleError, match="epoch 1 has no pictures"):
        snapshots.read_samples(folder, 1)


def test_what_a_run_takes_is_the_sum_of_its_files(folder):
    before = run_folder.n_bytes(folder)
    (folder / "epochs" / "001.safetensors").write_bytes(b"x" * 1000)
    (folder / "log.txt").write_bytes(b"x" * 50)
    assert run_folder.n_bytes(folder) == before + 1050 and run_folder.n_bytes(folder / "gone") == 0


def test_a_test_set_with_fewer_images_than_there_are_samples_is_shown(folder):
    pictures = np.full((32, 1, 8, 8), 5, np.uint8)
    for epoch in (0, 1):
        write(
            folder,
            epoch,
            reconstructions=pictures[:24],
            samples=pictures,
            **({"originals": pictures[:24]} if not epoch else {}),
        )
    film = RunFilm(folder).update()
    assert [len(part) for part in (film[0].originals, film[0].reconstructions, film[1].samples)] == [24, 24, 24]
