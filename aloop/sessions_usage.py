"""Tokens and time in words, for the command line and the prompt alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aloop.llm.message_types import Usage


def usage_text(usage: Usage) -> str:
    """Return what was sent, how much of it came from the cache, what came back and how long that took; empty for none.

    The share is that of the whole input which the API had in its cache, and which costs a fraction.
    """
    if not usage.sent_tokens and not usage.output_tokens:
        return ""
    cached = f" ({usage.cached_share:.0%} from the cache)" if usage.cache_read_tokens else ""
    time = f", {duration_text(usage.duration_ms)}" if usage.duration_ms else ""
    return f"{usage.sent_tokens:,} in{cached}, {usage.output_tokens:,} out{time}"


def model_rows(usages: Mapping[str, Usage]) -> Iterator[str]:
    """Yield a text for each model, where there is more than one to tell apart."""
    if len(usages) > 1:
        yield from (f"{model}: {usage_text(usage) or 'no tokens counted'}" for model, usage in usages.items())


def duration_text(milliseconds: int) -> str:
    """Return a time of waiting for answers, as exactly as a person cares."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
