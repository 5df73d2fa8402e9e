"""Say what a dataset or a model holds."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from seqcnn.dataset.store import Dataset
    from seqcnn.models.modelfile import Model
    from seqcnn.models.network import Network
    from seqcnn.models.settings import Settings


@click.command(
    epilog="""\b
Examples:
  seqcnn info data.h5
  seqcnn info run/ --json"""
)
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, for other programs.")
def command(file: str, as_json: bool) -> None:
    """Say what FILE (an encoded dataset, a model file or a run folder) holds."""
    import json

    from seqcnn.cli.console import align
    from seqcnn.cli.record import plain
    from seqcnn.dataset.store import Dataset
    from seqcnn.errors import InputError

    if not Dataset.is_one(file) and _is_neither(file):
        raise InputError("is neither an encoded dataset nor a seqcnn model", file)
    facts = _dataset(file) if Dataset.is_one(file) else _model(file)
    if as_json:
        click.echo(json.dumps(plain(facts), indent=2, allow_nan=False))
    else:
        shown = {name: _in_words(fact) if isinstance(fact, dict) else fact for name, fact in facts.items()}
        click.echo(align(shown.items()))


def _is_neither(path: str) -> bool:
    """Say whether something that is no dataset is a file that does not begin as a model (safetensors) does."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(9)[8:] != b"{"


def _dataset(path: str) -> dict[str, Any]:
    """Describe an encoded dataset, reading it once."""
    from collections import Counter

    from seqcnn.dataset.examples import Origin
    from seqcnn.dataset.store import Dataset

    dataset = Dataset(path)
    bases, shortest, longest = 0, None, 0
    counts = {name: Counter[str]() for name in dataset.target_names}
    weights: list[tuple[float, float, float]] = []
    origins, splits, chroms = Counter[str](), Counter[str](), Counter[str]()
    for chunk in dataset.chunks():
        lengths = chunk.sequences.lengths
        bases += int(lengths.sum())
        shortest = int(lengths.min()) if shortest is None else min(shortest, int(lengths.min()))
        longest = max(longest, int(lengths.max()))
        origins.update(Origin(value).name.lower() for value in chunk.origin.tolist())
        if chunk.split is not None:
            splits.update(chunk.split.tolist())
        if chunk.windows is not None:
            chroms.update(chunk.windows.chrom.tolist())
        if chunk.weights is not None:
            weights.append((float(chunk.weights.sum()), float(chunk.weights.min()), float(chunk.weights.max())))
        if chunk.targets is not None:
            for name, column in zip(dataset.target_names, chunk.targets.T, strict=True):
                counts[name].update(_count(column, dataset.class_names))
    facts: dict[str, Any] = {
        "kind": "dataset",
        "examples": len(dataset),
        "alphabet": dataset.alphabet,
        "lengths": f"{shortest}" if shortest == longest else f"{shortest} to {longest}",
        "bases": bases,
        "origin": _words(origins),
    }
    facts |= {"task": dataset.task} if dataset.task is not None else {}
    facts |= {f"target {name}": _words(count) for name, count in counts.items()}
    facts |= _structure(dataset)
    if weights:
        facts["weights"] = _spread(weights, len(dataset))
    facts |= _bound(dataset) if dataset.has_bound else {}
    if splits:
        facts["split"] = _words(splits)
    if chroms:
        facts["chromosomes"] = ", ".join(sorted(name for name in chroms if name))
    if dataset.preparation is not None:
        facts["targets prepared"] = _prepared(dataset.preparation)
    return facts | _origin(dataset.provenance)


def _structure(dataset: Dataset) -> dict[str, str]:
    """Say how structures came about, and what share of the bases is in which context."""
    import numpy as np

    from seqcnn.dataset.structure import in_words
    from seqcnn.sequence.contexts import N_CONTEXTS, NAMES, contexts

    if dataset.structure is None:
        return {}
    counts = np.zeros(N_CONTEXTS + 1, dtype=np.int64)
    for chunk in dataset.chunks():
        counts += np.bincount(contexts(chunk.sequences.data), minlength=N_CONTEXTS + 1)
    shares = zip(NAMES, (counts[1:] / max(1, counts.sum())).tolist(), strict=True)
    return {"structure": f"{in_words(dataset.structure)}: {', '.join(f'{share:.1%} {name}' for name, share in shares)}"}


def _bound(dataset: Dataset) -> dict[str, Any]:
    """Say how many bases are bound."""
    import numpy as np

    found = np.zeros(3, dtype=np.int64)
    for chunk in dataset.chunks():
        if chunk.bound is not None:
            found += np.bincount(chunk.bound.data, minlength=3)
    return {"bound bases": f"{found[1]:,} of {found[0] + found[1]:,}, {found[2]:,} unknown"}


def _origin(made: Mapping[str, Any]) -> dict[str, Any]:
    """Say how a dataset came about."""
    if not made:
        return {}
    inputs = ", ".join(entry["path"] for entry in made.get("inputs", []))
    return {"made by": f"seqcnn {made.get('seqcnn')} on {made.get('started')}", "inputs": inputs}


def _count(column: NDArray[np.float32], class_names: Sequence[str]) -> dict[str, int]:
    """Count the values of a target: those of classes if they have names."""
    import numpy as np

    if class_names:
        found = {name: int((column == number).sum()) for number, name in enumerate(class_names)}
    else:
        found = {"positive": int((column == 1).sum()), "negative": int((column == 0).sum())}
        found["other"] = int((~np.isin(column, (0, 1)) & ~np.isnan(column)).sum())
    return found | {"missing": int(np.isnan(column).sum())}


def _spread(weights: Sequence[tuple[float, float, float]], n: int) -> str:
    """Say what weights are, from sum, least and greatest of each chunk."""
    total, lowest, highest = sum(w[0] for w in weights), min(w[1] for w in weights), max(w[2] for w in weights)
    return f"mean {total / n:.4g}, {lowest:.4g} to {highest:.4g}"


def _model(path: str) -> dict[str, Any]:
    """Describe a model."""
    from seqcnn.dataset.structure import in_words
    from seqcnn.models.modelfile import load

    model = load(path, structure=True)
    settings = model.network.settings
    facts: dict[str, Any] = {
        "kind": "model",
        "architecture": model.architecture,
        "alphabet": model.alphabet,
        "strands": _strands_of_all(model.network),
        "task": model.task,
        "classes" if model.task == "multiclass" else "targets": ", ".join(model.target_names),
        "members": settings.n_members,
        "parameters a member": model.network.n_parameters,
        "windows": "sequences as they are" if model.length is None else f"{model.length} bp",
        "scoring rule": _rule(model.network),
    }
    if model.structure is not None:
        facts["structure"] = in_words(model.structure)
    shared = {"n_members", "n_targets", "both_strands", "strands", "contexts"}
    own = {f.name for f in dataclasses.fields(settings)} - shared
    facts |= {name.replace("_", " "): getattr(settings, name) for name in sorted(own - {"groups"})}
    trained = model.training
    if "published" in trained:
        facts["imported by"] = f"seqcnn {trained.get('seqcnn')} from {trained.get('imported')}"
        facts |= {name: _entry(about, model, name) for name, about in trained["published"].items()}
        return facts
    if "preparation" in trained:
        facts["targets prepared"] = _prepared(trained["preparation"])
    if "bases" in trained:
        facts["trained on bases"] = f"{trained['bases']['bound']:,} bound, {trained['bases']['not bound']:,} not bound"
    facts["trained by"] = f"seqcnn {trained.get('seqcnn')}"
    facts |= {
        f"{part} examples": n for part, n in trained.get("split", {}).items() if part in ("train", "valid", "test")
    }
    for part in ("valid", "test"):
        for name, metrics in trained.get("metrics", {}).get(part, {}).items():
            for metric in ("auroc", "auprc", "accuracy", "pearson", "spearman", "explained_deviance", "bases_auprc"):
                if metric in metrics and (metric != "accuracy" or "classes" in metrics):
                    facts[f"{part} {metric} ({name})"] = round(metrics[metric]["value"], 4)
    return facts


def _strands(settings: Settings) -> str:
    """Say which strands are read, and what is made of both if not the better score."""
    if not settings.both_strands:
        return "one"
    return "both" if settings.strands == "best" else f"both ({settings.strands})"


def _strands_of_all(network: Network) -> str:
    """Say which strands are read, by all models of a collection or by some of them."""
    from seqcnn.models.architectures import collection

    if not isinstance(network, collection.Model):
        return _strands(network.settings)
    columns = zip(network.networks, network.columns, strict=True)
    both = sum(len(targets) for each, targets in columns if each.settings.both_strands)
    if both in (0, network.settings.n_targets):
        return "both" if both else "one"
    return f"both ({both} of {network.settings.n_targets} models), one (the others)"


def _rule(network: Network) -> str:
    """Say how a network scores a sequence."""
    if network.rule == "whole":
        return "whole sequence"
    return "best window of detector length"


def _prepared(about: Mapping[str, Any]) -> str:
    """Say what was done to targets."""
    if "reads" in about:
        reads = ", ".join(f"{n:,} reads of {name}" for name, n in about["reads"].items())
        return f"{about['assay']}, {about['targets']}: {reads}"
    of_each = [
        f"{name} (mean {scale['mean']:.4g}, deviation {scale['deviation']:.4g}"
        + (f", clamped at {scale['ceiling']:.4g}" if scale["ceiling"] is not None else "")
        + (f", to the power {scale['power']:g}" if scale["power"] != 1 else "")
        + (f", bias to the power {scale['slope']:.2f}" if scale["slope"] is not None else "")
        + ")"
        for name, scale in about["scales"].items()
    ]
    return f"{about['assay']}: {', '.join(of_each)}"


def _entry(about: Mapping[str, str], model: Model, name: str) -> dict[str, Any]:
    """Say what a published model is of, and what it reads."""
    from seqcnn.models.architectures import collection

    network = model.network
    if isinstance(network, collection.Model):
        network = network.single(model.target_names.index(name))
    known = {key: about.get(key, "") for key in ("protein", "type", "species", "family", "experiment", "details")}
    strands = "both" if network.settings.both_strands else "one"
    return {**known, "detector_length": network.detector_length, "strands": strands}


def _in_words(entry: Mapping[str, Any]) -> str:
    """Return an entry as one line."""
    known = [entry[key] for key in ("protein", "type", "species", "family", "experiment", "details")]
    strands = "both strands" if entry["strands"] == "both" else "one strand"
    return ", ".join(fact for fact in (*known, f"{entry['detector_length']} bp", strands) if fact)


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in counts.items() if n)
