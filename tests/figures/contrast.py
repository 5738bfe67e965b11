"""Contrast of each role of the theme in the palettes of ten common terminals.

    python -m tests.figures.contrast

The contrast is that of WCAG 2, from 1 to 21. WCAG asks for 4.5 for text and for 3 for marks. Dim text is measured as
half way between text and background, which is how most of these terminals draw it. The colors are the published
defaults of the palettes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from repl.output.theme import Background, Depth, Look, Style, Theme

# Background, text, red, green, yellow, blue, magenta, cyan, bright red.
_COLORS = {
    "VS Code Dark": "1e1e1e cccccc cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd f14c4c",
    "Windows Terminal": "0c0c0c cccccc c50f1f 13a10e c19c00 0037da 881798 3a96dd e74856",
    "iTerm2": "000000 c7c7c7 c91b00 00c200 c7c400 0225c7 ca30c7 00c5c7 ff6d67",
    "Ubuntu": "300a24 ffffff cc0000 4e9a06 c4a000 3465a4 75507b 06989a ef2929",
    "Dracula": "282a36 f8f8f2 ff5555 50fa7b f1fa8c bd93f9 ff79c6 8be9fd ff6e6e",
    "Solarized Dark": "002b36 839496 dc322f 859900 b58900 268bd2 d33682 2aa198 cb4b16",
    "VS Code Light": "ffffff 333333 cd3131 107c10 949800 0451a5 bc05bc 0598bc cd3131",
    "macOS Terminal": "ffffff 000000 990000 00a600 999900 0000b2 b200b2 00a6b2 e50000",
    "GNOME Light": "ffffff 171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 f66151",
    "Solarized Light": "fdf6e3 657b83 dc322f 859900 b58900 268bd2 d33682 2aa198 cb4b16",
}
_LIGHT = ("VS Code Light", "macOS Terminal", "GNOME Light", "Solarized Light")
_DIM = 0.5
ROLES: dict[str, Look] = {
    "text": Style.PLAIN,
    "muted": Style.QUIET,
    "accent": Style.ACCENT,
    "success": Style.GOOD,
    "error": Style.BAD,
    "warning": Style.WARNING,
    "code": Style.CODE,
    "keyword": Style.KEYWORD,
    "string": Style.STRING,
    "comment": Style.COMMENT,
    "user's message": Style.USER,
    "added row": Style.ADDED,
    "removed row": Style.REMOVED,
    "added word": Style.ADDED_WORD,
    "removed word": Style.REMOVED_WORD,
    "keyword in an added row": (Style.ADDED, Style.KEYWORD),
    "string in an added row": (Style.ADDED, Style.STRING),
    "string in a removed row": (Style.REMOVED, Style.STRING),
    "builtin in an added row": (Style.ADDED, Style.BUILTIN),
    "builtin in a removed row": (Style.REMOVED, Style.BUILTIN),
}


@dataclass(frozen=True, slots=True)
class Palette:
    """The colors of a terminal."""

    name: str
    ground: str
    text: str
    colors: Sequence[str]
    bright_red: str

    @property
    def background(self) -> Background:
        return "light" if self.name in _LIGHT else "dark"


PALETTES = [
    Palette(name, ground, text, ["000000", *colors, text], bright_red)
    for name, (ground, text, *colors, bright_red) in ((name, colors.split()) for name, colors in _COLORS.items())
]


def contrast_of(look: Look, palette: Palette, depth: Depth = Depth.TRUE) -> float:
    """Return the contrast of a text with ``look`` against what is behind it."""
    theme = Theme(depth, palette.background)
    text, ground, is_dim, is_reversed = palette.text, palette.ground, False, False
    codes = [int(code) for code in theme.codes(look).split(";") if code]
    while codes:
        code = codes.pop(0)
        if 30 <= code <= 37:
            text = palette.colors[code - 30]
        elif code == 91:
            text = palette.bright_red
        elif code == 48 and codes.pop(0) == 2:
            ground = bytes(codes.pop(0) for _ in range(3)).hex()
        is_dim |= code == 2
        is_reversed |= code == 7
    if is_dim:
        text = mixed(text, ground, _DIM)
    return contrast(*((ground, text) if is_reversed else (text, ground)))


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colors, as defined by WCAG 2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Return the luminance of a color as defined by WCAG 2, from 0 to 1."""
    parts = (part / 255 for part in bytes.fromhex(color))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mixed(one: str, other: str, share: float) -> str:
    """Return a color between two others, with ``share`` of the first."""
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return bytes(round(first * share + second * (1 - share)) for first, second in pairs).hex()


def main() -> None:
    names = [palette.name for palette in PALETTES]
    print("| Role |", " | ".join(names), "| Lowest |")
    print("|---" * (len(names) + 2) + "|")
    for name, look in ROLES.items():
        found = [contrast_of(look, palette) for palette in PALETTES]
        print(f"| {name} |", " | ".join(f"{value:.1f}" for value in found), f"| {min(found):.1f} |")


if __name__ == "__main__":
    main()
