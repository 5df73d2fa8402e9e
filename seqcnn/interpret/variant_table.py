"""Scored variants as a pandas table, for notebooks."""

from __future__ import annotations

from os import PathLike

import numpy as np
import pandas as pd

from seqcnn.formats.genome import Genome
from seqcnn.formats.vcf import Vcf
from seqcnn.formats.vcf_records import SAID, Reason
from seqcnn.interpret.allele_scores import VariantOptions
from seqcnn.interpret.variants import Scored, VariantScorer
from seqcnn.models.modelfile import Model


def score_table(
    model: Model, vcf: str | PathLike[str], genome: str | PathLike[str], options: VariantOptions
) -> pd.DataFrame:
    """Score the variants of a VCF; return a row for each alternate allele.

    Parameters
    ----------
    model : Model
    vcf, genome : str or path
    options : VariantOptions

    Returns
    -------
    DataFrame
        chrom, pos (from 1), id, ref, alt; a column for each field of the model; skipped, in words, or None.

    Raises
    ------
    seqcnn.errors.SeqcnnError
        If a file cannot be used, or options are not as they must be.
    """
    with Vcf(vcf) as file, Genome(genome) as bases:
        scorer = VariantScorer({"": model}, bases, file.contigs, options, file.shown)
        names = [each.name for each in scorer.fields]
        parts = [_rows(scorer.score(block), names) for block in file.blocks()]
    empty = pd.DataFrame(columns=["chrom", "pos", "id", "ref", "alt", *names, "skipped"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def _rows(scored: Scored, names: list[str]) -> pd.DataFrame:
    """Return the rows of a block."""
    record = scored.alleles.record.tolist()
    texts = [[cell.decode("utf-8", "replace") for cell in row[:5]] for row in scored.records.fields]
    nth = np.arange(len(record)) - np.searchsorted(scored.alleles.record, scored.alleles.record)
    columns: dict[str, object] = {
        name: [texts[i][place] for i in record] for place, name in ((0, "chrom"), (2, "id"), (3, "ref"))
    }
    columns["pos"] = [int(texts[i][1]) for i in record]
    columns["alt"] = [texts[i][4].split(",")[n] for i, n in zip(record, nth.tolist(), strict=True)]
    columns |= dict(zip(names, scored.values.T, strict=True))
    columns["skipped"] = [SAID.get(Reason(code)) for code in scored.alleles.reason.tolist()]
    return pd.DataFrame(columns, columns=["chrom", "pos", "id", "ref", "alt", *names, "skipped"])
