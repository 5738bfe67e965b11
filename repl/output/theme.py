"""Every style of the shell: what each role of a text looks like.

Text has the terminal's own 16 colors, which the user or the maker of the palette chose, and no color but those that are
readable on dark and on light backgrounds. Only whole rows have a background, and only if the terminal has enough colors
and has reported if its own background is dark or light.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from functools import cache
from typing import Literal, NamedTuple


class Style(Enum):
    """The role of a text."""

    PLAIN = auto()
    STRONG = auto()
    QUIET = auto()
    """Less important than the text around it."""
    ITALIC = auto()
    UNDERLINED = auto()
    STRUCK = auto()
    ACCENT = auto()
    """The one color that marks something as special."""
    GOOD = auto()
    BAD = auto()
    WARNING = auto()
    USER = auto()
    """A message of the user."""
    CODE = auto()
    """Code within a sentence."""
    KEYWORD = auto()
    NAME = auto()
    """The name of a function or a class where it is defined."""
    BUILTIN = auto()
    NUMBER = auto()
    STRING = auto()
    COMMENT = auto()
    ADDED = auto()
    REMOVED = auto()
    ADDED_WORD = auto()
    """The part of an added row that is not in the removed one."""
    REMOVED_WORD = auto()
    SELECTED = auto()
    """The row of a list that Enter chooses."""
    HIDDEN = auto()
    """A control character that is spelled out."""


Look = Style | tuple[Style, ...]
"""A style, or several at once."""

Background = Literal["", "dark", "light"]
"""The terminal's background, empty if it is unknown."""


class Depth(IntEnum):
    """The colors of a terminal."""

    NONE = 0
    BASE = 16
    INDEXED = 256
    TRUE = 1 << 24


# The terminal's own colors. The others have too little contrast on a common background.
_RED, _GREEN, _YELLOW, _MAGENTA, _CYAN = "31", "32", "33", "35", "36"
_BRIGHT_RED = "91"

_ATTRIBUTES: Mapping[Style, str] = {
    Style.STRONG: "1",
    Style.QUIET: "2",
    Style.ITALIC: "3",
    Style.UNDERLINED: "4",
    Style.STRUCK: "9",
    Style.USER: "1",
    Style.NAME: "1",
    Style.COMMENT: "2",
    Style.SELECTED: "7",
    Style.HIDDEN: "7",
}
_COLORS: dict[Style, str] = {
    Style.ACCENT: _CYAN,
    Style.GOOD: _GREEN,
    Style.BAD: _RED,
    Style.WARNING: _YELLOW,
    Style.CODE: _CYAN,
    Style.KEYWORD: _YELLOW,
    Style.BUILTIN: _CYAN,
    Style.NUMBER: _CYAN,
    Style.STRING: _GREEN,
}

# Colors with more contrast, where the background is known. Dark palettes have a dark red and magenta.
_COLORS_ON: Mapping[Background, dict[Style, str]] = {
    "dark": {Style.BAD: _BRIGHT_RED},
    "light": {Style.KEYWORD: _MAGENTA},
}

# Without backgrounds, added and removed rows have colors, and changed words are in reverse video.
_INSTEAD: Mapping[Style, tuple[str, str]] = {
    Style.ADDED: ("", _GREEN),
    Style.REMOVED: ("", _RED),
    Style.ADDED_WORD: ("7", _GREEN),
    Style.REMOVED_WORD: ("7", _RED),
}

# Some colors have too little contrast against the backgrounds.
_ON_GROUNDS: Mapping[Background, Mapping[Style, Style]] = {
    "dark": {Style.KEYWORD: Style.STRONG},
    "light": {
        Style.KEYWORD: Style.STRONG,
        Style.STRING: Style.PLAIN,
        Style.BUILTIN: Style.PLAIN,
        Style.NUMBER: Style.PLAIN,
    },
}


GROUNDS: Mapping[tuple[Style, Background], tuple[int, str]] = {
    (Style.USER, "dark"): (236, "303030"),
    (Style.USER, "light"): (254, "e8e8e8"),
    (Style.ADDED, "dark"): (22, "0a2814"),
    (Style.ADDED, "light"): (194, "dffbe4"),
    (Style.REMOVED, "dark"): (52, "341212"),
    (Style.REMOVED, "light"): (224, "ffe5e5"),
    (Style.ADDED_WORD, "dark"): (28, "124a26"),
    (Style.ADDED_WORD, "light"): (157, "a6eeb4"),
    (Style.REMOVED_WORD, "dark"): (88, "662020"),
    (Style.REMOVED_WORD, "light"): (217, "ffc8c8"),
}
"""The background of whole rows: the number of an indexed color, and red, green and blue."""

