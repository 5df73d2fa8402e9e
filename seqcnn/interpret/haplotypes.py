"""Scores of the sequences that samples really have: all phased variants of a window put in together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.genome import Genome
from seqcnn.formats.vcf import Block
from seqcnn.formats.vcf_records import Reason, Records, compare, split
from seqcnn.interpret.allele_scores import AlleleScorer
from seqcnn.sequence.alphabet import ENCODE_TABLE, N_CODE
from seqcnn.sequence.ragged import from_rows

UNKNOWN: Final = -1
"""An allele that is missing, or of which it is not known on which haplotype it is."""

ABSENT: Final = -2
"""Beyond the ploidy."""

Letters = dict[int, tuple[int, int, bytes]]
"""For each allele of a record that can be put in: start and stop of what goes, and the codes that come."""


class InContext(NamedTuple):
    """A block, and the records before and after it that may share a window with one of its own."""

    before: list[bytes]
    block: Block
    after: list[bytes]

    def slice(self, start: int, stop: int) -> InContext:
        """Return some of the records."""
        lines = self.block.lines
        return InContext(self.before + lines[:start], self.block.slice(start, stop), lines[stop:] + self.after)


def in_context(blocks: Iterable[Block], around: tuple[int, int], path: str) -> Iterator[InContext]:
    """Give each block its neighbours.

    Raises
    ------
    InputError
        If the records are not sorted.
    """
    source = iter(blocks)
    ahead: list[Block] = []
    before: list[tuple[bytes, int, bytes]] = []
    while ahead or (ahead := [block for block in (next(source, None),) if block is not None]):
        block = ahead.pop(0)
        places = [_place(line, path, block.line + i) for i, line in enumerate(block.lines)]
        _check_sorted(before, places, path, block.line)
        after: list[bytes] = []
        if places:
            chrom, reach = places[-1][0], max(end for name, _, end in places if name == places[-1][0]) + around[1]
            number = 0
            while True:
                if number == len(ahead) and (following := next(source, None)) is not None:
                    ahead.append(following)
                if number == len(ahead):
                    break
                near = [_near(line, chrom, reach, path, ahead[number].line) for line in ahead[number].lines]
                after += [line for line, is_near in zip(ahead[number].lines, near, strict=True) if is_near]
                if not all(near):
                    break
                number += 1
            first = next(start for name, start, _ in places if name == places[0][0]) - around[0]
            kept = [line for name, start, line in before if name == places[0][0] and start >= first]
            yield InContext(kept, block, after)
            least = places[-1][1] - around[0]
            known = before + [(p[0], p[1], line) for p, line in zip(places, block.lines, strict=True)]
            before = [entry for entry in known if entry[0] == chrom and entry[1] >= least]


def _place(line: bytes, path: str, number: int) -> tuple[bytes, int, int]:
    """Return chromosome, start and end of a record."""
    fields = line.split(b"\t", 4)
    if len(fields) < 5 or not fields[1].isdigit():
        raise InputError("is not a record: CHROM POS ID REF ALT are split by tabs", path, number)
    start = int(fields[1]) - 1
    return fields[0], start, start + len(fields[3])


def _near(line: bytes, chrom: bytes, reach: int, path: str, number: int) -> bool:
    name, start, _ = _place(line, path, number)
    return name == chrom and start < reach


def _check_sorted(
    before: list[tuple[bytes, int, bytes]], places: list[tuple[bytes, int, int]], path: str, line: int
) -> None:
    last = before[-1][:2] if before else None
    for i, (chrom, start, _) in enumerate(places):
        if last is not None and last[0] == chrom and start < last[1]:
            raise InputError("--haplotypes needs sorted records", path, line + i, hint="bcftools sort sorts them")
        last = chrom, start


class HaplotypeScorer:
    """Scores the haplotypes of samples.

    A record's window is its REF with the flanks of :mod:`seqcnn.interpret.variant_windows`. Records that lie in it
    whole are put in, from left to right; one that overlaps what was put in already is left out, as bcftools consensus
    does. An unphased heterozygous genotype or one of another phase set (PS), a missing one, or an allele that is no
    letters leaves the haplotypes of that sample in that window without scores.

    Parameters
    ----------
    alleles : AlleleScorer
    genome : Genome
    path : str
        Of the VCF, for messages.
    """

    def __init__(self, alleles: AlleleScorer, genome: Genome, path: str) -> None:
        self.alleles, self.genome, self.path = alleles, genome, path
        self.names = [
            "_".join([alleles.options.prefix, "HAP", *([label] if label else [])]) for label in alleles.labels
        ]

    def annotate(self, records: Records, context: InContext, names: Mapping[bytes, str | None]) -> Counter[str]:
        """Add the scores of haplotypes to the samples of records; return what became of how many of these.

        Parameters
        ----------
        records : Records
            Of the block of the context, or some of them; their columns are changed.
        context : InContext
        names : mapping of bytes to str
            The genome's names of chromosomes.
        """
        counts: Counter[str] = Counter()
        lines = [*context.before, *context.block.lines, *context.after]
        every = split(Block(0, context.block.line - len(context.before), lines), self.path)
        genotypes = _of_one_ploidy([_genotypes(row[8] if len(row) > 8 else b"") for row in every.fields])
        sets = [_phase_sets(row[8] if len(row) > 8 else b"") for row in every.fields]
        letters = [self._letters(every, i, names) for i in range(len(lines))]
        wanted: list[tuple[int, list[int], NDArray[np.intp]]] = []
        sequences: list[list[bytes]] = [[] for _ in self.alleles.arounds]
        for row, line in enumerate(records.line.tolist()):
            centre = line - int(every.line[0])
            wanted.append((row, *self._haplotypes(every, centre, genotypes, sets, letters, names, sequences, counts)))
        scores = self.alleles.score_sequences([from_rows(each) for each in sequences])
        texts = [[b"%.6g" % (value + 0.0) for value in row] for row in scores.tolist()]
        for row, place, which in wanted:
            self._write(records.fields[row], place, which, texts, counts)
        return counts

    def _letters(self, records: Records, i: int, names: Mapping[bytes, str | None]) -> Letters | None:
        """Return what each allele of a record puts in; None where REF is not what the genome has."""
        name, ref, start = names.get(records.chrom[i]), records.ref[i], int(records.start[i])
        stop = start + len(ref)
        if name is None or start < 0 or stop > self.genome.chroms[name]:
            return None
        old = np.frombuffer(ref.translate(ENCODE_TABLE), dtype=np.uint8)
        there = self.genome.extract(np.array([name], dtype=object), np.array([start]), np.array([stop])).data
        if ((old != there) & (old < N_CODE) & (there < N_CODE)).any():
            return None
        found: Letters = {}
        for number, alt in enumerate(records.alt[i].split(b","), 1):
            reason, shared, removed, new = compare(ref, alt, self.alleles.options.longest)
            if reason is Reason.SCORED:
                found[number] = (start + shared, start + shared + removed, new)
            elif reason in (Reason.SAME, Reason.SPANNING_DELETION):
                found[number] = (start, start, b"")
        return found

    def _haplotypes(
        self,
        records: Records,
        centre: int,
        genotypes: list[NDArray[np.int16]],
        sets: list[NDArray[np.int64]],
        letters: list[Letters | None],
        names: Mapping[bytes, str | None],
        sequences: list[list[bytes]],
        counts: Counter[str],
    ) -> tuple[list[int], NDArray[np.intp]]:
        """Put the sequences of a window in the lists; return where each is (-1: nowhere), and which each sample has."""
        chrom, start = records.chrom[centre], int(records.start[centre])
        shape = genotypes[centre].shape
        name = names.get(chrom)
        if name is None or letters[centre] is None or not shape[0]:
            unscored = np.where(genotypes[centre].reshape(-1) == ABSENT, 1, 0)
            return [-1, ABSENT], unscored
        left, right = self.alleles.around
        stop = start + int(records.ref_length[centre])
        low, high = max(0, start - left), min(self.genome.chroms[name], stop + right)
        ends = records.start + records.ref_length
        near = np.flatnonzero((records.start >= low) & (ends <= high))
        near = np.array([i for i in near.tolist() if records.chrom[i] == chrom and genotypes[i].shape == shape])
        at = near.tolist().index(centre)
        carried = np.stack([genotypes[i] for i in near.tolist()])
        carried[_apart(carried, np.stack([sets[i] for i in near.tolist()]), at)] = UNKNOWN
        kinds, which = np.unique(carried.reshape(len(near), -1), axis=1, return_inverse=True)
        place: list[int] = []
        for kind in kinds.T.tolist():
            if kind[at] == ABSENT:
                place.append(ABSENT)
                continue
            built = [
                self._sequence(records, name, (start, stop), around, near.tolist(), kind, letters, counts)
                for around in self.alleles.arounds
            ]
            if any(each is None or not each for each in built):
                place.append(-1)
                continue
            place.append(len(sequences[0]))
            for each, rows in zip(built, sequences, strict=True):
                rows.append(each or b"")
        return place, which.reshape(-1)

    def _sequence(
        self,
        records: Records,
        name: str,
        span: tuple[int, int],
        around: tuple[int, int],
        near: list[int],
        kind: list[int],
        letters: list[Letters | None],
        counts: Counter[str],
    ) -> bytes | None:
        """Return a haplotype's codes in a window; None where they are not known."""
        first, last = max(0, span[0] - around[0]), min(self.genome.chroms[name], span[1] + around[1])
        if first >= last:
            return None
        own = self.genome.extract(np.array([name], dtype=object), np.array([first]), np.array([last])).data.tobytes()
        pieces, at = [], first
        for i, allele in zip(near, kind, strict=True):
            begin, end = int(records.start[i]), int(records.start[i] + records.ref_length[i])
            if begin < first or end > last or allele == 0:
                continue
            known = letters[i]
            if allele < 0 or known is None or allele not in known:
                return None
            start, stop, new = known[allele]
            if start < at:
                counts["times a variant was left out of a haplotype: it overlaps another"] += 1
                continue
            pieces += [own[at - first : start - first], new]
            at = stop
        return b"".join([*pieces, own[at - first :]])

    def _write(
        self,
        fields: list[bytes],
        place: list[int],
        which: NDArray[np.intp],
        texts: list[list[bytes]],
        counts: Counter[str],
    ) -> None:
        """Add a value for each haplotype to each sample of a record."""
        if len(fields) < 9 or b"\t" not in fields[8]:
            return
        form, *samples = fields[8].split(b"\t")
        n_keys = form.count(b":") + 1
        pairs = which.reshape(len(samples), -1).tolist()
        out = [b":".join([form, *(name.encode() for name in self.names)])]
        n = n_unknown = 0
        for sample, pair in zip(samples, pairs, strict=True):
            own = [place[i] for i in pair if place[i] != ABSENT]
            n, n_unknown = n + len(own), n_unknown + own.count(-1)
            values = [b",".join(b"." if i < 0 else text[i] for i in own) or b"." for text in texts]
            filled = b":." * (n_keys - 1 - sample.count(b":"))
            out.append(b":".join([sample + filled, *values]))
        fields[8] = b"\t".join(out)
        counts["haplotypes"] += n
        counts["haplotypes without scores (unphased or unknown)"] += n_unknown


