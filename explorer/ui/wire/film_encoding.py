"""Sizes and encodes films: how many frames a film has, and whether they are sent raw (on this computer) or as JPEG."""

import ipaddress
from typing import NamedTuple

import numpy as np
import streamlit as st

from explorer import figures

JPEG_PIXELS = 1_500_000  # of a sheet; larger ones take too long to encode and decode
MIN_FRAMES, MAX_FRAMES = 9, 65
QUALITIES = (85, 75, 60, 45, 35, 25, 15)  # noise needs the low ones; the resting frame is sent separately and is exact


class Limits(NamedTuple):
    """Size limits for the frames of one packet, in bytes."""

    raw: int  # frames up to this size are sent uncompressed
    jpeg: int  # of the JPEG of larger ones


LOOPBACK = Limits(450_000, 700_000)
NETWORK = Limits(12_000, 100_000)  # keeps the packets of a release of 28 px images under 120 kB


def visitor_limits(loopback: Limits = LOOPBACK) -> Limits:
    """`loopback` for a visitor on this computer, NETWORK for any other. Streamlit evaluates forwarded addresses."""
    address = st.context.ip_address  # None for 127.0.0.1, ::1 and without a connection
    return loopback if address is None or _is_loopback(address) else NETWORK


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a proxy may send a host name
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback


def n_frames(n_films: int, image_shape: tuple[int, int, int]) -> int:
    """Number of frames of each of `n_films` films; odd, so that the middle of the span is a frame."""
    channels, height, width = image_shape
    n = LOOPBACK.raw // (n_films * channels * height * width)
    if n < 17:
        n = min(33, JPEG_PIXELS // (n_films * height * width))
    return max(MIN_FRAMES, min(MAX_FRAMES, n - 1 | 1))


def encode_frames(frames: np.ndarray, columns: int, limits: Limits | None = None) -> tuple[np.ndarray | bytes, dict[str, str]]:
    """Encodes frames uint8 (F, C, H, W); returns the packet's array `frames` and its `encodings`.

    A few frames stay raw, more become one JPEG sheet of the highest quality within `limits` (default: the visitor's). Noise may
    exceed the limit even at the lowest quality.
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
