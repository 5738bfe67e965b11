"""Images and documents in messages: written, kept, sent and checked."""

from __future__ import annotations

import base64
import errno
import struct
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from aloop.errors import StorageError
from aloop.export.json import to_json
from aloop.llm.anthropic.wire import to_request
from aloop.llm.content.images import prepare_media
from aloop.llm.content.parts import ContentPart, MediaFile, marked_text, part_of, reads_images
from aloop.llm.json_values import JsonObject
from aloop.llm.message_types import LLMMessage
from aloop.memory import MemoryManager, SessionLibrary
from aloop.memory.codec.emitter import emit_messages
from aloop.memory.codec.serialization import dump_session, load_messages, load_session
from aloop.memory.context import with_media
from aloop.memory.disk.filesystem import SYSTEM
from aloop.memory.session_folder.media import read_media
from tests.memory.conversations import file_of, say, stored
from tests.memory.examples import NOWHERE, answer, session, user
from tests.memory.faults import FaultyFileSystem


def png(width: int = 1, height: int = 1) -> bytes:
    """Return a gray image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x7f" * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PIXEL = MediaFile("dot.png", "image/png", png())
LOOK = LLMMessage("user", "Look at this", parts=(part_of(PIXEL, 12),))
OPENAI = """\
  - role: user
    content:
      - {type: text, text: "What is"}
      - type: image_url
        image_url: {url: "data:image/png;base64,iVBORw0K", detail: low}
      - {type: text, text: "this?"}
      - {type: image_url, image_url: {url: "https://example.org/a.png"}}
      - {type: input_audio, input_audio: {data: "xx", format: wav}}
"""


class Eyes:
    """A model that reads images, of which only the name counts."""

    model, provider, context_window = "claude-test", "anthropic", 0


async def looking(sessions_dir: Path) -> MemoryManager:
    """Return a manager with a saved message that has an image."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    part = await memory.keep_media(PIXEL)
    await say(memory, replace(LOOK, parts=(replace(part, after_chars=12),)), answer("A dot."))
    memory.llm = Eyes()  # type: ignore[assignment]  # only its name is used
    return memory


def test_part_is_written_as_a_list_item() -> None:
    assert emit_messages([LOOK], 2) == (
        '  - role: user\n    content:\n      - type: text\n        text: "Look at this"\n'
        f"      - type: image\n        file: {PIXEL.file}\n        media_type: image/png\n"
        f'        size: {len(PIXEL.data)}\n        name: "dot.png"\n'
    )
    assert load_session(dump_session(session(LOOK)), NOWHERE).messages == (LOOK,)
    assert load_session(to_json(session(LOOK)).text.encode(), NOWHERE).messages == (LOOK,)


def test_parts_of_other_programs_are_read_kept_and_sent() -> None:
    (message,) = load_messages(OPENAI, NOWHERE)
    assert message.content == "What is\nthis?"
    assert [(part.kind, part.after_chars) for part in message.parts] == [
        ("image_url", 7),
        ("image_url", 13),
        ("input_audio", 13),
    ]
    assert load_session(dump_session(session(message)), NOWHERE).messages == (message,)
    blocks = to_request([message]).turns[0]["content"]
    assert [block["type"] for block in blocks] == ["text", "image", "text", "image", "text"]
    assert blocks[1]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0K"}
    assert blocks[3]["source"] == {"type": "url", "url": "https://example.org/a.png"}
    assert blocks[4]["text"] == "[input_audio]"


async def test_image_is_kept_beside_the_session_and_sent(sessions_dir: Path) -> None:
    memory = await looking(sessions_dir)
    assert (file_of(memory).parent / PIXEL.file).read_bytes() == PIXEL.data
    blocks = to_request(memory.get_context_for_llm()).turns[0]["content"]
    assert base64.b64decode(blocks[1]["source"]["data"]) == PIXEL.data


async def test_model_without_vision_gets_words_and_the_file_keeps_the_image(sessions_dir: Path) -> None:
    memory = await looking(sessions_dir)
    memory.llm = None
    (question, _) = memory.get_context_for_llm()
    assert not question.parts
    assert question.content == f"Look at this\n[image: dot.png, {PIXEL.file}, image/png, {len(PIXEL.data)} bytes]"
    assert (await stored(memory))[0].parts


@pytest.mark.parametrize("damage", ["missing", "altered", "link"])
async def test_missing_or_altered_image_becomes_words_and_is_reported(sessions_dir: Path, damage: str) -> None:
    memory = await looking(sessions_dir)
    path = file_of(memory).parent / PIXEL.file
    path.unlink()
    if damage == "altered":
        path.write_bytes(png(2))
    elif damage == "link":
        other = path.with_name("other")
        other.write_bytes(PIXEL.data)
        path.symlink_to(other)
    blocks = to_request(memory.get_context_for_llm()).turns[0]["content"]
    assert blocks[1]["text"].startswith("[image: dot.png")
    memory.close()
    found = [str(finding) for finding in await SessionLibrary(sessions_dir).check()]
    assert len(
        [finding for finding in found if PIXEL.file in finding and ("missing" in finding or "altered" in finding)]
    )


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "files/../session.yaml", "files/a.png", "outputs/x"])
def test_path_that_aloop_cannot_have_made_is_never_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.png").write_bytes(PIXEL.data)
    assert read_media(SYSTEM, tmp_path, ContentPart("image", path, "image/png")) is None


