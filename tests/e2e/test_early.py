"""Keys typed during startup."""

from __future__ import annotations

from tests.e2e.shell import Shell

_PAINTED = "offline · new session · 0 messages".encode()


def test_keys_typed_during_startup_appear_exactly_once() -> None:
    typed = "I type on and on"
    with Shell(is_loaded=False) as shell:
        shell.wait_until(lambda: _PAINTED in shell.raw, "the first paint")
        for key in typed:
            shell.send(key)
        shell.send("\x1b[200~: pasted\nlines\x1b[201~")
        shell.wait_for("lines")
        screen = shell.screen().splitlines()
    assert screen[0].startswith("aloop ")
    assert screen[-4:-1] == ["", f"> {typed}: pasted", "  lines"]
    assert sum(typed in line for line in screen) == 1


def test_enter_and_ctrl_c_during_startup_act_as_at_the_prompt() -> None:
    with Shell(is_loaded=False) as shell:
        shell.wait_until(lambda: _PAINTED in shell.raw, "the first paint")
        shell.send("not this\x03What is 6*7?\r")
        shell.wait_for("6*7 = 42")
        shell.wait_for_prompt()
        lines = shell.scrollback().splitlines()
        shell.send("\x04")
        assert shell.wait_for_exit() == 0
    assert lines.count("> What is 6*7?") == 1
    assert not any("not this" in line for line in lines)
