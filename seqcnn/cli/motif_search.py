"""What the command that finds motifs checks, chooses and says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqcnn.cli.console import Reporter
from seqcnn.dataset.reading import Tally
from seqcnn.errors import InputError, UsageError
from seqcnn.formats.motif import Motif
from seqcnn.formats.motif_files import read_motifs
from seqcnn.interpret.comparison import FEW_TARGETS
from seqcnn.interpret.extraction import ExtractionOptions
from seqcnn.interpret.filter_motifs import MotifOptions
from seqcnn.interpret.filter_search import FilterSearch, SearchOptions
from seqcnn.interpret.found_motifs import FoundMotif
from seqcnn.models.modelfile import Model
from seqcnn.report.motif_folder import MotifOutputs

if TYPE_CHECKING:
    from seqcnn.interpret.contribution_search import ContributionSearch


def chosen_outputs(given: Mapping[str, Any]) -> MotifOutputs:
    """Return what is written, checked."""
    logos = () if given["logos"] == ("none",) else given["logos"]
    outputs = MotifOutputs(given["motif_format"], logos, given["n_logos"])
    outputs.check()
    return outputs


def search_options(given: Mapping[str, Any], target: int) -> SearchOptions:
    """Return how motifs are found, on the target of this number if one was named.

    Raises
    ------
    UsageError
        If an option is for filters and the method is another.
    """
    if given["method"] != "filters":
        said_of = {"--rule": given["rule"] != "best", "--weights": given["weights"] != "none"}
        said_of |= {"--fraction": given["fraction"] is not None, "--merge": given["merge"]}
        for name, is_said in said_of.items():
            if is_said:
                raise UsageError(f"{name} is for motifs of filters; leave it out with --method {given['method']}")
    return SearchOptions(
        ExtractionOptions(given["rule"], given["fraction"], given["weights"]),
        MotifOptions(given["trim"], given["pseudocount"], given["min_sites"]),
        given["merge"],
        given["top"],
        None if given["target"] is None else target,
        seed=given["seed"],
    )


def read_database(paths: Sequence[str], alphabet: str, report: Reporter) -> list[Motif]:
    """Read known motifs.

    Raises
    ------
    InputError
        If a file is damaged, or holds motifs of the other alphabet.
    """
    known: list[Motif] = []
    for path in paths:
        motifs = read_motifs(path)
        other = next((motif for motif in motifs if motif.alphabet != alphabet), None)
        if other is not None:
            hint = "give a database of that alphabet, or compare motifs.meme later: seqcnn compare --alphabet"
            raise InputError(
                f"holds {other.alphabet.upper()} motifs ({other.name}), but the model reads {alphabet.upper()}",
                path,
                hint=hint,
            )
        known += motifs
    if 0 < len(known) < FEW_TARGETS:
        report.say(f"only {len(known)} known motifs: p-values are rough, because they rest on the columns of these")
    return known


def open_search(
    method: str, model: Model, options: SearchOptions, folder: Path, tally: Tally
) -> FilterSearch | ContributionSearch:
    """Return what motifs are found with."""
    if method == "filters":
        return FilterSearch(model, options, folder)
    if model.structure is not None:
        raise UsageError("--method contributions is for models that read no RNA structure; see --method filters")
    from seqcnn.interpret.contribution_search import ContributionSearch

    return ContributionSearch(model, options, tally)


def said(found: Sequence[FoundMotif]) -> dict[str, int]:
    """Return how many motifs were kept, and how many not for which reason."""
    return dict(Counter(each.status.partition(":")[0] for each in found))


def report_found(report: Reporter, found: Sequence[FoundMotif], output: str, *, labelled: bool) -> None:
    """Say what was found."""
    for reason, n in said([each for each in found if not each.kept]).items():
        report.say(f"{n:,} {reason}: listed in motifs.tsv with the reason")
    made = "positives" if labelled else "all sequences"
    kept = sum(each.kept for each in found)
    report.say(f"wrote {output}: {kept:,} motifs of {made}")
    for each in [each for each in found if each.kept][:5]:
        named = f"  like {each.matches[0].target.shown_name()} (q = {each.matches[0].q:.2g})" if each.matches else ""
        report.say(f"  {each.name}  {each.motif.consensus()}  effect {each.effect:.3g}{named}")
