"""Encodes films as MP4 (H.264, with PyAV) and as GIF (with Pillow)."""

import io
from collections.abc import Iterable
from itertools import count

import numpy as np
from PIL import Image

HOLD_S = 0.75  # how long the first and the last picture stay
N_GREYS = 64  # in the palette of a GIF: many images are grey, and the paper is to be white
BT709 = 1  # the colour space of HD video; a player assumes it at this size


def mp4(pictures: Iterable[Image.Image], fps: int) -> bytes:
    """The pictures, of one even size, as an MP4 that every current browser and presentation program plays."""
    import av  # 50 ms

    pictures, buffer = iter(pictures), io.BytesIO()
    first = next(pictures)
    hold = round(HOLD_S * fps)
    with av.open(buffer, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=fps, options={"preset": "superfast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *first.size, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = BT709
        position = count()

        def write(picture: Image.Image, times: int = 1) -> None:
            frame = av.VideoFrame.from_image(picture).reformat(format="yuv420p", dst_colorspace="ITU709")
            for _ in range(times):
                frame.pts = next(position)
                file.mux(stream.encode(frame))

        write(first, hold)
        last = first
        for last in pictures:
            write(last)
        write(last, hold)
        file.mux(stream.encode())
    return buffer.getvalue()


def gif(pictures: Iterable[Image.Image], frame_ms: int, back: bool = False) -> bytes:
    """The pictures as a GIF that loops forever; `back`: forwards, then backwards. The last picture stays HOLD_S longer.

    All frames share 256 colours, because a palette of its own would make an unchanged part of a frame flicker.
    """
    pictures = list(pictures)
    palette = _palette(pictures)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    hold = round(1000 * HOLD_S)
    durations = [frame_ms] * len(frames)
    durations[-1] += hold
    if back:
        durations[0] += hold
        frames, durations = frames + frames[-2:0:-1], durations + durations[-2:0:-1]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return buffer.getvalue()


def _palette(pictures: list[Image.Image]) -> Image.Image:
    """A picture with N_GREYS greys, and the colours that suit the first, the last and two others, at half their size."""
    width, height = (side // 2 for side in pictures[0].size)
    chosen = [pictures[round(i * (len(pictures) - 1) / 3)] for i in range(4)]
    together = Image.new("RGB", (width, 4 * height))
    for i, picture in enumerate(chosen):
        together.paste(picture.resize((width, height), Image.Resampling.NEAREST), (0, i * height))
    colours = together.quantize(256 - N_GREYS, dither=Image.Dither.NONE).getpalette()
    greys = [round(i * 255 / (N_GREYS - 1)) for i in range(N_GREYS) for _ in "rgb"]
    palette = Image.new("P", (1, 1))
    entries = np.array((colours + greys)[:768], np.uint8).reshape(-1, 3)
    entries[(entries > 247).all(1)] = 255  # Pillow chooses an entry near white for white itself
    palette.putpalette(entries.ravel().tolist())
    return palette
