"""Designed sequences: rules that are always kept, and steps that are the best there are, by brute force."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqcnn.errors import InputError, UsageError
from seqcnn.formats.templates import Template
from seqcnn.interpret.design.goals import Goal, Objective, Term, parse_goal
from seqcnn.interpret.design.gradient import dream
from seqcnn.interpret.design.greedy import climb, walk
from seqcnn.interpret.design.rules import IS_GC, Rules, gc_bounds
from seqcnn.interpret.design.run import DesignOptions, design
from seqcnn.interpret.design.starts import Fixed, Start, from_templates, parse_fixed, random_starts
from seqcnn.models import architectures, catalogue, published
from seqcnn.models.network import Network
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import from_rows
from tests.interpret.small_networks import detecting, detector, network
from tests.models.test_published import draw

ANY = (0.0, 1.0)


def objective(*goals: str, made: Network | None = None, task: str = "binary") -> Objective:
    made = made or network(n_targets=max(2, len(goals)))
    return Objective([Term(f"t{i}", made, i, task, parse_goal(goal)) for i, goal in enumerate(goals)])


def starts(n: int, length: int, seed: int = 0) -> list[Start]:
    return random_starts(n, length, Fixed(), ANY, seed)


def brute_force(wanted: Objective, codes: np.ndarray, allowed: np.ndarray | None = None) -> float:
    """Return the utility of the best sequence that differs in one base at most."""
    mutants = [codes]
    for place, letter in product(range(len(codes)), range(4)):
        if allowed is None or allowed[place, letter]:
            mutants.append(np.where(np.arange(len(codes)) == place, letter, codes).astype(np.uint8))
    return float(wanted.utility(wanted.scores(np.stack(mutants))).max())


@pytest.mark.parametrize("goal", ["raise", "lower", "target=0.3", "above=1", "below=-1"])
def test_a_step_is_the_best_there_is(goal: str) -> None:
    wanted = objective(goal, "lower")
    for edits, method in ((1, "greedy"), (None, "greedy"), (None, "gradient")):
        options = DesignOptions(method, edits, n_steps=5)
        for start, found in zip(starts(4, 15), design(wanted, starts(4, 15), options), strict=True):
            best = brute_force(wanted, start.codes)
            (reached,) = wanted.utility(wanted.scores(found.codes[None]))
            if edits == 1:
                assert reached == pytest.approx(best, abs=1e-4)
            elif method == "greedy":
                assert reached >= best - 1e-4
                assert reached >= brute_force(wanted, found.codes) - 1e-3  # nothing is left to gain


@pytest.mark.parametrize("name", catalogue.trainable())
def test_every_architecture(name: str) -> None:
    small = {
        "vgg": {"n_blocks": 1},
        "resnet": {"n_blocks": 1},
        "inception": {"n_blocks": 1},
        "dilated": {"n_layers": 1},
    }
    shape = {"n_filters": 4, "kernel_size": 5, "hidden": 3, **small.get(name, {})}
    made = architectures.create(name, shape)
    made.seed([1])
    made.eval().requires_grad_(False)
    with torch.no_grad():
        made.output_weight.mul_(30)
    wanted = objective("raise", made=made)
    first = wanted.utility(wanted.scores(np.stack([start.codes for start in starts(2, 12)])))
    for method in ("greedy", "gradient"):
        found = design(wanted, starts(2, 12), DesignOptions(method, 2, n_steps=2))
        last = wanted.utility(wanted.scores(np.stack([each.codes for each in found])))
        assert (last > first).all()
        if method == "greedy":
            assert last[0] >= brute_force(wanted, found[0].start) - 1e-4 * abs(last[0])


def test_relaxed_scores_are_those_of_letters_and_have_a_gradient() -> None:
    codes = np.stack([start.codes for start in starts(3, 12)])
    hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(np.float32)).requires_grad_()
    for rule, kernel_size in (("whole", 5), ("window", 5), ("window", 15)):
        made = network(n_targets=2, kernel_size=kernel_size)
        made.rule = rule
        wanted = objective("raise", "target=1", made=made)
        found = wanted.relaxed(hot)
        np.testing.assert_allclose(found.detach(), wanted.utility(wanted.scores(codes)), rtol=1e-4, atol=1e-4)
        assert torch.autograd.grad(found.sum(), hot)[0].abs().sum() > 0


def test_relaxed_scores_of_a_collection_between_the_lengths_of_its_detectors() -> None:
    """Some of its networks score by windows, others are longer than the sequences."""
    made = published.build({f"D{i}": draw(i, length=length) for i, length in enumerate((5, 20))}, {}).network
    codes = np.stack([start.codes for start in starts(8, 12)])
    hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(np.float32))
    wanted = objective("raise", "raise", made=made, task="regression")
    np.testing.assert_allclose(wanted.relaxed(hot), wanted.utility(wanted.scores(codes)), rtol=1e-4, atol=1e-4)


def test_of_several_classes_it_is_the_log_odds() -> None:
    made = network(n_targets=3)
    wanted = objective("raise", made=made, task="multiclass")
    codes = np.stack([start.codes for start in starts(3, 12)])
    scores = predict(made, from_rows(list(codes))).astype(float)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(wanted.scores(codes)[:, 0], np.log(shares[:, 0] / (1 - shares[:, 0])), rtol=1e-5)
    hot = torch.from_numpy((codes[:, None] == np.arange(4)[:, None]).astype(np.float32))
    np.testing.assert_allclose(wanted.relaxed(hot), wanted.scores(codes)[:, 0], rtol=1e-4, atol=1e-5)
    _, mutants = wanted.substitutions(codes)
    changed = codes.copy()
    changed[:, 3] = 2
    np.testing.assert_allclose(mutants[:, 3, 2], wanted.scores(changed), rtol=1e-4, atol=1e-4)


def test_goals_add_up() -> None:
    score = np.array([-2.0, 0.0, 3.0])
    for text, wanted in {
        "raise": [-2, 0, 3],
        "lower": [2, 0, -3],
        "target=1": [-3, -1, -2],
        "above=1": [-3, -1, 0],
        "below=-1e0": [0, -1, -4],
    }.items():
        assert parse_goal(text).utility(score).tolist() == wanted
        assert parse_goal(text).utility(torch.from_numpy(score)).tolist() == wanted
    assert Goal("raise", weight=0.5).utility(score).tolist() == [-1, 0, 1.5]
    for text in ("rise", "target", "target=x", "raise=1", "above="):
        with pytest.raises(UsageError, match=r"unknown goal .*; there are: raise, lower, target=X"):
            parse_goal(text)


def test_the_gradient_is_never_worse() -> None:
    wanted = objective("raise", "lower")
    one, two = (
        design(wanted, starts(3, 20), DesignOptions(method, 5, n_steps=20)) for method in ("greedy", "gradient")
    )
    good = [wanted.utility(np.stack([each.path.last_scores for each in found])) for found in (one, two)]
    assert (good[1] >= good[0] - 1e-6).all()
    assert (good[1] > good[0] + 1e-3).any()


def test_a_motif_is_put_in_and_taken_out() -> None:
    made = detecting([detector("TGACTCA"), detector("GATAAG")], -1.0, [1.0, -1.0])
    (term,) = objective("raise", made=made).terms
    wanted = Objective([term])
    for method in ("greedy", "gradient"):
        found = design(wanted, starts(3, 30), DesignOptions(method, n_steps=30))
        for each in found:
            text = "".join("ACGT"[code] for code in each.codes)
            assert "TGACTC" in text or "GAGTCA" in text  # the last base may lie beyond the end
    again = [Start(each.name, each.codes, np.ones((30, 4), dtype=bool)) for each in found]
    broken = design(objective("lower", made=made), again, DesignOptions(edits=1))
    assert all(each.path.last_scores[0] < each.path.scores[0] for each in broken)


def test_paths_lead_from_start_to_end() -> None:
    wanted = objective("raise", "lower")
    for method in ("greedy", "gradient"):
        for each in design(wanted, starts(3, 14), DesignOptions(method, n_steps=5)):
            codes = each.start.copy()
            np.testing.assert_allclose(each.path.scores, wanted.scores(codes[None])[0], rtol=1e-4, atol=1e-5)
            for step in each.path.steps:
                assert codes[step.position] == step.reference
                codes[step.position] = step.alternate
                np.testing.assert_allclose(step.scores, wanted.scores(codes[None])[0], rtol=1e-4, atol=1e-5)
            assert (codes == each.codes).all()
            assert each.n_edits == (each.start != each.codes).sum()


def test_what_is_beside_a_sequence_does_not_matter() -> None:
    """The same seed gives the same; so does each sequence by itself."""
    wanted = objective("raise")
    mixed = starts(1, 10) + starts(1, 7) + starts(1, 10, seed=1)
    for method in ("greedy", "gradient"):
        one = design(wanted, mixed, DesignOptions(method, n_steps=3))
        two = design(wanted, mixed, DesignOptions(method, n_steps=3))
        assert all((a.codes == b.codes).all() for a, b in zip(one, two, strict=True))
    alone = design(wanted, mixed[2:], DesignOptions())
    assert (alone[0].codes == design(wanted, mixed, DesignOptions())[2].codes).all()
    codes = np.stack([start.codes for start in starts(2, 20)])
    rules = Rules(codes, np.ones((2, 20, 4), dtype=bool), 20, (0, 20))
    seeds = [np.array([[seed, 0], [seed, 1]]) for seed in (0, 0, 1)]
    one, same, other = (dream(wanted, codes, rules, n_steps=6, seeds=each) for each in seeds)
    assert (one == same).all()
    assert (one != other).any()


def test_gains_that_are_too_small_are_left() -> None:
    wanted = objective("raise")
    every, few = (design(wanted, starts(4, 20), DesignOptions(min_gain=gain)) for gain in (0.0, 0.5))
    assert sum(each.n_edits for each in few) < sum(each.n_edits for each in every)
    for each in few:
        values = wanted.utility(np.stack([each.path.scores, *(step.scores for step in each.path.steps)]))
        assert (np.diff(values) > 0.5).all()


@st.composite
def situations(draw: st.DrawFn) -> tuple[Rules, np.ndarray]:
    """Return rules of some sequences, and logits."""
    n, length = draw(st.integers(1, 3)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    start = rng.integers(0, 4, (n, length), dtype=np.uint8)
    allowed = (start[:, :, None] == np.arange(4)) | (rng.random((n, length, 4)) < draw(st.floats(0, 1)))
    low = draw(st.integers(0, length))
    gc = (low, draw(st.integers(low, length)))
    return Rules(start, allowed, draw(st.integers(0, length)), gc), rng.normal(size=(n, length, 4))


@given(situations())
@settings(deadline=None, max_examples=25)
def test_rules_are_kept_wherever_they_can_be(situation: tuple[Rules, np.ndarray]) -> None:
    rules, logits = situation
    made = detecting([detector("GACT", kernel_size=6)], 0.0, [1.0])
    (term,) = objective("raise", made=made).terms
    wanted = Objective([term])
    try:
        rules.check(["x"] * len(rules.start))
    except UsageError:
        return
    codes, _ = climb(wanted, rules.start, rules)
    assert rules.kept(codes).all()
    mended, _ = climb(wanted, rules.start, rules, only_mend=True)
    assert rules.kept(mended).all()
    assert (mended != rules.start).sum() == abs(rules.excess(rules.start)).sum()
    assert rules.kept(rules.project(logits, mended)).all()
    seeds = np.zeros((len(codes), 1), dtype=np.int64)
    assert rules.kept(dream(wanted, mended, rules, n_steps=2, seeds=seeds)).all()


@given(situations())
@settings(deadline=None, max_examples=25)
def test_possible_substitutions_are_all_there_are(situation: tuple[Rules, np.ndarray]) -> None:
    rules, logits = situation
    codes = np.where(logits[:, :, 0] > 0, logits.argmax(2), rules.start).astype(np.uint8)
    possible = rules.possible(codes)
    was = abs(rules.excess(codes))
    for row, place, letter in product(*map(range, possible.shape)):
        changed = codes.copy()
        changed[row, place] = letter
        kept = rules.allowed[row, place, letter] and letter != codes[row, place]
        kept &= rules.n_edits(changed)[row] <= rules.edits
        now = abs(rules.excess(changed)[row])
        kept &= now == 0 if was[row] == 0 else now < was[row]
        assert possible[row, place, letter] == kept


def test_a_gc_content_that_is_out_of_bounds_is_mended_first() -> None:
    wanted = objective("raise")
    start = Start("x", np.zeros(20, dtype=np.uint8), np.ones((20, 4), dtype=bool))
    for method in ("greedy", "gradient"):
        (found,) = design(wanted, [start], DesignOptions(method, 12, (0.4, 0.6), n_steps=5))
        assert 8 <= IS_GC[found.codes].sum() <= 12
        assert found.n_edits <= 12
    with pytest.raises(UsageError, match=r"x has a GC content of 0\.00: --gc takes 8 edits, and 7 are possible"):
        design(wanted, [start], DesignOptions(edits=7, gc=(0.4, 0.6)))
    with pytest.raises(UsageError, match=r"no sequence of 5 bp has a GC content from 0\.45 to 0\.55"):
        gc_bounds(0.45, 0.55, 5)
    assert gc_bounds(0.3, 0.7, 10) == (3, 7)
    with pytest.raises(UsageError, match="unknown method 'annealing'; there are: greedy, gradient"):
        design(wanted, [start], DesignOptions("annealing"))


def test_a_step_that_is_no_gain_is_taken_back() -> None:
    """Whatever substitutions were said to do, a step counts by the score after it."""

    class Liar(Objective):
        def substitutions(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            scores, mutants = super().substitutions(codes)
            return scores, mutants + 1000

    made = network(n_targets=1)
    wanted = Liar([Term("t", made, 0, "binary", Goal("raise"))])
    first = np.stack([start.codes for start in starts(3, 10)])
    rules = Rules(first, np.ones((3, 10, 4), dtype=bool), 10, (0, 10))
    codes, paths = climb(wanted, first, rules)
    honest = Objective(wanted.terms)
    np.testing.assert_allclose(honest.scores(codes), [path.last_scores for path in paths], rtol=1e-4, atol=1e-5)
    for path in paths:
        values = np.concatenate([path.scores, *(step.scores for step in path.steps)])
        assert (np.diff(values) > 0).all()


def test_a_walk_takes_the_best_step_first() -> None:
    wanted = objective("raise")
    first, last = (np.stack([start.codes for start in starts(2, 12, seed)]) for seed in (0, 1))
    for row, path in enumerate(walk(wanted, first, last)):
        assert len(path.steps) == (first[row] != last[row]).sum()
        differing = np.flatnonzero(first[row] != last[row])
        ways = np.repeat(first[row : row + 1], len(differing), axis=0)
        ways[np.arange(len(differing)), differing] = last[row, differing]
        assert path.steps[0].scores[0] == pytest.approx(wanted.scores(ways).max(), rel=1e-4, abs=1e-5)


def template(text: str, name: str = "x") -> Template:
    bases = {"N": "ACGT", "R": "AG", "S": "CG", "W": "AT"}
    choices = [[base in bases.get(letter, letter) for base in "ACGT"] for letter in text.upper()]
    return Template(name, np.array(choices), np.array([letter.islower() for letter in text]))


def test_templates_say_what_may_stand_where() -> None:
    made = from_templates([template("AcgRNT")], 3, Fixed(((0, 1),), lower=True), ANY, 0)
    assert [start.name for start in made] == ["x_1", "x_2", "x_3"]
    assert len({start.codes.tobytes() for start in made}) > 1
    for start in made:
        assert start.codes[[0, 1, 2, 5]].tolist() == [0, 1, 2, 3]
        assert start.codes[3] in (0, 2)
        assert start.allowed.sum(1).tolist() == [1, 1, 1, 2, 4, 4]
    (start,) = from_templates([template("ACRN")], 1, Fixed(letters=True), ANY, 0)
    assert (start.name, start.allowed.sum(1).tolist()) == ("x", [1, 1, 2, 4])


def test_letters_are_drawn_to_fit_the_gc_content() -> None:
    for start in random_starts(20, 50, Fixed(), (0.5, 0.52), 3):
        assert 25 <= IS_GC[start.codes].sum() <= 26
        assert start.allowed.all()
    (start,) = from_templates([template("AAAASSWWNN")], 1, Fixed(), (0.4, 0.4), 0)
    assert IS_GC[start.codes].tolist() == [False] * 4 + [True] * 2 + [False] * 2 + [True] * 2
    free = np.concatenate([start.codes for start in random_starts(50, 40, Fixed(), ANY, 0)])
    assert np.bincount(free) == pytest.approx([500] * 4, abs=90)


def test_what_is_fixed(tmp_path: Path) -> None:
    bed = tmp_path / "sites.bed"
    bed.write_text("x\t2\t4\ny\t0\t1\n")
    fixed = parse_fixed(["0", "6-8", str(bed)])
    assert fixed.places(template("A" * 9)).nonzero()[0].tolist() == [0, 2, 3, 6, 7]
    assert fixed.places(template("A" * 9, "y")).nonzero()[0].tolist() == [0, 6, 7]
    assert parse_fixed(["lower"]).lower
    assert parse_fixed(["letters"]).letters
    for items, said in {
        ("5-5",): "--fixed 5-5: the end must be greater than the start",
        ("sites",): "--fixed 'sites' is no range such as 10-20, no file, and neither lower nor letters",
    }.items():
        with pytest.raises(UsageError, match=said):
            parse_fixed(items)
    with pytest.raises(UsageError, match="--fixed 6-8: x has 7 bp"):
        fixed.places(template("A" * 7))
    with pytest.raises(InputError, match=r"sites.bed:1: 2-4 is beyond the end of x, which has 3 bp"):
        parse_fixed([str(bed)]).places(template("AAA"))
    with pytest.raises(InputError, match=r"sites.bed:2: no sequence is called 'y'"):
        from_templates([template("A" * 9)], 1, fixed, ANY, 0)
