"""Preparing the targets of assays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqcnn.dataset.build import load
from seqcnn.dataset.negatives import NegativeOptions
from seqcnn.dataset.preparation import Preparation
from seqcnn.dataset.prepare_options import PrepareOptions
from seqcnn.dataset.sources import ReadOptions, Tally
from seqcnn.errors import InputError, UsageError


@pytest.fixture
def arrays(tmp_path):
    """Four arrays of one design, each brighter where the probe is, and brightest at its own probes; the frame of it."""
    rng = np.random.default_rng(0)
    n = 400
    probes = ["".join(rng.choice(list("ACGT"), 20)) for _ in range(n)]
    bias = rng.lognormal(0, 0.5, n)
    frame = pd.DataFrame({"sequence": probes})
    for i, name in enumerate("abcd"):
        own = np.where(np.arange(n) % 40 == i, 50, 1)
        frame[name] = np.round(10.0 ** (i + 1) * bias * own * rng.lognormal(0, 0.1, n), 3)
        frame[["sequence", name]].sample(frac=1, random_state=i).to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    frame.to_csv(tmp_path / "all.tsv", sep="\t", index=False)
    return frame


def read(path: Path, *columns: str, **options):
    tally = Tally()
    reading = ReadOptions(target_columns=columns or None, prepare=PrepareOptions(**options))
    examples, built = load([str(path)], reading, NegativeOptions(), tally)
    return examples, Preparation.from_json(built.preparation), tally


def log_ratio(frame: pd.DataFrame, *names: str) -> pd.Series:
    """The oracle: the logarithm of each probe's median over arrays, each divided by its own."""
    return np.log(frame[list(names)] / frame[list(names)].median()).median(axis=1)


def test_rnacompete_of_every_column(tmp_path, arrays):
    examples, preparation, tally = read(tmp_path / "all.tsv", "a", "c", assay="rnacompete")
    for i, name in enumerate("ac"):
        clamped = arrays[name].clip(upper=arrays[name].quantile(0.9995))
        expected = (clamped - clamped.mean()) / clamped.std(ddof=0)
        np.testing.assert_allclose(examples.targets[:, i], expected, atol=1e-5)
        assert preparation.scales[name].ceiling == pytest.approx(arrays[name].quantile(0.9995))
    assert tally.counts["intensities clamped"] == 2
    assert any(note.startswith("a: clamped at ") for note in tally.notes)


def test_pbm_without_bias_is_the_root(tmp_path, arrays):
    examples, preparation, _ = read(tmp_path / "all.tsv", "b", assay="pbm")
    root = np.sqrt(arrays["b"])
    np.testing.assert_allclose(examples.targets[:, 0], (root - root.mean()) / root.std(ddof=0), atol=1e-5)
    assert preparation.bias == ()
    np.testing.assert_allclose(preparation.undo(examples.targets)[:, 0], arrays["b"], rtol=1e-4)


def test_power_is_what_is_said(tmp_path, arrays):
    examples, preparation, tally = read(tmp_path / "all.tsv", "b", assay="pbm", power=0.25)
    root = arrays["b"] ** 0.25
    np.testing.assert_allclose(examples.targets[:, 0], (root - root.mean()) / root.std(ddof=0), atol=1e-5)
    assert preparation.scales["b"].power == 0.25
    assert "b: raised to the power 0.25, mean 0, variance 1" in tally.notes


@pytest.mark.parametrize("slope", [None, 1.0])
def test_pbm_divides_by_the_bias_of_other_arrays(tmp_path, arrays, slope):
    others = tuple(str(tmp_path / f"{name}.tsv") for name in "bcd")
    tally = Tally()
    reading = ReadOptions(target_columns=("2",), prepare=PrepareOptions("pbm", others, slope))
    examples, built = load([str(tmp_path / "a.tsv")], reading, NegativeOptions(), tally)
    preparation = Preparation.from_json(built.preparation)
    shuffled = pd.read_csv(tmp_path / "a.tsv", sep="\t").merge(arrays[["sequence", "b", "c", "d"]], on="sequence")
    bias = log_ratio(shuffled, "b", "c", "d")
    fitted = np.polyfit(bias, np.log(shuffled["a"]), 1)[0]
    scale = preparation.scales["a"]
    assert scale.slope == pytest.approx(min(1, fitted) if slope is None else slope, abs=1e-4)
    root = np.sqrt(shuffled["a"] / np.exp(scale.slope * bias))
    np.testing.assert_allclose(examples.targets[:, 0], (root - root.mean()) / root.std(ddof=0), atol=1e-4)
    assert preparation.bias == others
    assert "bias of probes from 3 arrays: the fewer, the more of it is what binds those proteins" in tally.notes


