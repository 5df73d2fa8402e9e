"""Score the records of a VCF block by block, several at a time, and keep count of what became of them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import NamedTuple

import torch

from seqcnn.cli.console import Reporter
from seqcnn.cli.variant_outputs import Rendered, Renderer, Writer
from seqcnn.formats.vcf import Vcf
from seqcnn.formats.vcf_records import SAID
from seqcnn.interpret.haplotypes import HaplotypeScorer, InContext, in_context
from seqcnn.interpret.variants import PUT_IN, VariantScorer
from seqcnn.models import forked, threads


class Done(NamedTuple):
    """A block that is ready to be written.

    Parameters
    ----------
    rendered : Rendered
    alleles, haplotypes : Counter
        What became of how many.
    unknown : tuple of str
        Chromosomes that the genome does not have.
    """

    rendered: Rendered
    alleles: Counter[str]
    haplotypes: Counter[str]
    unknown: tuple[str, ...]


class VariantRun:
    """What scores a VCF, and what it came to.

    Parameters
    ----------
    scorer : VariantScorer
    by_sample : HaplotypeScorer or None
    renderer : Renderer
    """

    def __init__(self, scorer: VariantScorer, by_sample: HaplotypeScorer | None, renderer: Renderer) -> None:
        self.scorer, self.by_sample, self.renderer = scorer, by_sample, renderer
        self._alleles: Counter[str] = Counter()
        self._haplotypes: Counter[str] = Counter()
        self._unknown: dict[str, None] = {}

    def write(self, report: Reporter, written: Writer, blocks: Iterator[InContext], device: torch.device) -> None:
        """Score and write all blocks, in order: on the CPU by copies of this process, else by threads."""
        on_cpu = device.type == "cpu"
        stream = forked.stream if on_cpu else threads.stream
        with (
            _old_objects_left_alone(),
            report.progress("scoring", unit="variants") as progress,
            nullcontext() if on_cpu else threads.taken_over(),
            closing(stream(self._score, blocks)) as scored,  # type: ignore[type-var]
        ):
            for each in scored:
                written.take(each.rendered)
                self._alleles.update(each.alleles)
                self._haplotypes.update(each.haplotypes)
                self._unknown |= dict.fromkeys(each.unknown)
                progress.to(written.n)

    def _score(self, each: InContext) -> Done:
        scored, haplotypes = self.scorer.score(each.block), Counter[str]()
        if self.by_sample is not None:
            names = self.scorer.names_of(scored.records)
            haplotypes = self.by_sample.annotate(scored.records, each, names)
        return Done(self.renderer.render(scored), scored.counts, haplotypes, scored.unknown)

    def counts(self) -> dict[str, int]:
        """Return what became of how many alleles, in words."""
        found = self._alleles
        counts = {"records": found["records"], "alleles": found["alleles"], "alleles scored": found["SCORED"]}
        counts |= {f"not scored: {said}": found[reason.name] for reason, said in SAID.items()}
        counts |= {PUT_IN: found[PUT_IN]} if found[PUT_IN] else {}
        return counts | dict(self._haplotypes)

    def say_what_is_missing(self, report: Reporter) -> None:
        """Say which alleles have no score, and why."""
        if self.scorer.regions and not self._alleles["records"]:
            report.say("no record lies in a region that was asked for")
        for name, n in self.counts().items():
            if n and name.startswith(("not scored", PUT_IN)):
                report.say(f"{n:,} alleles {name}")
            elif n and name.startswith(("haplotypes without", "times a variant")):
                report.say(f"{n:,} {name}")
        if self._unknown:
            report.say(f"not in the genome {self.scorer.genome.path}: {_some(list(self._unknown))}")
        mismatched = self._alleles["MISMATCH"] + self._alleles[PUT_IN]
        if mismatched > self._alleles["SCORED"] // 10 and mismatched > 1:
            report.say("REF is often not what the genome has: is it the genome that the variants were called on?")


def choose(vcf: Vcf, shard: tuple[int, int], around: tuple[int, int] | None) -> Iterator[InContext]:
    """Return the blocks of a part of the records, with their neighbours if so many bases around them are wanted."""
    number, of = shard
    total = 0
    if of > 1:
        with Vcf(vcf.path) as again:
            total = sum(len(block.lines) for block in again.blocks())
    if around is None:
        blocks: Iterator[InContext] = (InContext([], block, []) for block in vcf.blocks())
    else:
        blocks = in_context(vcf.blocks(), around, vcf.shown)
    return blocks if of == 1 else _between(blocks, total * (number - 1) // of, total * number // of)


def _between(blocks: Iterator[InContext], first: int, last: int) -> Iterator[InContext]:
    for each in blocks:
        begin, n = each.block.first, len(each.block.lines)
        start, stop = max(first - begin, 0), min(last - begin, n)
        if start < stop:
            yield each.slice(start, stop)
        if begin + n >= last:
            return


@contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """Keep the garbage collector, which a list for each record wakes, from looking through all that was imported."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _some(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
