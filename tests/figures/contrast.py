"""Contrast of each role of the theme in the palettes of common terminals.

    python -m tests.figures.contrast

The contrast is that of WCAG 2, from 1 to 21. WCAG asks for 4.5 for text and for 3 for marks. The colors are the
published defaults of the palettes. The first table is of terminals with 256 colors, which report their background. The
others are of those that do not, of those with 16 colors, and of those with neither; there, dim text is measured as half
way between text and background, which is how most terminals draw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from repl.output.theme import Background, Depth, Look, Style, Theme, background_of

# Background, text, and the 16 colors.
_COLORS = {
    "VS Code Dark": "1e1e1e cccccc 000000 cd3131 0dbc79 e5e510 2472c8 bc3fbc 11a8cd e5e5e5"
    " 666666 f14c4c 23d18b f5f543 3b8eea d670d6 29b8db e5e5e5",
    "Windows Terminal": "0c0c0c cccccc 0c0c0c c50f1f 13a10e c19c00 0037da 881798 3a96dd cccccc"
    " 767676 e74856 16c60c f9f1a5 3b78ff b4009e 61d6d6 f2f2f2",
    "iTerm2": "000000 c7c7c7 000000 c91b00 00c200 c7c400 0225c7 ca30c7 00c5c7 c7c7c7"
    " 686868 ff6e67 5ffa68 fffc67 6871ff ff77ff 60fdff ffffff",
    "Ubuntu": "300a24 ffffff 2e3436 cc0000 4e9a06 c4a000 3465a4 75507b 06989a d3d7cf"
    " 555753 ef2929 8ae234 fce94f 729fcf ad7fa8 34e2e2 eeeeec",
    "Dracula": "282a36 f8f8f2 21222c ff5555 50fa7b f1fa8c bd93f9 ff79c6 8be9fd f8f8f2"
    " 6272a4 ff6e6e 69ff94 ffffa5 d6acff ff92df a4ffff ffffff",
    "Solarized Dark": "002b36 839496 073642 dc322f 859900 b58900 268bd2 d33682 2aa198 eee8d5"
    " 002b36 cb4b16 586e75 657b83 839496 6c71c4 93a1a1 fdf6e3",
    "xterm": "000000 e5e5e5 000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5"
    " 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff",
    "Gruvbox Dark": "282828 ebdbb2 282828 cc241d 98971a d79921 458588 b16286 689d6a a89984"
    " 928374 fb4934 b8bb26 fabd2f 83a598 d3869b 8ec07c ebdbb2",
    "VS Code Light": "ffffff 333333 000000 cd3131 107c10 949800 0451a5 bc05bc 0598bc 555555"
    " 666666 cd3131 14ce14 b5ba00 0451a5 bc05bc 0598bc a5a5a5",
    "macOS Terminal": "ffffff 000000 000000 990000 00a600 999900 0000b2 b200b2 00a6b2 bfbfbf"
    " 666666 e50000 00d900 e5e500 0000ff e500e5 00e5e5 e5e5e5",
    "GNOME Light": "ffffff 171421 171421 c01c28 26a269 a2734c 12488b a347ba 2aa1b3 d0cfcc"
    " 5e5c64 f66151 33da7a e9ad0c 2a7bde c061cb 33c7de ffffff",
    "Solarized Light": "fdf6e3 657b83 073642 dc322f 859900 b58900 268bd2 d33682 2aa198 eee8d5"
    " 002b36 cb4b16 586e75 657b83 839496 6c71c4 93a1a1 fdf6e3",
    "GitHub Light": "ffffff 1f2328 24292f cf222e 116329 4d2d00 0969da 8250df 1b7c83 6e7781"
    " 57606a a40e26 1a7f37 633c01 218bff a475f9 3192aa 8c959f",
    "Gruvbox Light": "fbf1c7 3c3836 fbf1c7 cc241d 98971a d79921 458588 b16286 689d6a 7c6f64"
    " 928374 9d0006 79740e b57614 076678 8f3f71 427b58 3c3836",
    "xterm, white": "ffffff 000000 000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5"
    " 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff",
}
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
    "mark of a user's message": (Style.USER, Style.ACCENT),
    "added row": Style.ADDED,
    "removed row": Style.REMOVED,
    "added word": Style.ADDED_WORD,
    "removed word": Style.REMOVED_WORD,
    "keyword in an added row": (Style.ADDED, Style.KEYWORD),
    "string in an added row": (Style.ADDED, Style.STRING),
    "string in a removed row": (Style.REMOVED, Style.STRING),
    "builtin in an added row": (Style.ADDED, Style.BUILTIN),
    "comment in an added row": (Style.ADDED, Style.COMMENT),
    "comment in a removed row": (Style.REMOVED, Style.COMMENT),
    "comment in an added word": (Style.ADDED_WORD, Style.COMMENT),
    "comment in a removed word": (Style.REMOVED_WORD, Style.COMMENT),
    "string in an added word": (Style.ADDED_WORD, Style.STRING),
    "string in a removed word": (Style.REMOVED_WORD, Style.STRING),
    "builtin in a removed row": (Style.REMOVED, Style.BUILTIN),
}


@dataclass(frozen=True, slots=True)
class Palette:
    """The colors of a terminal."""

    name: str
    ground: str
    text: str
    colors: Sequence[str]

    @property
    def background(self) -> Background:
        return background_of(*(part / 255 for part in bytes.fromhex(self.ground)))


PALETTES = [
    Palette(name, ground, text, colors)
    for name, (ground, text, *colors) in ((name, colors.split()) for name, colors in _COLORS.items())
]


def contrast_of(look: Look, palette: Palette, depth: Depth = Depth.INDEXED, *, is_known: bool = True) -> float:
    """Return the contrast of a text with ``look`` against what is behind it.

    ``is_known`` is False for a terminal that has not reported its background.
    """
    theme = Theme(depth, palette.background if is_known else "")
    text, ground, is_dim, is_reversed = palette.text, palette.ground, False, False
    codes = [int(code) for code in theme.codes(look).split(";") if code]
    while codes:
        code = codes.pop(0)
        if 30 <= code <= 37:
            text = palette.colors[code - 30]
        elif 90 <= code <= 97:
            text = palette.colors[code - 82]
        elif code == 38:
            text = _extended(codes)
        elif code == 48:
            ground = _extended(codes)
        is_dim |= code == 2
        is_reversed |= code == 7
    if is_dim:
        text = mixed(text, ground, _DIM)
    return contrast(*((ground, text) if is_reversed else (text, ground)))


_LEVELS = (0, 95, 135, 175, 215, 255)


def _extended(codes: list[int]) -> str:
    """Remove a fixed or true color from the start of ``codes``, and return it."""
    if codes.pop(0) == 2:
        return bytes(codes.pop(0) for _ in range(3)).hex()
    number = codes.pop(0) - 16
    if number >= 216:
        return bytes([8 + 10 * (number - 216)] * 3).hex()
    return bytes(_LEVELS[number // size % 6] for size in (36, 6, 1)).hex()


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
    for depth, is_known in product((Depth.TRUE, Depth.INDEXED, Depth.BASE), (True, False)):
        print(f"\n{depth.name} colors, background {'reported' if is_known else 'unknown'}\n")
        print("| Role |", " | ".join(names), "| Lowest |")
        print("|---" * (len(names) + 2) + "|")
        for name, look in ROLES.items():
            found = [contrast_of(look, palette, depth, is_known=is_known) for palette in PALETTES]
            print(f"| {name} |", " | ".join(f"{value:.1f}" for value in found), f"| {min(found):.1f} |")


if __name__ == "__main__":
    main()
