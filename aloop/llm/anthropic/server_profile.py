"""The differences between servers of the Messages API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aloop.llm.models.endpoints import Endpoint

MAX_TOKENS = 32_000
"""The longest answer to ask for while the model's own limit is unknown."""

# Vendors whose models want their thinking back although it carries no signature.
_UNSIGNED_THINKING = re.compile(r"deepseek|kimi|moonshot|minimax|glm", re.I)
# A gateway, AWS and Google Cloud have their own words around the name of a model.
_CLAUDE = re.compile(r"(?:^|[/.])(claude-.*?)(?:[-@]\d{8})?(?:-v\d+(?::\d+)?)?$")
# Models that cannot think adaptively; they are older than every model that the SDK lists first.
_NO_ADAPTIVE_THINKING = re.compile(r"claude-(?:3|2|instant|(?:opus|sonnet|haiku)-4(?:-[015])?$)")


@dataclass(frozen=True, slots=True)
class ServerProfile:
    """The defaults are those of the Anthropic API. All times are in seconds.

    ``extra_body`` goes into each request. ``is_local`` is the model server that aloop started itself: no proxy is used,
    no cache is asked for, and it is not asked for its limits. ``stall_after`` None is the default of the transport.
    """

    name: str = "anthropic"
    max_tokens: int = 0
    stall_after: float | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)
    is_local: bool = False
    endpoint: Endpoint | None = None
    key_name: str = "the API key that was given in code"
    """The source of a key that is not in the environment, as errors name it."""

    @property
    def streams_binary(self) -> bool:
        """True for AWS, whose streams are not server-sent events."""
        return self.endpoint is not None and self.endpoint.kind == "bedrock"

    def wants_unsigned_thinking(self, model: str) -> bool:
        """Return True if thinking without a signature is sent back to ``model``."""
        return self.endpoint is not None and bool(_UNSIGNED_THINKING.search(model))


def may_think_adaptively(model: str) -> bool:
    """Return True if ``model`` is one that probably accepts adaptive thinking.

    The server has the last word.
    """
    found = _CLAUDE.search(model)
    return found is not None and not _NO_ADAPTIVE_THINKING.match(found[1])
