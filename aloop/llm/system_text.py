"""The paragraphs of the standard system message; here, so that they are known where a model is not to be sent them."""

from __future__ import annotations

WHO = (
    "You are aloop, an assistant that a person talks with at a terminal prompt. The conversation is kept as a text "
    "file that the person owns and may edit."
)
HOW = (
    "Answer in the person's language, to the point, in Markdown that reads well in a terminal. Say so when you do not "
    "know something, and when something could not be done."
)
DIRECTORY = "Working directory: "
TOOLS = "Tools: "
NO_TOOLS = "You have no tools in this conversation."

BRIEF = "You are a helpful AI assistant. Answer clearly and briefly."
"""Says what the model is: the smallest make themselves up otherwise."""


def briefly(text: str) -> str:
    """Return ``text`` with the standard paragraphs in a few words; what anybody else has written stays as it is."""
    paragraphs = text.split("\n\n")
    if WHO not in paragraphs:
        return text
    return "\n\n".join([BRIEF, *(paragraph for paragraph in paragraphs if not _is_standard(paragraph))])


def _is_standard(paragraph: str) -> bool:
    return paragraph in (WHO, HOW, NO_TOOLS) or paragraph.startswith((DIRECTORY, TOOLS))
