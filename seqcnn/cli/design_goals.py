"""Which scores of which models design is to raise or lower, from the lists of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from seqcnn.errors import UsageError
from seqcnn.interpret.design.goals import Goal, Term, parse_goal
from seqcnn.models.architectures import collection
from seqcnn.models.modelfile import Model

Item = TypeVar("Item")


def find_terms(
    named: Sequence[tuple[str, Model]],
    targets: Sequence[str] | None,
    goals: Sequence[str],
    balance: Sequence[str] | None,
) -> list[Term]:
    """Bring models, targets, goals and weights together; a list of one goes with all of the others.

    Raises
    ------
    UsageError
        If the lists are of different lengths, or a target, goal or weight is none.
    """
    n = max(len(named), len(targets or ()), len(goals), len(balance or ()))
    models = _as_long(named, n, "MODEL")
    weights = [_weight(text) for text in _as_long(balance or ["1"], n, "--balance")]
    wanted = [parse_goal(text, weight) for text, weight in zip(_as_long(goals, n, "--objective"), weights, strict=True)]
    chosen = [None] * n if targets is None else _as_long(targets, n, "--target")
    terms = [_term(*each, only=n == 1) for each in zip(models, chosen, wanted, strict=True)]
    names = [term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name} is named twice; say --target for each of them")
    return _sharing(terms)


def _as_long(items: Sequence[Item], n: int, what: str) -> list[Item]:
    if len(items) not in (1, n):
        raise UsageError(f"{what}: {len(items)} are said, where {n} are needed, or one for all")
    return list(items) * (n // len(items))


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not 0 < weight < float("inf"):
        raise UsageError(f"--balance {text!r} is not a number above 0")
    return weight


def _term(named: tuple[str, Model], target: str | None, goal: Goal, *, only: bool) -> Term:
    label, model = named
    names = model.target_names
    if target is None and len(names) > 1:
        raise UsageError(f"{label} has several targets: say which with --target ({', '.join(names[:20])})")
    if target is not None and target not in names:
        raise UsageError(f"{label} has no target {target!r}; it has: {', '.join(names[:20])}")
    number = 0 if target is None else names.index(target)
    called = "score" if only else label if len(names) == 1 else f"{label}_{names[number]}"
    return Term(called, model.network, number, model.task, goal)


def _sharing(terms: Sequence[Term]) -> list[Term]:
    """Take of a collection no more than the networks that are asked for."""
    return [
        Term(term.name, term.network.single(term.target), 0, term.task, term.goal)
        if isinstance(term.network, collection.Model)
        else term
        for term in terms
    ]
