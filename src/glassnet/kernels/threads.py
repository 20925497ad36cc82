"""How many threads glassnet uses: one number for matrix products and for compiled kernels.

NumPy hands matrix products to a BLAS library that has a pool of threads of its own; kernels have
theirs (`launch.py`). Nothing here changes either behind the user's back; the number belongs to what
makes a run repeatable, so a run writes it down.
"""

import os

from glassnet.errors import GlassnetError

_count: int | None = None  # as set, else that of the processors this process may use


def set_num_threads(count: int) -> None:
    """Let matrix products and kernels use `count` threads (>= 1), in the whole process.

    Raises GlassnetError for another count.
    """
    global _count
    if count < 1:
        raise GlassnetError(f"the number of threads must be at least 1, got {count}")
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=count, user_api="blas")
    _count = count


def get_num_threads() -> int:
    """The number of threads that matrix products and kernels may use."""
    return _count or _by_itself()


def _by_itself() -> int:
    """`OMP_NUM_THREADS`, else one thread for each processor that this process may use."""
    global _count
    given = os.environ.get("OMP_NUM_THREADS", "")
    usable = getattr(os, "sched_getaffinity", None)
    there = len(usable(0)) if usable else os.cpu_count() or 1
    _count = int(given) if given.isdigit() and int(given) > 0 else there
    return _count
