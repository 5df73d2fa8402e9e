"""The example project from nothing to reports, killed halfway; its style; its profiles."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.workflow.conftest import Snakemake

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_lint_reports_nothing(snakemake: Snakemake, project: Callable[[], Path]) -> None:
    said = snakemake("--lint", folder=project())
    assert "Congratulations" in said
    assert "Lints for" not in said


def test_a_mistake_stops_it_with_file_and_line(snakemake: Snakemake, project: Callable[[], Path]) -> None:
    folder = project()
    text = (folder / "config/samples.tsv").read_text()
    (folder / "config/samples.tsv").write_text(text.replace("--length 101", "--lenght 101"))
    log = folder.parent / "said.txt"
    assert snakemake.start(["--cores", 1], folder, log).wait() != 0
    assert "config/samples.tsv:2: options of encode: No such option '--lenght'" in " ".join(log.read_text().split())


def test_every_rule_says_what_it_needs() -> None:
    from seqcnn.workflow.project import TEMPLATE

    rules = [
        text
        for path in (TEMPLATE / "workflow" / "rules").glob("*.smk")
        for text in path.read_text().split("\nrule ")[1:]
    ]
    assert len(rules) >= 13
    for text in rules:
        name = text.partition(":")[0]
        for said in ("    log:", "    benchmark:", "    threads:", "mem_mb=", "runtime=", "gpu=", "    conda:"):
            assert said in text, (name, said)
        assert '    shell:\n        "seqcnn ' in text or name == "train" or name.startswith("best_")


def test_jobs_are_scattered_as_the_profile_says(snakemake: Snakemake, project: Callable[[], Path]) -> None:
    said = snakemake("--dry-run", "--set-scatter", "scan=7", "variants=5", folder=project())
    assert "results/scans/toy/ctcf/7-of-7.bw" in said
    assert "--shard 7/7" in said
    assert "results/variants/toy_variants/ctcf/5-of-5.vcf.gz" in said


def test_several_gpus_share_a_training(snakemake: Snakemake, project: Callable[[], Path]) -> None:
    words = ("--dry-run", "--set-resources", "train:gpu=4", "--resources", "gpu=4")
    said = snakemake(*words, folder=project())
    assert "torchrun --standalone --nproc-per-node 4 -m seqcnn train results/ctcf/train.h5" in said


def test_killed_halfway_it_goes_on(snakemake: Snakemake, project: Callable[[], Path]) -> None:
    folder, log = project(), Path("../first.txt")
    first = snakemake.start(["--cores", 2], folder, log)
    until(lambda: any(folder.glob("results/*/evaluation.json")) or first.poll() is not None)
    assert first.poll() is None, log.read_text()
    kill(first.pid)
    first.wait()
    judged = [path.with_name("model") / "run.json" for path in folder.glob("results/*/evaluation.json")]
    models = {path: path.stat().st_mtime_ns for path in judged}
    assert len(list(folder.glob("results/*/report.html"))) < 3, "it was not halfway"
    assert list((folder / ".snakemake/locks").iterdir()), "a killed run leaves its lock"
    snakemake("--unlock", folder=folder)
    said = snakemake("--cores", 2, folder=folder)
    assert "(100%) done" in said
    assert models
    assert {path: path.stat().st_mtime_ns for path in models} == models, "what was done is not done again"
    left = list(folder.glob(".snakemake/incomplete/*"))
    assert not left
    for sample in ("ctcf", "rbfox1", "gabpa"):
        assert (folder / f"results/{sample}/report.html").stat().st_size
        assert (folder / f"results/{sample}/evaluation.json").stat().st_size
    for name in ("scans/toy/ctcf.bw", "scans/toy/ctcf.bed", "variants/toy_variants/ctcf.vcf.gz.tbi"):
        assert (folder / "results" / name).stat().st_size
    assert not list(folder.glob("results/*/model/checkpoint*"))
    assert "Nothing to be done" in snakemake("--cores", 2, folder=folder)


def until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.2)


def kill(root: int) -> None:
    """Kill a process and all that it has started, at once."""
    for pid in [root, *descendants(root)]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(root: int) -> Iterator[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    for pid, parent in parents.items():
        if parent == root:
            yield pid
            yield from descendants(pid)