async def test_fork_takes_the_image_along(sessions_dir: Path) -> None:
    memory = await looking(sessions_dir)
    await memory.fork()
    await memory.save_memory()
    assert (file_of(memory).parent / PIXEL.file).read_bytes() == PIXEL.data
    assert (await stored(memory))[0].parts == memory.messages[0].parts


async def test_session_that_was_never_saved_leaves_no_image(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)

    async def fail() -> None:
        async with memory.turn() as turn:
            await turn.add(replace(LOOK, parts=(await memory.keep_media(PIXEL),)))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert [path for path in sessions_dir.iterdir() if path.is_dir() and not path.name.startswith(".")] == []


def test_oldest_images_become_words_if_a_request_has_too_many() -> None:
    large = ContentPart("image", PIXEL.file, "image/png", 15_000_000)
    old, new = (replace(LOOK, parts=(large,)) for _ in range(2))
    first, second = with_media([old, new], lambda _part: PIXEL.data * 200_000)
    assert (first.parts, len(second.parts)) == ((), 1)


def inline(size: int) -> ContentPart:
    """Return an image of another program, with its bytes in the part itself."""
    url = f"data:image/png;base64,{'A' * (size * 4 // 3)}"
    return ContentPart("image_url", extra=JsonObject({"type": "image_url", "image_url": {"url": url}}))


@pytest.mark.parametrize(("count", "size", "sent"), [(150, 30, 100), (12, 6_000_000, 3)])
def test_inline_images_count_toward_the_limits_of_a_request(count: int, size: int, sent: int) -> None:
    (message,) = with_media([replace(LOOK, parts=(inline(size),) * count)], lambda _part: None)
    assert len(message.parts) == sent
    assert (message.content or "").count("[image: inline data]") == count - sent


async def test_images_are_read_off_the_event_loop(sessions_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, threads = await looking(sessions_dir), list[threading.Thread]()

    def read(part: ContentPart) -> bytes:
        threads.append(threading.current_thread())
        return PIXEL.data

    monkeypatch.setattr(memory, "_read_media", read)
    assert await memory.load_context() == memory.get_context_for_llm()
    assert [thread is threading.main_thread() for thread in threads] == [False, True]


def test_part_of_nonsense_costs_nothing() -> None:
    text = "  - role: user\n    content:\n      - {type: image, file: files/a.png, size: large}\n      - x: 1\n"
    (message,) = load_messages(text, NOWHERE)
    assert message.parts[0].extra == {"size": "large"}
    assert message.parts[1].extra == {"x": 1}
    assert load_session(dump_session(session(message)), NOWHERE).messages == (message,)


def test_image_beyond_the_limits_is_made_smaller() -> None:
    pytest.importorskip("PIL")
    media, note = prepare_media(png(9_000, 10), "wide.png")
    assert note == "wide.png was reduced from 9,000×10 to 1,568×2 pixels."
    assert media.media_type == "image/png"


def test_models_that_read_images_are_known_by_name() -> None:
    assert [reads_images(name) for name in ("claude-opus-5-5", "ollama/qwen2.5-vl:7b", "SmolLM2-135M", "offline")] == [
        True,
        True,
        False,
        False,
    ]


def test_marks_are_on_lines_of_their_own() -> None:
    message = LLMMessage("user", "ab", parts=(ContentPart("image_url", after_chars=1, extra=JsonObject({"x": 1})),))
    assert message.content == "a\nb"
    assert marked_text(message.content, message.parts) == "a\n[image]\nb"
    assert user("x").parts == ()


async def test_fork_is_refused_while_an_image_cannot_be_read(fs: FaultyFileSystem, sessions_dir: Path) -> None:
    memory = await looking(sessions_dir)
    await memory.fork()
    fs.fail("read", number=errno.EIO, on=".png")
    with pytest.raises(StorageError, match="Input/output error"):
        await memory.save_memory()
    fs.heal()
    await memory.save_memory()
    (message, _) = await stored(memory)
    assert [media.data for media in await memory.load_media(message)] == [PIXEL.data]


async def test_folder_of_an_image_is_synced_before_the_image_is_in_a_message(
    fs: FaultyFileSystem, sessions_dir: Path
) -> None:
    """A power cut must not lose the folder."""
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.keep_media(PIXEL)
    folder = fs.calls.index(("mkdir", next(path for path in fs.paths() if path.name == "files")))
    assert fs.calls[folder + 1][0] == "sync_folder"
    assert Path(str(fs.calls[folder + 1][1])).parent == sessions_dir
