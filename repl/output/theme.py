"""Every style of the shell: what each role of a text looks like.

Text has the terminal's own 16 colors, which the user or the maker of the palette chose, and no color but those that are
readable on the background. Roles that none of them suits, and less important text, have one of the 240 fixed colors:
dim text has a contrast below 2 in some terminals, and bright black is invisible in some palettes. Only whole rows have
a background, and only if the terminal has enough colors and has reported if its own background is dark or light.
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


# The terminal's own colors.
_RED, _GREEN, _YELLOW, _BLUE, _MAGENTA, _CYAN = "31", "32", "33", "34", "35", "36"
_BRIGHT_RED, _BRIGHT_BLUE, _BRIGHT_MAGENTA = "91", "94", "95"

# Fixed colors.
_DARK_GREEN, _BROWN, _MIDDLE_GRAY, _LIGHT_GRAY = "38;5;28", "38;5;130", "38;5;244", "38;5;245"

_ATTRIBUTES: Mapping[Style, str] = {
    Style.STRONG: "1",
    Style.ITALIC: "3",
    Style.UNDERLINED: "4",
    Style.STRUCK: "9",
    Style.USER: "1",
    Style.NAME: "1",
    Style.SELECTED: "7",
    Style.HIDDEN: "7",
}
_DIM = "2"
"""Instead of gray, where there is none."""

# Few colors are readable on every background: the bright blue and magenta are on nearly all.
_COLORS_ON: Mapping[Background, Mapping[Style, str]] = {
    "": {
        Style.ACCENT: _BRIGHT_MAGENTA,
        Style.GOOD: _GREEN,
        Style.BAD: _BRIGHT_RED,
        Style.WARNING: _BRIGHT_MAGENTA,
        Style.CODE: _BRIGHT_MAGENTA,
        Style.KEYWORD: _BRIGHT_BLUE,
        Style.BUILTIN: _BRIGHT_MAGENTA,
        Style.NUMBER: _BRIGHT_MAGENTA,
        Style.STRING: _GREEN,
    },
    "dark": {
        Style.ACCENT: _CYAN,
        Style.GOOD: _GREEN,
        Style.BAD: _BRIGHT_RED,
        Style.WARNING: _YELLOW,
        Style.CODE: _CYAN,
        Style.KEYWORD: _YELLOW,
        Style.BUILTIN: _CYAN,
        Style.NUMBER: _CYAN,
        Style.STRING: _GREEN,
    },
    "light": {
        Style.ACCENT: _BLUE,
        Style.GOOD: _GREEN,
        Style.BAD: _RED,
        Style.WARNING: _MAGENTA,
        Style.CODE: _BLUE,
        Style.KEYWORD: _MAGENTA,
        Style.BUILTIN: _BLUE,
        Style.NUMBER: _BLUE,
        Style.STRING: _GREEN,
    },
}

# Light palettes have a pale green and yellow.
_NOT_PALE = {Style.GOOD: _DARK_GREEN, Style.STRING: _DARK_GREEN, Style.WARNING: _BROWN}
_FIXED_COLORS_ON: Mapping[Background, Mapping[Style, str]] = {
    "": {**_NOT_PALE, Style.QUIET: _MIDDLE_GRAY, Style.COMMENT: _MIDDLE_GRAY},
    "dark": {Style.QUIET: _LIGHT_GRAY, Style.COMMENT: _LIGHT_GRAY},
    "light": {**_NOT_PALE, Style.QUIET: _MIDDLE_GRAY, Style.COMMENT: _MIDDLE_GRAY},
}

# Without backgrounds, added and removed rows have colors, and changed words are in reverse video.
_INSTEAD: Mapping[Style, tuple[str, Style]] = {
    Style.ADDED: ("", Style.GOOD),
    Style.REMOVED: ("", Style.BAD),
    Style.ADDED_WORD: ("7", Style.GOOD),
    Style.REMOVED_WORD: ("7", Style.BAD),
}

# Some colors have too little contrast against the backgrounds.
_ON_GROUNDS: Mapping[Background, Mapping[Style, Style]] = {
    "dark": {Style.KEYWORD: Style.STRONG},
    "light": {Style.KEYWORD: Style.STRONG, Style.BUILTIN: Style.PLAIN, Style.NUMBER: Style.PLAIN},
}
_ON_STRONG_GROUNDS = {Style.COMMENT: Style.PLAIN, Style.STRING: Style.PLAIN}


GROUNDS: Mapping[tuple[Style, Background], tuple[int | None, str]] = {
    (Style.USER, "dark"): (236, "303030"),
    (Style.USER, "light"): (255, "eeeeee"),
    (Style.ADDED, "dark"): (None, "0a2814"),
    (Style.ADDED, "light"): (194, "dffbe4"),
    (Style.REMOVED, "dark"): (None, "341212"),
    (Style.REMOVED, "light"): (224, "ffe5e5"),
    (Style.ADDED_WORD, "dark"): (None, "124a26"),
    (Style.ADDED_WORD, "light"): (None, "a6eeb4"),
    (Style.REMOVED_WORD, "dark"): (None, "662020"),
    (Style.REMOVED_WORD, "light"): (None, "ffc8c8"),
}
"""The background of whole rows: the number of an indexed color, and red, green and blue.

