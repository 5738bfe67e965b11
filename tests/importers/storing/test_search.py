"""A search in imported sessions finds what was said, not notes about the import."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aloop.importers.draft import Builder
from aloop.importers.imported import Imported
from aloop.importers.storing.store import ImportStore
from aloop.importers.transcript import describe_origin, describe_return
from aloop.llm.message_types import LLMMessage
from aloop.memory import SessionLibrary
from aloop.memory.origin import RECORD, is_note
from aloop.memory.search.prefilter import Prefilter
from aloop.memory.search.query import Query
from aloop.memory.search.search import Hit


def talk(cwd: str = "/home/me/zebra") -> Imported:
    builder = Builder("sharegpt", "0199-monkey", Path("/data/giraffe.json"))
    builder.imported.cwd = cwd
    builder.lose("descriptions of hippos")
    builder.user("Where is the lion?")
    answer = builder.answer(model="gpt-x")
    answer.foreign["encrypted_content"] = ["gAAAtiger"]
    answer.foreign["error"] = "the parrot is silent"
    answer.add_text("It was imported from Kenya.")
    return builder.build()


async def search(folder: Path, words: str) -> list[Hit]:
    return [hit async for hit in SessionLibrary(folder).search(words)]


def passes(path: Path, words: str) -> bool:
    return Prefilter(Query.parse(words)).passes(path.read_bytes())


@pytest.mark.parametrize("cwd", ["/home/me/zebra", '/home/it\'s "me"/zebra', "/home/line\nbreak/zebra"])
async def test_origin_of_an_import_is_not_searched(tmp_path: Path, cwd: str) -> None:
    ImportStore(tmp_path).put(talk(cwd))
    [path] = tmp_path.glob("*/session.yaml")
    for words in ("names", "tool calls record", "zebra", "giraffe", "monkey", "gpt", "hippos", "digest", "tiger"):
        assert await search(tmp_path, words) == [], words
    if "\n" not in cwd:
        assert not passes(path, "names")
        assert not passes(path, "giraffe")


async def test_note_in_the_words_of_an_earlier_version_is_not_searched(tmp_path: Path) -> None:
    earlier = "a record: tools with other names than yours are not available here, and files may have changed since."
    ImportStore(tmp_path).put(talk())
    [path] = tmp_path.glob("*/session.yaml")
    text = path.read_text()
    assert RECORD in text
    path.write_text(text.replace(RECORD, earlier))
    assert await search(tmp_path, "names") == []
    assert not passes(path, "names")


def test_notes_about_an_import_and_a_return_are_recognized() -> None:
    for note in (describe_origin(talk()), describe_return("Codex")):
        assert is_note(LLMMessage("system", note))
        assert not is_note(LLMMessage("user", note))
    assert not is_note(LLMMessage("system", "You are helpful."))


async def test_words_of_the_conversation_are_found_with_the_origin_of_the_session(tmp_path: Path) -> None:
    ImportStore(tmp_path).put(talk())
    [path] = tmp_path.glob("*/session.yaml")
    for words, place in (("imported kenya", (3, "assistant")), ("lion", (2, "user")), ("parrot", (3, "key"))):
        [hit] = await search(tmp_path, words)
        assert ((hit.message, hit.role), hit.session.origin) == (place, "sharegpt")
        assert passes(path, words)


async def test_comment_beside_the_origin_is_found(tmp_path: Path) -> None:
    ImportStore(tmp_path).put(talk())
    [path] = tmp_path.glob("*/session.yaml")
    text = path.read_text()
    path.write_text(text.replace('from: "sharegpt"', 'from: "sharegpt" # ask the monkey'))
    assert [hit.role for hit in await search(tmp_path, "monkey")] == ["comment"]


async def test_quoted_note_about_an_import_is_found(tmp_path: Path) -> None:
    imported = talk()
    ImportStore(tmp_path).put(imported)
    [path] = tmp_path.glob("*/session.yaml")
    note = (await SessionLibrary(tmp_path).load(path.parent.name[-8:])).messages[0].content or ""
    said = [replace(message, content=note) for message in imported.messages]
    ImportStore(tmp_path).put(replace(imported, foreign_id="b", messages=tuple(said)))
    assert [hit.message for hit in await search(tmp_path, "names differ")] == [2, 3]
