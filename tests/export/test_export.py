"""Exports: readable, complete, and harmless to the reader."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from aloop.errors import StorageError, UsageError
from aloop.export.document import ExportExists, export_path, render, write_export
from aloop.export.formats import DOCUMENTS, read_format
from aloop.export.messages.anthropic import to_anthropic
from aloop.export.messages.openai import to_openai
from aloop.export.messages.sharegpt import to_sharegpt
from aloop.llm.json_values import EMPTY, JsonObject
from aloop.llm.message_types import LLMMessage, Role, ThinkingBlock, ToolCall, Usage
from aloop.memory import MemoryManager
from aloop.memory.codec.serialization import load_session
from aloop.memory.session import Session
from tests.memory.test_parts import PIXEL

NOW = datetime(2025, 1, 31, 14, 30, tzinfo=UTC)
ID = "a1b2c3d4-5678-40ab-8def-1234567890ab"
HOSTILE = "</script></pre><script>alert('x\")</script> \x1b]0;owned\x07 \x9b2J \u202e <img src=x onerror=alert(1)>"


def session(*messages: LLMMessage, title: str = "What is 2+2?") -> Session:
    system = (LLMMessage("system", "You are a helpful assistant."),)
    return Session(ID, NOW, NOW, system, messages, Path(), title=title, model="claude-sonnet-5-5")


CALL = LLMMessage("assistant", None, (ToolCall("call_1", "calculator", '{"expression": "2+2"}'),))
TALK = session(
    LLMMessage("user", "What is 2+2?\nQuickly."),
    CALL,
    LLMMessage("tool", "4", tool_call_id="call_1", name="calculator"),
    LLMMessage("assistant", "It is **4**.", usage=Usage(12, 3, duration_ms=40), model="claude-sonnet-5-5"),
)


class Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_markdown_has_headings_quotes_and_code_blocks() -> None:
    text = render(TALK, "md")
    assert text.startswith(
        "# What is 2+2?\n\n- session: `a1b2c3d4-5678-40ab-8def-1234567890ab`\n- created: `2025-01-31"
    )
    assert "## User\n\n> What is 2+2?\n> Quickly.\n\n## Assistant\n\n### Tool call: `calculator`\n\n```yaml\n" in text
    assert '```yaml\nexpression: "2+2"\n```\n\n### Tool result' in text
    assert "### Tool result: `calculator`\n\n```text\n4\n```\n\n## Assistant\n\n" in text
    assert "## Assistant\n\n*12 tokens in, 3 out*\n\nIt is **4**.\n" in text


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"path": "a.py", "offset": 3}', '```yaml\npath: "a.py"\noffset: 3\n```'),
        ('{"path":"' + "a" * 200 + '"}', f'```yaml\npath: "{"a" * 200}"\n```'),
        ("{}", "```json\n{}\n```"),
        ('{"a": 1, "a": 2}', '```json\n{"a": 1, "a": 2}\n```'),
        ('{"cut": "sho', '```json\n{"cut": "sho\n```'),
    ],
)
def test_arguments_of_calls_are_yaml_whatever_their_length(arguments: str, shown: str) -> None:
    call = LLMMessage("assistant", None, (ToolCall("call_1", "read", arguments),))
    assert shown in render(session(LLMMessage("user", "Hi"), call), "md")


def test_list_in_a_call_is_counted_in_its_row_of_the_page() -> None:
    todos = '{"todos": [{"content": "one", "status": "pending"}, {"content": "two", "status": "pending"}]}'
    call = LLMMessage("assistant", None, (ToolCall("call_1", "TodoWrite", todos),))
    page = Page(render(session(LLMMessage("user", "Hi"), call), "html"))
    assert "· TodoWrite 2 todos" in page.text
    assert 'content: "one"' in page.text


def test_marks_of_calls_without_text_are_in_markdown() -> None:
    result = LLMMessage("tool", "4", tool_call_id="call_1", name="calculator")
    text = render(session(LLMMessage("user", "Hi"), CALL, result, replace(CALL, skip=True), CALL), "md")
    headings = [line for line in text.splitlines() if line.startswith("##")]
    assert headings[1:] == [
        "## User",
        "## Assistant",
        "### Tool call: `calculator`",
        "### Tool result: `calculator`",
        "## Assistant (skipped)",
        "### Tool call: `calculator`",
        "### Tool call: `calculator`",
    ]


def test_fence_in_markdown_is_longer_than_any_inside() -> None:
    text = render(session(LLMMessage("tool", "````\n```\n## User", tool_call_id="c", name="a`b")), "md")
    assert "\n`````text\n````\n```\n## User\n`````\n" in text
    assert "### Tool result: ``a`b``" in text


@pytest.mark.parametrize(
    ("said", "closing"), [("```python\nx = 1", "```"), ("~~~~\n```\n~~~", "~~~~"), ("```\nx\n```", ""), ("`` ` ``", "")]
)
def test_open_fence_of_an_answer_is_closed_in_markdown(said: str, closing: str) -> None:
    text = render(session(LLMMessage("assistant", said), LLMMessage("user", "next")), "md")
    assert f"{said}\n{closing}".rstrip("\n") + "\n\n## User\n\n> next\n" in text
    headings = [token for token in MarkdownIt().parse(text) if token.type == "heading_open"]
    assert len(headings) == 4


def test_page_folds_tool_calls_and_renders_answers() -> None:
    page = Page(render(TALK, "html"))
    assert [attributes["class"] for tag, attributes in page.tags if tag == "details"] == ["system", "call"]
    assert "strong" in [tag for tag, _ in page.tags]
    assert '✓ calculator 2+21 lineexpression: "2+2"4' in page.text


def test_folded_block_shows_an_ellipsis_for_more_lines() -> None:
    call = ToolCall("call_1", "run_shell", '{"command": "cd src\\nrm -r old"}')
    result = LLMMessage("tool", "one\ntwo", tool_call_id="call_1", name="run_shell")
    page = render(session(LLMMessage("assistant", None, (call,)), result), "html")
    assert "<summary><span>✓ run_shell cd src …</span><small>2 lines</small></summary>" in page
    assert "<summary><span>→ run_shell: one …</span></summary>" in render(session(result), "html")


def test_page_shows_each_result_in_its_call_and_each_message_once() -> None:
    calls = (
        ToolCall("call_1", "run_shell", "{}"),
        ToolCall("call_2", "read_file", "{}"),
        ToolCall("call_3", "x", "{}"),
    )
    messages = (
        LLMMessage("user", "Go on"),
        LLMMessage("assistant", "Both.", calls),
        LLMMessage("tool", "second", tool_call_id="call_2", name="read_file", is_error=True),
        LLMMessage("tool", "first", tool_call_id="call_1", name="run_shell", duration_ms=40),
        LLMMessage("tool", "lost", tool_call_id="call_9", name="lost"),
    )
    page = Page(render(session(*messages), "html"))
    folds = [attributes["class"] for tag, attributes in page.tags if tag == "details"]
    assert folds == ["system", "call", "call error", "call", "result"]
    assert (
        "✓ run_shell1 line · 40 ms{}40 msfirst\n✗ read_file (failed)1 line{}second\n· xno result{}\n\n\n→ lost"
        in page.text
    )
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert sorted(map(str, anchors)) == ["m1", "m2", "m3", "m4", "m5"]


@pytest.mark.parametrize("form", ["md", "html"])
def test_arguments_of_several_lines_are_readable_in_documents(form: str) -> None:
    call = ToolCall("call_1", "write_file", '{"path": "a.py", "content": "import os\\n\\nprint()\\n"}')
    text = render(session(LLMMessage("assistant", None, (call,))), form)
    written = Page(text).text if form == "html" else text
    assert 'path: "a.py"\ncontent: |\n  import os\n\n  print()\n' in written


def test_page_has_dark_colors_and_loads_nothing() -> None:
    said = "![a](http://evil.example/x.png) [a link](https://example.org) [b](javascript:alert(1)) <b>raw</b>"
    text = render(session(LLMMessage("assistant", said)), "html")
    page = Page(text)
    assert "prefers-color-scheme: dark" in text
    tags = [tag for tag, _ in page.tags]
    assert not {"img", "link", "iframe", "b"} & set(tags)
    assert tags.count("script") == 1
    assert not any("src" in attributes for _, attributes in page.tags)
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert [link for link in links if not str(link).startswith("#")] == [
        "http://evil.example/x.png",
        "https://example.org",
    ]
    assert "url(" not in text


def test_policy_of_the_page_permits_its_own_script_only() -> None:
    text = render(TALK, "html")
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert not re.search(r"fetch|XMLHttp|WebSocket|import|innerHTML|https?:", script)


def test_page_shows_the_boxes_of_a_task_list_and_no_others() -> None:
    said = "- [x] done\n- [ ] open\n\n[x] not an item\n\n- a [x] b\n\n```\n<li>[x] code\n```"
    text = render(session(LLMMessage("assistant", said)), "html")
    assert '<li class="task">☑ done</li>' in text
    assert '<li class="task">☐ open</li>' in text
    assert Page(text).text.count("☑") == 1
    assert "&lt;li&gt;[x] code" in text


def test_page_colors_code_arguments_and_diffs() -> None:
    diff = "Changed a.py.\n--- a.py\n+++ a.py\n@@ -1 +1 @@\n-old\n+new"
    result = LLMMessage("tool", diff, tool_call_id="call_1", name="edit")
    text = render(session(LLMMessage("assistant", "```python\nimport os\n```"), CALL, result), "html")
    assert '<span class="k">import</span>' in text
    assert '<span class="k">expression</span>: <span class="s">' in text
    assert '<span class="a">+new' in text


@pytest.mark.parametrize("form", DOCUMENTS)
@pytest.mark.parametrize("role", ["user", "assistant", "tool", "system"])
def test_hostile_text_is_shown_as_text(form: str, role: str) -> None:
    message = LLMMessage(role, HOSTILE, tool_call_id=HOSTILE, name=HOSTILE)  # type: ignore[arg-type] # role is one of them
    calls = (ToolCall(HOSTILE, HOSTILE, HOSTILE),)
    call = LLMMessage("assistant", HOSTILE, calls, thinking=(ThinkingBlock(HOSTILE),), model=HOSTILE)
    text = render(session(message, call, title=HOSTILE), form)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    if form == "html":
        tags = [tag for tag, _ in Page(text).tags]
        assert "img" not in tags
        assert tags.count("script") == 1
        assert "alert('x\")" in Page(text).text.replace("\u201d", '"')


@given(st.text(), st.text())
def test_page_has_only_its_own_tags_for_any_text(said: str, answered: str) -> None:
    page = Page(render(session(LLMMessage("user", said), LLMMessage("tool", answered), title=said), "html"))
    known = "html head meta title style body header h1 p main article h2 a pre details summary span"
    known += " nav input output button script small footer"
    assert {tag for tag, _ in page.tags} <= set(known.split())


def test_json_as_a_session_file_is_the_same_session() -> None:
    talk = replace(TALK, messages=(*TALK.messages, LLMMessage("user", "Grüße 日本語 🎉 \x85\u2028\ufeff\x1b tab\t")))
    text = render(talk, "json")
    assert json.loads(text)["messages"][0] == {"role": "user", "content": "What is 2+2?\nQuickly."}
    assert load_session(text.encode(), Path()) == talk


@given(st.text(), st.text())
def test_json_keeps_every_text(said: str, title: str) -> None:
    talk = session(LLMMessage("user", said), CALL, title=title or "A title")
    assert load_session(render(talk, "json").encode(), Path()) == talk


def test_format_is_read_in_any_case_and_unknown_ones_are_errors() -> None:
    assert read_format("HTML") == "html"
    with pytest.raises(UsageError, match=r"Unknown format 'pdf'\. Choose md, html, json, openai, .* or pi\."):
        read_format("pdf")
    with pytest.raises(UsageError, match=r"Unknown format 'Markdown'\. Did you mean md\?$"):
        read_format("Markdown")
    with pytest.raises(UsageError, match="No format given"):
        read_format("")


def test_default_file_name_is_made_from_the_session(tmp_path: Path) -> None:
    assert export_path(TALK, "md", "", tmp_path) == tmp_path / "2025-01-31_a1b2c3d4.md"
    assert export_path(TALK, "md", ".", tmp_path) == tmp_path / "2025-01-31_a1b2c3d4.md"
    assert export_path(TALK, "html", "talk.html", tmp_path) == tmp_path / "talk.html"
    assert export_path(TALK, "html", "/x/talk.html", tmp_path) == Path("/x/talk.html")


def test_export_is_private_and_replaces_a_file_only_on_request(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    write_export(path, "one\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ExportExists, match="was not changed"):
        write_export(path, "two\n")
    assert path.read_text() == "one\n"
    write_export(path, "two\n", replace=True)
    assert path.read_text() == "two\n"
    with pytest.raises(ExportExists, match="was not changed"):
        write_export(path, "three\n", replaced=b"one\n")
    write_export(path, "three\n", replaced=b"two\n")
    assert path.read_text() == "three\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["talk.md"]


def test_unwritable_path_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Could not write the export in .*/missing/talk.md"):
        write_export(tmp_path / "missing" / "talk.md", "one\n")


@pytest.mark.parametrize("form", ["md", "html"])
def test_times_of_readable_exports_have_a_zone(form: str) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    session = replace(TALK, created_at=datetime(2025, 1, 31, 12, 0, tzinfo=zone))
    assert "2025-01-31 12:00 +0530" in render(session, form)


async def test_html_has_the_image_and_markdown_its_name(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    await memory.add_message(LLMMessage("user", "Look", parts=(await memory.keep_media(PIXEL),)))
    await memory.save_memory()
    page = Page(render(memory.snapshot(), "html"))
    (source,) = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert source == f"data:image/png;base64,{base64.b64encode(PIXEL.data).decode()}"
    assert f"[image: dot.png, {PIXEL.file}" in render(memory.snapshot(), "md")


async def test_exports_for_other_programs_have_the_image(sessions_dir: Path) -> None:
    memory = MemoryManager(sessions_dir=sessions_dir)
    part = replace(await memory.keep_media(PIXEL), after_chars=4)
    await memory.add_message(LLMMessage("user", "Look", parts=(part,)))
    await memory.save_memory()
    data = base64.b64encode(PIXEL.data).decode()
    (message,) = json.loads(to_openai(memory.snapshot()).text)["messages"]
    assert message["content"][1] == {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    (message,) = json.loads(to_anthropic(memory.snapshot()).text)["messages"]
    assert message["content"][1]["source"]["data"] == data
    assert "[image: dot.png" in to_sharegpt(memory.snapshot()).text


ENVIRONMENT = "<environment_context>\n<b>&cwd</b> </details></summary>\n\n## Heading\n</environment_context>"


def imported(*messages: LLMMessage, model: str | None = "gpt-x") -> Session:
    extra = JsonObject({"imported": {"from": "codex", "id": "0199", "model": model}})
    return replace(session(*messages), model=None, extra=extra)


@pytest.mark.parametrize("role", ["user", "assistant"])
@pytest.mark.parametrize("form", ["md", "html"])
@pytest.mark.parametrize("kind", ["skipped", "inserted"])
def test_message_that_is_not_part_of_the_conversation_is_folded(role: Role, form: str, kind: str) -> None:
    extra = JsonObject({"foreign": {"injected": True}}) if kind == "inserted" else EMPTY
    aside = LLMMessage(role, ENVIRONMENT, skip=kind == "skipped", extra=extra)
    text = render(imported(aside, LLMMessage("user", "Hi")), form)
    if form == "md":
        text = MarkdownIt("commonmark").render(text)
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("details") == 1 + (form == "html")
    author = "You" if (role, form) == ("user", "html") else role.capitalize()
    assert f"{author} (skipped)" in page.text if kind == "skipped" else "Inserted" in page.text
    before, _, after = text.rpartition("<details")
    assert "environment_context" not in re.sub("<summary>.*?</summary>", "", before)
    folded, _, rest = after.partition("</details>")
    assert "&lt;b&gt;&amp;cwd&lt;/b&gt;" in folded if form == "html" else "cwd" in folded
    assert "environment_context" not in rest
    assert "Hi" in rest


@pytest.mark.parametrize("form", ["md", "html"])
def test_header_of_an_imported_session_names_the_tool_and_the_model(form: str) -> None:
    for messages, model in (((), "gpt-x"), ((LLMMessage("assistant", "Hi", model="gpt-y"),), "gpt-y")):
        text = render(imported(*messages), form)
        text = Page(MarkdownIt().render(text) if form == "md" else text).text
        assert model in text
        assert "imported from: codex" in text if form == "md" else "imported from codex" in text
    damaged = replace(TALK, extra=JsonObject({"imported": ["x"]}))
    assert "imported from" not in render(damaged, form)
