"""A scan gives what scoring each window gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.genome import Genome
from seqcnn.interpret import genome_scan, thresholds
from seqcnn.interpret.genome_scan import Range, Scanner, find_ranges
from seqcnn.interpret.thresholds import Largest, Threshold, parse
from seqcnn.models import published
from seqcnn.models.modelfile import Model
from seqcnn.models.predict import predict
from seqcnn.sequence.alphabet import decode, encode
from seqcnn.sequence.ragged import from_rows
from tests.models.test_deepbind import make, random_rows
from tests.models.test_published import SHAPES, draw


def text_of() -> dict[str, str]:
    """Return a small genome: N inside and at an end, lower case, a sequence shorter than all windows."""
    rows = [decode(row) for row in random_rows(5, [1500, 3, 700])]
    first = rows[0][:300] + "N" * 150 + rows[0][300:900] + rows[0][900:1000].lower() + rows[0][1000:] + "N" * 60
    return {"chr1": first, "tiny": rows[1], "chr2": rows[2]}


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Genome]:
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in text_of().items()))
    with Genome(path) as opened:
        yield opened


def trained(
    seed: int = 0, *, length: int | None = 31, n_targets: int = 1, rule: str = "whole", **options: Any
) -> Model:
    network = make(seed, n_targets=n_targets, kernel_size=7, n_filters=4, **options).eval().requires_grad_(False)
    network.rule = rule
    names = tuple(f"t{i}" for i in range(n_targets))
    return Model(network, "deepbind", "dna", "regression", names, length, {})


def collect(scanner: Scanner, genome: Genome, ranges: list[Range]) -> dict[str, dict[int, np.ndarray]]:
    """Return, by chromosome and start, the scores of each track."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for scores in scanner.scan(genome, ranges):
        for i, values in enumerate(scores.values.T):
            assert (scores.start + i * scanner.step) not in found.setdefault(scores.chrom, {})
            found[scores.chrom][scores.start + i * scanner.step] = values
    return found


def check(model: Model, scanner: Scanner, genome: Genome, length: Mapping[int, int], texts: Mapping[str, str]) -> None:
    step = scanner.step
    found = collect(scanner, genome, find_ranges(genome.chroms, scanner.shortest, step))
    assert "tiny" not in found
    for chrom, text in texts.items():
        for track in range(len(scanner.tracks)):
            windows, scores = [], []
            for start, values in found.get(chrom, {}).items():
                codes = encode(text[start : start + length[track]])
                if len(codes) < length[track] or (codes == 4).all():
                    assert np.isnan(values[track])
                elif start % (3 * step) == 0:
                    windows.append(codes)
                    scores.append(values[track])
            if windows:
                wanted = predict(model.network, from_rows(windows))[:, track]
                np.testing.assert_allclose(scores, wanted, atol=1e-4)


@pytest.mark.parametrize("step", [1, 3, 40])
@pytest.mark.parametrize("rule", ["whole", "window"])
@pytest.mark.parametrize("options", [{}, {"n_members": 2, "n_targets": 2}, {"pooling": "max-average"}])
def test_each_window(
    genome: Genome, options: dict[str, Any], rule: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genome_scan, "PIECE", 97)
    model = trained(rule=rule, **options)
    scanner = Scanner({"m": model}, step=step)
    wanted = 31 if rule == "whole" else 7
    assert [track.length for track in scanner.tracks] == [wanted] * len(model.target_names)
    check(model, scanner, genome, dict.fromkeys(range(2), wanted), text_of())


@pytest.mark.parametrize("length", [5, 7, 13, 50])
def test_length(genome: Genome, length: int) -> None:
    model = trained(length=None)
    check(model, Scanner({"m": model}, length=length), genome, {0: length}, text_of())


@pytest.mark.parametrize("rule", ["whole", "window"])
def test_collection(genome: Genome, rule: str) -> None:
    model = published.build({f"D{i}": draw(i, **shape) for i, shape in enumerate(SHAPES)}, {})
    model.network.rule = rule
    scanner = Scanner({"m": model}, length=None if rule == "window" else 20)
    assert [track.name for track in scanner.tracks] == list(model.target_names)
    check(model, scanner, genome, {i: track.length for i, track in enumerate(scanner.tracks)}, text_of())
    some = Scanner({"m": model}, length=None if rule == "window" else 20, targets=["D4", "D1"])
    assert [track.name for track in some.tracks] == ["D1", "D4"]
    ranges = [Range("chr2", 0, 300)]
    all_of, of_some = collect(scanner, genome, ranges), collect(some, genome, ranges)
    for start, values in of_some["chr2"].items():
        np.testing.assert_allclose(values, all_of["chr2"][start][[1, 4]], atol=1e-6)


