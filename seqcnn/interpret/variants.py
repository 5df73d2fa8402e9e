"""What variants change: scores of both alleles, by one model or several, and how they compare with random variants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.chromosomes import reconcile
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.formats.vcf import Block
from seqcnn.formats.vcf_records import Alleles, Reason, Records, Region, find_alleles, split
from seqcnn.interpret.allele_scores import STATISTICS, AlleleScorer, Field, VariantOptions
from seqcnn.interpret.variant_null import Null
from seqcnn.interpret.variant_windows import Sites, cut_sites
from seqcnn.models import threads
from seqcnn.models.modelfile import Model
from seqcnn.sequence.alphabet import ENCODE_TABLE, N_CODE
from seqcnn.sequence.ragged import Ragged, offsets_of

Floats = NDArray[np.float64]

PUT_IN: Final = "REF put in the genome's place"
"""What is counted so."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A block of records with its scores.

    Parameters
    ----------
    records : Records
    alleles : Alleles
    values : ndarray, shape (m, n_fields)
        One row an allele; NaN where there is no score.
    counts : Counter
        Records, alleles, and alleles by what became of them.
    unknown : tuple of str
        Chromosomes that the genome does not have.
    sequences : list of (Sites, ndarray)
        With ``keep_sequences``: the sites, and which alleles they are of.
    """

    records: Records
    alleles: Alleles
    values: Floats
    counts: Counter[str]
    unknown: tuple[str, ...] = ()
    sequences: list[tuple[Sites, NDArray[np.intp]]] = field(default_factory=list)


class VariantScorer:
    """Models and a genome, made ready to score variants; several threads or copies of the process may.

    Parameters
    ----------
    models : mapping of str to Model
        By the names that tell them apart.
    genome : Genome
    contigs : sequence of str
        The names of chromosomes that the VCF declares.
    options : VariantOptions
    path : str
        Of the VCF, for messages.
    regions : sequence of Region
        Only records that have a base in one of them; all where there are none.
    keep_sequences : bool
        Keep the sequences that were scored in the results.

    Attributes
    ----------
    fields : list of Field

    Raises
    ------
    UsageError
        If a length is missing, options are not as they must be, or there is no chromosome of a region's name.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        genome: Genome,
        contigs: Sequence[str] = (),
        options: VariantOptions | None = None,
        path: str = "the VCF",
        *,
        regions: Sequence[Region] = (),
        keep_sequences: bool = False,
    ) -> None:
        self.options = options = options or VariantOptions()
        self.alleles = AlleleScorer(models, options)
        self.genome, self.path, self.keep_sequences = genome, path, keep_sequences
        self.regions = tuple(regions)
        self._contigs = list(contigs)
        self._names, self.note = reconcile(contigs, genome.chroms, "the VCF")
        for region in regions:
            if not reconcile([region.chrom], genome.chroms)[0] and region.chrom not in contigs:
                raise UsageError(
                    f"region {region.chrom}: neither {genome.path} nor the VCF has a chromosome of that name"
                )
        self._null = None
        if options.null_size:
            self._null = Null(
                genome,
                genome.chroms,
                self.alleles.changes,
                self.alleles.around,
                options.null_size,
                both_strands=self.alleles.both_strands,
                seed=options.seed,
            )

    @property
    def fields(self) -> list[Field]:
        """The columns of the results."""
        return self.alleles.fields

    def prepare(self) -> int:
        """Score random substitutions now, in all threads; return how many there are of each kind, at least."""
        if self._null is None:
            return 0
        with threads.taken_over():
            tables = self._null.substitutions(threads.run)
        return min((table.sorted.shape[1] for table in tables.values()), default=0)

    def names_of(self, records: Records) -> dict[bytes, str | None]:
        """Return the genome's names of the chromosomes of records, None for those that it does not have."""
        return {name: self._genome_name(name) for name in set(records.chrom)}

    def score(self, block: Block) -> Scored:
        """Score the records of a block that are in the regions.

        Raises
        ------
        InputError
            If a line is not a record; or REF is not what the genome has, and that is an error.
        """
        records = self._in_regions(split(block, self.path))
        alleles = find_alleles(records, self.options.longest)
        chrom = self._place(records, alleles)
        values = np.full((len(self.alleles.targets), len(STATISTICS), len(alleles)), np.nan)
        kept: list[tuple[Sites, NDArray[np.intp]]] = []
        n_put = 0
        for rows in self._groups(records, alleles, chrom):
            of_rows = chrom[alleles.record[rows]]
            start, stop, alt = alleles.start[rows], alleles.stop[rows], alleles.alt.take(rows)
            sites = cut_sites(self.genome, of_rows, start, stop, alt, self.alleles.around)
            right, n = self._check_reference(records, alleles, rows, sites, of_rows)
            n_put += n
            if not right.all():
                rows, sites = rows[right], sites.take(np.flatnonzero(right))
            if len(rows):
                values[:, :, rows] = self._judged(sites)
                if self.keep_sequences:
                    kept.append((sites, rows))
        counts = _count(records, alleles)
        counts[PUT_IN] += n_put
        columns = [values[each.target, each.statistic] for each in self.fields]
        names = [name.decode("utf-8", "replace") for name, known in self.names_of(records).items() if known is None]
        return Scored(records, alleles, np.stack(columns, axis=1), counts, tuple(names), kept)

    def _place(self, records: Records, alleles: Alleles) -> NDArray[np.object_]:
        """Return the genome's chromosome of each record; alleles that have no place there get their reason."""
        names = self.names_of(records)
        chrom = np.fromiter(map(names.__getitem__, records.chrom), dtype=object, count=len(records.chrom))
        sizes = self.genome.chroms
        size_of = {name: sizes[known] if known is not None else -1 for name, known in names.items()}
        size = np.fromiter(map(size_of.__getitem__, records.chrom), dtype=np.int64, count=len(chrom))
        fits = alleles.reason == Reason.SCORED
        unknown, record = size < 0, alleles.record
        outside = (records.start < 0) | (records.start + records.ref_length > size)
        alleles.reason[fits & outside[record]] = Reason.OUTSIDE
        alleles.reason[fits & unknown[record]] = Reason.UNKNOWN_CHROMOSOME
        return chrom

    def _in_regions(self, records: Records) -> Records:
        """Return the records of which REF has a base in one of the regions."""
        if not self.regions:
            return records
        names = list(dict.fromkeys(records.chrom))
        number = {name: i for i, name in enumerate(names)}
        chrom = np.fromiter(map(number.__getitem__, records.chrom), dtype=np.int64, count=len(records.chrom))
        inside = np.zeros(len(chrom), dtype=np.bool_)
        for region in self.regions:
            found, _ = reconcile([region.chrom], self.genome.chroms)
            wanted = found.get(region.chrom, region.chrom)
            same = np.array([(self._genome_name(name) or name.decode("utf-8", "replace")) == wanted for name in names])
            overlap = (records.start < region.stop) & (records.start + records.ref_length > region.start)
            inside |= same[chrom] & overlap if len(names) else False
        return records.take(inside)

    def _genome_name(self, name: bytes) -> str | None:
        """Return the genome's name of a chromosome; it depends on no other record."""
        text = name.decode("utf-8", "replace")
        if text not in self._names:
            found, _ = reconcile([*self._contigs, text], self.genome.chroms)
            if text in found:
                self._names[text] = found[text]
        return self._names.get(text)

    def _groups(self, records: Records, alleles: Alleles, chrom: NDArray[np.object_]) -> list[NDArray[np.intp]]:
        """Return the rows of substitutions of one base away from the ends, and those of all others."""
        rows = np.flatnonzero(alleles.reason == Reason.SCORED)
        if not len(rows):
            return []
        names, sizes = chrom[alleles.record[rows]].tolist(), self.genome.chroms
        size = np.fromiter(map(sizes.__getitem__, names), dtype=np.int64, count=len(rows))
        start, stop = alleles.start[rows], alleles.stop[rows]
        even = (stop - start == 1) & (alleles.alt.lengths[rows] == 1)
        even &= (start >= self.alleles.around[0]) & (stop + self.alleles.around[1] <= size)
        return [part for part in (rows[even], rows[~even]) if len(part)]

    def _check_reference(
        self,
        records: Records,
        alleles: Alleles,
        rows: NDArray[np.intp],
        sites: Sites,
        chrom: NDArray[np.object_],
    ) -> tuple[NDArray[np.bool_], int]:
        """Say of which alleles REF is what the genome has, or is put in its place, and in how many it was put."""
        record = alleles.record[rows]
        ref = b"".join([records.ref[i] for i in record.tolist()]).translate(ENCODE_TABLE)
        given = Ragged(np.frombuffer(ref, dtype=np.uint8), offsets_of(records.ref_length[record]))
        start = records.start[record]
        if sites.column is not None and (records.ref_length[record] == 1).all():
            there = sites.windows.data.reshape(len(sites), -1)[:, sites.column]
        else:
            there = self.genome.extract(chrom, start, start + records.ref_length[record]).data
        differs = (given.data != there) & (given.data < N_CODE) & (there < N_CODE)
        if not differs.any():
            return np.ones(len(rows), dtype=np.bool_), 0
        wrong = np.unique(np.searchsorted(given.offsets, np.flatnonzero(differs), side="right") - 1)
        first = int(record[wrong[0]])
        if self.options.ref_mismatch == "error":
            found = self.genome.extract(
                chrom[wrong[:1]], start[wrong[:1]], start[wrong[:1]] + records.ref_length[first]
            )
            shown = "".join("ACGTN"[code] for code in found.data[:20])
            raise InputError(
                f"REF is {records.ref[first][:20].decode()} but the genome has {shown}",
                self.path,
                int(records.line[first]),
                hint="is it the genome that the variants were called on? --ref-mismatch skip leaves them out",
            )
        right = np.ones(len(rows), dtype=np.bool_)
        if self.options.ref_mismatch == "skip":
            right[wrong] = False
            alleles.reason[rows[wrong]] = Reason.MISMATCH
            return right, 0
        for i in wrong.tolist():
            self._put_in(sites, i, int(alleles.start[rows[i]] - start[i]), given[i])
        return right, len(wrong)

    @staticmethod
    def _put_in(sites: Sites, i: int, shared: int, ref: NDArray[np.uint8]) -> None:
        """Write REF, whose first letters are not among those that change, into a window."""
        first = int(sites.windows.offsets[i] + sites.left[i]) - shared
        begin = max(first, int(sites.windows.offsets[i]))
        end = min(first + len(ref), int(sites.windows.offsets[i + 1]))
        sites.windows.data[begin:end] = ref[begin - first : end - first]

    def _judged(self, sites: Sites) -> Floats:
        """Return all statistics, shape (n_targets, n_statistics, n)."""
        values = self.alleles.statistics(sites)
        if self._null is not None:
            change = values[:, STATISTICS.index("DELTA")]
            p, z = STATISTICS.index("P"), STATISTICS.index("Z")
            values[:, p], values[:, z] = self._null.judge(sites, change)
        return values


def _count(records: Records, alleles: Alleles) -> Counter[str]:
    """Count what became of alleles."""
    found = np.bincount(alleles.reason, minlength=len(Reason))
    counts = Counter({reason.name: int(found[reason]) for reason in Reason})
    counts["records"], counts["alleles"] = len(records.fields), len(alleles)
    return counts
