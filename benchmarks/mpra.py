"""Variant effects against a massively parallel reporter assay: published models on the LDLR and TERT promoters.

    python benchmarks/mpra.py --data FOLDER         FOLDER has mpra_satmut/ and deepbind_models/

Saturation mutagenesis of both promoters (Kircher et al. 2019, doi:10.1038/s41467-019-11526-w): how each substitution
changed expression, as a regression coefficient. The table becomes a FASTA of the promoters, whose letters are its
column Ref, and a VCF of the substitutions that 10 barcodes or more had; `seqcnn import deepbind` brings the published
models of SP1 and GABPA (Alipanahi et al. 2015, doi:10.1038/nbt.3300), and `seqcnn variants` scores 30 bases on either
side, as they are (--rule whole). Printed: Pearson's correlation of SEQCNN_DELTA with the coefficient.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pandas as pd
from scipy.stats import pearsonr

from seqcnn.cli.main import run

TABLE, BARCODES, LENGTH = "mpra_satmut/LDLR_TERT-HEK.tsv.gz", 10, 61
CASES = (("LDLR", "SP1", "D00650.005", 0.58), ("TERT-HEK", "GABPA", "D00409.004", 0.33))
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def write_promoter(table: pd.DataFrame, folder: Path) -> tuple[int, pd.DataFrame]:
    """Write a promoter as FASTA, N where the assay has no base, and its substitutions as VCF; return its start."""
    first = int(table.Pos.min())
    letters = ["N"] * (int(table.Pos.max()) - first + 1)
    for position, ref in zip(table.Pos, table.Ref, strict=True):
        letters[position - first] = ref
    (folder / "promoter.fa").write_text(f">promoter\n{''.join(letters)}\n")
    chosen = table[(table.Alt != "-") & (table.Barcodes >= BARCODES)].sort_values(["Pos", "Alt"])
    rows = [
        f"promoter\t{row.Pos - first + 1}\t.\t{row.Ref}\t{row.Alt}\t.\t.\t.\n" for row in chosen.itertuples(index=False)
    ]
    (folder / "substitutions.vcf").write_text(HEADER + "".join(rows))
    return first, chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEQCNN_DATA"), help="published data sets")
    given = parser.parse_args()
    if given.data is None or not (Path(given.data) / TABLE).exists():
        print("mpra: the table is not here; say --data")
        return
    data = Path(given.data)
    table = pd.read_csv(data / TABLE, sep="\t")
    table = table[table.Release == "GRCh38"]
    for element, protein, model, bar in CASES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _, chosen = write_promoter(table[table.Element == element], folder)
            source = data / "deepbind_models" / "params" / f"{model}.txt"
            model_file, scored_file = str(folder / "model.safetensors"), str(folder / "scored.tsv")
            vcf, fasta = str(folder / "substitutions.vcf"), str(folder / "promoter.fa")
            options = ["--genome", fasta, "--rule", "whole", "--length", str(LENGTH), "-o", scored_file]
            commands = [
                ["import", "deepbind", str(source), "-o", model_file],
                ["variants", model_file, vcf, *options],
            ]
            for command in commands:
                if run([*command, "--quiet"]):
                    raise SystemExit(f"seqcnn {command[0]} failed")
            scored = pd.read_csv(scored_file, sep="\t", na_values=".")
        r = pearsonr(scored.SEQCNN_DELTA.to_numpy(), chosen.Coefficient.to_numpy()).statistic
        print(f"{element:<10}{protein:<7}{model:<12}{len(scored):>5} substitutions, Pearson {r:.3f} (bar: {bar})")


if __name__ == "__main__":
    main()