GROUND_STYLES = frozenset(style for style, _ in GROUNDS)


class Theme(NamedTuple):
    """The styles for a terminal with a number of colors and a background."""

    depth: Depth = Depth.BASE
    background: Background = ""

    @staticmethod
    def from_env(env: Mapping[str, str]) -> Theme:
        """Return the theme for the terminal that ``env`` describes."""
        return Theme(_depth(env), _background(env))

    @cache  # noqa: B019 - a process has few themes and few looks, and asks for them at each redraw
    def codes(self, look: Look) -> str:
        """Return the SGR codes of ``look``, separated by semicolons; empty for none."""
        styles = look if isinstance(look, tuple) else (look,)
        if styles[0] in _INSTEAD and not self._ground(styles[0]):
            styles = styles[:1]  # the color of the row shows the change; those of the code would hide it
        elif self._ground(styles[0]):
            instead = _ON_GROUNDS[self.background]
            styles = tuple(instead.get(style, style) for style in styles)
        return ";".join(code for style in styles for code in self._codes(style) if code)

    @cache  # noqa: B019 - as above
    def has_ground(self, look: Look) -> bool:
        """Return True if ``look`` has a background."""
        styles = look if isinstance(look, tuple) else (look,)
        return any(self._ground(style) for style in styles)

    def _codes(self, style: Style) -> tuple[str, ...]:
        if ground := self._ground(style):
            return (_ATTRIBUTES.get(style, ""), ground)
        colors = _COLORS | _COLORS_ON.get(self.background, {})
        attribute, color = _INSTEAD.get(style) or (_ATTRIBUTES.get(style, ""), colors.get(style, ""))
        return (attribute, color if self.depth else "")

    def _ground(self, style: Style) -> str:
        ground = GROUNDS.get((style, self.background))
        if ground is None or self.depth < Depth.INDEXED:
            return ""
        indexed, rgb = ground
        if self.depth is Depth.INDEXED:
            return f"48;5;{indexed}"
        return "48;2;" + ";".join(str(part) for part in bytes.fromhex(rgb))


def _depth(env: Mapping[str, str]) -> Depth:
    if env.get("NO_COLOR"):
        return Depth.NONE
    if env.get("COLORTERM") in {"truecolor", "24bit"}:
        return Depth.TRUE
    return Depth.INDEXED if "256color" in env.get("TERM", "") else Depth.BASE


_DARK_COLORS = {"0", "1", "2", "3", "4", "5", "6", "8"}


def _background(env: Mapping[str, str]) -> Background:
    """Return the background that some terminals put into a variable."""
    color = env.get("COLORFGBG", "").rpartition(";")[2]
    return "" if not color.isdigit() else "dark" if color in _DARK_COLORS else "light"


def background_of(red: float, green: float, blue: float) -> Background:
    """Return the kind of a background color, whose parts are from 0 to 1."""
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"


_PROMPT_COLORS = {_RED: "ansired", _GREEN: "ansigreen", _YELLOW: "ansiyellow", _MAGENTA: "ansimagenta"}
_PROMPT_COLORS |= {_CYAN: "ansicyan"}
_PROMPT_ATTRIBUTES = {"1": "bold", "2": "dim", "3": "italic", "4": "underline", "7": "reverse", "9": "strike"}


@cache
def prompt_style(look: Look) -> str:
    """Return ``look`` as a style of prompt_toolkit, without a background."""
    known = _PROMPT_ATTRIBUTES | {code: f"fg:{name}" for code, name in _PROMPT_COLORS.items()}
    return " ".join(known[code] for code in Theme().codes(look).split(";") if code)


PROMPT_STYLES = {
    "prompt": prompt_style(Style.STRONG),
    "toolbar": prompt_style(Style.QUIET),
    "frame": prompt_style(Style.ACCENT),
    "question": prompt_style(Style.STRONG),
    "key": prompt_style((Style.STRONG, Style.ACCENT)),
    "control-character": f"noinherit {prompt_style(Style.HIDDEN)}",
    "auto-suggestion": prompt_style(Style.QUIET),
    # Reverse video instead of colors: readable on dark and light backgrounds, and without colors.
    "completion-menu": "noinherit",
    "completion-menu.completion": "noinherit",
    "completion-menu.completion.current": f"noinherit {prompt_style(Style.SELECTED)}",
    "completion-menu.meta.completion": f"noinherit {prompt_style(Style.QUIET)}",
    "completion-menu.meta.completion.current": f"noinherit {prompt_style(Style.SELECTED)}",
    "scrollbar.background": "noinherit",
    "scrollbar.button": "noinherit reverse",
}
"""The styles of what prompt_toolkit draws, by class."""
