"""Recognize images and PDF documents, and keep them within the limits of the API."""

from __future__ import annotations

import io
import struct

from aloop.errors import ToolError, install_command
from aloop.llm.content.parts import MediaFile

MAX_IMAGE_BYTES = 3_900_000
"""In base64, this is the limit of the API: 5 MB for an image."""
MAX_DOCUMENT_BYTES = 20_000_000
MAX_SIDE = 8_000
"""Pixels of an image that the API accepts."""
GOOD_SIDE = 1_568
"""Pixels above which the API itself shrinks an image."""
HEAD = 64
"""Bytes from which a type is recognized."""


def media_type_of(head: bytes) -> str:
    """Return the type of an image or a PDF by its first bytes, or an empty text."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if head.startswith(b"%PDF-") else ""


def prepare_media(data: bytes, name: str) -> tuple[MediaFile, str]:
    """Return an image or document for the model, and a note if it was made smaller.

    Raises ToolError for another type of file, and for one that is too large.
    """
    media_type = media_type_of(data[:HEAD])
    if not media_type:
        raise ToolError(f"{name!r} is not an image (PNG, JPEG, GIF, WebP) or a PDF document.")
    media = MediaFile(name, media_type, data)
    if media_type == "application/pdf":
        if len(data) > MAX_DOCUMENT_BYTES:
            raise ToolError(f"{name!r} is {len(data):,} bytes; a document is limited to {MAX_DOCUMENT_BYTES:,}.")
        return media, ""
    sides = image_size(data)
    if not all(sides) or _is_cut(media):
        raise ToolError(f"{name!r} is damaged: it begins like an image, but cannot be shown.")
    if len(data) <= MAX_IMAGE_BYTES and max(sides) <= MAX_SIDE:
        return media, ""
    smaller = _shrunk(media)
    if smaller is None:
        reason = f"is too large: {len(data):,} bytes, {sides[0]:,}×{sides[1]:,} pixels"
        raise ToolError(
            f"{name!r} {reason}. The limits are {MAX_IMAGE_BYTES:,} bytes and {MAX_SIDE:,} pixels on a side.",
            f"Make it smaller, or let aloop do that: {install_command('aloop[images]', 'Pillow>=11')}.",
        )
    was, now = sides, image_size(smaller.data)
    return smaller, f"{name} was reduced from {was[0]:,}×{was[1]:,} to {now[0]:,}×{now[1]:,} pixels."


def _is_cut(media: MediaFile) -> bool:
    """Return True for a PNG without its last chunk."""
    return media.media_type == "image/png" and b"IEND" not in media.data


def _shrunk(media: MediaFile) -> MediaFile | None:
    """Return the image with a good size for the model; None without Pillow."""
    try:
        # Imported late: an optional dependency, which takes 50 ms to load.
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(media.data)) as image:
            image.thumbnail((GOOD_SIDE, GOOD_SIDE))
            out = io.BytesIO()
            if media.media_type == "image/jpeg":
                image.convert("RGB").save(out, "JPEG", quality=85)
                return MediaFile(media.name, "image/jpeg", out.getvalue())
            image.save(out, "PNG")
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ToolError(f"{media.name!r} cannot be read as an image: {error}") from error
    return MediaFile(media.name, "image/png", out.getvalue())


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels; (0, 0) if they are not found."""
    try:
        match media_type_of(data[:HEAD]):
            case "image/png":
                width, height = struct.unpack(">II", data[16:24])
            case "image/gif":
                width, height = struct.unpack("<HH", data[6:10])
            case "image/jpeg":
                return _jpeg_size(data)
            case "image/webp":
                return _webp_size(data)
            case _:
                return 0, 0
    except struct.error:  # cut off
        return 0, 0
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[place + 5 : place + 9])
            return width, height
        # Fill bytes have no length.
        place += 1 if marker == 0xFF else 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        case b"VP8 ":
            width, height = struct.unpack("<HH", data[26:30])
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return 0, 0
