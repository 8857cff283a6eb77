"""tables.py: the files are read back by pandas, pyarrow, zipfile and Pillow."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pyarrow import parquet

from explorer import tables

RNG = np.random.default_rng(0)
NAMES = ("plain", 'with "quotes", and, commas', "two\nlines", "tab\tand\r\nreturn", "=1+1", "d\u00e9j\u00e0 \u6570", "")
LABELS = np.array([0, 1, 2, 3, 4, 5, -1, 0])


def pictures(n: int, channels: int = 1, height: int = 8, width: int = 8) -> np.ndarray:
    return RNG.integers(0, 256, (n, channels, height, width), np.uint8)


def columns() -> dict:
    n = len(LABELS)
    values = RNG.normal(size=n).astype(np.float32)
    unknown = values.copy()
    unknown[3] = np.nan
    return {"row": np.arange(n), "class": tables.class_column(LABELS, NAMES), "mu_0": values, "recon_loss": unknown}


# CSV


def test_pandas_reads_the_csv_plainly():
    given = columns()
    table = pd.read_csv(io.BytesIO(tables.as_csv(given)))
    assert list(table.columns) == list(given) and table.index.tolist() == list(range(len(LABELS)))
    assert [None if pd.isna(name) else name for name in table["class"]] == [*NAMES[:6], None, NAMES[0]]
    for name in ("mu_0", "recon_loss"):
        np.testing.assert_array_equal(table[name].astype(np.float32), given[name])  # bit for bit
    assert table["row"].dtype == np.int64


def test_a_name_that_utf8_cannot_encode_is_written_all_the_same():
    assert tables.class_column(np.array([0, 1, -1]), ("a\ud800", "b")) == ["a?", "b", None]


# Parquet


@pytest.mark.parametrize("channels", [1, 3])
def test_parquet_has_the_columns_and_the_pictures_as_png(channels):
    given, images = columns(), pictures(len(LABELS), channels)
    table = parquet.read_table(io.BytesIO(tables.as_parquet(given, images)))
    assert table.column_names == [*given, "image"]
    assert table["class"].to_pylist() == given["class"]
    np.testing.assert_array_equal(table["mu_0"].to_numpy(), given["mu_0"])
    assert [field.name for field in table.schema.field("image").type] == ["bytes", "path"]
    for cell, image in zip(table["image"].to_pylist(), images):
        read = Image.open(io.BytesIO(cell["bytes"]))
        assert read.format == "PNG" and cell["path"].endswith(".png")
        np.testing.assert_array_equal(np.asarray(read).reshape(8, 8, channels), image.transpose(1, 2, 0))


def test_parquet_without_pictures():
    assert parquet.read_table(io.BytesIO(tables.as_parquet(columns(), None))).column_names == list(columns())


# Embedding Projector


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        return {name: file.read(name) for name in file.namelist()}


def test_the_projector_gets_vectors_metadata_sprite_and_config():
    vectors, images, given = RNG.normal(size=(len(LABELS), 5)).astype(np.float32), pictures(len(LABELS)), columns()
    parts = unzipped(tables.projector_zip(vectors, given, images))
    assert set(parts) == {"vectors.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt"}
    np.testing.assert_array_equal(np.loadtxt(io.BytesIO(parts["vectors.tsv"]), np.float32, delimiter="\t"), vectors)
    head, *rows = (line.split("\t") for line in parts["metadata.tsv"].decode().removesuffix("\n").split("\n"))
    assert head == list(given) and len(rows) == len(LABELS) and {len(row) for row in rows} == {len(given)}
    assert [row[1] for row in rows][:5] == ["plain", 'with "quotes", and, commas', "two lines", "tab and return", "=1+1"]
    config = parts["projector_config.pbtxt"].decode()
    for name in ("vectors.tsv", "metadata.tsv", "sprite.png"):
        assert f'_path: "{name}"' in config
    assert config.count("single_image_dim: 8\n") == 2 and config.count("{") == config.count("}") == 2


def test_without_pictures_the_projector_gets_no_sprite():
    parts = unzipped(tables.projector_zip(np.zeros((8, 2)), columns(), None))
    assert "sprite.png" not in parts and b"sprite" not in parts["projector_config.pbtxt"]


@pytest.mark.parametrize("channels, height, width", [(1, 8, 8), (3, 6, 9)])
def test_a_sprite_is_square_with_square_tiles_in_row_order(channels, height, width):
    images, side = pictures(10, channels, height, width), max(height, width)
    sprite, tile = tables.square_sprite(images)
    assert tile == side and sprite.shape == (4 * side, 4 * side, channels)
    top, left = (side - height) // 2, (side - width) // 2
    for i, image in enumerate(images):
        y, x = side * (i // 4) + top, side * (i % 4) + left
        np.testing.assert_array_equal(sprite[y : y + height, x : x + width], image.transpose(1, 2, 0))
    assert not sprite[3 * side :].any()


def test_a_sprite_stays_within_what_the_projector_reads():
    sprite, tile = tables.square_sprite(np.zeros((10_000, 1, 100, 100), np.uint8))
    assert max(sprite.shape) <= tables.SPRITE_MAX_PX and sprite.shape[0] == 100 * tile