Text would not be readable on the darkest green and red of the indexed colors, nor on their strong light ones.
"""

GROUND_STYLES = frozenset(style for style, _ in GROUNDS)


class Theme(NamedTuple):
    """The styles for a terminal with a number of colors and a background."""

    depth: Depth = Depth.BASE
    background: Background = ""

    @staticmethod
    def from_env(env: Mapping[str, str], background: Background = "") -> Theme:
        """Return the theme for the terminal that ``env`` describes.

        ``background`` is the one in the settings, empty to take that of the terminal.
        """
        return Theme(_depth(env), background or _background(env))

    @cache  # noqa: B019 - a process has few themes and few looks, and asks for them at each redraw
    def codes(self, look: Look) -> str:
        """Return the SGR codes of ``look``, separated by semicolons; empty for none."""
        styles = look if isinstance(look, tuple) else (look,)
        if styles[0] in _INSTEAD and not self._ground(styles[0]):
            styles = styles[:1]  # the color of the row shows the change; those of the code would hide it
        elif self._ground(styles[0]):
            instead = dict(_ON_GROUNDS[self.background])
            if styles[0] in (Style.ADDED_WORD, Style.REMOVED_WORD):
                instead |= _ON_STRONG_GROUNDS
            styles = tuple(instead.get(style, style) for style in styles)
        return ";".join(code for style in styles for code in self._codes(style) if code)

    @cache  # noqa: B019 - as above
    def has_ground(self, look: Look) -> bool:
        """Return True if ``look`` has a background."""
        styles = look if isinstance(look, tuple) else (look,)
        return any(self._ground(style) for style in styles)

    def color(self, style: Style) -> str:
        """Return the SGR code for the color of ``style``, empty for that of plain text."""
        fixed = _FIXED_COLORS_ON[self.background].get(style, "") if self.depth >= Depth.INDEXED else ""
        return fixed or (_COLORS_ON[self.background].get(style, "") if self.depth else "")

    def attribute(self, style: Style) -> str:
        """Return the SGR code of ``style`` besides its color, empty if there is none."""
        is_dim = style in (Style.QUIET, Style.COMMENT) and self.depth < Depth.INDEXED
        return _DIM if is_dim else _ATTRIBUTES.get(style, "")

    def _codes(self, style: Style) -> tuple[str, ...]:
        if ground := self._ground(style):
            return (self.attribute(style), ground)
        if style in _INSTEAD:
            attribute, like = _INSTEAD[style]
            return (attribute, self.color(like))
        return (self.attribute(style), self.color(style))

    def _ground(self, style: Style) -> str:
        ground = GROUNDS.get((style, self.background))
        if ground is None or self.depth < Depth.INDEXED:
            return ""
        indexed, rgb = ground
        if self.depth is Depth.INDEXED:
            return "" if indexed is None else f"48;5;{indexed}"
        return "48;2;" + ";".join(str(part) for part in bytes.fromhex(rgb))


def _depth(env: Mapping[str, str]) -> Depth:
    if env.get("NO_COLOR"):
        return Depth.NONE
    if env.get("COLORTERM") in {"truecolor", "24bit"}:
        return Depth.TRUE
    is_indexed = "XTERM_VERSION" in env or any(name in env.get("TERM", "") for name in _INDEXED_TERMS)
    return Depth.INDEXED if is_indexed else Depth.BASE


_INDEXED_TERMS = ("256color", "kitty", "alacritty", "foot", "ghostty", "wezterm")
"""Parts of the names of terminals with 256 colors. ssh passes the name on, but not COLORTERM."""


_DARK_COLORS = {"0", "1", "2", "3", "4", "5", "6", "8"}


def _background(env: Mapping[str, str]) -> Background:
    """Return the background in a variable that some terminals set."""
    if env.get("TERM") == "linux":
        return "dark"  # the console, which sets no variable
    color = env.get("COLORFGBG", "").rpartition(";")[2]
    return "" if not color.isdigit() else "dark" if color in _DARK_COLORS else "light"


def background_of(red: float, green: float, blue: float) -> Background:
    """Return the kind of a background color, whose parts are from 0 to 1."""
    return "light" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "dark"


_PROMPT_COLORS = {
    "": "",
    _RED: "ansired",
    _GREEN: "ansigreen",
    _YELLOW: "ansiyellow",
    _BLUE: "ansiblue",
    _MAGENTA: "ansimagenta",
    _CYAN: "ansicyan",
    _BRIGHT_RED: "ansibrightred",
    _BRIGHT_BLUE: "ansibrightblue",
    _BRIGHT_MAGENTA: "ansibrightmagenta",
    # prompt_toolkit finds the numbers of the fixed colors again.
    _DARK_GREEN: "#008700",
    _BROWN: "#af5f00",
    _MIDDLE_GRAY: "#808080",
    _LIGHT_GRAY: "#8a8a8a",
}
_PROMPT_ATTRIBUTES = {"": "", "1": "bold", "2": "dim", "3": "italic", "4": "underline", "7": "reverse", "9": "strike"}


@cache
def prompt_style(look: Look) -> str:
    """Return the classes of ``look`` for prompt_toolkit, without a background."""
    styles = look if isinstance(look, tuple) else (look,)
    return " ".join(f"class:{_class_of(style)}" for style in styles if style is not Style.PLAIN)


def _class_of(style: Style) -> str:
    return f"look-{style.name.lower().replace('_', '-')}"


@cache
def prompt_styles(theme: Theme) -> Mapping[str, str]:
    """Return the styles of what prompt_toolkit draws, by class."""

    def styled(*styles: Style) -> str:
        colors = (_PROMPT_COLORS[theme.color(style)] for style in styles)
        attributes = (_PROMPT_ATTRIBUTES[theme.attribute(style)] for style in styles)
        return " ".join(part for part in (*attributes, *(color and f"fg:{color}" for color in colors)) if part)

    quiet, selected = styled(Style.QUIET), f"noinherit {styled(Style.SELECTED)}"
    return {
        **{_class_of(style): styled(style) for style in Style},
        "prompt": styled(Style.STRONG),
        "toolbar": quiet,
        "frame": styled(Style.ACCENT),
        "question": styled(Style.STRONG),
        "key": styled(Style.STRONG, Style.ACCENT),
        "control-character": f"noinherit {styled(Style.HIDDEN)}",
        "auto-suggestion": quiet,
        # Reverse video instead of colors: readable on dark and light backgrounds, and without colors.
        "completion-menu": "noinherit",
        "completion-menu.completion": "noinherit",
        "completion-menu.completion.current": selected,
        "completion-menu.meta.completion": f"noinherit {quiet}",
        "completion-menu.meta.completion.current": selected,
        "scrollbar.background": "noinherit",
        "scrollbar.button": "noinherit reverse",
    }
