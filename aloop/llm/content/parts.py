"""Parts of a content other than text, such as images and documents.

In the file, a content with such parts is a list. The record has the text as one string, and for each part its place in
that text. The bytes of a part are in a file beside the session, named by their digest.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aloop.llm.json_values import EMPTY, JsonObject, digest_of_bytes
from aloop.sanitize import one_line
from aloop.text import clean_text

FILES = "files"
"""The folder of images and documents beside a session."""

_FILE_NAME = re.compile(rf"{FILES}/([0-9a-f]{{16}})\.[a-z0-9]{{1,8}}")
_MAX_DIGITS = 15
TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
KINDS = frozenset({"image", "document"})
MEDIA_TYPES: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
}
"""The types that models can read, with the ending of their files."""

# Models of other vendors whose names show that they read images.
_SEES = re.compile(
    r"claude|vision|llava|[-_.]vl\b|\dvl\b|pixtral|gemma-?[34]|gemini|gpt-[4-9]|llama-?4|minicpm-v|moondream", re.I
)


@dataclass(frozen=True, slots=True)
class MediaFile:
    """An image or a document that is to become a part of a message."""

    name: str
    media_type: str
    data: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        return "image" if self.media_type.startswith("image/") else "document"

    @property
    def file(self) -> str:
        """The path of the bytes beside a session."""
        return file_name(self.data, MEDIA_TYPES.get(self.media_type, "bin"))

    @property
    def summary(self) -> str:
        """A one-line description."""
        return f"{one_line(self.name) or self.kind} ({self.media_type}, {len(self.data):,} bytes)"


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A part of a content, after the first ``after_chars`` characters of the text.

    ``kind`` is ``image`` or ``document`` for a part whose bytes are in ``file``. Any other part is as another program
    wrote it, and all of it is in ``extra``. ``data`` are the bytes, only while a request is made.
    """

    kind: str
    file: str = ""
    media_type: str = ""
    size: int = 0
    name: str = ""
    after_chars: int = 0
    extra: JsonObject = field(default=EMPTY, repr=False)
    data: bytes | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for attribute in ("kind", "file", "media_type", "name"):
            object.__setattr__(self, attribute, clean_text(getattr(self, attribute)))
        object.__setattr__(self, "size", min(max(self.size, 0), 10**_MAX_DIGITS - 1))

    @property
    def is_own(self) -> bool:
        """True if the bytes are in a file beside the session."""
        return bool(self.file)

    @property
    def mark(self) -> str:
        """The part in words, for a reader or a model that cannot see it."""
        label = "image" if "image" in self.kind else "document" if self.kind in ("document", "file") else self.kind
        if not self.is_own:
            url = self.url
            return f"[{label}: {'inline data' if url.startswith('data:') else url}]" if url else f"[{label}]"
        named = f"{one_line(self.name)}, " if self.name else ""
        return f"[{label}: {named}{self.file}, {self.media_type}, {self.size:,} bytes]"

    @property
    def url(self) -> str:
        """The address of a part in another format: ``https:``, ``data:``, or empty."""
        extra = self.extra.as_dict()
        for value in (extra.get("image_url"), extra.get("source"), extra.get("file")):
            if isinstance(value, str):
                return value
            if isinstance(value, dict):
                found = value.get("url") or value.get("file_data")
                if isinstance(found, str):
                    return found
                if isinstance(value.get("data"), str) and isinstance(value.get("media_type"), str):
                    return f"data:{value['media_type']};base64,{value['data']}"
        return ""

    @property
    def sent_size(self) -> int:
        """The number of bytes that a request holds for the part, before base64."""
        if self.is_own:
            return self.size
        head, _, data = self.url.partition(",")
        return len(data) * 3 // 4 if head.startswith("data:") else 0


def part_of(media: MediaFile, after_chars: int = 0) -> ContentPart:
    """Return the part for an image or document that is stored beside the session."""
    return ContentPart(media.kind, media.file, media.media_type, len(media.data), media.name, after_chars)


