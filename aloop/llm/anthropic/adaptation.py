"""Leave out of a request what its server has rejected, and ask again.

Servers differ in the optional parts that they accept, and only their words show which part a rejection is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from aloop.errors import ContextOverflow, LLMError, RequestRejected
from aloop.llm.anthropic.errors import is_about
from aloop.llm.anthropic.wire import SendRules, WireRequest, media_in
from aloop.llm.layout import THINKING_TYPES, Block

_PLACE = re.compile(r"\bmessages[.\[](\d+)\]?\.content[.\[](\d+)")
_MAX_TOKENS = re.compile(r"max_tokens: \d+ > (\d+)")
# A turn that must begin with thinking is one that was sent with the setting, but without its thinking.
_WANTS_THINKING = re.compile(r"expected [`'\"]?thinking\b|must start with a thinking block", re.I)
_BLOCK_WORDS = ("signature", "thinking block", "thinking` block", "redacted_thinking", "bound to", "messages.")
_MEDIA_WORDS = ("image", "document block", "pdf", "media_type", "base64", "vision", "multimodal")
_SETTING_WORDS = ("thinking", "adaptive", "display", "budget_tokens")


@dataclass(frozen=True, slots=True)
class Offered:
    """The optional settings of a request, apart from its messages."""

    thinking: bool = False
    effort: str | None = None
    max_tokens: int = 0


@dataclass(slots=True)
class Adaptation:
    """The parts that one server and model have rejected; none of them is sent again.

    ``without`` holds ``cache``, ``thinking`` and ``effort`` for the settings, ``longest`` is the largest ``max_tokens``
    that the server named, or 0.
    """

    refused: set[str] = field(default_factory=set)
    refused_blocks: set[str] = field(default_factory=set)
    without: set[str] = field(default_factory=set)
    longest: int = 0
    _guessed: frozenset[str] = frozenset()

    def rules(self, *, unsigned: bool) -> SendRules:
        """Return the rules for the messages of the next request."""
        return SendRules(frozenset(self.refused), frozenset(self.refused_blocks), unsigned)

    def learn(self, error: LLMError, request: WireRequest, offered: Offered, model: str) -> str | None:
        """Leave something out after a rejection.

        Return a note for the user (it may be empty), or None if there is nothing to leave out.
        """
        if not isinstance(error, RequestRejected) or isinstance(error, ContextOverflow):
            return None
        words = str(error)
        named_block = _block_in(words, request)
        place = str(named_block["type"]) if named_block else ""
        if place in THINKING_TYPES or is_about(f"{words} {error.parameter}", *_SETTING_WORDS, "signature"):
            note = self._without_thinking(words, error.parameter, request, offered, place)
            if note is not None:
                return note
        if "cache" not in self.without and is_about(words, "cache_control", "cache control"):
            self.without.add("cache")
            return ""
        if "effort" not in self.without and offered.effort and is_about(words, "effort", "output_config"):
            self.without.add("effort")
            return f"The model {model} does not support the effort {offered.effort!r}, so its default is used."
        if (named := _MAX_TOKENS.search(words)) and 0 < int(named[1]) < offered.max_tokens:
            self.longest = int(named[1])
            return ""
        blamed = media_in([named_block]) if named_block else frozenset[str]()
        if blamed or is_about(words, *_MEDIA_WORDS):
            note = self._without_media(request, blamed)
            if note is not None:
                return note
        # Servers reject the rest in too many words to recognize, so these are the last resort.
        if new := request.provider_blocks - self.refused_blocks:
            self.refused_blocks |= new
            self._guessed |= new
            return "The server does not accept some content of earlier answers, so it is asked without that."
        return self._without_media(request, guessed=True)

    def settle(self, *, accepted: bool) -> None:
        """Keep the blocks that were left out on a guess only if that helped."""
        if not accepted:
            self.refused_blocks -= self._guessed
        self._guessed = frozenset()

    def _without_thinking(
        self, words: str, parameter: str, request: WireRequest, offered: Offered, place: str
    ) -> str | None:
        can_drop_setting = offered.thinking and "thinking" not in self.without
        is_setting = parameter.startswith("thinking") or bool(_WANTS_THINKING.search(words))
        is_block = not is_setting and (place in THINKING_TYPES or is_about(words, *_BLOCK_WORDS))
        if can_drop_setting and not is_block:
            self.without.add("thinking")
            return ""
        if request.signatures:
            self.refused |= request.signatures
            return "The server does not accept the earlier thinking of this session, so it is no longer sent."
        if can_drop_setting:
            self.without.add("thinking")
            return ""
        return None

    def _without_media(
        self, request: WireRequest, blamed: frozenset[str] = frozenset(), *, guessed: bool = False
    ) -> str | None:
        """Send the names of the images and documents that are blamed, by default of all."""
        sent = media_in(block for turn in request.turns if turn["role"] == "user" for block in turn["content"])
        new = (blamed or sent) - self.refused_blocks
        if not new:
            return None
        self.refused_blocks |= new
        self._guessed |= new if guessed else frozenset()
        which = "an image or a document" if len(new) == 1 else f"{len(new)} images or documents"
        return f"The server does not accept {which} of this session, so it gets the name instead."


def _block_in(words: str, request: WireRequest) -> Block | None:
    """Return the block that a rejection names, or None."""
    found = _PLACE.search(words)
    if not found:
        return None
    turn, block = int(found[1]), int(found[2])
    content: list[Block] = request.turns[turn]["content"] if turn < len(request.turns) else []
    return content[block] if block < len(content) else None
