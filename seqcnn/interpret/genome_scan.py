"""Score the windows that begin at every base of a genome, or at every few, in constant memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.formats.genome import Genome
from seqcnn.models import forked
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network
from seqcnn.models.predict import member_scores
from seqcnn.sequence.alphabet import N_CODE, reverse_complement
from seqcnn.sequence.ragged import Ragged

PIECE: Final = 1 << 17
"""Windows scored at a time."""


class Track(NamedTuple):
    """What one target gives along a genome.

    Parameters
    ----------
    name : str
    length : int
        Of its windows, bp.
    model : str
        The model it is of.
    """

    name: str
    length: int
    model: str

    @property
    def centre(self) -> int:
        """The base of a window at which its score is put: the middle one, or the right one of the middle two."""
        return self.length // 2


class Range(NamedTuple):
    """Starts of windows on a chromosome: 0-based, `stop` excluded."""

    chrom: str
    start: int
    stop: int


class Piece(NamedTuple):
    """Bases for the windows that begin at ``start, start + step, ...``, `n` of them."""

    chrom: str
    start: int
    n: int
    codes: NDArray[np.uint8]


class Scores(NamedTuple):
    """Scores of the windows of a piece.

    Parameters
    ----------
    chrom : str
    start : int
        Where the first window begins, 0-based; the next begin each `step` bases further.
    values : ndarray of float32, shape (n_tracks, n)
        NaN where a window would reach beyond the chromosome or holds no letter but N.
    n_silent : int
        Windows of all tracks that hold no letter but N.
    """

    chrom: str
    start: int
    values: NDArray[np.float32]
    n_silent: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Tracks that one network gives: its members' mean for each target, or a member for each target."""

    network: Network
    length: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    by_member: bool


