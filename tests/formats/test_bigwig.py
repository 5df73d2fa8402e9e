"""bigWig files as a foreign reader sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqcnn.errors import OutputError
from seqcnn.formats import bigwig, bigwig_index
from seqcnn.formats.bigwig import open_bigwig

pyBigWig = pytest.importorskip("pyBigWig")  # noqa: N816


def draw(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n).astype(np.float32)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_values_come_back(tmp_path: Path, data: st.DataObject) -> None:
    step = data.draw(st.sampled_from([1, 1, 2, 10]))
    sizes = {name: data.draw(st.integers(1, 4000)) for name in data.draw(st.permutations(["chr10", "chr2", "x", "M"]))}
    path, wanted = tmp_path / "t.bw", {name: np.full(size, np.nan, dtype=np.float32) for name, size in sizes.items()}
    with open_bigwig(path, sizes, step) as writer:
        for name, size in sizes.items():
            at = data.draw(st.integers(0, size))
            while at < size and data.draw(st.booleans()):
                n = data.draw(st.integers(1, -(-(size - at) // step)))
                values = draw(n, at)
                writer.add(name, at, values)
                wanted[name][at : at + n * step] = np.repeat(values, step)[: size - at]
                at += n * step + data.draw(st.integers(0, 200))
    with pyBigWig.open(str(path)) as file:
        assert file.chroms() == sizes
        for name, size in sizes.items():
            if np.isnan(wanted[name]).all():
                assert file.intervals(name) is None
            else:
                np.testing.assert_array_equal(file.values(name, 0, size, numpy=True), wanted[name])
        every = np.concatenate(list(wanted.values()))
        assert file.header()["nBasesCovered"] == np.count_nonzero(~np.isnan(every))


@pytest.mark.parametrize("step", [1, 7])
def test_summaries(tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What browsers draw is read from the summaries: as good as from the values, over whole bins of them."""
    monkeypatch.setattr(bigwig, "SECTION", 16)
    values = draw(32 * 4**3 * 10)
    size = len(values) * step
    with open_bigwig(tmp_path / "t.bw", {"a": size, "b": 1000}, step) as writer:
        for part, start in zip(np.split(values, 5), np.arange(0, size, size // 5), strict=True):
            writer.add("a", int(start), part)
        writer.add("b", 3, values[:10])
    with pyBigWig.open(str(tmp_path / "t.bw")) as file:
        for bins in (10, 40, 160):
            for kind in ("mean", "min", "max", "coverage", "std"):
                quick = file.stats("a", 0, size, type=kind, nBins=bins)
                exact = file.stats("a", 0, size, type=kind, nBins=bins, exact=True)
                np.testing.assert_allclose(quick, exact, rtol=1e-3, atol=1e-4)
        header = file.header()
        covered = np.append(np.repeat(values, step), np.repeat(values[:10], step))
        assert header["nBasesCovered"] == len(covered)
        assert header["sumData"] == int(covered.sum(dtype=np.float64))


def test_nothing_in_it(tmp_path: Path) -> None:
    with open_bigwig(tmp_path / "t.bw", {"a": 10}) as writer:
        writer.add("a", 3, draw(0))
    with pyBigWig.open(str(tmp_path / "t.bw")) as file:
        assert file.chroms() == {"a": 10}
        assert file.header()["nBasesCovered"] == 0


def test_many_sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bigwig_index, "_MOST_NAMES", 7)
    monkeypatch.setattr(bigwig_index, "_FANOUT", 3)
    sizes = {f"scaffold_{i}": 50 + i for i in range(40)}
    with open_bigwig(tmp_path / "t.bw", sizes) as writer:
        for i, name in enumerate(sizes):
            if i % 3:
                writer.add(name, 5, np.full(3, i, dtype=np.float32))
    with pyBigWig.open(str(tmp_path / "t.bw")) as file:
        assert file.chroms() == sizes
        for i, name in enumerate(sizes):
            assert file.intervals(name) == (tuple((5 + j, 6 + j, i) for j in range(3)) if i % 3 else None)


def test_the_name_appears_with_the_whole_file(tmp_path: Path) -> None:
    with pytest.raises(KeyError), open_bigwig(tmp_path / "t.bw", {"a": 10}) as writer:
        writer.add("b", 0, draw(3))
    assert list(tmp_path.iterdir()) == []


def test_too_long(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="bigWig holds chromosomes of less than"),
        open_bigwig(tmp_path / "t.bw", {"a": 1 << 32}),
    ):
        pass
