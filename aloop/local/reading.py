"""How far our server is with reading a question: nothing of that is heard from an answer that has not begun."""

from __future__ import annotations

import http.client
import json

_PATIENCE = 2.0  # seconds


def share_read(url: str, key: str, tokens: int) -> float | None:
    """Return how much of a question of ``tokens`` has been read, from 0 to 1; None when that can not be told. Blocks.

    What the server still had in its memory of an earlier question is not read again, and does not count.
    """
    connection = http.client.HTTPConnection(url.partition("//")[2], timeout=_PATIENCE)
    try:
        connection.request("GET", "/slots", headers={"Authorization": f"Bearer {key}"})
        [slot] = json.loads(connection.getresponse().read())
        read, known = int(slot["n_prompt_tokens_processed"]), int(slot["n_prompt_tokens_cache"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        # At rest, or it has other figures: whoever waits learns how it is from the answer itself.
        return None
    finally:
        connection.close()
    return min(1.0, read / (tokens - known)) if tokens > known else None
