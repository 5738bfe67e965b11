"""Room for the frames of Python functions, so that no depth of calls is slow.

Before a fix of March 2026 in CPython (issue 142183), the interpreter kept frames in chunks of 16 KB and freed a chunk
as soon as its first frame ended. A loop that called a function at the border of two chunks was then up to a hundred
times slower, and where borders were depended on the depth of the call: imports, which are nested deeply, lost up to a
third of their time.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False  # as in typing, which takes longer to import than printing the version
if TYPE_CHECKING:
    from typing import TypeVar

    C = TypeVar("C", bound=Callable[..., object])

_SLOTS = 31_769
"""The smallest frame for which the interpreter allocates 512 KB, of which half is left for other frames.

A chunk has the size of a power of two with room for the frame and 1,000 slots more, of 8 bytes each.
"""


def with_large_stack(function: C) -> C:
    """Let all calls below ``function``, a Python function, share one chunk of memory.

    The operating system provides the memory only as far as it is used.
    """
    code = function.__code__
    function.__code__ = code.replace(co_stacksize=_SLOTS)
    return function
