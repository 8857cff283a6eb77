"""The resumable state of a run on disk: state.safetensors and state.json."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from explorer.core.bundles import format as bundle_format
from explorer.core.errors import BundleError
from explorer.core.runs.folder import STATE, STATE_LIMITS, STATE_META
from explorer.core.storage import atomic, safe_read


def save_state(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping) -> None:
    """Write state.safetensors and state.json. One writer per folder. Raises BundleError.

    NaN and infinity in `meta` become null.

    If the process is killed at any point, either the old pair or the new one can be loaded: both are written and synced before
    the first is renamed, and state.json holds the SHA-256 of state.safetensors.
    """
    owner = f"Run '{folder.name}'"
    data = safe_read.dump_safetensors({k: bundle_format.as_array(v) for k, v in tensors.items()}, f"{owner}: {STATE}")
    values = {"meta": dict(meta), "tensors_sha256": hashlib.sha256(data).hexdigest()}
    contents = {STATE: data, STATE_META: safe_read.dump_json(values, f"{owner}: {STATE_META}")}
    with atomic.saving(f"the state of '{folder.name}'", folder):
        atomic.write_files(folder, contents)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict]:
    """(tensors, meta). Raises BundleError if the state is missing, cut short or of two different saves."""
    owner = f"Run '{folder.name}'"
    if not folder.is_dir():
        raise BundleError(f"There is no run '{folder.name}' in {folder.parent}.", "See the names with --list.")
    # after a crash between the two renames the new state.json still has its temporary name
    metas = [name for name in (STATE_META, atomic.pending(STATE_META)) if (folder / name).is_file()] or [STATE_META]
    limits = {STATE: STATE_LIMITS[STATE]} | {name: STATE_LIMITS[STATE_META] for name in metas}
    contents, _ = safe_read.read_folder(folder, limits, owner)
    sha = hashlib.sha256(contents[STATE]).hexdigest()
    for file in metas:
        values = safe_read.parse_json(contents[file], f"{owner}: {file}")
        if values.get("tensors_sha256") == sha and isinstance(values.get("meta"), dict):
            arrays = safe_read.parse_safetensors(contents[STATE], f"{owner}: {STATE}")
            return {k: torch.tensor(v) for k, v in arrays.items()}, values["meta"]
    raise BundleError(f"{owner}: {STATE} and {STATE_META} are of two saves, or cut short.", "Start the run again.")
