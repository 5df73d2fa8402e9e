"""FASTA to records, a block of bytes at a time, without a Python step per record."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike
from typing import BinaryIO, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.letters import BLANK, encode_letters, first_invalid, invalid_letter
from seqcnn.formats.records import Records
from seqcnn.formats.stream import shown_path
from seqcnn.sequence.ragged import Ragged, offsets_of

CHUNK_BYTES: Final = 1 << 20  # fits the cache: larger blocks took twice the time

_NEWLINE, _RETURN, _SPACE, _HEADER = b"\n\r >"


def read_fasta(
    stream: BinaryIO, path: str | PathLike[str], *, chunk_bytes: int = CHUNK_BYTES, full_headers: bool = False
) -> Iterator[Records]:
    """Read FASTA: any number of lines a record, LF or CRLF, any case; blanks inside sequences are left out.

    Parameters
    ----------
    stream : binary file
    path : str or path
        For messages.
    chunk_bytes : int
        How much is read at once. A record longer than this is still one record.
    full_headers : bool
        Names are whole header lines without the blanks at their ends, instead of their first words.

    Yields
    ------
    Records
        Without columns. Names may repeat or be empty; sequences may have length 0.

    Raises
    ------
    InputError
        On text before the first header, on a byte that is no nucleotide letter, and if there is no record at all.
    """
    shown = shown_path(path)
    line, n_records = 1, 0
    for block in _blocks(stream, chunk_bytes):
        records, n_lines = _parse(block, line, shown, full_headers)
        line += n_lines
        n_records += len(records)
        if len(records):
            yield records
    if not n_records:
        raise InputError("holds no sequences", shown)


def _blocks(stream: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    """Yield the stream in blocks that end where a record ends."""
    held: list[bytes] = []
    piece = stream.read(chunk_bytes)
    while piece:
        # Reading ahead keeps the last record from becoming a block of its own.
        following = stream.read(chunk_bytes)
        cut = piece.rfind(b"\n>") + 1 if following else len(piece)
        if cut or (piece.startswith(b">") and held and held[-1].endswith(b"\n")):
            yield b"".join([*held, memoryview(piece)[:cut]]) if held or cut < len(piece) else piece
            held = [piece[cut:]]
        else:
            held.append(piece)
        piece = following
    if any(held):
        yield b"".join(held)


def _parse(block: bytes, first_line: int, path: str, full_headers: bool) -> tuple[Records, int]:
    """Turn whole records, of which the first is at `first_line`, into Records; count the lines."""
    buffer = np.frombuffer(block, dtype=np.uint8)
    starts, stops = _lines(buffer)
    n_lines = len(starts)
    is_header = buffer[starts] == _HEADER
    skipped = _lines_before_first_header(block, starts, stops, is_header, first_line, path)
    starts, stops, is_header = starts[skipped:], stops[skipped:], is_header[skipped:]
    first_line += skipped

    headers = np.flatnonzero(is_header)
    lengths = stops - starts
    lengths[headers] = 0
    bounds = offsets_of(lengths)  # of each line, in letters
    offsets = bounds[np.append(headers, len(lengths))]
    letters = _gather(buffer, starts[~is_header], stops[~is_header])
    encoded = encode_letters(letters.tobytes())
    codes = encoded.codes
    if not encoded.clean:
        position = first_invalid(encoded)
        if position is not None:
            line = first_line + int(np.searchsorted(bounds, position, side="right")) - 1
            raise invalid_letter(int(letters[position]), path, line)
        keep = codes != BLANK
        offsets = offsets_of(keep)[offsets]
        codes = codes[keep]

    text = _gather(buffer, starts[headers] + 1, stops[headers])
    names = Ragged(text, offsets_of(stops[headers] - starts[headers] - 1))
    if (text <= _SPACE).any():
        names = _trim(names, headers + first_line, path, full_headers)
    sequences = Ragged(codes, offsets)
    return Records(sequences, names, {}, encoded.n_ambiguous, encoded.n_u, encoded.n_t), n_lines


def _lines(buffer: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each line starts and where its text stops, line end (LF or CRLF) excluded."""
    newlines = np.flatnonzero(buffer == _NEWLINE)
    starts = np.concatenate([[0], newlines + 1])
    stops = np.append(newlines, len(buffer))
    if starts[-1] == len(buffer):
        starts, stops = starts[:-1], stops[:-1]
    has_return = (buffer[stops - 1] == _RETURN) & (stops > starts)
    return starts, stops - has_return


def _lines_before_first_header(
    block: bytes,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    is_header: NDArray[np.bool_],
    first_line: int,
    path: str,
) -> int:
    """Count the blank lines before the first header; refuse any other text there."""
    count = int(is_header.argmax()) if is_header.any() else len(starts)
    for i in range(count):
        text = block[starts[i] : stops[i]].strip()
        if text:
            found = text[:20].decode("ascii", "replace")
            hint = "a record starts with a line that begins with '>'"
            raise InputError(f"FASTA without a header: found {found!r}", path, first_line + i, hint)
    return count


def _gather(buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return buffer[starts[i]:stops[i]] for all i, end to end; the pieces are in order and do not overlap."""
    widths = stops - starts
    if not len(widths):
        return np.zeros(0, dtype=np.uint8)
    width = int(widths[0])
    if width and (widths == width).all():
        windows: NDArray[np.uint8] = sliding_window_view(buffer, width)[starts]
        return windows.reshape(-1)
    runs = np.empty(2 * len(widths) + 1, dtype=np.int64)
    runs[0], runs[2:-1:2], runs[-1] = starts[0], starts[1:] - stops[:-1], len(buffer) - stops[-1]
    runs[1::2] = widths
    is_piece = np.arange(len(runs)) % 2 == 1
    pieces: NDArray[np.uint8] = buffer[np.repeat(is_piece, runs)]
    return pieces


def _trim(headers: Ragged, lines: NDArray[np.int64], path: str, whole: bool) -> Ragged:
    """Return the first word of each header or, with `whole`, all of it without the blanks at its ends."""
    text, begin, end = headers.data, headers.offsets[:-1], headers.offsets[1:]
    returns = np.flatnonzero(text == _RETURN)
    if len(returns):
        row = int(np.searchsorted(end, returns[0], side="right"))
        hint = "convert old Mac line ends with tr '\\r' '\\n'"
        raise InputError("carriage return inside a header", path, int(lines[row]), hint)
    is_blank = text <= _SPACE
    solid = np.append(np.flatnonzero(~is_blank), len(text))
    first = np.minimum(solid[np.searchsorted(solid, begin)], end)
    if whole:
        last = np.searchsorted(solid, end) - 1
        stop = np.maximum(np.where(last >= 0, solid[last] + 1, 0), first)
    else:
        blanks = np.append(np.flatnonzero(is_blank), len(text))
        stop = np.minimum(blanks[np.searchsorted(blanks, first)], end)
    return Ragged(_gather(text, first, stop), offsets_of(stop - first))
