"""The content of a message for tools that read images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aloop.export.base import count_named
from aloop.export.transcript import Entry
from aloop.llm.content.parts import ContentPart, joined_text, sendable_source, split_content
from aloop.llm.message_types import LLMMessage


@dataclass(frozen=True, slots=True)
class Media:
    """An image or a document, whose ``data`` is base64."""

    media_type: str
    data: str
    name: str

    @property
    def is_image(self) -> bool:
        return self.media_type.startswith("image/")

    @property
    def url(self) -> str:
        return f"data:{self.media_type};base64,{self.data}"


def count_words(entries: Iterable[Entry], *, documents: bool = False) -> Counter[str]:
    """Count the images and documents that ``content_of`` has in words only."""

    def is_shown(message: LLMMessage, part: ContentPart) -> bool:
        media = _media(part) if message.role in ("user", "tool") else None
        return media is not None and (media.is_image or documents)

    return count_named((entry.message for entry in entries), is_shown)


def content_of(entry: Entry, *, documents: bool = False) -> list[str | Media]:
    """Return the texts and images of a message in their order, without empty texts.

    Parts that cannot be shown are in words, and so are documents unless ``documents`` is True.
    """
    message = entry.message
    if message.role not in ("user", "tool") or not message.parts:
        return [entry.text] if entry.text else []
    found = list(_pieces(message.content or "", message.parts, documents=documents))
    if not any(isinstance(piece, Media) for piece in found):
        return [entry.text]
    return [piece for piece in found if isinstance(piece, Media) or piece.strip()]


def _pieces(text: str, parts: tuple[ContentPart, ...], *, documents: bool) -> Iterator[str | Media]:
    words = ""
    for piece in split_content(text, parts):
        media = None if isinstance(piece, str) else _media(piece)
        if media and (media.is_image or documents):
            yield words
            words = ""
            yield media
        else:
            words = joined_text([words, piece if isinstance(piece, str) else piece.mark])
    yield words


def _media(part: ContentPart) -> Media | None:
    source = sendable_source(part) or {}
    if source.get("type") != "base64":
        return None
    return Media(source["media_type"], source["data"], part.name or part.file.rpartition("/")[2])


def words_of(content: list[str | Media]) -> str:
    """Return the texts of a content as one."""
    return joined_text([piece for piece in content if isinstance(piece, str)])
