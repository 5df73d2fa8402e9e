"""Every architecture on eight published sets of bound and unbound sequences, and which one validation would choose.

    python benchmarks/architectures.py FOLDER [--sets NAME,...] [--architectures NAME,...] [--options "..."]
        [--results FILE.tsv] [--seed N] [--threads N] [--quick] [--calibrate]

FOLDER holds gue_tf2 (GUE human transcription factors, task 2; Zhou et al. 2023, arXiv:2306.15006), fastsk_tfbs (EP300
and RAD21 of FastSK; Blakely et al. 2020, doi:10.1093/bioinformatics/btaa817), lsgkm_nfe2 (NFE2 of LS-GKM; Lee 2016,
doi:10.1093/bioinformatics/btw142), clip (QKI and TDP43; Strazar et al. 2016, doi:10.1093/bioinformatics/btw003) and
pysster_rbp (PUM2 and SRSF1; Budach and Marsico 2018, doi:10.1093/bioinformatics/bty222), each with the authors' own
division into training and test. Every row is one `seqcnn train` with the options of `--options`, which may hold several
sets of them divided by semicolons, else with the defaults, and one `seqcnn evaluate` on the test part. The epoch is
chosen on a tenth of the training part (GUE: on its dev part). Of the rows of a set the one with the best validation
AUROC has a star: the choice that a user would make, without a look at the test. With --calibrate `seqcnn calibrate`
takes the place of `train`; "valid" is then the AUROC of its best setting in cross-validation of the training part.

Rows are added to --results, and those that are there already are not made again, so that a long run can go on another
day; the table is of all that are there. --quick trains one network a row instead of several. Seconds are CPU time of
the whole command. Two tables are printed: all rows, and for each set the default beside the choice.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import resource
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SEQCNN = sys.executable, "-m", "seqcnn"

ARCHITECTURES = "deepbind", "basset", "vgg", "inception", "resnet", "dilated", "danq"

PUBLISHED = {
    "EP300": "0.991 FastSK",
    "RAD21": "0.976 gkm-SVM",
    "NFE2": "0.993 LS-GKM",
    "PUM2": "0.853 GraphProt",
    "SRSF1": "0.870 GraphProt",
}
"""AUROC on the same test part."""

COLUMNS = "set", "architecture", "options", "seed", "valid", "auroc", "low", "high", "auprc", "parameters", "seconds"


@dataclass(frozen=True)
class Data:
    """Files to train on and to test on, and how to read them."""

    train: list[Path]
    test: list[Path]
    training: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()


def negatives(positives: Path, others: Path) -> list[Path]:
    """Return the words that read two files."""
    return [positives, Path("--negatives"), others]


def sets(folder: Path) -> dict[str, Data]:
    """Return the eight sets."""
    label = "--label-pattern", "class:([01])"
    made = {"GUE-2": Data([folder / "gue_tf2"], [folder / "gue_tf2/test.csv.gz"], ("--split-column", "part"))}
    for name in ("EP300", "RAD21"):
        train, test = (folder / f"fastsk_tfbs/{name}.{part}.fasta.gz" for part in ("train", "test"))
        made[name] = Data([train], [test])
    peaks = f"{folder}/lsgkm_nfe2/wgEncodeSydhTfbsGm12878Nfe2hStdAlnRep0"
    train, test = (negatives(Path(f"{peaks}.{p}.fa.gz"), Path(f"{peaks}.neg.{p}.fa.gz")) for p in ("tr", "test"))
    made["NFE2"] = Data(train, test)
    for name in ("QKI", "TDP43"):
        train, test = ([folder / f"clip/{name}.{part}.fa.gz"] for part in ("train", "test"))
        made[name] = Data(train, test, ("--alphabet", "rna", *label), label)
    for name in ("PUM2", "SRSF1"):
        file = f"{folder}/pysster_rbp/{name.lower()}"
        parts = (
            [Path(f"{file}.{part}.{kind}.fasta.gz") for kind in ("positive", "negative")] for part in ("train", "test")
        )
        train, test = (negatives(*pair) for pair in parts)
        made[name] = Data(train, test, ("--alphabet", "rna"))
    return made


def join_parts(folder: Path, path: Path) -> list[Path]:
    """Write GUE's train and dev parts as one table with a column that says which is which."""
    with path.open("w") as table:
        table.write("sequence,label,part\n")
        for name, part in (("train", "train"), ("dev", "valid")):
            with gzip.open(folder / f"{name}.csv.gz", "rt") as rows:
                next(rows)
                table.writelines(f"{row.strip()},{part}\n" for row in rows if row.strip())
    return [path]


