"""Parts that `scan --shard` and `variants --shard` wrote, put together to what one run would have written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.bgzf import END, pack
from seqcnn.formats.bigwig import open_bigwig
from seqcnn.formats.bigwig_runs import BigWigRuns, Run
from seqcnn.formats.output import atomic_path, describe
from seqcnn.formats.tabix import TabixIndex
from seqcnn.formats.vcf import Vcf
from seqcnn.formats.vcf_index import enter, places
from seqcnn.formats.vcf_records import split

_COPIED: Final = 1 << 24
"""Bytes of text that are copied at a time."""


def put_together(parts: Sequence[str], output: str, *, overlaps: bool = False) -> tuple[int, str]:
    """Write what parts hold into one file.

    Parameters
    ----------
    parts : sequence of str
        In the order of their numbers; all of the kind of the output.
    output : str
        A .vcf.gz (with its index), .vcf, .tsv, .bw, .bedgraph or .bed file.
    overlaps : bool
        Keep overlapping hits where two parts meet.

    Returns
    -------
    n : int
    what : str
        What was counted: records, lines, values or hits.

    Raises
    ------
    UsageError
        If the output is of no such kind, or a part of another.
    InputError
        If parts cannot be read, or are not of one run.
    """
    kinds: dict[str, Callable[[], tuple[int, str]]] = {
        ".vcf.gz": lambda: (_vcf(parts, output, packed=True), "records"),
        ".vcf": lambda: (_vcf(parts, output, packed=False), "records"),
        ".tsv": lambda: (_text(parts, output, header=True), "lines"),
        ".bedgraph": lambda: (_text(parts, output, header=False), "lines"),
        ".bw": lambda: (_bigwig(parts, output), "values"),
        ".bed": lambda: (_hits(parts, output, overlaps=overlaps), "hits"),
    }
    kind = next((kind for kind in kinds if output.endswith(kind)), None)
    if kind is None:
        raise UsageError(f"--output {output}: end it in {', '.join(kinds)}, as the parts")
    for part in parts:
        if not part.endswith(kind):
            raise UsageError(f"{part} does not end in {kind}, as the output does")
        if not Path(part).is_file():
            raise InputError("there is no such file", part)
    return kinds[kind]()


def _vcf(parts: Sequence[str], output: str, *, packed: bool) -> int:
    """Write the records below the header of the first part, with an index if they are packed."""
    n, at, header, index = 0, 0, None, TabixIndex()
    with atomic_path(output) as temporary, open(temporary, "wb") as out:
        for part in parts:
            with Vcf(part) as vcf:
                if header is None:
                    header = vcf.header
                    text = vcf.header_with([])
                    at += out.write(b"".join(pack(text)) if packed else text)
                if vcf.header != header:
                    raise _other_run(part, parts[0])
                for block in vcf.blocks():
                    if not block.lines:
                        continue
                    text = b"\n".join([*block.lines, b""])
                    blocks = pack(text) if packed else [text]
                    if packed:
                        enter(index, places(split(block, part), block.lines), blocks, at)
                    at += out.write(b"".join(blocks))
                    n += len(block.lines)
        if packed:
            out.write(END)
    if packed and index.problem is None:
        index.write(f"{output}.tbi")
    elif packed:
        Path(f"{output}.tbi").unlink(missing_ok=True)
    return n


def _text(parts: Sequence[str], output: str, *, header: bool) -> int:
    """Copy lines; the same header is written once."""
    n, first = 0, None
    with atomic_path(output) as temporary, open(temporary, "wb") as out:
        for part in parts:
            with _opened(part) as file:
                if header:
                    line = file.readline()
                    if first is None:
                        first = line
                        out.write(line)
                    if line != first:
                        raise _other_run(part, parts[0])
                while data := file.read(_COPIED):
                    out.write(data)
                    n += data.count(b"\n")
    return n


def _bigwig(parts: Sequence[str], output: str) -> int:
    n = 0
    with ExitStack() as closing:
        files = [closing.enter_context(BigWigRuns(part)) for part in parts]
        firsts = [next(iter(file), None) for file in files]
        step = next((run.step for run in firsts if run is not None), 1)
        for part, file, run in zip(parts, files, firsts, strict=True):
            if file.sizes != files[0].sizes or (run is not None and run.step != step):
                raise _other_run(part, parts[0])
        out = closing.enter_context(open_bigwig(output, files[0].sizes, step))
        last = _Last()
        for part, file in zip(parts, files, strict=True):
            order = {chrom: i for i, chrom in enumerate(file.sizes)}
            for run in file:
                last = last.followed_by(order[run.chrom], run, part)
                out.add(run.chrom, run.start, run.values)
                n += len(run.values)
    return n


class _Last(NamedTuple):
    """Where values have been written up to."""

    chrom: int = -1
    end: int = 0

    def followed_by(self, chrom: int, run: Run, part: str) -> _Last:
        if (chrom, run.start) < self:
            raise InputError(
                f"has values at {run.chrom}:{run.start:,} that come before those of the part named before it",
                part,
                hint="name the parts in the order of their numbers, each once",
            )
        return _Last(chrom, run.start + len(run.values) * run.step)


class _Hit(NamedTuple):
    """A line of BED6."""

    chrom: bytes
    start: int
    end: int
    name: bytes
    score: float
    line: bytes


def _hits(parts: Sequence[str], output: str, *, overlaps: bool) -> int:
    """Copy hits; where two parts meet, only the better of two of one target that overlap."""
    found = [_read_hits(part) for part in parts]
    if not overlaps:
        for before, after in pairwise([hits for hits in found if hits]):
            _keep_the_better(before, after)
    with atomic_path(output) as temporary, open(temporary, "wb") as out:
        for hits in found:
            out.writelines(hit.line for hit in hits)
    return sum(map(len, found))


def _read_hits(part: str) -> list[_Hit]:
    hits = []
    with _opened(part) as file:
        for number, line in enumerate(file, 1):
            try:
                chrom, start, end, name, score, _ = line.split(b"\t")
                hits.append(_Hit(chrom, int(start), int(end), name, float(score), line))
            except ValueError as error:
                raise InputError("is not a line of hits: six columns, split by tabs", part, number) from error
    return hits


def _keep_the_better(before: list[_Hit], after: list[_Hit]) -> None:
    """Take out the lesser of the last hit of a target in one part and the first in the next, if they overlap."""
    last = {hit.name: hit for hit in before}
    first = {hit.name: hit for hit in reversed(after)}
    for name in last.keys() & first.keys():
        left, right = last[name], first[name]
        if left.chrom == right.chrom and right.start < left.end:
            if left.score >= right.score:
                after.remove(right)
            else:
                before.remove(left)


def _opened(part: str) -> BinaryIO:
    try:
        return open(part, "rb")
    except OSError as error:
        raise InputError(describe(error), part) from error


def _other_run(part: str, first: str) -> InputError:
    return InputError(f"is not of the same run as {first}", part, hint="name the parts of one run")
