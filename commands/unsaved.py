"""What a failed save has left in memory only: written before the session is put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aloop.memory import MemoryManager


async def save_what_is_left(memory: MemoryManager) -> None:
    """Save the open session if its file lacks messages, or is gone; raises StorageError or SessionFileError.

    A session that is saved already is not written, so that putting it away does not change when it was last used.
    """
    if memory.has_unsaved or (memory.path is not None and not memory.path.exists()):
        await memory.save_memory()