def test_other_columns_tell_the_bias_of_each(tmp_path, arrays):
    examples, preparation, _ = read(tmp_path / "all.tsv", "a", "b", "c", assay="pbm", bias=("columns",), slope=1.0)
    for i, others in enumerate(["bc", "ac", "ab"]):
        root = np.sqrt(arrays["abc"[i]] / np.exp(log_ratio(arrays, *others)))
        np.testing.assert_allclose(examples.targets[:, i], (root - root.mean()) / root.std(ddof=0), atol=1e-4)
    assert preparation.bias == ("columns",)


def test_files_and_columns_go_together(tmp_path, arrays):
    bias = (str(tmp_path / "d.tsv"), "columns")
    tally = Tally()
    reading = ReadOptions(target_columns=("2",), prepare=PrepareOptions("pbm", bias, 1.0))
    wide = arrays[["sequence", "a"]]
    wide.to_csv(tmp_path / "one.tsv", sep="\t", index=False)
    examples, _ = load([str(tmp_path / "one.tsv")], reading, NegativeOptions(), tally)
    root = np.sqrt(arrays["a"] / np.exp(log_ratio(arrays, "d")))
    np.testing.assert_allclose(examples.targets[:, 0], (root - root.mean()) / root.std(ddof=0), atol=1e-4)
    assert "bias of probes from 1 array: the fewer, the more of it is what binds those proteins" in tally.notes


def test_the_data_do_not_tell_their_own_bias(tmp_path, arrays):
    path = tmp_path / "a.tsv"
    reading = ReadOptions(prepare=PrepareOptions("pbm", (str(path),)), target_columns=("a",))
    with pytest.raises(UsageError, match="leaves no array of another protein"):
        load([str(path)], reading, NegativeOptions(), Tally())
    tally = Tally()
    reading = ReadOptions(prepare=PrepareOptions("pbm", (str(path), str(tmp_path / "b.tsv"))), target_columns=("2",))
    load([str(path)], reading, NegativeOptions(), tally)
    assert f"{path}: is what is to be predicted, and left out of the bias of probes" in tally.notes


def test_arrays_of_another_design_are_refused(tmp_path, arrays):
    other = tmp_path / "other.tsv"
    other.write_text("sequence\tsignal\nACGTACGTAC\t4\nACGTACGTAA\t5\n")
    reading = ReadOptions(prepare=PrepareOptions("pbm", (str(other),)), target_columns=("2",))
    with pytest.raises(InputError, match=r"other.tsv: holds none of the probes; .*same design"):
        load([str(tmp_path / "a.tsv")], reading, NegativeOptions(), Tally())


def test_probes_that_no_array_has_are_counted(tmp_path, arrays):
    part = tmp_path / "part.tsv"
    arrays[["sequence", "b"]].iloc[:300].to_csv(part, sep="\t", index=False)
    tally = Tally()
    reading = ReadOptions(prepare=PrepareOptions("pbm", (str(part),)), target_columns=("2",))
    load([str(tmp_path / "a.tsv")], reading, NegativeOptions(), tally)
    assert tally.counts["probes without a known bias"] == 100


def test_bias_without_intensities_is_refused(tmp_path, arrays):
    (tmp_path / "plain.fa").write_text(">a\nACGT\n")
    reading = ReadOptions(prepare=PrepareOptions("pbm", (str(tmp_path / "plain.fa"),)), target_columns=("2",))
    with pytest.raises(InputError, match=r"plain.fa: holds no intensities"):
        load([str(tmp_path / "a.tsv")], reading, NegativeOptions(), Tally())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("ACGT\t1\nACGA\t0\n", "targets are 0 and 1, not intensities as --prepare pbm needs"),
        ("ACGT\t3\nACGA\t3\n", "all 2 values are 3 in column 'signal'"),
        ("ACGT\tNA\nACGA\tNA\n", "there are no values in column 'signal'"),
    ],
)
def test_what_are_no_intensities_is_refused(tmp_path, rows, said):
    table = tmp_path / "bad.tsv"
    table.write_text("sequence\tsignal\n" + rows)
    with pytest.raises(InputError, match=f"bad.tsv: {said}"):
        read(table, assay="pbm")


def test_sequences_without_numbers_are_refused(tmp_path):
    (tmp_path / "plain.fa").write_text(">a\nACGT\n>b\nACGA\n")
    with pytest.raises(InputError, match="targets are 0 and 1"):
        read(tmp_path / "plain.fa", assay="rnacompete")


def write_rounds(folder: Path) -> list[str]:
    (folder / "r0.fa").write_text("".join(f">{i}\n{s}\n" for i, s in enumerate(["ACGT", "GGGG", "ACGT", "TTTT"])))
    (folder / "r1.fq").write_text("".join(f"@q{i}\n{s}\n+\nIIII\n" for i, s in enumerate(["ACGT", "CCCC"])))
    (folder / "r2.tsv").write_text("sequence\tbound\nCCCC\t7\nCCCC\t9\nACGT\t1\n")
    return [str(folder / name) for name in ("r0.fa", "r1.fq", "r2.tsv")]


