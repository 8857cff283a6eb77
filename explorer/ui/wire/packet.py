"""Arrays -> the bytes of one packet, as packet.js unpacks them. A packet travels whole, at the top level of `data`."""

import json

import numpy as np

KINDS = {"f4": np.float32, "i4": np.int32, "u1": np.uint8}


def pack(header: dict, arrays: dict[str, np.ndarray | bytes], encodings: dict[str, str] | None = None) -> bytes:
    """uint32 header length, the header as JSON padded to 4 bytes, then the arrays in order, each padded to 4 bytes.

    An array given as bytes is a compressed picture, whose media type stands in `encodings` under its name.
    """
    if strange := (encodings or {}).keys() - arrays.keys():
        raise ValueError(f"encodings of arrays that are not there: {strange}")
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
