"""An uploaded zip of images -> a folder of images, which `folder:PATH` then loads. Knows zips and Pillow; no screen.

path = unpack(data, "my cats.zip")         # <data dir>/uploads/my cats
images = data.load(f"folder:{path}", "train")
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
from explorer.core.data.image_folder import FORMATS, MAX_PIXELS, SUFFIXES
from explorer.core.data.image_set import Progress
from explorer.core.errors import DataError
from explorer.core.storage import atomic, safe_read
from explorer.core.storage.zip_reader import Archive, Limits, whole

LIMITS = Limits(n_members=100_000, member_bytes=50_000_000, total_bytes=1_000_000_000)
MARK = ".sha256"  # in the folder, of the zip: the same upload is not unpacked twice
LONGEST = 40  # characters of a name
_DEVICE_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # Windows opens these whatever the folder

_unpacking = threading.Lock()  # a class that uploads one zip at once gets one folder


def unpack(source: bytes | BinaryIO, name: str, progress: Progress | None = None) -> Path:
    """The folder, under uploads/ in the data folder. The same zip again gives the same folder; a name that is taken by
    another becomes name-2.

    Sub-folders are classes; a folder around all of them, hidden files and what has no suffix of an image are passed over.
    Raises DataError, a sentence and a hint, for what is no zip, leads out of its folder, is too large or holds fewer than
    two images, and for a full disk; nothing is left then.
    """
    zip_bytes = whole(source)
    report = progress or (lambda share, doing: None)
    zipped = Archive(zip_bytes, LIMITS, DataError)
    places = _places([path for path in zipped.paths if path.lower().endswith(SUFFIXES)])
    root, digest = uploads_dir(), hashlib.sha256(zip_bytes).hexdigest()
    n_good, bad = 0, ""
    with _unpacking, atomic.saving(f"the images of '{name}'", root, DataError):
        root.mkdir(parents=True, exist_ok=True)
        here = {path.name: path for path in root.iterdir()}
        for path in here.values():
            if (path / MARK).is_file() and (path / MARK).read_text("utf-8") == digest:
                return path
        target = root / safe_read.free_name(_cleaned(re.sub(r"\.zip$", "", name, flags=re.I)) or "images", here, LONGEST)
        with atomic.new_folder(target) as folder:
            for i, (path, place) in enumerate(places.items()):
                if i % 256 == 0:
                    report(i / len(places), f"unpacking {len(places)} images")
                data = zipped.read(path)
                if _is_image(data, path):
                    n_good += 1
                else:
                    bad = bad or path
                (folder / place).parent.mkdir(exist_ok=True)
                (folder / place).write_bytes(data)
            if n_good < 2:
                found = "one image only" if n_good else "no image that can be read"
                also = f"; {short(bad)} is none, whatever its name" if bad else ""
                suffixes = ", ".join(suffix[1:] for suffix in SUFFIXES)
                raise DataError(f"The zip holds {found}{also}.", f"Put two or more there ({suffixes}).")
            (folder / MARK).write_text(digest, "utf-8")
    report(1.0, f"unpacked {n_good} images")
    return target


def _places(paths: list[str]) -> dict[str, str]:
    """Where each file goes: its class, if it has one, and a name that every disk takes, in the order of the old ones."""
    split = {path: path.split("/") for path in sorted(paths)}
    while all(len(parts) > 1 for parts in split.values()) and len({parts[0] for parts in split.values()}) == 1:
        split = {path: parts[1:] for path, parts in split.items()}  # a folder around everything is no class
    places, classes = {}, {}
    for number, (path, parts) in enumerate(split.items()):
        *folders, file = parts
        stem, _, suffix = file.rpartition(".")
        place = f"{number:06d}-{_cleaned(stem)}.{suffix.lower()}"
        if folders:
            label = _cleaned(folders[0]) or "_"
            other = classes.setdefault(label.casefold(), folders[0])
            if other != folders[0]:
                what = f"The zip has the folders {short(other)} and {short(folders[0])}, which many disks take for one."
                raise DataError(what, "Rename one of them.")
            place = f"{label}/{place}"
        places[path] = place
    return places


def _cleaned(text: str) -> str:
    """Letters of any script, digits, spaces, '.', '_' and '-'; the rest becomes '-'."""
    text = re.sub(r"[^\w. -]+", "-", unicodedata.normalize("NFC", text))[:LONGEST].strip("-. ")
    return f"_{text}" if _DEVICE_NAME.fullmatch(text.lower()) else text


def _is_image(data: bytes, path: str) -> bool:
    """From the header alone. Raises DataError for more pixels than are decoded here."""
    from PIL import Image

    large = DataError(f"{short(path)} in the zip has more than {MAX_PIXELS // 1_000_000} megapixels.", "Make it smaller.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
        except Image.DecompressionBombError:
            raise large from None
        except Exception:  # Pillow's plugins raise nearly anything on a broken file
            return False
    if width * height > MAX_PIXELS:
        raise large
    return True
