"""How many frames a film has and how frames are sent: raw on this computer, compressed over a network."""

import ipaddress
from typing import NamedTuple

import numpy as np
import streamlit as st

from explorer import figures

JPEG_PIXELS = 1_500_000  # of a sheet: encoding and decoding more takes longer than a visitor waits
MIN_FRAMES, MAX_FRAMES = 9, 65
QUALITIES = (85, 75, 60, 45, 35, 25, 15)  # noise needs the low ones; the resting frame is sent apart and is exact


class Limits(NamedTuple):
    """Sizes of the frames of one packet, in bytes."""

    raw: int  # up to here frames are sent uncompressed: nothing to encode and nothing to decode
    jpeg: int  # the JPEG of a larger sheet


LOOPBACK = Limits(450_000, 700_000)
NETWORK = Limits(12_000, 100_000)  # the packets of a release of 28 px images stay under 120 kB


def visitor_limits(loopback: Limits = LOOPBACK) -> Limits:
    """`loopback` for a visitor on this computer, NETWORK for any other. Streamlit takes forwarded addresses into account."""
    address = st.context.ip_address  # None for 127.0.0.1, ::1 and where there is no connection
    return loopback if address is None or _is_loopback(address) else NETWORK


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a proxy may send a name
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def n_frames(n_films: int, image_shape: tuple[int, int, int]) -> int:
    """Frames of each film: an odd number, so that the middle of the span is a frame."""
    channels, height, width = image_shape
    n = LOOPBACK.raw // (n_films * channels * height * width)
    if n < 17:
        n = min(33, JPEG_PIXELS // (n_films * height * width))
    return max(MIN_FRAMES, min(MAX_FRAMES, n - 1 | 1))


def travelling(frames: np.ndarray, columns: int, limits: Limits | None = None) -> tuple[np.ndarray | bytes, dict[str, str]]:
    """Frames uint8 (F, C, H, W) as they go into a packet, and the packet's `encodings` of the array `frames`.

    Few frames are sent raw, more as one JPEG of the highest quality within `limits` (those of the visitor by default). Noise
    may exceed them even at the lowest quality.
    """
    limits = limits or visitor_limits()
    if frames.nbytes <= limits.raw:
        return frames, {}
    sheet = figures.sheet(frames, columns)
    for quality in QUALITIES:
        encoded = figures.jpeg(sheet, quality)
        if len(encoded) <= limits.jpeg:
            break
    return encoded, {"frames": "image/jpeg"}
