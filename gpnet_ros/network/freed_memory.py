"""Memory that a network frees between its layers stays with the process, instead of going back and coming again."""

from __future__ import annotations

import ctypes

#: Options of glibc's `mallopt` (malloc.h).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
#: Blocks up to this size [bytes] come from the heap: the largest layer of GP-Net has 6 MB. The most that glibc allows.
_BLOCK = 32 << 20
#: So much free memory [bytes] at the end of a heap is kept, the rest given back. Threads may have heaps of their own.
_KEPT = 256 << 20


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, up to 256 MB of each heap; False where the C library has no such option.

    Else every block of some megabytes is given back as soon as a layer is done with it, and the next layer's is taken
    anew: its pages are zeroed one by one, when they are touched first. docs/notebook.md holds what that costs
    (Threads and memory); beside other runtimes in one process, as in `gpnet bench latency`, it may not show.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    wanted = ((_MMAP_THRESHOLD, _BLOCK), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _KEPT // 4))
    return all([mallopt(option, value) == 1 for option, value in wanted])
