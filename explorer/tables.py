"""The points of a map as tables: CSV for pandas, Parquet for Embedding Atlas, a zip for the Embedding Projector."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from explorer import figures

SPRITE_MAX_PX = 8192  # longer sides are refused by the Embedding Projector


def class_column(labels: np.ndarray, names: Sequence[str]) -> list[str | None]:
    """The name of each label's class, or None where there is none. Lone surrogates, which UTF-8 cannot encode, become "?"."""
    valid = [name.encode("utf-8", "replace").decode("utf-8") for name in names]
    return [valid[label] if 0 <= label < len(valid) else None for label in labels.tolist()]


def as_csv(columns: Mapping[str, Sequence]) -> bytes:
    """Columns of equal length as CSV in UTF-8 with one header line, quoted where needed. None and NaN are empty fields."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*map(_texts, columns.values())))
    return buffer.getvalue().encode("utf-8")


def _texts(column: Sequence) -> list[str]:
    """The fields of a column; float32 needs 9 digits to be read back bit for bit."""
    if isinstance(column, np.ndarray):
        column = column.tolist()
    return ["" if v is None or v != v else f"{v:.9g}" if isinstance(v, float) else str(v) for v in column]


def as_parquet(columns: Mapping[str, Sequence], pictures: np.ndarray | None) -> bytes:
    """Columns of equal length as Parquet, with the images (N, C, H, W) in the column "image" as PNG.

    Each image is a struct {bytes, path}, which Embedding Atlas and Hugging Face's datasets show as a picture.
    """
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {name: pa.array(column) for name, column in columns.items()}
    if pictures is not None:
        cells = [{"bytes": picture_png(picture), "path": f"{i}.png"} for i, picture in enumerate(pictures)]
        arrays["image"] = pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    buffer = io.BytesIO()
    parquet.write_table(pa.table(arrays), buffer)
    return buffer.getvalue()


def picture_png(picture: np.ndarray) -> bytes:
    """An image uint8 (C, H, W) as PNG."""
    return figures.png(picture.transpose(1, 2, 0))


def projector_zip(vectors: np.ndarray, metadata: Mapping[str, Sequence], pictures: np.ndarray | None) -> bytes:
    """A zip of vectors.tsv, metadata.tsv, sprite.png and the config, for the Embedding Projector: tensorboard --logdir FOLDER.

    vectors (N, D); pictures (N, C, H, W). Pass two or more columns of metadata: with one the Projector expects no header.
    """
    rows = [list(metadata), *zip(*map(_texts, metadata.values()))]
    parts = {
        "vectors.tsv": "".join("\t".join(f"{v:.9g}" for v in row) + "\n" for row in vectors.tolist()),
        "metadata.tsv": "".join("\t".join(map(_one_field, row)) + "\n" for row in rows),
    }
    config = 'embeddings {\n  tensor_name: "mu"\n  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n'
    if pictures is not None:
        sprite, side = square_sprite(pictures)
        parts["sprite.png"] = figures.png(sprite)
        config += '  sprite {\n    image_path: "sprite.png"\n' + f"    single_image_dim: {side}\n" * 2 + "  }\n"
    parts["projector_config.pbtxt"] = config + "}\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _one_field(text: str) -> str:
    """The text without tabs and line breaks, for which TSV has no quoting."""
    return " ".join(text.split())


def square_sprite(pictures: np.ndarray) -> tuple[np.ndarray, int]:
    """(picture (S, S, C), side of a tile): images (N, C, H, W) in square tiles, row by row, as many rows as columns.

    The Projector requires squares. The images are reduced until the sprite is within SPRITE_MAX_PX.
    """
    columns = int(np.ceil(len(pictures) ** 0.5))
    pictures = figures.shrink(pictures, SPRITE_MAX_PX // columns)
    side = max(pictures.shape[2:])
    margins = [(side - size) // 2 for size in pictures.shape[2:]]
    pad = [(margin, side - size - margin) for size, margin in zip(pictures.shape[2:], margins)]
    tiles = figures.sheet(np.pad(pictures, ((0, 0), (0, 0), *pad)), columns)
    sprite = np.zeros((columns * side, columns * side, tiles.shape[2]), np.uint8)
    sprite[: len(tiles)] = tiles
    return sprite, side
