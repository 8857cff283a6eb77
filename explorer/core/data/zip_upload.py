"""Unpacks an uploaded zip of images into the uploads folder.

folder = unpack(data, "my cats.zip")         # <data dir>/uploads/my cats
images = catalog.load(catalog.upload_name(folder), "train")
"""

import hashlib
import io
import re
import threading
import unicodedata
import warnings
from pathlib import Path
from reprlib import repr as short
from typing import BinaryIO

from explorer.core.data.catalog import uploads_dir
from explorer.core.data.image_folder import FIT_FILE, MAX_PIXELS, SUFFIXES, fit_of
from explorer.core.data.image_set import Progress
from explorer.core.data.preparation import FORMATS, Fit
from explorer.core.errors import DataError
from explorer.core.storage import atomic, safe_read
from explorer.core.storage.zip_reader import Archive, Limits, read_all

LIMITS = Limits(n_members=100_000, member_bytes=50_000_000, total_bytes=1_000_000_000)
HASH_FILE = ".sha256"  # in the folder: the hash of its zip, by which the same upload is recognised
MAX_NAME_LENGTH = 40
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # reserved names on Windows, in every folder

_unpacking = threading.Lock()  # several people may upload the same zip at once: they get one folder


def unpack(source: bytes | BinaryIO, name: str, progress: Progress | None = None, fit: Fit = "crop") -> Path:
    """Unpacks the zip and returns the folder, in uploads/ in the data folder.

    `fit`: how the images are made square, "crop" or "pad". The same zip with the same fit returns the same folder; if the name
    is taken by another one, it becomes name-2. Sub-folders become classes; a single folder around everything, hidden files
    and files without an image suffix are skipped. Raises DataError, and leaves no files, for a file that is not a zip or is
    unsafe, too large, or has fewer than two images, and if writing fails.
    """
    zip_bytes = read_all(source)
    report = progress or (lambda share, doing: None)
    archive = Archive(zip_bytes, LIMITS, DataError)
    targets = _targets([path for path in archive.paths if path.lower().endswith(SUFFIXES)])
    root, digest = uploads_dir(), hashlib.sha256(zip_bytes).hexdigest()
    n_good, bad = 0, ""
    with _unpacking, atomic.saving(f"the images of '{name}'", root, DataError):
        root.mkdir(parents=True, exist_ok=True)
        existing = {path.name: path for path in root.iterdir()}
        for path in existing.values():
            is_same = (path / HASH_FILE).is_file() and (path / HASH_FILE).read_text("utf-8") == digest
            if is_same and fit_of(path) == fit:
                return path
        stem = _cleaned(re.sub(r"\.zip$", "", name, flags=re.I)) or "images"
        target = root / safe_read.free_name(stem, existing, MAX_NAME_LENGTH)
        with atomic.new_folder(target) as folder:
            for i, (path, target_path) in enumerate(targets.items()):
                if i % 256 == 0:
                    report(i / len(targets), f"unpacking {len(targets)} images")
                data = archive.read(path)
                if _is_image(data, path):
                    n_good += 1
                else:
                    bad = bad or path
                (folder / target_path).parent.mkdir(exist_ok=True)
                (folder / target_path).write_bytes(data)
            if n_good < 2:
                found = "one image only" if n_good else "no image that can be read"
                also = f"; {short(bad)} is not an image, despite its name" if bad else ""
                suffixes = ", ".join(suffix[1:] for suffix in SUFFIXES)
                raise DataError(f"The zip holds {found}{also}.", f"Put two or more there ({suffixes}).")
            (folder / HASH_FILE).write_text(digest, "utf-8")
            if fit == "pad":
                (folder / FIT_FILE).write_text(fit, "utf-8")
    report(1.0, f"unpacked {n_good} images")
    return target


def _targets(paths: list[str]) -> dict[str, str]:
    """{path in the zip: path in the folder}: CLASS/NUMBER-NAME with names that are valid on every system, in the same order."""
    split = {path: path.split("/") for path in sorted(paths)}
    while all(len(parts) > 1 for parts in split.values()) and len({parts[0] for parts in split.values()}) == 1:
        split = {path: parts[1:] for path, parts in split.items()}  # a folder around everything is not a class
    targets, classes = {}, {}
    for number, (path, parts) in enumerate(split.items()):
        *folders, file = parts
        stem, _, suffix = file.rpartition(".")
        target_path = f"{number:06d}-{_cleaned(stem)}.{suffix.lower()}"
        if folders:
            label = _cleaned(folders[0]) or "_"
            other = classes.setdefault(label.casefold(), folders[0])
            if other != folders[0]:
                what = f"The zip has the folders {short(other)} and {short(folders[0])}, which many file systems treat as one."
                raise DataError(what, "Rename one of them.")
            target_path = f"{label}/{target_path}"
        targets[path] = target_path
    return targets


def _cleaned(text: str) -> str:
    """Keeps letters of any script, digits, spaces, '.', '_' and '-'; other characters become '-'."""
    text = re.sub(r"[^\w. -]+", "-", unicodedata.normalize("NFC", text))[:MAX_NAME_LENGTH].strip("-. ")
    return f"_{text}" if _DEVICE_NAME.fullmatch(text.lower()) else text


def _is_image(data: bytes, path: str) -> bool:
    """Whether the header is that of an image. Raises DataError for more than MAX_PIXELS."""
    from PIL import Image

    too_large = DataError(f"{short(path)} in the zip has more than {MAX_PIXELS // 1_000_000} megapixels.", "Make it smaller.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise too_large from None
        except Exception:  # Pillow's plugins raise many exception types on damaged files
            return False
    if width * height > MAX_PIXELS:
        raise too_large
    return True