def test_several_models(genome: Genome) -> None:
    models = {"a": trained(1), "b": trained(2, n_targets=2, length=40), "c": trained(3, rule="window")}
    scanner = Scanner(models)
    assert [(t.name, t.length) for t in scanner.tracks] == [("a", 31), ("b.t0", 40), ("b.t1", 40), ("c", 7)]
    together = collect(scanner, genome, [Range("chr2", 0, 650)])
    for label, columns in (("a", [0]), ("b", [1, 2]), ("c", [3])):
        alone = collect(Scanner({label: models[label]}), genome, [Range("chr2", 0, 650)])
        for start, values in alone["chr2"].items():
            np.testing.assert_allclose(values, together["chr2"][start][columns], atol=1e-6)


def test_threads_give_the_same(genome: Genome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genome_scan, "PIECE", 50)
    scanner = Scanner({"m": trained()})
    ranges = find_ranges(genome.chroms, 31)
    one = [(s.chrom, s.start, s.values) for s in scanner.scan(genome, ranges)]
    torch.set_num_threads(2)
    two = [(s.chrom, s.start, s.values) for s in scanner.scan(genome, ranges)]
    assert [o[:2] for o in one] == [t[:2] for t in two]
    for o, t in zip(one, two, strict=True):
        np.testing.assert_array_equal(o[2], t[2])


def test_soft_mask(tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in text_of().items()))
    masked = {name: "".join("N" if c.islower() else c for c in text) for name, text in text_of().items()}
    with Genome(path, soft_mask=True) as opened:
        model = trained()
        check(model, Scanner({"m": model}), opened, {0: 31}, masked)
        assert opened.n_ambiguous == 0


@pytest.mark.parametrize("step", [1, 4, 7])
@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_shards_make_the_whole(n: int, step: int) -> None:
    sizes = {"a": 100, "b": 3, "c": 57, "d": 10}
    whole = {(chrom, start) for chrom, size in sizes.items() for start in range(0, max(0, size - 9), step)}
    parts = [find_ranges(sizes, 10, step, (i, n)) for i in range(1, n + 1)]
    found = [(r.chrom, start) for part in parts for r in part for start in range(r.start, r.stop, step)]
    assert len(found) == len(set(found))
    assert set(found) == whole
    counts = [sum(r.stop - r.start for r in part) for part in parts]
    assert max(counts) - min(counts) <= 1 + 2 * step * len(sizes)


@pytest.mark.parametrize(
    ("models", "options", "reason"),
    [
        (
            {"m": trained(length=None)},
            {},
            "m was trained on sequences as they are: say how long windows are with --length",
        ),
        ({"m": trained(rule="window")}, {"length": 20}, "--length has no use"),
        ({"m": trained()}, {"targets": ["t0", "x"]}, "no model here has a target 'x'; there are: t0"),
    ],
)
def test_refused(models: dict[str, Model], options: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        Scanner(models, **options)
    assert reason in str(caught.value)


def test_strands(genome: Genome) -> None:
    for by_member in (False, True):
        model = trained(4, n_members=2)
        scanner = Scanner({"m": model})
        if by_member:
            model = published.build({f"D{i}": draw(i, n=4) for i in range(3)}, {})
            scanner = Scanner({"m": model})
        length = scanner.tracks[0].length
        rows = random_rows(6, [length] * 50)
        back = [np.array([3, 2, 1, 0, 4], dtype=np.uint8)[row[::-1]] for row in rows]
        there, here = (scanner.strands(0, from_rows(x)).tolist() for x in (rows, back))
        assert set(there) == {"+", "-"}
        assert [{"+": "-", "-": "+"}[strand] for strand in there] == here
    one = Scanner({"m": trained(both_strands=False)})
    assert one.strands(0, from_rows(random_rows(6, [31] * 5))).tolist() == ["+"] * 5


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("3.5", ("score", 3.5)), ("-2", ("score", -2)), ("p=1e-4", ("p", 1e-4)), ("TOP=20", ("top", 20))],
)
def test_threshold(text: str, wanted: tuple[str, float]) -> None:
    assert parse(text) == Threshold(*wanted)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "p=0", "p=1", "p=", "top=0", "top=1.5", "q=3", "score"])
