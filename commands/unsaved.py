"""What a failed save has left in memory only: written before the session is put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aloop.errors import SessionError

if TYPE_CHECKING:
    from aloop.memory import MemoryManager


async def save_what_is_left(memory: MemoryManager) -> None:
    """Save the open session if its file lacks messages; raises StorageError or SessionFileError when that fails again.

    A session that is saved already is not written, so that putting it away does not change when it was last used.
    """
    if memory.message_count and not await _is_whole_on_disk(memory):
        await memory.save_memory()


async def _is_whole_on_disk(memory: MemoryManager) -> bool:
    if memory.path is None:
        return False
    try:
        stored = await memory.session_stats(memory.session_id, sessions_dir=memory.sessions_dir)
    except SessionError:
        # Gone, or broken by hand: the save knows what to do then.
        return False
    return stored.message_count >= memory.message_count
