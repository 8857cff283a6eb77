"""Header and arrays -> the bytes of one packet, which the components' scripts unpack. It is sent as the whole `data`, since
Streamlit passes raw bytes only at the top level."""

import json

import numpy as np

KINDS = {"f4": np.float32, "i4": np.int32, "u1": np.uint8}


def pack(header: dict, arrays: dict[str, np.ndarray | bytes], encodings: dict[str, str] | None = None) -> bytes:
    """uint32 header length, the header as JSON padded to 4 bytes, then the arrays in order, each padded to 4 bytes.

    An array given as bytes is a compressed picture; `encodings` has its media type under the same name.
    """
    if strange := (encodings or {}).keys() - arrays.keys():
        raise ValueError(f"encodings of missing arrays: {strange}")
    described, parts = [], []
    for name, array in arrays.items():
        array = np.frombuffer(array, np.uint8) if isinstance(array, bytes) else np.asarray(array)
        kind = {"f": "f4", "i": "i4", "u": "u1"}[array.dtype.kind]
        data = np.ascontiguousarray(array, KINDS[kind]).tobytes()
        described.append([name, kind, list(array.shape)])
        parts.append(data + b"\0" * (-len(data) % 4))
    whole = header | {"arrays": described, "encodings": encodings or {}}
    text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    return b"".join([np.uint32(len(text)).tobytes(), text, *parts])