def test_no_threshold(text: str) -> None:
    with pytest.raises(UsageError, match="say a score, p=P with P between 0 and 1, or top=N"):
        parse(text)


@pytest.mark.parametrize("m", [1, 3, 50, 1000])
def test_largest(m: int) -> None:
    values = np.random.default_rng(m).normal(size=(20, 37)).astype(np.float32)
    values[3, 5:20] = np.nan
    kept = Largest(m)
    for row in values:
        kept.add(row)
    known = np.sort(values[~np.isnan(values)])[::-1]
    assert kept.n == len(known)
    for i in {1, m // 2 + 1, m}:
        assert kept.largest(i) == (known[i - 1] if i <= len(known) else -np.inf)


def test_share_of_a_genome(genome: Genome) -> None:
    scanner = Scanner({"m": trained(n_targets=2)})
    ranges = find_ranges(genome.chroms, 31)
    found, n = thresholds.from_genome(scanner, genome, ranges, 0.01)
    values = np.concatenate([scores.values for scores in scanner.scan(genome, ranges)], axis=1)
    for track, score in enumerate(found):
        known = values[track][~np.isnan(values[track])]
        assert n == len(known)
        assert np.mean(known >= score) == pytest.approx(0.01, abs=1 / n + 1e-9)


def test_share_of_shuffles(genome: Genome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "FEWEST", 5000)
    monkeypatch.setattr(thresholds, "STRETCH", 300)
    for step in (1, 5):
        scanner = Scanner({"m": trained()}, step=step)
        found, n = thresholds.from_shuffles(scanner, genome, genome.chroms, 0.05, 1)
        assert n > 4000
        ranges = find_ranges(genome.chroms, 31)
        values = np.concatenate([s.values for s in Scanner({"m": trained()}).scan(genome, ranges)], axis=1)
        assert 0.01 < np.nanmean(values >= found[0]) < 0.2  # a random genome is like its shuffles
        assert thresholds.from_shuffles(scanner, genome, genome.chroms, 0.05, 1)[0] == found
        assert thresholds.from_shuffles(scanner, genome, genome.chroms, 0.05, 2)[0] != found
    with pytest.raises(UsageError, match="shuffles tell shares down to 1e-05; say --null genome, or a score"):
        thresholds.from_shuffles(scanner, genome, genome.chroms, 1e-7, 1)
    with pytest.raises(InputError, match="no chromosome has 31 bp, the length of a window"):
        thresholds.from_shuffles(scanner, genome, {"tiny": 3}, 0.05, 1)


@pytest.mark.parametrize("length", [31, 33, 50])
def test_shuffles_of_many_short_sequences(tmp_path: Path, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are as many null windows as of long ones."""
    monkeypatch.setattr(thresholds, "FEWEST", 3000)
    path = tmp_path / "g.fa"
    rows = random_rows(6, [length] * 40)
    path.write_text("".join(f">s{i}\n{decode(row)}\n" for i, row in enumerate(rows)))
    scanner = Scanner({"m": trained()})
    with Genome(path) as genome:
        _, n = thresholds.from_shuffles(scanner, genome, genome.chroms, 0.1, 1)
        assert 3000 <= n < 3000 + length
        monkeypatch.setattr(thresholds, "MOST_STRETCHES", 10)
        assert thresholds.from_shuffles(scanner, genome, genome.chroms, 0.1, 1)[1] == 10 * (length - 30)


def test_only_n(tmp_path: Path) -> None:
    path = tmp_path / "n.fa"
    path.write_text(">a\n" + "N" * 500 + "\n")
    scanner = Scanner({"m": trained()})
    with Genome(path) as opened:
        scores = list(scanner.scan(opened, find_ranges(opened.chroms, 31)))
        assert np.isnan(scores[0].values).all()
        assert scores[0].n_silent == 470
        with pytest.raises(InputError, match="holds no letters but N"):
            thresholds.from_genome(scanner, opened, find_ranges(opened.chroms, 31), 0.1)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_a_score_that_the_best_hits_reach(genome: Genome, n: int) -> None:
    from seqcnn.interpret.hits import HitFinder

    scanner = Scanner({"m": trained()})
    ranges = find_ranges(genome.chroms, 31)
    (least,) = thresholds.for_top(scanner, genome, ranges, n)
    finder = HitFinder(31, 1, least)
    found = [hits for s in scanner.scan(genome, ranges) for hits in finder.add(s.chrom, s.start, s.values[0])]
    found += list(finder.finish())
    assert sum(len(hits.start) for hits in found) >= n
