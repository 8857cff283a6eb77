"""Reads a visitor's own picture and prepares it for a model, as `core/data/preparation.py` prepares training images.

preparation = preparation_for(engine.origin.dataset, engine.ink_layout)
prepared = prepare(data, (1, 28, 28), preparation)   # data: any PNG, JPEG, WebP, BMP or GIF
"""

import io
import warnings
from contextlib import contextmanager

from explorer.core.data import catalog, preparation
from explorer.core.data.ink import InkLayout
from explorer.core.data.preparation import FORMATS, MIN_SIDE_PX, Fit, Preparation, PreparedImage
from explorer.core.errors import DataError

MAX_BYTES = 5_000_000
MAX_PIXELS = 24_000_000  # 96 MB while decoding, on a machine that visitors share; a decompression bomb has far more
MAX_SIDE_PX = 12_000

RETRY_HINT = "Save it as PNG or JPEG and try again."


def preparation_for(dataset: str, layout: InkLayout, fit: Fit | None = None, invert: bool | None = None) -> Preparation:
    """The preparation of a visitor's picture for a model of a data set.

    For images of a folder or an upload it is that of the training images: `fit` as chosen for the set, never inverted. For
    other data sets with a dark background the ink is centred, and inverted where needed; else the whole picture is padded.
    `fit` and `invert` override this.
    """
    of_folder = catalog.fit_of(dataset)
    usual = of_folder or ("centre" if layout.dark_background else "pad")
    return Preparation(fit or usual, False if of_folder and invert is None else invert, layout)


def prepare(data: bytes, image_shape: tuple[int, int, int], how: Preparation) -> PreparedImage:
    """Prepares a picture file for a model.

    Raises DataError for a file that is empty, not a picture, cut short, too small or too large (refused before decoding),
    and for a picture that is blank once it is prepared.
    """
    with opened(data) as image:
        try:
            prepared = preparation.prepare(image, image_shape, how)
        except Exception:  # a valid header with a damaged body
            raise DataError("The picture is damaged or cut short.", RETRY_HINT) from None
    if prepared.is_blank:
        raise DataError("The picture is blank.", "Draw something, or choose a picture with more contrast.")
    return prepared


@contextmanager
def opened(data: bytes):
    """The Pillow image of a file whose size and format are allowed, not decoded yet. Raises DataError for others."""
    from PIL import Image

    large = DataError(
        f"The picture is too large: {MAX_PIXELS // 1_000_000} megapixels, {MAX_SIDE_PX} px a side and "
        f"{MAX_BYTES // 1_000_000} MB are allowed.",
        "Make it smaller and try again.",
    )
    if not data:
        raise DataError("The file is empty.", "Choose another one.")
    if len(data) > MAX_BYTES:
        raise large
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        raise large from None
    except Exception:  # Pillow's plugins raise nearly anything on a broken file
        raise DataError("The file is not a picture that can be read.", RETRY_HINT) from None
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
            raise large
        if min(width, height) < MIN_SIDE_PX:
            raise DataError(
                f"The picture has {width} x {height} px, too few to show anything.",
                f"Choose one with at least {MIN_SIDE_PX} px on each side.",
            )
        yield image
