"""How many threads the matrix products use: one number for all of glassnet.

NumPy hands matrix products to a BLAS library that has a pool of threads of its own. Nothing here
changes it behind the user's back; the number belongs to what makes a run repeatable, so a run
writes it down.
"""

from glassnet.errors import GlassnetError


def set_num_threads(count: int) -> None:
    """Let matrix products use `count` threads (>= 1), in the whole process, from now on.

    Raises GlassnetError for another count.
    """
    if count < 1:
        raise GlassnetError(f"the number of threads must be at least 1, got {count}")
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=count, user_api="blas")


def get_num_threads() -> int:
    """The number of threads that matrix products may use; 1 where no BLAS pool is found."""
    from threadpoolctl import threadpool_info

    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(pools, default=1)
