"""What a kernel may say, each thing run as machine code."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from glassnet.kernels.compile import Task
from glassnet.kernels.target import host
from glassnet.kernels.values import KernelError
from glassnet.kernels.vector import (
    Bytes,
    Doubles,
    Floats,
    Ints,
    Longs,
    absolute,
    any_lane,
    bits,
    cast,
    copysign,
    first,
    floor,
    fma,
    from_bits,
    lane,
    lanes,
    larger,
    load,
    load_part,
    lowest,
    max_lanes,
    narrow,
    nearest,
    part,
    prefetch,
    scratch,
    select,
    shuffle,
    smaller,
    splat,
    sqrt,
    steps,
    store,
    store_part,
    sum_lanes,
    to_doubles,
    to_floats,
    to_ints,
    unroll,
    widened,
    width,
)

WIDE = host().lanes


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def vector(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(WIDE).astype(np.float32)


def run(function, *arguments, units: int = 1, **constants) -> None:
    Task(function).compiled(**constants)(units, 1, *arguments)


def test_loops_branches_and_variables() -> None:
    def collatz(begin: int, end: int, start: Longs, steps_taken: Longs) -> None:
        for i in range(begin, end):
            n, count = start[i], 0
            while n != 1:
                if n % 2 == 0:
                    n = n // 2
                else:
                    n = 3 * n + 1
                count += 1
            steps_taken[i] = count

    given, got = np.array([1, 2, 27, 97]), np.zeros(4, np.int64)
    run(collatz, given, got, units=4)
    assert got.tolist() == [0, 1, 111, 118]


def test_break_continue_and_steps_down() -> None:
    def odd_sum(begin: int, end: int, out: Longs) -> None:
        total = 0
        for i in range(20, 0, -1):
            if i % 2 == 0:
                continue
            if i < 5:
                break
            total += i
        out[0] = total

    out = np.zeros(1, np.int64)
    run(odd_sum, out)
    assert out[0] == 19 + 17 + 15 + 13 + 11 + 9 + 7 + 5


@part
def dot(a, b):
    total = splat(0.0)
    for x, y in zip(a, b, strict=True):
        total = fma(x, y, total)
    return total, len(a)


def test_lists_hold_variables_and_parts_are_written_out() -> None:
    def tile(begin: int, end: int, x: Floats, out: Floats, *, rows: int) -> None:
        acc = [[splat(0.0) for j in unroll(2)] for m in unroll(rows)]
        for k in range(3):
            for m in unroll(rows):
                for j in unroll(2):
                    acc[m][j] += load(x) * float(k + m + j)
        total, count = dot([a for row in acc for a in row], [splat(1.0)] * (2 * rows))
        store(out, total)
        out[lanes()] = float(count)

    x, out = vector(), np.zeros(WIDE + 1, np.float32)
    run(tile, x, out, rows=3)
    factor = sum(k + m + j for k in range(3) for m in range(3) for j in range(2))
    np.testing.assert_allclose(out[:-1], x * factor, rtol=1e-6)
    assert out[-1] == 6


def test_a_comprehension_has_its_counters_to_itself() -> None:
    def kernel(begin: int, end: int, y: Floats) -> None:
        doubled = [2.0 * float(begin) for begin in unroll(3, 5)]
        y[0], y[1], y[2] = doubled[0], doubled[1], float(begin)

    y = numbers(9, 9, 9)
    Task(kernel).compiled()(1, 1, y)
    assert y.tolist() == [6, 8, 0]


@pytest.mark.parametrize("count", [4, 8])
def test_a_vector_may_be_narrow(count: int) -> None:
    if count > WIDE:
        pytest.skip(f"a vector holds {WIDE}")

    def kernel(begin: int, end: int, x: Floats, y: Floats, *, COUNT: int) -> None:
        some = fma(load(x, COUNT), splat(2.0, COUNT), load(x + 1, COUNT))
        store(y, some)
        store(y + COUNT, lowest(load(x), COUNT))
        y[2 * COUNT] = sum_lanes(widened(some)) + float(width(some))

    x = np.arange(1, WIDE + 2, dtype=np.float32)
    y = np.full(2 * count + 2, -1, np.float32)
    Task(kernel).compiled(COUNT=count)(1, 1, x, y)
    some = 2 * x[:count] + x[1 : count + 1]
    assert y.tolist() == [*some, *x[:count], some.sum() + count, -1]


def test_constants_choose_branches_while_translating() -> None:
    def either(begin: int, end: int, out: Floats, *, twice: bool) -> None:
        if twice:
            out[0] = 2.0
        else:
            this_would_be_an_error()  # noqa: F821

    out = np.zeros(1, np.float32)
    run(either, out, twice=True)
    assert out[0] == 2


def test_numbers_of_every_kind_in_memory() -> None:
    def copies(
        begin: int, end: int, d: Doubles, n: Longs, i: Ints, b: Bytes, out: Doubles, factor: float
    ) -> None:
        out[0] = d[0] / 3.0
        out[1] = d[0] + float(n[0])
        out[2] = float(i[0]) * factor
        out[3] = float(b[0])
        i[1], b[1], n[1] = n[0], 255, b[0] << 3 | 1

    d, n = np.array([1.0]), np.array([-5, 0])
    i, b = np.array([-7, 0], np.int32), np.array([200, 0], np.uint8)
    out = np.zeros(4)
    run(copies, d, n, i, b, out, 0.5)
    np.testing.assert_allclose(out, [1 / 3, -4, -3.5, 200])
    assert (i[1], b[1], n[1]) == (-5, 255, 200 << 3 | 1)


@pytest.mark.parametrize("count", range(WIDE + 1))
@pytest.mark.parametrize("known", [True, False])
def test_part_of_a_vector(count: int, known: bool) -> None:
    def known_copy(begin: int, end: int, x: Floats, y: Floats, n: int, *, count: int) -> None:
        store_part(y, load_part(x, count) + 1.0, count)

    def copy(begin: int, end: int, x: Floats, y: Floats, n: int) -> None:
        store_part(y, load_part(x, n) + 1.0, n)

    x, y = vector(), np.zeros(WIDE, np.float32)
    run(known_copy, x, y, count, count=count) if known else run(copy, x, y, count)
    np.testing.assert_array_equal(y[:count], x[:count] + 1)
    np.testing.assert_array_equal(y[count:], 0)


def test_words_of_one_instruction() -> None:
    def words(begin: int, end: int, x: Floats, y: Floats, out: Floats) -> None:
        a, b = load(x), load(y)
        store(out, fma(a, b, 1.0))
        store(out + lanes(), larger(a, b))
        store(out + 2 * lanes(), smaller(a, b))
        store(out + 3 * lanes(), sqrt(absolute(a)))
        store(out + 4 * lanes(), floor(a * 3.0))
        store(out + 5 * lanes(), nearest(a * 3.0))
        store(out + 6 * lanes(), copysign(a, b))
        store(out + 7 * lanes(), to_floats(to_ints(a * 3.0)))
        store(out + 8 * lanes(), narrow(to_doubles(a) * 2.0))
        store(out + 9 * lanes(), from_bits(bits(a) ^ bits(splat(-0.0))))
        store(out + 10 * lanes(), select((a > b) & ~(a > 1.0), a, -b))
        store(out + 11 * lanes(), to_floats(a != b))
        store(out + 12 * lanes(), to_floats(steps()) + lane(a, 1))
        store(out + 13 * lanes(), select(first(2), a, 0.0))
        prefetch(out)

    a, b, out = vector(1), vector(2), np.zeros((14, WIDE), np.float32)
    b[0] = a[0]
    run(words, a, b, out)
    three = a * np.float32(3)
    expected = [
        a * b + 1,
        np.maximum(a, b),
        np.minimum(a, b),
        np.sqrt(np.abs(a)),
        np.floor(three),
        np.rint(three),
        np.copysign(a, b),
        np.trunc(three),
        2 * a,
        -a,
        np.where((a > b) & ~(a > 1), a, -b),
        a != b,
        np.arange(WIDE) + a[1],
        np.where(np.arange(WIDE) < 2, a, 0),
    ]
    np.testing.assert_allclose(out, np.array(expected), rtol=1e-6, atol=1e-6)


def test_across_lanes() -> None:
    def across(begin: int, end: int, x: Floats, out: Floats) -> None:
        v = load(x)
        out[0], out[1] = sum_lanes(v), max_lanes(v)
        if any_lane(v > 100.0):
            out[2] = 1.0
        store(out + 3, shuffle(v, v, range(lanes() - 1, -1, -1)))
        room = scratch(2 * lanes())
        store(room, v)
        cast(room, "Ints")[0] = 0
        out[2] += room[0]

    x, out = vector(), np.full(WIDE + 3, 5, np.float32)
    run(across, x, out)
    np.testing.assert_allclose(out[:3], [x.sum(), x.max(), 5], rtol=1e-6)
    np.testing.assert_array_equal(out[3:], x[::-1])


def test_none_is_the_address_0() -> None:
    def maybe(begin: int, end: int, x: Floats, out: Longs) -> None:
        out[0] = 1 if x is None else 2

    out = np.zeros(1, np.int64)
    run(maybe, None, out)
    assert out[0] == 1
    run(maybe, numbers(1), out)
    assert out[0] == 2


def test_wrong_arguments_raise() -> None:
    def nothing(begin: int, end: int, x: Floats, n: int, r: float) -> None:
        pass

    call = Task(nothing).compiled()
    call(1, 1, None, np.int64(3), np.float32(3))
    with pytest.raises(TypeError, match="expected 5 arguments"):
        call(1, 1, None, 3)
    with pytest.raises(TypeError, match="'x' must be an array or None"):
        call(1, 1, [1.0], 3, 3)
    with pytest.raises(TypeError):
        call(1, 1, None, "three", 3)
    with pytest.raises(TypeError):
        call(1, 1, None, 3, "three")


def mistake_unknown(begin: int, end: int) -> None:
    unheard_of(3)  # noqa: F821


def mistake_return(begin: int, end: int) -> None:
    for i in range(begin, end):
        return i


def mistake_mixture(begin: int, end: int, x: Floats) -> None:
    x[begin] = begin + 0.5


def mistake_class(begin: int, end: int) -> None:
    with open("x"):
        pass


def mistake_python(begin: int, end: int) -> None:
    sorted(begin)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (mistake_unknown, "'unheard_of' means nothing here"),
        (mistake_return, "outside of loops"),
        (mistake_mixture, "not a whole number"),
        (mistake_class, "a kernel cannot say"),
        (mistake_python, "'sorted' is no word of kernels"),
    ],
)
def test_mistakes_name_file_and_line(function, says: str) -> None:
    with pytest.raises(KernelError, match=says) as error:
        Task(function).code((), host())
    assert f"{__file__}:{function.__code__.co_firstlineno + 1}" in str(error.value) or (
        f"{__file__}:{function.__code__.co_firstlineno + 2}" in str(error.value)
    )


def test_words_and_parts_are_not_for_python() -> None:
    with pytest.raises(KernelError, match="'load' is a word of kernels"):
        load(0)
    with pytest.raises(KernelError, match="'dot' is a part of kernels"):
        dot([], [])
