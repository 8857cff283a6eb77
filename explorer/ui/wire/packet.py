"""Packets from the server to a component's script: their byte format, and the fields that several components share.

A packet is the whole `data` of a component, since Streamlit passes raw bytes only at the top level. Each panel declares its
protocol as TypedDicts: `Header` and `Arrays` (server to script) and `Request` (script to server).
"""

import json
from typing import TypedDict

import numpy as np

KINDS = {"f4": np.float32, "i4": np.int32, "u1": np.uint8}


class Numbered(TypedDict):
    """A request that is sent until the header's `ack` is at least `seq`. Mailbox.js and requests.js number the requests."""

    seq: int


def pack(header: dict, arrays: dict[str, np.ndarray | bytes], encodings: dict[str, str] | None = None) -> bytes:
    """Serialises to: uint32 header length, the header as JSON padded to 4 bytes, then the arrays in order, each padded to 4.

    Arrays become float32, int32 or uint8. An array given as bytes is a compressed picture; `encodings` has its media type
    under the same name. Raises ValueError if `encodings` names an array that is missing.
    """
    if missing := (encodings or {}).keys() - arrays.keys():
        raise ValueError(f"encodings of missing arrays: {missing}")
    described, parts = [], []
    for name, array in arrays.items():
        array = np.frombuffer(array, np.uint8) if isinstance(array, bytes) else np.asarray(array)
        kind = {"f": "f4", "i": "i4", "u": "u1"}[array.dtype.kind]
        data = np.ascontiguousarray(array, KINDS[kind]).tobytes()
        described.append([name, kind, list(array.shape)])
        parts.append(data + b"\0" * (-len(data) % 4))
    full_header = header | {"arrays": described, "encodings": encodings or {}}
    text = json.dumps(full_header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([np.uint32(len(text)).tobytes(), text, *parts])
