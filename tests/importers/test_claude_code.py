"""Sessions of Claude Code."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from aloop.importers.run import Scan, Selection
from aloop.importers.source import BROKEN_LINES, CUT_OFF
from aloop.importers.storing.store import ImportStore
from aloop.llm.json_values import EMPTY
from tests.importers.reading import outline, read_all, read_one, write_lines
from tests.memory.test_parts import PIXEL

FORM = "claude-code"
IMAGE = {"type": "image/png", "base64": base64.b64encode(PIXEL.data).decode()}
SESSION = "11111111-2222-4333-8444-555555555555"


class Lines:
    """Makes lines with rising times."""

    def __init__(self) -> None:
        self._seconds = count(10)

    def line(self, kind: str, uuid: str, parent: str | None, **values: Any) -> dict[str, Any]:
        at = f"2026-01-22T17:51:{next(self._seconds)}.000Z"
        around = {"parentUuid": parent, "sessionId": SESSION, "version": "2.1.7", "cwd": "/work/project"}
        return {**around, "type": kind, "uuid": uuid, "timestamp": at, **values}

    def user(self, uuid: str, parent: str | None, content: object, **values: Any) -> dict[str, Any]:
        return self.line("user", uuid, parent, message={"role": "user", "content": content}, **values)

    def answer(self, uuid: str, parent: str, message_id: str, *blocks: dict[str, Any]) -> dict[str, Any]:
        usage = {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 7}
        message = {"id": message_id, "role": "assistant", "model": "claude-x", "content": list(blocks), "usage": usage}
        return self.line("assistant", uuid, parent, message=message)


def call(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "Bash", "input": {"command": f"echo {number}"}}


def result(number: int, **values: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": f"out {number}", **values}]


def said(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_pieces_of_an_answer_are_merged_and_parallel_results_follow_it(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / f"{SESSION}.jsonl",
        {"type": "file-history-snapshot", "messageId": "a", "snapshot": {}},
        make.user("u1", None, "Run both"),
        make.answer("a1", "u1", "m1", {"type": "thinking", "thinking": "Both.", "signature": "sig"}),
        make.answer("a2", "a1", "m1", said("I run them.")),
        make.answer("a3", "a2", "m1", call(1)),
        make.user("r1", "a3", result(1), toolUseResult={"stdout": "out 1"}),
        make.answer("a4", "a2", "m1", call(2)),
        make.user("r2", "a4", result(2, is_error=True)),
        make.answer("a5", "r1", "m2", said("Done.")),
    )
    imported = read_one(path, FORM)
    assert outline(imported) == [
        ("user", "Run both"),
        ("assistant", "I run them.", "Bash", "Bash"),
        ("tool", "out 1"),
        ("tool", "out 2"),
        ("assistant", "Done."),
    ]
    answer, first, second = imported.messages[1:4]
    assert [call.arguments for call in answer.tool_calls] == ['{"command": "echo 1"}', '{"command": "echo 2"}']
    assert answer.thinking[0].signature == "sig"
    assert answer.usage is not None
    assert answer.usage.cache_read_tokens == 7
    assert (first.name, first.is_error, second.is_error) == ("Bash", False, True)
    assert (imported.foreign_id, imported.cwd, imported.model) == (SESSION, "/work/project", "claude-x")
    assert imported.losses == {"snapshots of files": 1}


def test_repeated_and_growing_blocks_are_taken_once(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "Hi"),
        make.answer("a1", "u1", "m1", said("Hel")),
        make.answer("a2", "a1", "m1", said("Hello")),
        make.answer("a3", "a2", "m1", said("Hello"), call(1)),
        make.answer("a4", "a3", "m1", call(1)),
    )
    assert outline(read_one(path, FORM)) == [("user", "Hi"), ("assistant", "Hello", "Bash")]


def test_prompt_typed_again_at_the_same_place_makes_a_branch(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / f"{SESSION}.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", said("First.")),
        make.user("u2", "a1", "Old"),
        make.answer("a2", "u2", "m2", said("Old answer.")),
        make.user("u3", "a1", "New"),
        make.answer("a3", "u3", "m3", said("New answer.")),
    )
    main, branch = read_all(path, FORM)
    assert [entry[1] for entry in outline(main)] == ["One", "First.", "New", "New answer."]
    assert [entry[1] for entry in outline(branch)] == ["One", "First.", "Old", "Old answer."]
    assert (branch.kind, branch.branch, branch.parent) == ("branch", "u2", SESSION)


def test_results_and_command_lines_at_one_place_are_no_branches(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", call(1), call(2)),
        make.user("r1", "a1", result(1)),
        make.user("r2", "a1", result(2)),
        make.user("c1", "r2", "<command-name>/model</command-name>"),
        make.user("u2", "r2", "Next"),
    )
    assert len(read_all(path, FORM)) == 1


def test_inserted_caveats_are_skipped_and_give_no_title(tmp_path: Path) -> None:
    make = Lines()
    caveat = "<local-command-caveat>Caveat: The messages below were generated by the user"
    path = write_lines(
        tmp_path / "a.jsonl", make.user("u1", None, caveat, isMeta=True), make.user("u2", "u1", "A real question")
    )
    imported = read_one(path, FORM)
    assert [message.skip for message in imported.messages] == [True, False]


def test_commands_that_the_program_handled_are_skipped_and_those_with_a_prompt_are_sent(tmp_path: Path) -> None:
    make = Lines()

    def command(name: str) -> str:
        return f"<command-name>/{name}</command-name>\n<command-message>{name}</command-message>"

    caveat = "<local-command-caveat>Caveat: The messages below were generated by the user"
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", call(1)),
        make.user("c1", "a1", command("model")),
        make.user("o1", "c1", "<local-command-stdout>Set model to opus</local-command-stdout>"),
        make.user("r1", "o1", result(1)),
        make.answer("a2", "r1", "m2", said("Done.")),
        make.user("c2", "a2", command("clear")),
        make.user("u2", "c2", caveat, isMeta=True),
        make.user("c3", "u2", command("cost")),
        make.user("u3", "c3", "Two"),
        make.user("c4", "u3", "<command-message>review</command-message>\n<command-name>/review</command-name>"),
        make.user("u4", "c4", [said("Review this.")], isMeta=True),
        make.user("c5", "u4", command("pdf")),
        make.answer("a3", "c5", "m3", said("Reviewed.")),
        make.user("c6", "a3", command("exit")),
        make.user("o6", "c6", "<local-command-stdout>Bye!</local-command-stdout>"),
    )
    imported = read_one(path, FORM)
    commands = [message for message in imported.messages if "<command-name>" in (message.content or "")]
    sent = {(message.content or "").split("/")[1].rstrip("<"): not message.skip for message in commands}
    assert sent == {"model": False, "clear": False, "cost": False, "command-message>\n<command-name>": True} | {
        "pdf": True,
        "exit": False,
    }


def test_import_with_commands_that_were_sent_is_unchanged_and_grows(tmp_path: Path) -> None:
    make = Lines()
    lines = [
        make.user("u1", None, "One"),
        make.user("c1", "u1", "<command-name>/model</command-name>"),
        make.user("u2", "c1", "Two"),
    ]
    imported = read_one(write_lines(tmp_path / "a.jsonl", *lines), FORM)
    assert [message.skip for message in imported.messages] == [False, True, False]
    sent = tuple(replace(message, skip=False, extra=EMPTY) for message in imported.messages)
    folder = tmp_path / "sessions"
    assert ImportStore(folder).put(replace(imported, messages=sent)).action == "imported"
    assert ImportStore(folder).put(imported).action == "unchanged"
    path = write_lines(tmp_path / "a.jsonl", *lines, make.answer("a2", "u2", "m2", said("Done.")))
    assert ImportStore(folder).put(read_one(path, FORM)).action == "updated"


def test_interruption_marks_the_answer_before_and_a_compaction_is_a_summary(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", said("Begun")),
        make.user("u2", "a1", [said("[Request interrupted by user]")]),
        make.line("system", "s1", None, subtype="compact_boundary", logicalParentUuid="u2"),
        make.user("u3", "s1", "This session is being continued", isCompactSummary=True),
    )
    question, answer, summary = read_one(path, FORM).messages
    assert (question.content, answer.interrupted, summary.summary) == ("One", True, True)


def test_prompt_queued_during_work_is_taken_once(tmp_path: Path) -> None:
    make = Lines()
    queued = {"type": "queued_command", "prompt": "And this"}
    remove = {"type": "queue-operation", "operation": "remove", "content": "And this", "sessionId": SESSION}
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "One"),
        remove,
        make.line("attachment", "q1", "u1", attachment=queued),
        make.line("attachment", "q2", "q1", attachment={"type": "hook_success"}),
    )
    imported = read_one(path, FORM)
    assert [entry[1] for entry in outline(imported)] == ["One", "And this"]
    assert imported.losses == {"reminders and hook output": 1}


def test_files_and_folders_named_with_an_at_sign_are_imported_with_their_content(tmp_path: Path) -> None:
    make = Lines()
    shown: list[dict[str, Any]] = [
        {"type": "file", "filename": "/w/a.txt", "content": {"type": "text", "file": {"content": "magic"}}},
        {"type": "file", "filename": "/w/p.png", "content": {"type": "image", "file": IMAGE}},
        {"type": "file", "filename": "/w/n.ipynb", "content": {"type": "notebook", "file": {"cells": ["1+1"]}}},
        {"type": "directory", "path": "/w/d", "content": "x.txt"},
        {"type": "compact_file_reference", "filename": "/w/z.txt"},
    ]
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "Look at @a.txt @p.png @n.ipynb @d"),
        *(make.line("attachment", f"f{number}", "u1", attachment=each) for number, each in enumerate(shown)),
        make.answer("a1", "f4", "m1", said("Seen.")),
    )
    imported = read_one(path, FORM)
    assert outline(imported)[1:-1] == [
        ("user", '<file path="/w/a.txt">\nmagic\n</file>'),
        ("user", '<file path="/w/p.png">\n</file>'),
        ("user", '<file path="/w/n.ipynb">\n{"cells": ["1+1"]}\n</file>'),
        ("user", '<directory path="/w/d">\nx.txt\n</directory>'),
    ]
    [image] = imported.messages[2].parts
    assert imported.files[image.file] == PIXEL.data
    assert all(message.extra["foreign"] == {"injected": True} for message in imported.messages[1:-1])
    assert imported.losses == {"reminders and hook output": 1}


def test_base64_of_a_named_file_is_kept_as_a_file_and_is_never_text(tmp_path: Path) -> None:
    make = Lines()
    pdf, other = b"%PDF-1.7 one page", bytes(range(256))
    encoded = [base64.b64encode(each).decode() for each in (pdf, PIXEL.data, other)]
    cell = {"source": "plot()", "outputs": [{"image": {"image_data": encoded[1], "media_type": "image/png"}}]}
    shown: list[dict[str, Any]] = [
        {"type": "pdf", "file": {"filePath": "/w/a", "base64": encoded[0], "originalSize": 17}},
        {"type": "notebook", "file": {"cells": [cell]}},
        {"type": "unknown", "file": {"data": encoded[2], "note": "data:text/plain;base64,aGk="}},
    ]
    files = [{"type": "file", "filename": "/w/a", "content": each} for each in shown]
    path = write_lines(
        tmp_path / "a.jsonl",
        make.user("u1", None, "Look at @a"),
        *(make.line("attachment", f"f{number}", "u1", attachment=each) for number, each in enumerate(files)),
        make.answer("a1", "f2", "m1", said("Seen.")),
    )
    imported = read_one(path, FORM)
    document, notebook, unknown = imported.messages[1:-1]
    assert document.content == '<file path="/w/a">\n</file>'
    assert [(part.kind, imported.files[part.file]) for part in document.parts] == [("document", pdf)]
    assert [(part.kind, imported.files[part.file]) for part in notebook.parts] == [("image", PIXEL.data)]
    assert '"source": "plot()"' in (notebook.content or "")
    assert "application/octet-stream, 256 bytes]" in (unknown.content or "")
    assert set(imported.files.values()) == {pdf, PIXEL.data, other, b"hi"}
    assert not [message for message in imported.messages for each in encoded if each in (message.content or "")]


def test_sub_agent_is_a_session_of_its_own(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(
        tmp_path / SESSION / "subagents" / "agent-abc.jsonl",
        make.user("u1", None, "Search", isSidechain=True, agentId="abc"),
        {**make.answer("a1", "u1", "m1", said("Found.")), "isSidechain": True, "agentId": "abc"},
    )
    imported = read_one(path, FORM)
    assert (imported.kind, imported.parent, imported.foreign_id) == ("subagent", SESSION, f"{SESSION}/agent-abc")
    assert list(Scan(Selection()).read([path])) == []


def test_long_result_is_read_from_the_folder_of_the_session_only(tmp_path: Path) -> None:
    saved = tmp_path / SESSION / "tool-results" / "x.txt"
    saved.parent.mkdir(parents=True)
    saved.write_text("the whole output")
    secret = tmp_path / "secret.txt"
    secret.write_text("private")
    make = Lines()
    mark = "<persisted-output>\nOutput too large. Full output saved to: {}\n\nPreview"
    path = write_lines(
        tmp_path / f"{SESSION}.jsonl",
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", call(1), call(2)),
        make.user("r1", "a1", result(1, content=mark.format(saved))),
        make.user("r2", "a1", result(2, content=mark.format(secret))),
    )
    results = [message.content or "" for message in read_one(path, FORM).messages if message.role == "tool"]
    assert results[0] == "the whole output"
    assert "private" not in results[1]
    assert "Preview" in results[1]


def test_import_is_the_same_after_the_file_of_a_long_result_is_gone(tmp_path: Path) -> None:
    saved = tmp_path / SESSION / "tool-results" / "x.txt"
    saved.parent.mkdir(parents=True)
    saved.write_text("".join(f"{number}\n" for number in range(9_000)))
    make = Lines()
    mark = f"<persisted-output>\nOutput too large. Full output saved to: {saved}\n\nPreview"
    lines = [
        make.user("u1", None, "One"),
        make.answer("a1", "u1", "m1", call(1)),
        make.user("r1", "a1", result(1, content=mark)),
    ]
    path = write_lines(tmp_path / f"{SESSION}.jsonl", *lines)
    store = ImportStore(tmp_path / "sessions")
    assert store.put(read_one(path, FORM)).action == "imported"
    saved.unlink()
    assert store.put(read_one(path, FORM)).action == "unchanged"
    write_lines(path, *lines, make.user("u2", "r1", "Two"))
    assert store.put(read_one(path, FORM)).action == "updated"


def test_broken_and_torn_lines_are_counted(tmp_path: Path) -> None:
    make = Lines()
    path = write_lines(tmp_path / "a.jsonl", make.user("u1", None, "One"), make.user("u2", "u1", "Two"))
    path.write_bytes(path.read_bytes() + b'not json\n{"type": "user", "mess')
    scan = Scan(Selection())
    [imported] = scan.read([path])
    assert len(imported.messages) == 2
    assert scan.broken == {BROKEN_LINES: {str(path): 1}, CUT_OFF: {str(path): 1}}


def test_line_with_a_text_that_looks_like_a_key_is_read_whole(tmp_path: Path) -> None:
    make = Lines()
    words = 'A "quoted" text,"toolUseResult":{"type":"progress"} in the middle'
    path = write_lines(tmp_path / "a.jsonl", make.user("u1", None, words))
    path.write_text(path.read_text().replace(": ", ":").replace(", ", ","))
    assert "in the middle" in (read_one(path, FORM).messages[0].content or "")
