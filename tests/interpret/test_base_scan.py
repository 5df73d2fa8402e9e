"""Every base of a genome by itself: as if each chromosome were scored whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqcnn.errors import UsageError
from seqcnn.formats.genome import Genome
from seqcnn.interpret import base_scan
from seqcnn.interpret.base_scan import BaseScanner
from seqcnn.interpret.genome_scan import find_ranges
from seqcnn.models import architectures
from seqcnn.models.bases import base_scores
from seqcnn.models.modelfile import Model
from seqcnn.sequence.alphabet import encode
from seqcnn.sequence.ragged import from_rows

SIZES = {"a": 1205, "b": 400, "c": 3}


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = {name: "".join(rng.choice(list("ACGT"), size)) for name, size in SIZES.items()}
    rows["a"] = rows["a"][:500] + "N" * 120 + rows["a"][620:]
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{row}\n" for name, row in rows.items()))
    return path


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_scan, "STRETCH", 100)
    torch.set_num_threads(1)


def make(name: str = "unet", targets: int = 1, seed: int = 0, **options: object) -> Model:
    shape = {"n_members": 2, "n_targets": targets, "n_filters": 4, "kernel_size": 7} | options
    network = architectures.create(name, shape)
    network.seed([seed, seed + 1])
    names = tuple(f"t{i}" for i in range(targets))
    return Model(network.eval().requires_grad_(False), name, "dna", "binary", names, None, {})


def tracks(scanner: BaseScanner, path: Path, shard: tuple[int, int] = (1, 1)) -> dict[str, np.ndarray]:
    """Return the values of all bases, shape (n_tracks, size), NaN where nothing came."""
    with Genome(path) as genome:
        found = {name: np.full((len(scanner.tracks), size), np.nan, np.float32) for name, size in genome.chroms.items()}
        for scores in scanner.scan(genome, find_ranges(genome.chroms, scanner.shortest, 1, shard)):
            there = found[scores.chrom][:, scores.start : scores.start + scores.values.shape[1]]
            assert np.isnan(there).all()
            there[:] = scores.values
            assert scores.n_silent >= np.isnan(scores.values).sum()
        return found


def test_as_each_chromosome_whole(genome: Path) -> None:
    """Where one strand is read, so that pooling begins alike; a base depends on nothing beyond its field."""
    model = make(both_strands=False, n_levels=2)
    found = tracks(BaseScanner({"m": model}), genome)
    letters = dict(zip(SIZES, genome.read_text().splitlines()[1::2], strict=True))
    for name, values in found.items():
        codes = encode(letters[name])
        wanted = 1 / (1 + np.exp(-base_scores(model.network, from_rows([codes]))[:, 0]))
        assert np.array_equal(np.isnan(values[0]), codes == 4)
        np.testing.assert_allclose(values[0][codes < 4], wanted[codes < 4], atol=1e-5)


@pytest.mark.parametrize("strands", ["best", "equivariant"])
def test_shards_and_several_models(genome: Path, strands: str) -> None:
    """A base has one value, whatever else is scanned; tracks are named by targets, or models and targets."""
    models = {"one": make(n_levels=2, strands=strands), "two": make(targets=2, seed=5, n_levels=1)}
    scanner = BaseScanner(models)
    assert [track.name for track in scanner.tracks] == ["one", "two.t0", "two.t1"]
    whole, halves = tracks(scanner, genome), [tracks(scanner, genome, (i, 2)) for i in (1, 2)]
    for name, values in whole.items():
        parts = np.where(np.isnan(halves[0][name]), halves[1][name], halves[0][name])
        np.testing.assert_array_equal(parts, values)
        assert np.nanmax(np.abs(values[1] - values[2])) > 1e-4
    chosen = BaseScanner(models, targets=["t1"])
    np.testing.assert_allclose(tracks(chosen, genome)["b"][0], whole["b"][2], atol=1e-6)
    assert [track.name for track in BaseScanner({"two": models["two"]}).tracks] == ["t0", "t1"]


def test_who_cannot(genome: Path) -> None:
    with pytest.raises(UsageError, match="d is of the architecture deepbind, which scores whole sequences"):
        BaseScanner({"d": make("deepbind")})
    with pytest.raises(UsageError, match="no model here has a target 'x'; there are: t0"):
        BaseScanner({"m": make()}, targets=["x"])