def test_rounds_are_targets(tmp_path):
    tally = Tally()
    reading = ReadOptions(prepare=PrepareOptions("selex"))
    examples, built = load(write_rounds(tmp_path), reading, NegativeOptions(), tally)
    assert built.target_names == ["r0", "r1", "r2"]
    assert built.negatives == "none"
    assert built.labelled
    np.testing.assert_array_equal(examples.targets, [[1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 1, 1]])
    np.testing.assert_array_equal(examples.weights, [4, 1, 1, 3])
    assert built.preparation == {"assay": "selex", "targets": "each", "reads": {"r0": 4, "r1": 2, "r2": 3}}
    assert tally.counts["different sequences"] == 4
    assert tally.counts["sequences read in more than one round"] == 2
    said = "reads of each round: r0 4, r1 2, r2 3; 4 different sequences, which count as often as read"
    assert said in tally.notes


def test_rounds_in_order_are_one_target(tmp_path):
    reading = ReadOptions(prepare=PrepareOptions("selex", rounds="order"))
    examples, built = load(write_rounds(tmp_path), reading, NegativeOptions(), Tally())
    assert built.target_names == ["round"]
    np.testing.assert_allclose(examples.targets[1:3, 0], 0)
    assert 0.5 < examples.targets[3, 0] < 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target_columns": ("2",)}, "leave --target-column out"),
        ({"label_pattern": "(.)"}, "leave --label-pattern out"),
        ({"weight_column": "2"}, "leave --weight-column out"),
    ],
)
def test_rounds_make_their_own_targets(tmp_path, change, said):
    with pytest.raises(UsageError, match=said):
        load(write_rounds(tmp_path), ReadOptions(prepare=PrepareOptions("selex"), **change), NegativeOptions(), Tally())


def test_one_round_is_refused(tmp_path):
    with pytest.raises(UsageError, match="two rounds or more"):
        load(write_rounds(tmp_path)[:1], ReadOptions(prepare=PrepareOptions("selex")), NegativeOptions(), Tally())


def test_an_empty_round_is_refused(tmp_path):
    (tmp_path / "empty.fa").write_text(">a\n\n>b\n\n")
    paths = [write_rounds(tmp_path)[0], str(tmp_path / "empty.fa")]
    with pytest.raises(InputError, match=r"empty.fa: holds no sequence with a letter in it"):
        load(paths, ReadOptions(prepare=PrepareOptions("selex")), NegativeOptions(), Tally())


def test_shuffles_beside_rounds_are_refused(tmp_path):
    with pytest.raises(UsageError, match="holds negatives"):
        load(
            write_rounds(tmp_path),
            ReadOptions(prepare=PrepareOptions("selex")),
            NegativeOptions("dinucleotide"),
            Tally(),
        )


@pytest.mark.realdata
def test_published_rnacompete_targets_are_clamped_already(shared_data):
    path = shared_data / "rnacompete" / "RNCMPT00001.train.txt.gz"
    reading = ReadOptions(alphabet="rna", prepare=PrepareOptions("rnacompete"))
    examples, built = load([str(path)], reading, NegativeOptions(), Tally())
    frame = pd.read_csv(path, sep=" ", header=None, names=["intensity", "sequence"])
    z = (frame.intensity - frame.intensity.mean()) / frame.intensity.std(ddof=0)
    assert np.corrcoef(z, examples.targets[:, 0])[0, 1] > 0.99999
    assert built.preparation["scales"]["column_1"]["ceiling"] == pytest.approx(frame.intensity.max(), rel=0.05)


@pytest.mark.realdata
def test_published_arrays_share_a_bias(shared_data):
    folder = shared_data / "dream5_pbm"
    others = tuple(str(folder / f"{name}_HK.txt.gz") for name in ("Foxo1", "Egr2"))
    reading = ReadOptions(target_columns=("2",), prepare=PrepareOptions("pbm", others))
    examples, built = load([str(folder / "Cebpb_HK.txt.gz")], reading, NegativeOptions(), Tally())
    names = ["sequence", "signal", "background"]
    frames = {
        name: pd.read_csv(folder / f"{name}_HK.txt.gz", sep="\t", header=None, names=names).set_index("sequence").signal
        for name in ("Cebpb", "Foxo1", "Egr2")
    }
    table = pd.DataFrame(frames).loc[frames["Cebpb"].index]
    bias = np.log(table[["Foxo1", "Egr2"]] / [frames["Foxo1"].median(), frames["Egr2"].median()]).median(axis=1)
    there = bias.notna()
    slope = np.polyfit(bias[there], np.log(table["Cebpb"][there]), 1)[0]
    assert built.preparation["scales"]["column_2"]["slope"] == pytest.approx(slope, abs=1e-3)
    root = np.sqrt(table["Cebpb"] / np.exp(slope * bias.fillna(0)))
    np.testing.assert_allclose(examples.targets[:, 0], (root - root.mean()) / root.std(ddof=0), atol=1e-3)
