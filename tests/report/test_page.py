"""The page of a run, and that of several."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from seqcnn.errors import InputError
from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import write_motifs
from seqcnn.report import cautions, words
from seqcnn.report.compare_page import render_comparison
from seqcnn.report.judgement import judge
from seqcnn.report.motif_section import MOST, read_found
from seqcnn.report.motif_table import COLUMNS
from seqcnn.report.mutation_section import read_mutations
from seqcnn.report.page import read_evaluation, render_report
from seqcnn.report.run_files import read_run
from seqcnn.sequence.contexts import CONTEXTS
from seqcnn.training.metrics import auroc
from tests.report.chromium import PROGRAM, Browser
from tests.report.run_folders import make_run

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
KINDS: dict[str, dict[str, Any]] = {
    "binary": {},
    "multi-task": {"names": [f"target {i}" for i in range(7)]},
    "regression": {"task": "regression", "names": ["signal"], "parts": {"test": 2000}},
    "poisson": {"task": "poisson", "names": ["reads"]},
    "multiclass": {"task": "multiclass", "names": ["liver", "brain", "skin"]},
    "without a test": {"parts": {"valid": 200}},
}


class Page(HTMLParser):
    """Which elements a page has, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


def motif_folder(
    folder: Path, n: int = 30, *, name: str = "filter", wide: int = 12, contexts: NDArray[np.float64] | None = None
) -> Path:
    """Write a folder as motifs does, with one dead filter; contexts are those of every motif's sites."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    motifs = [Motif(f"{name}_{i}", rng.dirichlet([0.2] * 4, wide).T) for i in range(n)]
    lines = ["\t".join(COLUMNS)]
    for i, motif in enumerate(motifs):
        row = dict.fromkeys(COLUMNS, "") | {"name": motif.name, "source": "filter", "status": "kept"}
        row |= {
            "consensus": motif.consensus(),
            "n_sites": str(100 - i),
            "effect": f"{1 / (i + 1):.4f}",
            "auroc": f"0.{60 + i % 30}",
        }
        row |= {"match": f"MA{i:04d}.1", "match_name": f"TF{i}", "q_value": "0.01" if i % 2 else "0.5"}
        lines.append("\t".join(row[column] for column in COLUMNS))
    row = dict.fromkeys(COLUMNS, "") | {"name": "dead", "status": "dead: never fires", "n_sites": "0"}
    lines.append("\t".join(row[column] for column in COLUMNS))
    (folder / "motifs.tsv").write_text("\n".join(lines) + "\n")
    (folder / "matches.tsv").write_text("")
    write_motifs(motifs, folder / "motifs.meme")
    places = [f"{motif.name}\t{d}\t{50 - abs(d)}" for motif in motifs for d in range(-40, 41)]
    (folder / "positions.tsv").write_text("\n".join(["motif\tdistance\tn_sites", *places]) + "\n")
    if contexts is not None:
        lines = [
            "\t".join([motif.name, str(i), *(f"{share:g}" for share in shares)])
            for motif in motifs
            for i, shares in enumerate(contexts.T.tolist(), start=1)
        ]
        (folder / "structures.tsv").write_text("\n".join(["\t".join(["motif", "position", *CONTEXTS]), *lines]) + "\n")
    return folder


def mutation_folder(folder: Path, n: int = 30, length: int = 120, name: str = "peak") -> Path:
    """Write a folder as mutate does."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with h5py.File(folder / "mutations.h5", "w") as file:
        file.attrs.update({"alphabet": "dna", "score": "difference", "method": "saturation", "target_names": ["bound"]})
        file["names"] = np.array([f"{name} {i}" for i in range(n)], dtype=object)
        file["lengths"] = np.full(n, length)
        file["codes"] = rng.integers(0, 4, (n, length)).astype(np.uint8)
        file["reference"] = np.arange(n, dtype=float)
        file["delta"] = rng.normal(size=(n, 4, length))
    (folder / "sequences.tsv").write_text("name\n" + "x\n" * n)
    return folder


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few resamples: pages are the same but for how smooth bands are."""
    monkeypatch.setattr("seqcnn.report.curves._RESAMPLES", (20, 20))
    monkeypatch.setattr("seqcnn.report.compare_page._RESAMPLES", 60)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run with motifs and maps."""
    folder = tmp_path_factory.mktemp("whole")
    run = read_run(make_run(folder / "run"))
    motifs, maps = read_found(motif_folder(folder / "motifs")), read_mutations(mutation_folder(folder / "mutations"))
    path = folder / "report.html"
    path.write_text(render_report(run, motifs, maps), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_task_has_a_page(kind: str, tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", **KINDS[kind]))
    text = render_report(run)
    page = Page(text)
    assert words.headline(run) in re.sub(r"\s+", " ", page.words)
    plots = {"regression": 3, "poisson": 3, "multiclass": 3, "multi-task": 30}.get(kind, 5)
    assert text.count("<figure>") == plots + 2
    assert not re.search(r"\b(nan|None|inf)\b", page.words.split('"use strict"')[0])
    assert text == render_report(run)


def test_a_run_without_a_held_out_part_is_judged_by_other_data(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run"))
    metrics = run.metrics["test"]
    (tmp_path / "e.json").write_text(json.dumps({"command": "evaluate", "metrics": metrics}))
    other = read_evaluation(tmp_path / "e.json", "binary")
    alone = replace(run, metrics={}, held_out={})
    for evaluations, said, not_said in (
        ([], "How good it is on others is not known", "sequences of other data"),
        ([other], "on 240 sequences of other data.", "not known"),
    ):
        page = Page(render_report(alone, evaluations=evaluations)).words
        assert said in page
        assert not_said not in page
    assert render_report(run, evaluations=[other]).count("that it never saw") == 1


def test_headlines(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run"))
    value = run.metrics["test"]["bound"]["auroc"]
    assert words.headline(run) == (
        f"Trained on 900 sequences from x.fa, it tells positives from negatives with an AUROC of {value['value']:.3f} "
        f"(95 % interval {value['low']:.3f} to {value['high']:.3f}) on 240 test sequences that it never saw."
    )
    assert ("time", "1 min 15 s", "cpu") in words.tiles(run)


@pytest.mark.parametrize(
    ("about", "serious", "said"),
    [
        ({"parts": {"valid": 200}}, True, "Nothing was kept for a final test"),
        ({"parts": {"test": 60}}, True, "to test with"),
        ({"shift": 0.0}, True, "Not surely better than chance"),
        ({"prevalence": [0.03]}, False, "3 % of the training sequences are positive"),
        ({"losses": [(0.7, 0.7), (0.4, 0.5), (0.2, 0.6), (0.1, 0.9)]}, False, "Overfitting after epoch 2"),
        ({"shift": 9.0, "record": {"negatives": "dinucleotide"}}, True, "Negatives may be too easy"),
        ({"record": {"negatives": "gc"}}, False, "Negatives were made: gc"),
        ({"record": {"counts": {"split: moved to keep near-duplicates together": 7}}}, False, "7 near-duplicates"),
        ({"record": {"counts": {"sequences read": 50, "duplicates left out": 9}}}, True, "9 duplicates left out"),
        ({"record": {"options": {"genome": "g.fa", "test_fraction": 0.1}}}, False, "The test part was drawn at random"),
        ({"record": {"lost_networks": [2]}}, False, "1 networks left the numbers"),
        ({"record": {"options": {"schedule": "constant"}}}, False, "Perhaps stopped too early"),
        ({"shift": 0.8, "parts": {"test": 2000}}, False, "Probabilities are off"),
        ({"task": "regression", "names": ["y"], "parts": {"test": 40}}, True, "Only 40 sequences to judge by"),
    ],
)
def test_cautions(about: dict[str, Any], serious: bool, said: str, tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "run", **about))
    if "off" in said:  # scores that say far too much
        run.held_out["test"].scores[:] *= 8
    found = cautions.find(run)
    assert (serious, True) in [(each.serious, said in each.title) for each in found], found
    assert [each.serious for each in found] == sorted((each.serious for each in found), reverse=True)


def test_a_good_run_needs_no_caution(tmp_path: Path) -> None:
    assert cautions.find(read_run(make_run(tmp_path / "run", shift=1.0, parts={"valid": 300, "test": 600}))) == []


def of_bases(value: float, **more: Any) -> dict[str, Any]:
    found = {"value": value, "low": value - 0.01, "high": value + 0.01}
    return {"n": 9, "bases_n": 4321, "bases_prevalence": 0.25, "bases_auroc": found, "bases_auprc": found} | more


def test_figures_of_bases_are_shown(tmp_path: Path) -> None:
    """Also where all sequences are positive, so that bases are all that can be judged."""
    folder = make_run(tmp_path / "run", parts={"valid": 60})
    metrics = {"valid": {"bound": of_bases(0.923, problem="one class only")}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "other.json").write_text(json.dumps({"command": "evaluate", "metrics": {"bound": of_bases(0.876)}}))
    run = read_run(folder)
    page = Page(render_report(run, evaluations=[read_evaluation(tmp_path / "other.json", "binary")])).words
    for said in ("tells bound bases of validation sequences with an AUROC of 0.923", "Bound bases told from others"):
        assert said in page
    for said in ("4,321", "0.250", "0.876 (0.866 to 0.886)", "chance 0.25", "AUROC of bases"):
        assert said in page, said
    compared = Page(render_comparison([run, read_run(make_run(tmp_path / "plain"))])).words
    assert "AUROC of bases" in compared
    assert "0.923 (0.913 to 0.933)" in compared
    assert "one class only" in compared
    assert "of bases" not in Page(render_report(read_run(tmp_path / "plain"))).words


def test_folds_have_figures_of_bases(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", parts={"fold 1": 60, "fold 2": 60})
    mean = {"mean": 0.923, "low": 0.9, "high": 0.95, "folds": [0.92, 0.926]}
    metrics = {"folds": [], "cross_validation": {"bound": {"auroc": mean, "bases_auroc": mean, "bases_auprc": mean}}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    table = judge(read_run(folder)).bases
    assert table is not None
    assert table.rows == [["cross-validation", "", "", *["0.923 (0.900 to 0.950)"] * 2]]


def test_structure_is_said(tmp_path: Path) -> None:
    about = {"method": "fold", "by": "ViennaRNA 2.7.0", "span": 100}
    page = Page(render_report(read_run(make_run(tmp_path / "run", record={"structure": about})))).words
    assert "folded by ViennaRNA 2.7.0, pairs at most 100 bp apart" in page


def test_structures_of_sites_are_drawn(tmp_path: Path) -> None:
    """One bar a position: hairpin three quarters high over external, and a second position all stem."""
    contexts = np.zeros((6, 2))
    contexts[:, 0], contexts[:, 1] = [0.25, 0.75, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]
    motifs = read_found(motif_folder(tmp_path / "motifs", 2, wide=2, contexts=contexts))
    bars = motifs.rows[0].structure
    assert motifs.structured
    assert 'aria-label="structure: external 12%, hairpin 38%, stem 50%"' in bars
    assert '<path class="contextE" d="M0.33 13.50h10.34v4.50h-10.34z"/>' in bars
    assert '<path class="contextH" d="M0.33 0.00h10.34v13.50h-10.34z"/>' in bars
    assert '<path class="contextS" d="M11.33 0.00h10.34v18.00h-10.34z"/>' in bars
    run = read_run(make_run(tmp_path / "run"))
    page = render_report(run, motifs)
    assert page.count('class="contextS" d=') == 2
    assert "structural contexts of the sites" in Page(page).words
    plain = read_found(motif_folder(tmp_path / "plain", 2, wide=2))
    assert not plain.structured
    assert "structural contexts" not in Page(render_report(run, plain)).words


def test_dead_filters_are_said(tmp_path: Path) -> None:
    motifs = read_found(motif_folder(tmp_path / "motifs", 3))
    said = cautions.find(read_run(make_run(tmp_path / "run")), motifs)
    assert [each.title for each in said if "dead" in each.title] == ["1 of 32 filters are dead"]


@pytest.mark.parametrize("name", ["history.tsv", "held_out.tsv", "trials.tsv"])
def test_what_is_missing_is_said(name: str, tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / "run", record={"command": "calibrate"}, trials="rank\ttrial\tmean\tsd\n1\t1\t0.9\t0.1\n"
    )
    (folder / name).unlink()
    run = read_run(folder)
    assert run.missing == [name]
    assert f"{name} is missing" in Page(render_report(run)).words


def test_trials(tmp_path: Path) -> None:
    rows = "".join(f"{i}\t{i}\t{0.1**i}\tusual\t{i % 3}\t5\t0.9\t0.8\t0.85\t0.05\n" for i in range(1, 13))
    header = "rank\ttrial\tlearning_rate\tfilter_scale\thidden\tepochs\tfold_1\tfold_2\tmean\tsd\n"
    text = render_report(read_run(make_run(tmp_path / "run", record={"command": "calibrate"}, trials=header + rows)))
    assert "12 settings were tried" in text
    assert text.count("<figure>") == 7 + 2  # what has one value is not drawn
    assert text.count('class="ring c1"') == 2
    assert "The best 10" in text


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("run.json", None, "is no folder that train or calibrate has written"),
        ("run.json", "{", "is not JSON"),
        ("run.json", "[]", "is not a JSON object"),
        ("run.json", '{"command": "scan"}', "was written by seqcnn scan, not by train or calibrate"),
        ("metrics.json", None, "cannot be read"),
        ("model.safetensors", "abc", "is damaged, or no model"),
        ("history.tsv", "epoch\n1\n", "has no column 'training_loss'"),
        ("history.tsv", "", "cannot be read as a table"),
        ("held_out.tsv", "part\tname\ttruth\tscore\ntest\ta\tone\t1\n", "holds something that is no number"),
    ],
)
def test_damaged_runs(file: str, content: str | None, said: str, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(InputError, match=re.escape(said)):
        read_run(folder)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no motifs\.tsv"):
        read_found(tmp_path)
    with pytest.raises(InputError, match=r"no sequences\.tsv"):
        read_mutations(tmp_path)
    (tmp_path / "e.json").write_text("{}")
    with pytest.raises(InputError, match="is not what evaluate"):
        read_evaluation(tmp_path / "e.json", "binary")
    (mutation_folder(tmp_path / "m") / "mutations.h5").write_text("x")
    with pytest.raises(InputError, match="is damaged"):
        read_mutations(tmp_path / "m")
    (tmp_path / "m" / "mutations.h5").unlink()
    assert read_mutations(tmp_path / "m").without_arrays


def test_maps_are_of_the_highest_scores(tmp_path: Path) -> None:
    found = read_mutations(mutation_folder(tmp_path / "m", length=700))
    assert [each.name for each in found.maps] == [f"peak {i}" for i in range(29, 19, -1)]
    assert all("of 700" in each.cut and len(each.rows) == 5 for each in found.maps)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    record = {"notes": [HOSTILE], "argv": [HOSTILE], "device": HOSTILE, "counts": {HOSTILE: 3}, "negatives": HOSTILE}
    record |= {"inputs": [{"path": HOSTILE, "sha256": HOSTILE}], "options": {"genome": HOSTILE, HOSTILE: HOSTILE}}
    runs = [
        read_run(make_run(tmp_path / str(i) / HOSTILE.replace("/", ""), names=[HOSTILE], record=record, seed=i))
        for i in range(2)
    ]
    folder = motif_folder(tmp_path / "motifs", 2)
    for file in ("motifs.tsv", "positions.tsv"):
        path = folder / file
        path.write_text(path.read_text().replace("filter_0", HOSTILE).replace("TF1", HOSTILE))
    (folder / "motifs.meme").unlink()
    maps = read_mutations(mutation_folder(tmp_path / "m", 2, name=HOSTILE))
    for text in (render_report(runs[0], read_found(folder), maps), render_comparison(runs)):
        page = Page(text)
        assert page.tags.count("script") == 1
        assert "img" not in page.tags
        assert not any(name.startswith("on") for name, _ in page.attributes)
        assert "alert(1)" in page.words


def test_a_full_page_is_small(tmp_path: Path) -> None:
    """With as many motifs, maps and targets as are ever shown, the widest, and half a million characters of notes."""
    record = {
        "notes": ["n" * 1000] * 500,
        "argv": ["x" * 100_000],
        "inputs": [{"path": "p" * 5000, "sha256": "0" * 64}] * 900,
    }
    run = read_run(make_run(tmp_path / "run", names=[f"t{i}" for i in range(9)], record=record))
    motifs = read_found(motif_folder(tmp_path / "motifs", MOST + 5, wide=40))
    maps = read_mutations(mutation_folder(tmp_path / "m", 40, length=900))
    text = render_report(run, motifs, maps)
    assert len(text.encode()) < 5_000_000
    assert f"The {MOST} with the largest effects are shown" in text
    assert "10 sequences with the highest scores of 40" in re.sub(r"\s+", " ", text)
    assert "3 more are in the table only" in text


def test_nothing_is_fetched(whole: Path) -> None:
    page = Page(whole.read_text(encoding="utf-8"))
    fetching = [value for name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(value is not None and value.startswith(("#", "data:")) for value in fetching)
    assert not {"link", "iframe", "object", "embed"} & set(page.tags) - {"link"}
    assert "url(" not in whole.read_text(encoding="utf-8")


def test_runs_compared(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / name, record={"options": {"members": i}}) for i, name in enumerate("abc")]
    rng = np.random.default_rng(0)
    lines = (folders[1] / "held_out.tsv").read_text().splitlines()
    shuffled = [line.rsplit("\t", 1) for line in lines[1:]]
    worse = [f"{start}\t{float(score) + rng.normal(0, 4):.4f}" for start, score in shuffled]
    (folders[1] / "held_out.tsv").write_text("\n".join([lines[0], *rng.permutation(worse)]) + "\n")
    runs = [read_run(folder) for folder in folders]
    text = render_comparison(runs)
    page = Page(text).words
    tests = [run.held_out["test"] for run in runs]
    change = auroc(tests[1].truth[:, 0], tests[1].scores[:, 0]) - auroc(tests[0].truth[:, 0], tests[0].scores[:, 0])
    assert f"{change:+.3f}".replace("-", "−") in page
    assert "worse" in page
    assert "no sure difference" in page
    assert "--members" in page
    assert "They were not tested on the same sequences" not in page
    assert text == render_comparison(runs)


def test_what_spoils_a_comparison_is_said(tmp_path: Path) -> None:
    one = read_run(make_run(tmp_path / "x" / "run", record={"negatives": "gc"}))
    other = read_run(make_run(tmp_path / "y" / "run", seed=4, record={"negatives": "dinucleotide", "seqcnn": "2"}))
    page = Page(render_comparison([one, other])).words
    for said in ("not tested on the same sequences", "different negatives", "different versions", "x/run", "y/run"):
        assert said in page, said
    third = read_run(make_run(tmp_path / "z", parts={"valid": 100}))
    assert "not judged in the same way" in Page(render_comparison([one, third])).words
    with pytest.raises(InputError, match="predicts regression targets"):
        render_comparison([one, read_run(make_run(tmp_path / "r", task="regression"))])


@pytest.mark.skipif(PROGRAM is None, reason="there is no Chromium here")
@pytest.mark.timeout(300)
def test_in_a_browser(whole: Path) -> None:
    """It opens without an error or a request, fits a phone, sorts and filters."""
    first = 'document.querySelector(".motifs tbody tr:not([hidden]):not(.rest) td").firstChild.textContent'
    shown = 'document.querySelectorAll(".motifs tbody tr:not([hidden]):not(.rest)").length'
    click = '[...document.querySelectorAll(".motifs th button")].find((b) => b.textContent === "{}").click()'
    with Browser() as browser:
        browser.open(whole)
        assert browser.do(first) == "filter_0"
        assert browser.do(shown) == 15
        browser.do(click.format("sites"))
        browser.do(click.format("sites"))
        assert browser.do(first) == "filter_29"
        browser.do(click.format("motif"))
        assert browser.do(
            f"{first} + [...document.querySelectorAll('.motifs td:first-child')][10].firstChild.textContent"
        ) == ("filter_0filter_10")
        search = (
            'const box = document.querySelector("input[type=search]"); box.value = "{}"; '
            'box.dispatchEvent(new Event("input"))'
        )
        browser.do(f"{{ {search.format('TF29')} }}")
        assert (browser.do(shown), browser.do(first)) == (1, "filter_29")
        assert browser.do('document.querySelector("output").textContent') == "1 of 30"
        browser.do(f"{{ {search.format('')} }}")
        browser.do('document.querySelector(".tools button").click()')
        assert browser.do(shown) == 30
        browser.open(whole, width=360, height=700)
        assert browser.do("document.documentElement.scrollWidth") <= 360
        browser.do(
            '{ const s = document.querySelector("select"); s.selectedIndex = 3; s.dispatchEvent(new Event("change")) }'
        )
        assert browser.do(first) == "filter_0"
        assert browser.said == []
        assert browser.requests == []
