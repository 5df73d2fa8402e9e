"""Real proteins: do the motifs of default models name the protein? Ten ENCODE ChIP-seq sets and five yeast factors.

    python benchmarks/motif_recovery.py ENCODE YEAST MOTIFS [--runs FOLDER] [--out FOLDER] [--method NAME] [--only ...]

ENCODE and YEAST are the folders of encode10.py and yeast.py; MOTIFS holds JASPAR2024_CORE_vertebrates_latest.jaspar
and JASPAR2024_CORE_fungi_latest.jaspar. A model is FOLDER/PROTEIN of --runs; those that are not there are trained as
encode10.py and yeast.py do, seed 1, and kept there. `seqcnn motifs --merge --database` (--method contributions: without
--merge) then reads the positives that it was trained on, with shuffles as negatives; its folders are kept with --out.

own     the motif that is most like a matrix of the protein itself: which it is by effect, q, and at which rank the
        matrix stands among all of the database for that motif
strongest three  each motif's best match, and q
family  a motif of these three whose best match is a matrix of the protein's family, with q < 0.05: a hit. Heterodimers
        count where one partner is of the family.
class   the same where it is of another family that binds the same sites; it is no hit.

Families are those of TFClass (Wingender et al. 2018, doi:10.1093/nar/gkx987), which JASPAR follows, listed below where
the databases hold them; where TFClass groups proteins only by their number of zinc fingers, the paralogues alone count.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import Database

TOP, LIMIT = 3, 0.05

ETS = "ELK[134] ETS[12] ETV[1-7] ELF[1-5] ER[FG] EHF FEV FLI1 GABPA SPDEF SPI[1B] SPIC EWSR1-FLI1"
ZIP = "MYC MYCN MAX MXI1 MNT MLX MLXIP MLXIPL USF[12] TFE[3BC] MITF"  # bHLH-ZIP without SREBF and TFAP4 (other sites)
EBOX = (
    "ARNT ARNT2 ARNTL BHLHE4[01] CLOCK NPAS2 HEY[12] HES[1257] SREBF[12] EPAS1 HIF1A AHR SOHLH2 TCFL5"  # CACGTG, bHLH
)


@dataclass(frozen=True)
class Protein:
    """A set: names of the protein's own matrices, of its family, and of others that bind the same sites (regexes)."""

    name: str
    own: str
    family: str
    like: str = ""
    yeast: bool = False

    def is_own(self, motif: Motif) -> bool:
        return "::" not in motif.alternate and _one_of(self.own, motif)

    def is_family(self, motif: Motif) -> bool:
        return _one_of(f"{self.own} {self.family}", motif)

    def is_like(self, motif: Motif) -> bool:
        return _one_of(self.like, motif)


def _one_of(patterns: str, motif: Motif) -> bool:
    """Say whether a partner of the motif has one of these names."""
    names = (motif.alternate or motif.name).upper().split("::")
    return any(re.fullmatch(pattern, name) for pattern in patterns.split() for name in names)


PROTEINS = [
    Protein("ARID3A", "ARID3A", "ARID[35][AB]"),
    Protein("CTCFL", "CTCFL", "CTCF"),
    Protein("ELK1", "ELK1", ETS),
    Protein("FOXA1", "FOXA1", "FOX[A-S][0-9]+"),
    Protein("GABPA", "GABPA", ETS),
    Protein("MYC", "MYC", ZIP, EBOX),
    Protein("REST", "REST", ""),  # alone in having its 21-bp element
    Protein("SP1", "SP1", "SP[1-9] KLF[0-9]+"),
    Protein("USF1", "USF1", ZIP, EBOX),
    Protein("ZBTB7A", "ZBTB7A", "ZBTB7[BC]"),
    Protein("Reb1", "REB1", "NSI1", yeast=True),  # its paralogue
    Protein("Abf1", "ABF1", "", yeast=True),
    Protein("Mcm1", "MCM1", "ARG80 RLM1 SMP1", yeast=True),  # MADS box
    Protein("Tbf1", "TBF1", "", yeast=True),
    Protein("Cin5", "CIN5", "YAP[1-8] CAD1 ARR1", yeast=True),  # Yap family of bZIP
]


