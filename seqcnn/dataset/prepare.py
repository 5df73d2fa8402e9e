"""Targets of in-vitro assays made ready for training."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqcnn.dataset.examples import Examples, join
from seqcnn.dataset.intensities import PERCENTILE, POWERS, Scale, fit_scale
from seqcnn.dataset.preparation import Preparation
from seqcnn.dataset.prepare_options import COLUMNS, PrepareOptions
from seqcnn.dataset.probe_bias import FEW, ProbeLevels, bias_slope, log_bias, log_levels
from seqcnn.dataset.reading import ReadOptions, Tally
from seqcnn.dataset.selex import merge_rounds, round_names
from seqcnn.dataset.sources import Source
from seqcnn.errors import InputError, UsageError
from seqcnn.sequence.ragged import Ragged

Array = NDArray[np.float64]


class BiasSource:
    """Where the bias of each probe is known from.

    Parameters
    ----------
    paths : sequence of str
        Tables of arrays of the same design, read as the data are, and :data:`COLUMNS`, the other targets of the data.
    data : sequence of str
        Paths of the data; those among `paths` are left out, because what a probe's bias is to be told from must not
        hold what is to be predicted.
    reading : ReadOptions
    tally : Tally
        Notes are added to it.

    Raises
    ------
    InputError, UsageError
        If a file cannot be read or holds no intensities.
    """

    def __init__(self, paths: Sequence[str], data: Sequence[str], reading: ReadOptions, tally: Tally) -> None:
        self.columns = COLUMNS in paths
        own = {os.path.realpath(path) for path in data}
        files = [path for path in paths if path != COLUMNS]
        for path in [path for path in files if os.path.realpath(path) in own]:
            tally.note(f"{path}: is what is to be predicted, and left out of the bias of probes")
            files.remove(path)
        plain = replace(reading, prepare=None, split_column=None, weight_column=None, likely_targets=())
        arrays = [_read_array(path, plain) for path in files]
        self.levels = ProbeLevels(arrays) if arrays else None
        self.shown = files[0] if files else COLUMNS
        self.paths = (*files, *[COLUMNS] * self.columns)
        self._tally = tally

    def of(self, sequences: Ragged, values: Array) -> Array:
        """Return the natural logarithm of the bias of each probe for each target, shape (n, n_targets).

        NaN where it is not known.

        Parameters
        ----------
        sequences : Ragged
        values : ndarray, shape (n, n_targets)
            The intensities of the data; a target's own do not tell its bias.

        Raises
        ------
        InputError
            If none of the probes is on an array.
        """
        n_targets = values.shape[1]
        others = np.empty((len(values), 0)) if self.levels is None else self.levels.of(sequences)
        if others.shape[1] and np.isnan(others).all():
            hint = "the bias of probes is told from arrays of the same design, by the sequences"
            raise InputError("holds none of the probes", self.shown, hint=hint)
        own = np.stack([log_levels(column) for column in values.T], axis=1)
        biases = np.empty(values.shape)
        for i in range(n_targets):
            with_columns = [np.delete(own, i, axis=1)] if self.columns else []
            biases[:, i] = log_bias(np.concatenate([others, *with_columns], axis=1))
        n_arrays = others.shape[1] + (n_targets - 1) * self.columns
        if not n_arrays:
            raise UsageError("--bias leaves no array of another protein to tell the bias of probes from")
        if n_arrays < FEW:
            self._tally.note(
                f"bias of probes from {n_arrays} array{'s' * (n_arrays != 1)}: the fewer, the more of it is what binds "
                "those proteins"
            )
        unknown = int(np.isnan(biases).all(axis=1).sum())
        self._tally.counts["probes without a known bias"] += unknown
        return biases


def _read_array(path: str, reading: ReadOptions) -> Examples:
    source = Source(path, reading, Tally(), label=1.0)
    try:
        if not source.labelled:
            raise InputError("holds no intensities", path, hint="see --target-column")
        return join(list(source))
    finally:
        source.close()


def prepare_intensities(
    chunks: Iterable[Examples],
    target_names: Sequence[str],
    options: PrepareOptions,
    bias: BiasSource | None,
    path: str,
    tally: Tally,
) -> tuple[NDArray[np.float32], Preparation]:
    """Prepare the intensities of an RNAcompete pool or a protein binding microarray.

    Parameters
    ----------
    chunks : iterable of Examples
        Their targets are intensities, NaN where missing.
    target_names : sequence of str
    options : PrepareOptions
    bias : BiasSource or None
    path : str
        For messages.
    tally : Tally
        Notes and counts are added to it.

    Returns
    -------
    targets : ndarray of float32, shape (n, n_targets)
    preparation : Preparation

    Raises
    ------
    InputError
        If the targets are 0 and 1, or all the same.
    """
    values, biases = _gather(chunks, bias)
    known = values[~np.isnan(values)]
    if len(known) and np.isin(known, (0, 1)).all():
        hint = "see --target-column"
        raise InputError(f"targets are 0 and 1, not intensities as --prepare {options.assay} needs", path, hint=hint)
    scales: dict[str, Scale] = {}
    targets = np.empty(values.shape, dtype=np.float32)
    for i, name in enumerate(target_names):
        column, of_probe = values[:, i], None if biases is None else biases[:, i]
        try:
            scale = _fit(column, of_probe, options)
        except ValueError as error:
            raise InputError(f"{error} in column {name!r}", path) from error
        scales[name], targets[:, i] = scale, scale.apply(column, of_probe)
        _tell(name, column, scale, tally)
    return targets, Preparation(options.assay, scales, () if bias is None else bias.paths)


def _fit(column: Array, of_probe: Array | None, options: PrepareOptions) -> Scale:
    power = POWERS[options.assay] if options.power is None else options.power
    if options.assay == "rnacompete":
        return fit_scale(column, percentile=PERCENTILE, power=power)
    if of_probe is None:
        return fit_scale(column, power=power)
    slope = bias_slope(column, of_probe) if options.slope is None else options.slope
    return fit_scale(column, power=power, log_bias=of_probe, slope=slope)


def _tell(name: str, values: Array, scale: Scale, tally: Tally) -> None:
    """Say what was done to a target."""
    done = []
    if scale.ceiling is not None:
        done.append(f"clamped at {scale.ceiling:g}, the {PERCENTILE}th percentile")
        tally.counts["intensities clamped"] += int(np.count_nonzero(values > scale.ceiling))
    if scale.slope is not None:
        done.append(f"divided by the bias of the probe to the power {scale.slope:.2f}")
    if scale.power != 1:
        done.append(f"raised to the power {scale.power:g}")
    tally.note(f"{name}: {', '.join([*done, 'mean 0, variance 1'])}")


def _gather(chunks: Iterable[Examples], bias: BiasSource | None) -> tuple[Array, Array | None]:
    parts: list[Array] = []
    kept: list[Examples] = []
    for chunk in chunks:
        assert chunk.targets is not None
        parts.append(chunk.targets.astype(np.float64))
        if bias is not None:
            kept.append(chunk)
    values = np.concatenate(parts)
    return values, None if bias is None else bias.of(join(kept).sequences, values)


def prepare_rounds(sources: Sequence[Source], options: PrepareOptions, tally: Tally) -> tuple[Examples, Preparation]:
    """Prepare the reads of HT-SELEX rounds, one input a round in order; see :mod:`seqcnn.dataset.selex`.

    Raises
    ------
    InputError
        If a round holds no read.
    """
    rounds = []
    for source in sources:
        rounds.append(list(source))
        if not rounds[-1]:
            raise InputError("holds no sequence with a letter in it", source.path)
    examples, counts = merge_rounds(rounds, options.rounds)
    reads = dict(zip(round_names([source.path for source in sources]), counts.sum(axis=0).tolist(), strict=True))
    tally.counts["different sequences"] += len(examples)
    tally.counts["sequences read in more than one round"] += int(np.count_nonzero((counts > 0).sum(axis=1) > 1))
    of_each = ", ".join(f"{name} {n:,}" for name, n in reads.items())
    tally.note(f"reads of each round: {of_each}; {len(examples):,} different sequences, which count as often as read")
    return examples, Preparation(options.assay, {}, (), reads, options.rounds)