def read_part(values: JsonObject, after_chars: int) -> ContentPart:
    """Return a part for a frozen mapping of a file; never fails."""
    plain = values.as_dict()
    kind, path = plain.get("type"), plain.get("file")
    if kind not in KINDS or not isinstance(path, str) or not path:
        return ContentPart(str(kind or "part"), after_chars=after_chars, extra=values)
    size, media_type, name = plain.get("size"), plain.get("media_type"), plain.get("name")
    known = {"type", "file"}
    known |= {"size"} if isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 10**_MAX_DIGITS else set()
    known |= {key for key, value in (("media_type", media_type), ("name", name)) if isinstance(value, str)}
    return ContentPart(
        str(kind),
        path,
        media_type if isinstance(media_type, str) else "",
        size if isinstance(size, int) and "size" in known else 0,
        name if isinstance(name, str) else "",
        after_chars,
        JsonObject.of({key: value for key, value in values.frozen().items() if key not in known}),
    )


def normal_parts(content: str, parts: Sequence[ContentPart]) -> tuple[str, tuple[ContentPart, ...]]:
    """Return a text that can be split and joined again, and the parts in order.

    Between two pieces of the text with a part between them, there is a line end.
    """
    ordered = sorted(
        (replace(part, after_chars=min(max(part.after_chars, 0), len(content))) for part in parts), key=_place
    )
    moved, inserted = [], 0
    for part in ordered:
        place = part.after_chars + inserted
        before, after = content[:place], content[place:]
        if before and after and not (before.endswith("\n") or after.startswith("\n")):
            content = f"{before}\n{after}"
            inserted += 1
            place += 1
        moved.append(replace(part, after_chars=place))
    return content, tuple(moved)


def _place(part: ContentPart) -> int:
    return part.after_chars


def joined_text(pieces: Sequence[str]) -> str:
    """Return the pieces of a text as one, with a line end between two of them."""
    text = ""
    for piece in pieces:
        gap = "\n" if text and piece and not (text.endswith("\n") or piece.startswith("\n")) else ""
        text += gap + piece
    return text


def split_content(content: str, parts: Sequence[ContentPart]) -> Iterator[str | ContentPart]:
    """Yield the pieces of a text, without empty ones, and the parts between them."""
    start = 0
    for part in parts:
        if piece := content[start : part.after_chars]:
            yield piece
        yield part
        start = part.after_chars
    if content[start:]:
        yield content[start:]


def marked_text(content: str | None, parts: Sequence[ContentPart]) -> str:
    """Return a content as text, with the parts in words, each on a line."""
    if not parts:
        return content or ""
    return joined_text([each if isinstance(each, str) else each.mark for each in split_content(content or "", parts)])


def file_name(data: bytes, ending: str) -> str:
    """Return the path beside a session for bytes with a digest as their name."""
    return f"{FILES}/{digest_of_bytes(data)}.{ending}"


def file_digest(path: str) -> str:
    """Return the digest in a path beside a session; empty for any other path."""
    found = _FILE_NAME.fullmatch(path)
    return found[1] if found else ""


def is_intact(part: ContentPart, data: bytes) -> bool:
    """Return True if ``data`` are the bytes that the part was made from."""
    return digest_of_bytes(data) == file_digest(part.file)


def sendable_source(part: ContentPart) -> dict[str, Any] | None:
    """Return the source of a part for the Messages API; None if it has none."""
    if part.data is not None:
        if part.media_type not in MEDIA_TYPES:
            return None
        return _inline(part.media_type, base64.b64encode(part.data).decode())
    url = part.url
    if url.startswith("https://"):
        return {"type": "url", "url": url}
    head, _, data = url.partition(",")
    media_type = head.removeprefix("data:").partition(";")[0]
    if not head.startswith("data:") or not head.endswith(";base64") or media_type not in MEDIA_TYPES:
        return None
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None
    return _inline(media_type, data)


def _inline(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": data}


def reads_images(model: str) -> bool:
    """Return True for a model that probably reads images and documents."""
    return _SEES.search(model) is not None