def run(*arguments: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "seqcnn", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def inputs(protein: Protein, encode: Path, yeast: Path) -> tuple[list[str | Path], list[str | Path]]:
    """Return what `train` and `motifs` are told of the sequences."""
    if not protein.yeast:
        path = next(encode.glob(f"{protein.name}_*_AC.seq.gz"))
        return [path], [path]
    here = [yeast / "peaks" / f"{protein.name}_CX.bed", "--genome", yeast / "sacCer3.fa.gz", "--length", "101"]
    return [*here, "--negatives", "gc", "--test-chroms", "chr4,chr12"], here


def strongest(folder: Path) -> list[Motif]:
    """Return all motifs that count, the largest effect first."""
    with (folder / "motifs.tsv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["status"] == "kept"]
    rows.sort(key=lambda row: -float(row["effect"] or 0))
    by_name = {motif.name: motif for motif in read_motifs(folder / "motifs.meme")} if rows else {}
    return [by_name[row["name"]] for row in rows]


def own_match(protein: Protein, motifs: list[Motif], database: Database) -> str:
    """Say which motif is most like a matrix of the protein itself, and at which rank that matrix stands."""
    own = [i for i, target in enumerate(database.targets) if protein.is_own(target)]
    found = [database.search(motif) for motif in motifs]
    _, number, place = min((float(matches.p[i]), n, i) for n, matches in enumerate(found) for i in own)
    matches = found[number]
    rank = int((matches.p < matches.p[place]).sum()) + 1
    what = database.targets[place].shown_name()
    return (
        f"{motifs[number].consensus()}, {number + 1} of {len(motifs)} | {what}, q {matches.q[place]:.1g}, rank {rank}"
    )


def named(protein: Protein, motifs: list[Motif], database: Database) -> tuple[str, str]:
    """Return the best matches of the strongest motifs, and what they say: family, class, or no."""
    cells, verdict = [], "no"
    for number, motif in enumerate(motifs[:TOP], start=1):
        best = database.best(motif, limit=1)[0]
        cells.append(f"{motif.consensus()} {best.target.alternate or best.target.name} {best.q:.1g}")
        if best.q < LIMIT and protein.is_family(best.target) and not verdict.startswith("family"):
            verdict = f"family ({number})"
        elif best.q < LIMIT and protein.is_like(best.target) and verdict == "no":
            verdict = f"class ({number})"
    return "; ".join(cells), verdict


def one(protein: Protein, given: argparse.Namespace, database_file: Path, database: Database, folder: Path) -> str:
    """Train where it must be, find the motifs, print a row; return the verdict."""
    train, read = inputs(protein, given.encode, given.yeast)
    model = (given.runs or folder / "runs") / protein.name
    if not (model / "model.safetensors").exists():
        run("train", *train, "-o", model, "--seed", "1", "--quiet", "--force")
    out = (given.out or folder) / f"{protein.name}-{given.method}"
    out.parent.mkdir(parents=True, exist_ok=True)
    how = ["--method", "contributions"] if given.method == "contributions" else ["--merge"]
    read += ["--negatives", "dinucleotide", "--database", database_file, "--logos", "none"]
    run("motifs", model, *read, *how, "-o", out, "--quiet", "--force")
    motifs = strongest(out)
    if not motifs:
        print(f"| {protein.name} | none | | | no |", flush=True)
        return "no"
    cells, verdict = named(protein, motifs, database)
    print(f"| {protein.name} | {own_match(protein, motifs, database)} | {cells} | {verdict} |", flush=True)
    return verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encode", type=Path)
    parser.add_argument("yeast", type=Path)
    parser.add_argument("motifs", type=Path)
    parser.add_argument("--runs", type=Path, help="models by protein; missing ones are trained and kept here")
    parser.add_argument("--out", type=Path, help="where the motif folders are kept")
    parser.add_argument("--method", choices=["filters", "contributions"], default="filters")
    parser.add_argument("--only", default=",".join(protein.name for protein in PROTEINS))
    given = parser.parse_args()
    files = {part: given.motifs / f"JASPAR2024_CORE_{part}_latest.jaspar" for part in ("vertebrates", "fungi")}
    databases = {part: Database(read_motifs(path)) for part, path in files.items()}
    chosen = [protein for protein in PROTEINS if protein.name in given.only.split(",")]
    print("| protein | motif most like its own, by effect | its matrix | the three strongest: best match, q | hit |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        verdicts = []
        for protein in chosen:
            part = "fungi" if protein.yeast else "vertebrates"
            verdicts.append(one(protein, given, files[part], databases[part], Path(name)))
    hits = sum(verdict.startswith("family") for verdict in verdicts)
    others = sum(verdict.startswith("class") for verdict in verdicts)
    print(f"\n{hits} of {len(verdicts)} by family (bar: 12 of 15), {others} more by class")


if __name__ == "__main__":
    main()
