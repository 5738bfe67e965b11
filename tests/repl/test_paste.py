from __future__ import annotations

from repl.input.pastes import PasteGuard


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_right_after_a_paste_belongs_to_it() -> None:
    guard = PasteGuard(Clock())
    guard.key()
    guard.paste()
    guard.key()
    assert guard.in_paste


def test_a_key_after_a_pause_does_not() -> None:
    clock = Clock()
    guard = PasteGuard(clock)
    guard.paste()
    clock.now += 0.2
    guard.key()
    assert not guard.in_paste


def test_a_long_trail_of_keys_belongs_to_the_paste_as_long_as_it_does_not_pause() -> None:
    clock = Clock()
    guard = PasteGuard(clock)
    guard.paste()
    for _ in range(1000):
        clock.now += 0.01
        guard.key()
    assert guard.in_paste


def test_keys_without_a_paste_are_keys() -> None:
    guard = PasteGuard(Clock())
    guard.key()
    assert not guard.in_paste