class Scanner:
    """Models made ready to score windows along a genome.

    Parameters
    ----------
    models : mapping of str to Model
        By the names that tell them apart.
    length : int, optional
        Windows of models that score sequences whole, bp; those that they were trained on by default. Models that score
        by windows have their own.
    targets : sequence of str, optional
        The targets that are wanted; all by default.
    step : int
        Bases between the starts of windows.

    Raises
    ------
    UsageError
        If a length is missing or has no use, or a target is not there.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        *,
        length: int | None = None,
        targets: Sequence[str] | None = None,
        step: int = 1,
    ) -> None:
        self.step = step
        self.tracks: list[Track] = []
        self._parts: list[_Part] = []
        known = {name for model in models.values() for name in model.target_names}
        missing = [name for name in targets or () if name not in known]
        if missing:
            raise UsageError(f"no model here has a target {missing[0]!r}; there are: {_listed(sorted(known))}")
        if length is not None and all(model.network.rule == "window" for model in models.values()):
            raise UsageError("--length has no use: these models score by windows of their detectors' length")
        for label, model in models.items():
            chosen = [i for i, name in enumerate(model.target_names) if targets is None or name in targets]
            names = [
                label if len(models) > 1 and len(model.target_names) == 1 else model.target_names[i] for i in chosen
            ]
            if len(models) > 1 and len(model.target_names) > 1:
                names = [f"{label}.{name}" for name in names]
            self._add(model, label, dict(zip(chosen, names, strict=True)), length)
        self.longest = max(track.length for track in self.tracks)
        self.shortest = min(track.length for track in self.tracks)
        self.on_cpu = all(part.network.output_bias.device.type == "cpu" for part in self._parts)

    def _add(self, model: Model, label: str, names: Mapping[int, str], length: int | None) -> None:
        """Add the tracks of a model's targets."""
        network = model.network
        by_member = isinstance(network, collection.Model)
        groups: list[tuple[Network, list[int]]] = [(network, list(names))]
        if isinstance(network, collection.Model):
            groups = [(group, targets) for group, targets in network.take(names)]
        rows = {target: len(self.tracks) + i for i, target in enumerate(names)}
        tracks: dict[int, Track] = {}
        for each, targets in groups:
            window = _window(each, model, label, length)
            columns = range(len(targets)) if by_member else targets
            self._parts.append(
                _Part(each, window, tuple(rows[target] for target in targets), tuple(columns), by_member)
            )
            tracks |= {target: Track(names[target], window, label) for target in targets}
        self.tracks += [tracks[target] for target in names]

    def score(self, piece: Piece) -> Scores:
        """Score the windows of a piece."""
        values = np.full((len(self.tracks), piece.n), np.nan, dtype=np.float32)
        is_letter = piece.codes != N_CODE
        n_letters = None if is_letter.all() else np.append(0, np.cumsum(is_letter))
        n_silent = 0
        for part in self._parts:
            starts = np.arange(min(piece.n, (len(piece.codes) - part.length) // self.step + 1)) * self.step
            if n_letters is not None:
                heard = n_letters[starts + part.length] > n_letters[starts]
                n_silent += len(part.rows) * int(np.count_nonzero(~heard))
                starts = starts[heard]
            if len(starts):
                with torch.inference_mode():
                    scores = part.network.score_windows(piece.codes, starts, part.length, exact=False)
                found = scores[:, :, 0] if part.by_member else scores.mean(0).T
                at = starts // self.step
                place = slice(at[0], at[-1] + 1) if at[-1] - at[0] + 1 == len(at) else at
                for row, column in zip(part.rows, part.columns, strict=True):
                    values[row, place] = found[column]
        return Scores(piece.chrom, piece.start, values, n_silent)

    def strands(self, track: int, windows: Ragged) -> NDArray[np.str_]:
        """Say for windows of a track which strand scores better, "+" or "-"; "+" for models that read one strand.

        Of a model whose layers share parameters between the strands, which score alike, "+" too.
        """
        part = next(part for part in self._parts if track in part.rows)
        settings = part.network.settings
        if not settings.both_strands or settings.strands == "equivariant":
            return np.full(len(windows), "+")
        one = type(part.network)(dataclasses.replace(settings, both_strands=False))
        one.load_state_dict(part.network.state_dict())
        one.to(part.network.output_bias.device).eval().requires_grad_(False)
        column = part.columns[part.rows.index(track)]
        rows = windows.data.reshape(len(windows), part.length)
        scores = []
        for codes in (rows, reverse_complement(rows)):
            each = member_scores(one, Ragged(codes.reshape(-1), windows.offsets))
            scores.append(each[column, :, 0] if part.by_member else each[:, :, column].mean(0))
        return np.where(scores[0] >= scores[1], "+", "-")

    def scan(self, genome: Genome, ranges: Sequence[Range]) -> Iterator[Scores]:
        """Score all windows that begin in ranges, in order; on the CPU by several processes at a time."""
        pieces = self.pieces(genome, ranges)
        yield from forked.stream(self.score, pieces) if self.on_cpu else map(self.score, pieces)

    def pieces(self, genome: Genome, ranges: Sequence[Range]) -> Iterator[Piece]:
        """Cut ranges into pieces and read their bases."""
        for chrom, begin, stop in ranges:
            size = genome.chroms[chrom]
            for start in range(begin, stop, PIECE * self.step):
                n = min(PIECE, -(-(stop - start) // self.step))
                end = min(size, start + (n - 1) * self.step + self.longest)
                name = np.array([chrom], dtype=object)
                codes = genome.extract(name, np.array([start]), np.array([end])).data
                yield Piece(chrom, start, n, codes)


def _window(network: Network, model: Model, label: str, length: int | None) -> int:
    """Return the length of the windows that a network scores."""
    if network.rule == "window" and network.detector_length is not None:
        return network.detector_length
    if length is None and model.length is None:
        raise UsageError(f"{label} was trained on sequences as they are: say how long windows are with --length")
    return length or model.length or 0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def find_ranges(sizes: Mapping[str, int], shortest: int, step: int = 1, shard: tuple[int, int] = (1, 1)) -> list[Range]:
    """Return where windows begin on each chromosome, or in the i-th of n parts of all, of like size.

    Parameters
    ----------
    sizes : mapping of str to int
        Lengths of the chromosomes.
    shortest : int
        Length of the shortest windows, bp.
    step : int
        Windows begin at multiples of it.
    shard : (int, int)
        i, from 1, and n.
    """
    counts = {chrom: max(0, size - shortest + 1) for chrom, size in sizes.items()}
    total, (i, n) = sum(counts.values()), shard
    first, last = total * (i - 1) // n, total * i // n
    ranges, before = [], 0
    for chrom, count in counts.items():
        start, stop = max(0, first - before), min(count, last - before)
        start = -(-start // step) * step
        if start < stop:
            ranges.append(Range(chrom, start, stop))
        before += count
    return ranges
