"""Counter-based random numbers: each a function of (seed, stream, counter), whatever else is drawn beside it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)


def random_uint64(seed: int, stream: ArrayLike | tuple[ArrayLike, ...], counter: ArrayLike) -> NDArray[np.uint64]:
    """Return random 64-bit integers that depend only on the seed, the stream and the counter.

    Parameters
    ----------
    seed : int
        Taken modulo 2**64.
    stream : integers, or tuple of integers
        What the numbers belong to, such as an item's index, or (index, round); arrays broadcast against
        each other and against `counter`.
    counter : integers
        Which number of that stream.

    Returns
    -------
    ndarray of uint64
        Of the broadcast shape; each is uniform on 0 .. 2**64 - 1.

    Notes
    -----
    SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195): a counter that advances by the golden
    ratio goes through a bijective mixer. A stream starts at a place found by mixing the seed and its numbers.
    """
    with np.errstate(over="ignore"):  # arithmetic is modulo 2**64
        state = _mix(np.asarray(seed % (1 << 64), dtype=np.uint64) + _GAMMA)
        for part in stream if isinstance(stream, tuple) else (stream,):
            state = _mix((state ^ _uint64(part)) + _GAMMA)
        return _mix(state + (_uint64(counter) + np.uint64(1)) * _GAMMA)


def random_unit(seed: int, stream: ArrayLike | tuple[ArrayLike, ...], counter: ArrayLike) -> NDArray[np.float64]:
    """Return random multiples of 2**-53 in [0, 1); see :func:`random_uint64`."""
    return (random_uint64(seed, stream, counter) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _uint64(values: ArrayLike) -> NDArray[np.uint64]:
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise TypeError(f"streams and counters are integers, not {array.dtype}")
    return array.astype(np.uint64)


def _mix(state: ArrayLike) -> NDArray[np.uint64]:
    """Mix each number; an array is overwritten."""
    z = np.asarray(state, dtype=np.uint64)
    scratch = np.empty_like(z)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        np.right_shift(z, np.uint64(shift), out=scratch)
        np.bitwise_xor(z, scratch, out=z)
        np.multiply(z, np.uint64(factor), out=z)
    np.right_shift(z, np.uint64(31), out=scratch)
    np.bitwise_xor(z, scratch, out=z)
    return z
