"""What RNA structure adds: AUROC of the same training with and without it, on held-out sites, over several seeds.

    python benchmarks/structure.py FOLDER [--proteins pum2,srsf1] [--seeds N] [--threads N] [--members M] [--epochs N]

FOLDER holds {pum2,srsf1}.{train,test}.{positive,negative}.fasta.gz of pysster (Budach and Marsico 2018,
doi:10.1093/bioinformatics/bty222): 200 nt around sites of either protein, and around positions without. Both models of
a seed see the same examples in the same order; folding takes about 40 ms a sequence, once. GraphProt (Maticzka et al.
2014, doi:10.1186/gb-2014-15-1-r17), which reads structures too, was run on these files: its AUROC stands beside. Needs
ViennaRNA.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

GRAPHPROT = {"pum2": 0.8533, "srsf1": 0.8699}


def run(*arguments: str | Path) -> tuple[str, float]:
    """Run a command; return what the user would type, and how long it took, in seconds."""
    words, began = [str(argument) for argument in arguments], time.perf_counter()
    subprocess.run([sys.executable, "-m", "seqcnn", *words], check=True, stdout=subprocess.DEVNULL)
    return "seqcnn " + shlex.join(words), time.perf_counter() - began


def encode(folder: Path, protein: str, part: str, to: Path) -> tuple[str, float]:
    """Fold and encode one part of a set."""
    positive, negative = (folder / f"{protein}.{part}.{kind}.fasta.gz" for kind in ("positive", "negative"))
    options = ["--negatives", negative, "--alphabet", "rna", "--structure", "fold"]
    return run("encode", positive, *options, "-o", to / f"{part}.h5", "--quiet")


def auroc(to: Path, seed: int, options: list[str]) -> tuple[float, float, list[str]]:
    """Train and judge one model; return its AUROC, the seconds of training, and the commands."""
    out = to / f"run_{seed}_{len(options)}"
    train, seconds = run("train", to / "train.h5", "-o", out, "--seed", str(seed), "--quiet", *options)
    judge, _ = run("evaluate", out, to / "test.h5", "-o", out / "test.json", "--quiet")
    (metrics,) = json.loads((out / "test.json").read_text())["metrics"].values()
    return metrics["auroc"]["value"], seconds, [train, judge]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--proteins", default="pum2,srsf1")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--members", help="of train, for both models")
    parser.add_argument("--epochs", help="of train, for both models")
    parser.add_argument("--encoded", type=Path, help="folder with train.h5 and test.h5 of one protein, as made before")
    given = parser.parse_args()
    print("| data | seed | without | with | difference | seconds without | with |\n|---|---|---|---|---|---|---|")
    commands: list[str] = []
    for protein in given.proteins.split(","):
        with tempfile.TemporaryDirectory() as temporary:
            to, folded = Path(temporary), 0.0
            for part in ("train", "test"):
                if given.encoded is not None:
                    (to / f"{part}.h5").symlink_to((given.encoded / f"{part}.h5").resolve())
                    continue
                command, seconds = encode(given.folder, protein, part, to)
                commands.append(command)
                folded += seconds
            pairs = []
            for seed in range(1, given.seeds + 1):
                options = ["--threads", given.threads]
                for name in ("members", "epochs"):
                    options += [f"--{name}", getattr(given, name)] if getattr(given, name) else []
                plain, seconds, first = auroc(to, seed, [*options, "--structure", "none"])
                structured, seconds_with, second = auroc(to, seed, options)
                pairs.append((plain, structured))
                print(
                    f"| {protein} | {seed} | {plain:.4f} | {structured:.4f} | {structured - plain:+.4f} "
                    f"| {seconds:.0f} | {seconds_with:.0f} |",
                    flush=True,
                )
                commands += [*first, *second] if seed == 1 else []
            differences = [structured - plain for plain, structured in pairs]
            spread = f" (s.d. {stdev(differences):.4f})" if len(pairs) > 1 else ""
            print(
                f"| {protein} | mean | {mean(p for p, _ in pairs):.4f} | {mean(s for _, s in pairs):.4f} "
                f"| {mean(differences):+.4f}{spread} | GraphProt {GRAPHPROT.get(protein, float('nan')):.4f} "
                f"| {f'folded in {folded:.0f} s' if folded else 'folded before'} |",
                flush=True,
            )
            commands = [command.replace(temporary, "OUT") for command in commands]
    print("\nCommands (of the first seed):\n")
    print("\n".join(f"    {command}" for command in commands))


if __name__ == "__main__":
    main()