def _of_one_ploidy(genotypes: list[NDArray[np.int16]]) -> list[NDArray[np.int16]]:
    """Fill genotypes up to the ploidy of the largest."""
    ploidy = max(each.shape[1] for each in genotypes)
    return [np.pad(each, ((0, 0), (0, ploidy - each.shape[1])), constant_values=np.int16(ABSENT)) for each in genotypes]


def _phase_sets(rest: bytes) -> NDArray[np.int64]:
    """Return each sample's phase set, shape (n_samples,); -1 where the record does not say one."""
    form, *samples = rest.split(b"\t")
    keys = form.split(b":")
    if b"PS" not in keys:
        return np.full(len(samples), -1)
    at = keys.index(b"PS")
    cells = [sample.split(b":") for sample in samples]
    return np.array([int(c[at]) if len(c) > at and c[at].isdigit() else -1 for c in cells], dtype=np.int64)


def _apart(carried: NDArray[np.int16], sets: NDArray[np.int64], centre: int) -> NDArray[np.bool_]:
    """Say which genotypes are phased, but not with the others of their sample.

    Parameters
    ----------
    carried : ndarray, shape (n_records, n_samples, ploidy)
    sets : ndarray, shape (n_records, n_samples)
    centre : int
        Record whose set counts where it is heterozygous; else the first such record's.
    """
    if (sets == sets[0]).all():
        return np.zeros(carried.shape, dtype=np.bool_)
    differs = (carried != carried[:, :, :1]) & (carried != ABSENT)
    heterozygous = differs.any(2)
    first = np.where(heterozygous[centre], centre, heterozygous.argmax(0))
    other = heterozygous & (sets != sets[first, np.arange(sets.shape[1])])
    apart: NDArray[np.bool_] = other[:, :, None] & (carried != ABSENT)
    return apart


def _genotypes(rest: bytes) -> NDArray[np.int16]:
    """Return the alleles of each sample, shape (n_samples, ploidy 2 or more)."""
    form, *samples = rest.split(b"\t")
    keys = form.split(b":")
    if not keys or keys[0] != b"GT":
        return np.full((len(samples), 2), UNKNOWN, dtype=np.int16)
    known: dict[bytes, list[int]] = {}
    rows = []
    for sample in samples:
        text = sample.split(b":", 1)[0]
        if text not in known:
            known[text] = _alleles(text)
        rows.append(known[text])
    ploidy = max([2, *map(len, known.values())])
    return np.array([row + [ABSENT] * (ploidy - len(row)) for row in rows], dtype=np.int16).reshape(-1, ploidy)


def _alleles(text: bytes) -> list[int]:
    """Read a genotype; of an unphased heterozygous one no allele is known."""
    parts = text.replace(b"/", b"|").lstrip(b"|").split(b"|")
    alleles = [int(part) if part.isdigit() else UNKNOWN for part in parts]
    if b"/" in text and len(set(alleles)) > 1:
        return [UNKNOWN] * len(alleles)
    return alleles
