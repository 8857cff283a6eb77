"""Text on slides: fonts, widths, and names from outside reduced to characters that every format allows."""

from functools import lru_cache

from PIL import ImageFont

MIN_TEXT_PX = 28  # legible from the last row when 1920 x 1080 pixels are projected
OTHER_FONTS = ("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf", "msyh.ttc")
FONT_FAMILY = "Helvetica, Arial, sans-serif"
UNASSIGNED = "\U0010ffff"  # no font has a glyph for it


def clean(text: str) -> str:
    """The text with every unprintable character (controls, line breaks, lone surrogates) replaced by a space."""
    return "".join(character if character.isprintable() else " " for character in text)


@lru_cache(maxsize=64)
def font(size_px: int) -> ImageFont.FreeTypeFont:
    """The font that Pillow contains, so that slides look the same on every computer."""
    return ImageFont.load_default(size_px)


@lru_cache(maxsize=1024)
def font_for(text: str, size_px: int) -> ImageFont.FreeTypeFont:
    """The font of `size_px`, or a system font if that one lacks a character of the text and one of OTHER_FONTS has it."""
    own = font(size_px)
    if _has_glyphs(own, text):
        return own
    for name in OTHER_FONTS:
        try:
            other = ImageFont.truetype(name, size_px)
        except OSError:
            continue
        if _has_glyphs(other, text):
            return other
    return own


def _has_glyphs(candidate: ImageFont.FreeTypeFont, text: str) -> bool:
    missing = bytes(candidate.getmask(UNASSIGNED))
    return all(bytes(candidate.getmask(character)) != missing for character in set(text) if not character.isspace())


def width(text: str, size_px: int) -> float:
    """The width of the text in pixels."""
    return font_for(text, size_px).getlength(text)


def fitted(text: str, size_px: int, max_px: float) -> str:
    """The cleaned text, its end replaced by "..." where it is wider than `max_px`."""
    text = clean(text)[:400]
    if width(text, size_px) <= max_px:
        return text
    while text and width(f"{text}...", size_px) > max_px:
        text = text[:-1]
    return f"{text.rstrip()}..."
