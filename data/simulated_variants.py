"""Variants that break a site, create one, or do neither, with the change they make to the best log-odds nearby."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from simulation import Codes, Draws, Motif

from seqcnn.sequence.alphabet import N_CODE, decode, reverse_complement

SITE_BITS = 10.0  # a site has at least this
EFFECT_BITS = 5.0  # a change of at least this (32-fold) breaks or creates one
NO_EFFECT_BITS = 0.5  # a change of less than this is none
FLANK = 50  # letters on each side in which the best site is looked for
APART = 110  # between variants, so that no two are in one window

Place = tuple[str, int]  # chromosome, 0-based
Proposal = tuple[str, int, int, list[Codes]]  # chromosome, 0-based start, length of REF, alternate alleles


@dataclass
class Allele:
    alt: str
    effect: str
    ref_bits: float
    alt_bits: float


@dataclass
class Variant:
    chrom: str
    start: int  # 0-based
    ref: str
    alleles: list[Allele]


def judge(codes: Codes, start: int, ref: str, alt: Codes, motif: Motif) -> Allele:
    """Compare the best site within FLANK letters with and without the alternate allele."""
    left, right = codes[start - FLANK : start], codes[start + len(ref) : start + len(ref) + FLANK]
    before = float(motif.score_both(codes[start - FLANK : start + len(ref) + FLANK]).max())
    after = float(motif.score_both(np.concatenate([left, alt, right])).max())
    effect = "unclear"
    if before >= SITE_BITS and after <= before - EFFECT_BITS:
        effect = "breaks"
    elif before < SITE_BITS <= after and after >= before + EFFECT_BITS:
        effect = "creates"
    elif abs(after - before) < NO_EFFECT_BITS:
        effect = "none"
    return Allele(decode(alt), effect, before, after)


class Proposals:
    """Endless or long runs of candidate variants, each of one kind, to choose from by their effect."""

    def __init__(self, genome: dict[str, Codes], sites: list[Place], motif: Motif) -> None:
        self.genome, self.sites, self.motif = genome, sites, motif
        self.draws = Draws("variants")

    def in_sites(self) -> Iterator[Place]:
        for i in self.draws.order(len(self.sites)):
            chrom, middle = self.sites[i]
            yield chrom, middle - self.motif.width // 2 + self.below(self.motif.width)

    def anywhere(self) -> Iterator[Place]:
        names = list(self.genome)
        while True:
            chrom = names[self.below(len(names))]
            yield chrom, self.below(len(self.genome[chrom]))

    def substitutions(self, places: Iterable[Place], n_alts: int = 1) -> Iterator[Proposal]:
        for chrom, start in places:
            steps = self.draws.order(3)[:n_alts] + 1
            yield (
                chrom,
                start,
                1,
                [((self.genome[chrom][start : start + 1] + step) % 4).astype(np.uint8) for step in steps],
            )

    def insertions(self, places: Iterable[Place]) -> Iterator[Proposal]:
        for chrom, start in places:
            new = self.draws.letters(np.full(1 + self.below(6), 0.5))
            yield chrom, start, 1, [np.concatenate([self.genome[chrom][start : start + 1], new])]

    def site_insertions(self, places: Iterable[Place]) -> Iterator[Proposal]:
        for chrom, start in places:
            site = self.motif.sample(self.draws, 1)[0]
            site = reverse_complement(site) if self.below(2) else site
            yield chrom, start, 1, [np.concatenate([self.genome[chrom][start : start + 1], site])]

    def deletions(self, places: Iterable[Place]) -> Iterator[Proposal]:
        for chrom, start in places:
            yield chrom, start, 2 + self.below(4), [self.genome[chrom][start : start + 1]]

    def last_letters(self) -> Iterator[Proposal]:
        """In windows that are nearly a site, the letter that scores worst is changed to the one that scores best."""
        table, width = self.motif.table[:4], self.motif.width
        windows = []
        for chrom, codes in self.genome.items():
            for turned in (False, True):
                scores = self.motif.score(reverse_complement(codes) if turned else codes)
                windows += [(chrom, turned, int(i)) for i in np.flatnonzero((scores > 4) & (scores < 9))]
        for i in self.draws.order(len(windows)):
            chrom, turned, start = windows[i]
            codes = reverse_complement(self.genome[chrom]) if turned else self.genome[chrom]
            worst = int((table.max(axis=0) - table[codes[start : start + width], np.arange(width)]).argmax())
            alt = np.array([table[:, worst].argmax()], dtype=np.uint8)
            if turned:
                yield chrom, len(codes) - 1 - start - worst, 1, [reverse_complement(alt)]
            else:
                yield chrom, start + worst, 1, [alt]

    def below(self, top: int) -> int:
        return int(self.draws.below(top, 1)[0])


def choose_variants(genome: dict[str, Codes], sites: list[Place], motif: Motif) -> list[Variant]:
    """Choose 300 variants that are APART from each other; `sites` are the middles of bound sites."""
    p = Proposals(genome, sites, motif)
    taken: list[Variant] = []
    for n, effects, proposals in (
        (12, {"breaks", "none"}, p.substitutions(p.in_sites(), n_alts=2)),
        (70, {"breaks"}, p.substitutions(p.in_sites())),
        (15, {"breaks"}, p.deletions(p.in_sites())),
        (15, {"breaks"}, p.insertions(p.in_sites())),
        (70, {"creates"}, p.last_letters()),
        (8, {"creates"}, p.site_insertions(p.anywhere())),
        (25, {"none"}, p.substitutions(p.in_sites())),
        (60, {"none"}, p.substitutions(p.anywhere())),
        (12, {"none"}, p.deletions(p.anywhere())),
        (13, {"none"}, p.insertions(p.anywhere())),
    ):
        candidates = (
            judged(genome, motif, *proposal) for proposal in proposals if is_clear(genome, taken, *proposal[:3])
        )
        fitting = (v for v in candidates if {allele.effect for allele in v.alleles} <= effects)
        wanted = len(taken) + n
        for variant in fitting:
            taken.append(variant)
            if len(taken) == wanted:
                break
        else:
            raise RuntimeError(f"found {len(taken) - wanted + n} of {n} variants with effects {sorted(effects)}")
    return sorted(taken, key=lambda v: (v.chrom, v.start))


def is_clear(genome: dict[str, Codes], taken: list[Variant], chrom: str, start: int, ref_length: int) -> bool:
    """Whether a variant here has letters on both sides, none of them N, and no other variant near."""
    around = genome[chrom][max(0, start - FLANK) : start + ref_length + FLANK]
    whole = start >= FLANK and len(around) == ref_length + 2 * FLANK and not (around == N_CODE).any()
    return whole and not any(v.chrom == chrom and abs(v.start - start) < APART for v in taken)


def judged(
    genome: dict[str, Codes], motif: Motif, chrom: str, start: int, ref_length: int, alts: list[Codes]
) -> Variant:
    ref = decode(genome[chrom][start : start + ref_length])
    return Variant(chrom, start, ref, [judge(genome[chrom], start, ref, alt, motif) for alt in alts])


def write_vcf(path: Path, variants: list[Variant], lengths: dict[str, int]) -> None:
    lines = ["##fileformat=VCFv4.3", "##source=seqcnn data/make_example.py (simulated)"]
    lines += ['##FILTER=<ID=PASS,Description="All filters passed">']
    lines += [f"##contig=<ID={name},length={length}>" for name, length in lengths.items()]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for number, v in enumerate(variants, 1):
        alts = ",".join(allele.alt for allele in v.alleles)
        lines.append(f"{v.chrom}\t{v.start + 1}\tvar{number:03d}\t{v.ref}\t{alts}\t.\tPASS\t.")
    path.write_text("\n".join(lines) + "\n")


def write_truth(path: Path, variants: list[Variant]) -> None:
    lines = ["id\tchrom\tpos\tref\talt\teffect\tref_bits\talt_bits\tdelta_bits"]
    for number, v in enumerate(variants, 1):
        for a in v.alleles:
            bits = f"{a.ref_bits:.3f}\t{a.alt_bits:.3f}\t{a.alt_bits - a.ref_bits:.3f}"
            lines.append(f"var{number:03d}\t{v.chrom}\t{v.start + 1}\t{v.ref}\t{a.alt}\t{a.effect}\t{bits}")
    path.write_text("\n".join(lines) + "\n")