def run(*arguments: str | Path) -> float:
    """Run a command; return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*SEQCNN, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(data: Data, architecture: str, options: str, given: argparse.Namespace) -> dict[str, float]:
    """Train or calibrate, and test: one row."""
    common = ["--quiet", "--threads", given.threads]
    command, *chosen = shlex.split(options) if given.calibrate else ["train", *shlex.split(options)]
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        train = join_parts(data.train[0], where / "parts.csv") if data.train[0].is_dir() else data.train
        chosen = [*data.training, "--architecture", architecture, *chosen, "--seed", given.seed]
        seconds = run(command, *train, "-o", where / "run", *chosen, *common)
        run("evaluate", where / "run", *data.test, "-o", where / "test.json", *data.reading, *common)
        described = subprocess.run([*SEQCNN, "info", where / "run", "--json"], check=True, capture_output=True).stdout
        metrics = json.loads((where / "run/metrics.json").read_text())
        (test,) = json.loads((where / "test.json").read_text())["metrics"].values()
    if given.calibrate:
        valid = metrics["calibration"]["best"][0]["score"]
    else:
        valid = next(iter(metrics["valid"].values()))["auroc"]["value"]
    model = json.loads(described)
    area = test["auroc"]
    found = {"valid": valid, "auroc": area["value"], "low": area["low"], "high": area["high"]}
    weights = model["parameters a member"] * model["members"]
    return found | {"auprc": test["auprc"]["value"], "parameters": weights, "seconds": seconds}


def stored(path: Path) -> list[dict[str, str]]:
    """Return the rows that are there already."""
    if not path.exists():
        return []
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def keep(rows: list[dict[str, str]], path: Path) -> None:
    """Write all rows, or the old file stays."""
    new = path.with_suffix(".part")
    with new.open("w") as file:
        table = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    new.replace(path)


def show(rows: list[dict[str, str]], names: list[str]) -> None:
    """Print all rows, and what validation would choose in each set beside the default."""
    print("| set | architecture | options | valid AUROC | AUROC | 95% interval | AUPRC | weights | training |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        best = choice(rows, name)
        for row in (row for row in rows if row["set"] == name):
            star = " *" if row is best else ""
            options = f"`{row['options']}`" if row["options"] else "defaults"
            print(f"| {name} | {row['architecture']}{star} | {options} | {figures(row)} |")
    print()
    columns = "set", "default", "chosen by validation", "valid AUROC", "AUROC", "95% interval", "AUPRC", "weights"
    print(f"| {' | '.join([*columns, 'training', 'published'])} |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in names:
        default = [row for row in rows if (row["set"], row["architecture"], row["options"]) == (name, "deepbind", "")]
        if default and (best := choice(rows, name)):
            chosen = f"`{best['architecture']}`" + (f" `{best['options']}`" if best["options"] else "")
            area = f"{float(default[0]['auroc']):.4f}"
            print(f"| {name} | {area} | {chosen} | {figures(best)} | {PUBLISHED.get(name, 'none')} |")


def choice(rows: list[dict[str, str]], name: str) -> dict[str, str] | None:
    """Return the row of a set with the best validation AUROC, the first of equals; calibrations have another."""
    trained = [row for row in rows if row["set"] == name and not row["options"].startswith("calibrate")]
    return max(trained, key=lambda row: float(row["valid"]), default=None)


def figures(row: dict[str, str]) -> str:
    """Return the cells that all rows have."""
    valid, area, low, high, precision = (float(row[c]) for c in ("valid", "auroc", "low", "high", "auprc"))
    size, seconds = f"{int(row['parameters']):,}", f"{float(row['seconds']):.0f} s"
    return f"{valid:.4f} | {area:.4f} | {low:.3f} to {high:.3f} | {precision:.3f} | {size} | {seconds}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets")
    parser.add_argument("--architectures", default=",".join(ARCHITECTURES))
    parser.add_argument("--options", default="")
    parser.add_argument("--results", type=Path, default=Path("architectures.tsv"))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calibrate", action="store_true")
    given = parser.parse_args()
    known = sets(given.folder)
    names = given.sets.split(",") if given.sets else list(known)
    rows = stored(given.results)
    for name in names:
        for architecture in given.architectures.split(","):
            for options in given.options.split(";"):
                options = f"{'calibrate ' * given.calibrate}{options}{' --members 1' * given.quick}".strip()
                key = {"set": name, "architecture": architecture, "options": options, "seed": given.seed}
                if any(key.items() <= row.items() for row in rows):
                    continue
                measured = measure(known[name], architecture, options, given)
                rows.append(key | {column: str(value) for column, value in measured.items()})
                keep(rows, given.results)
                print(f"{name} {architecture} {options}: {measured['auroc']:.4f}", file=sys.stderr, flush=True)
    show(rows, names)


if __name__ == "__main__":
    main()
