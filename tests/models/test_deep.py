"""Every architecture: what one expects of a network, whatever its layers."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seqcnn.errors import UsageError
from seqcnn.interpret import attribution, mutagenesis
from seqcnn.models import architectures, catalogue, deep, modelfile
from seqcnn.models.modelfile import Model
from seqcnn.models.network import Network, join_members
from seqcnn.models.predict import member_scores, predict
from seqcnn.sequence.alphabet import one_hot, reverse_complement
from seqcnn.sequence.ragged import Ragged, from_rows
from seqcnn.training.objectives import Objective
from seqcnn.training.optimiser import Rates, create

NAMES = catalogue.trainable()
DEEP = [name for name in NAMES if name != "deepbind"]
TINY: dict[str, Any] = {"n_filters": 4, "kernel_size": 7, "hidden": 3}
WAYS: list[dict[str, Any]] = [
    {"strands": "best"},
    {"strands": "mean", "pooling": "average", "padding": "same", "activation": "elu"},
    {"strands": "equivariant", "pooling": "both", "activation": "maxout", "initialisation": "orthogonal"},
    {"strands": "equivariant", "pooling": "attention", "padding": "same", "activation": "tanh", "batch_norm": False},
    {"strands": "mean", "pooling": "attention", "padding": "valid", "activation": "sigmoid", "batch_norm": True},
    {"strands": "best", "pooling": "both", "padding": "valid", "activation": "exponential", "initialisation": "glorot"},
    {"strands": "best", "activation": "leaky-relu", "hidden": 0, "initialisation": "lecun"},
]
"""Every value of the options that architectures share, at least once."""


def make(name: str, n_members: int = 2, *, seeds: list[int] | None = None, **options: Any) -> Network:
    """Return a network in evaluation mode with nothing at its neutral value."""
    network = architectures.create(name, TINY | {"n_members": n_members, "n_targets": 2} | options)
    network.seed(seeds or list(range(n_members)))
    random = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for key, parameter in network.named_parameters():
            noise = torch.rand(parameter[0].shape, generator=random)
            if key.endswith(("running_mean", "bias", "threshold", "attention")):
                parameter.copy_((noise - 0.5) / 2)
            elif key.endswith("running_variance"):
                parameter.copy_(noise + 0.5)
    return network.eval()


def sequences(lengths: list[int], seed: int = 0, letters: int = 4) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, letters, length).astype(np.uint8) for length in lengths]


def scores(network: Network, rows: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network.score(from_rows(rows))


def close(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    np.testing.assert_allclose(found, wanted, atol=2e-5 * max(1.0, float(np.abs(wanted).max())), rtol=0)


@pytest.mark.parametrize("way", WAYS[:5], ids=lambda way: way["strands"])
@pytest.mark.parametrize("name", DEEP)
def test_strands_and_lengths(name: str, way: dict[str, Any]) -> None:
    """The reverse complement scores the same; and so does a sequence by itself and beside longer ones."""
    network = make(name, **way)
    rows = [*sequences([9, 40, 31, 14, 3]), *sequences([25], letters=5)]
    found = scores(network, rows)
    assert found.shape == (2, 6, 2)
    close(scores(network, [reverse_complement(row) for row in rows]), found)
    close(np.concatenate([scores(network, [row]) for row in rows], axis=1), found)
    assert found.std(1).max() > 0


@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_weight(name: str) -> None:
    network = make(name, dropout=0.2, n_filters=6).train()
    create("adamw", network, [Rates(0.01)] * 2, 10, "constant")
    inputs = next(network.prepare(torch.from_numpy(np.stack(sequences([40] * 16))), None, 16))
    network.add_gradients(inputs, torch.randn(16, 2), Objective("regression", complete=True))
    for key, parameter in network.named_parameters():
        if not key.endswith(deep.STATISTICS):
            assert parameter.grad is not None
            for member in parameter.grad:
                assert member.abs().sum() > 0, key


@pytest.mark.parametrize("name", NAMES)
def test_save_and_load(name: str, tmp_path: Path) -> None:
    network = make(name).requires_grad_(False)
    rows = from_rows(sequences([20, 33]))
    path = tmp_path / "model.safetensors"
    modelfile.save(Model(network, name, "dna", "regression", ("a", "b"), None, {}), path)
    loaded = modelfile.load(path)
    assert loaded.network.settings == network.settings
    np.testing.assert_array_equal(member_scores(loaded.network, rows), member_scores(network, rows))
    alone = [network.members([i]) for i in (1, 0)]
    close(member_scores(join_members(alone), rows), member_scores(network, rows)[::-1])


def course(name: str, seeds: list[int], n_steps: int = 4) -> tuple[Network, Ragged]:
    """Train members for a few steps."""
    network = architectures.create(name, TINY | {"n_members": len(seeds), "dropout": 0.3})
    network.seed(seeds)
    network.train()
    optimiser = create("sgd", network, [Rates(0.05)] * len(seeds), n_steps, "constant")
    rows = sequences([30] * 12, seed=1)
    codes, targets = torch.from_numpy(np.stack(rows)), torch.arange(12.0)[:, None] % 2
    for inputs in list(network.prepare(codes, None, 12)) * n_steps:
        network.add_gradients(inputs, targets, Objective("binary", complete=True))
        optimiser.step()
    return network.eval().requires_grad_(False), from_rows(rows)


@pytest.mark.parametrize("name", NAMES)
def test_members_are_independent(name: str) -> None:
    """What a member becomes does not depend on who is trained beside it; nor does its first weight."""
    together, rows = course(name, [7, 8])
    for i, seed in enumerate([7, 8]):
        np.testing.assert_allclose(
            member_scores(course(name, [seed])[0], rows)[0], member_scores(together, rows)[i], atol=1e-4
        )
    assert np.abs(np.diff(member_scores(together, rows), axis=0)).max() > 0.01


@pytest.mark.parametrize("name", NAMES)
def test_it_overfits_32_sequences(name: str) -> None:
    network = architectures.create(name, {"n_filters": 12, "kernel_size": 7, "hidden": 12})
    network.seed([1])
    optimiser = create("adamw", network, [Rates(0.02 if name == "deepbind" else 0.01)], 80, "one-cycle")
    rows = sequences([25] * 32, seed=2)
    targets = torch.arange(32.0)[:, None] % 2
    network.train()
    for inputs in list(network.prepare(torch.from_numpy(np.stack(rows)), None, 32)) * 80:
        losses = network.add_gradients(inputs, targets, Objective("binary", complete=True))
        optimiser.step()
    assert losses.item() < 0.1
    found = predict(network.eval().requires_grad_(False), from_rows(rows))
    assert ((found > 0) == targets.numpy()).mean() >= 31 / 32  # in evaluation, by the running statistics


def without_shortcut(network: Network, rows: Ragged) -> mutagenesis.Substitutions:
    with mock.patch.object(type(network), "substitution_scores", return_value=None):
        return mutagenesis.substitutions(network, rows)


@pytest.mark.parametrize(("name", "way"), [(n, w) for i, n in enumerate(DEEP) for w in (WAYS[i], WAYS[(i + 2) % 7])])
def test_mutate_is_brute_force(name: str, way: dict[str, Any]) -> None:
    network = make(name, **way).requires_grad_(False)
    rows = from_rows([*sequences([26, 26, 5]), *sequences([11], letters=5)])
    found, wanted = mutagenesis.substitutions(network, rows), without_shortcut(network, rows)
    scale = float(np.abs(wanted.reference).max())
    np.testing.assert_allclose(found.reference, wanted.reference, atol=1e-5 * scale, rtol=0)
    np.testing.assert_allclose(found.change, wanted.change, atol=1e-5 * scale, rtol=0)
    assert found.spread is not None
    assert wanted.spread is not None
    np.testing.assert_allclose(found.spread, wanted.spread, atol=1e-5 * scale, rtol=0)


def test_mutate_reads_one_strand_where_the_network_does() -> None:
    network = make("basset", both_strands=False).requires_grad_(False)
    rows = from_rows(sequences([20, 20]))
    np.testing.assert_allclose(
        mutagenesis.substitutions(network, rows).change, without_shortcut(network, rows).change, atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_docstring_has_the_true_figures(name: str) -> None:
    module = import_module(f"{architectures.__name__}.{name}")
    network = architectures.create(name, {})
    if isinstance(network, deep.Model):
        said = re.search(r"At the defaults ([\d,]+) weights .* sees (?:([\d,]+) bp|the whole sequence)", module.__doc__)
        assert said is not None
        assert int(said[1].replace(",", "")) == network.n_parameters
        assert (said[2] and int(said[2])) == network.receptive_field
    assert catalogue.about(name).shape
    assert catalogue.about(name).lineage
    catalogue.check(name, {key: field.default for key, field in catalogue.fields(name).items()})


@pytest.mark.parametrize("name", [name for name in DEEP if name != "danq"])
def test_receptive_field(name: str) -> None:
    """A base further away than half of it changes nothing at a position; one at its end does."""
    network = make(name, batch_norm=False, activation="leaky-relu", both_strands=False, padding="same", n_members=1)
    assert isinstance(network, deep.Model)
    field = network.receptive_field
    assert field is not None
    length = 3 * field + 3 * network.stride
    x = torch.from_numpy(one_hot(np.stack(sequences([length])))).double().requires_grad_()
    network.double()
    signal = _linear(network, x)
    middle, widths = signal.shape[2] // 2, []
    for at in range(middle, middle + (network.stride if network.gives_bases else 1)):  # not all bases see as many
        (grad,) = torch.autograd.grad(signal[0, :, at].sum(), x, retain_graph=True)
        reached = grad[0].abs().sum(0).nonzero()[:, 0]
        widths.append(int(reached[-1] - reached[0]) + 1)
    assert max(widths) == field


def _linear(network: deep.Model, x: torch.Tensor) -> torch.Tensor:
    """Return the body's output with averages for maxima and no activations, so that all bases count."""
    for module in network.modules():
        if hasattr(module, "average"):
            module.average = True
        if hasattr(module, "activation"):
            module.activation = lambda values: values
    return network.body(network.detect(x, None)).values


@pytest.mark.parametrize("name", DEEP)
def test_first_weights(name: str) -> None:
    """Of the spread that is asked for, the same for a seed, and as a scale says where there is one."""
    from seqcnn.models.network import Scale

    wide = {"n_filters": 32, "kernel_size": 9, "n_members": 2}
    for how, variance in (("he", 2 / 36), ("lecun", 1 / 36), ("glorot", 2 / (36 + 32 * 9)), ("orthogonal", 2 / 36)):
        network = architectures.create(name, wide | {"initialisation": how})
        network.seed([3, 4])
        filters = dict(network.named_parameters())["filters"]
        assert filters.var().item() == pytest.approx(variance, rel=0.15)
        assert not torch.equal(filters[0], filters[1])
    flat = filters[0].flatten(1).detach()
    torch.testing.assert_close(flat @ flat.T, torch.eye(32) * 2, atol=1e-4, rtol=0)
    network.scales = (Scale(0.3, 0.01), None)
    network.seed([3, 4])
    assert filters[0].std().item() == pytest.approx(0.3, rel=0.15)
    assert network.output_weight[0].std().item() < 0.02


@pytest.mark.parametrize("method", ["gradient", "integrated-gradients"])
def test_attribution(method: str) -> None:
    """Of a smooth network contributions add up, and a gradient is a difference in the limit."""
    network = make("resnet", activation="tanh", strands="mean", pooling="average").requires_grad_(False)
    found = attribution.attribute(network, from_rows(sequences([24, 24, 30])), method)
    assert np.isfinite(found.change).all()
    assert np.abs(found.change).max() > 0
    if method == "integrated-gradients":
        assert np.abs(found.gap).max() < 0.1 * np.abs(found.from_baseline).max()
    with pytest.raises(UsageError, match="deeplift is not for networks of this architecture"):
        attribution.check(network, "deeplift")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("basset", {"strands": "equivariant", "padding": "valid"}, "needs --padding N or same"),
        ("basset", {"strands": "equivariant", "padding": "same", "kernel_size": 8}, "needs an odd --kernel-size"),
        ("deepbind", {"strands": "mean"}, "has no strands 'mean'"),
    ],
)
def test_what_does_not_go_together(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        architectures.create(name, options)


def test_layers_refuse_even_kernels_and_even_pooling_of_paired_channels() -> None:
    make_layer = deep.Maker(architectures.create("basset", {}).settings)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="must have an odd length, not 4"):
        make_layer.unit(2, 2, 4)
    with (
        mock.patch.object(deep.Maker, "pool", lambda self, channels, size=2: deep.Pool(channels, 2)),
        pytest.raises(UsageError, match="pool odd numbers"),
    ):
        architectures.create("resnet", {"strands": "equivariant"})


def test_statistics_are_of_what_belongs_to_sequences() -> None:
    """A batch of several lengths is normalised by the mean over bases, not over what fills rows up."""
    network = architectures.create("basset", TINY | {"padding": "same", "both_strands": False})
    network.seed([0])
    assert isinstance(network, deep.Model)
    assert network.first_norm is not None
    rows = sequences([12, 30, 21])
    network.train()
    network(next(network.prepare(*_tensors(rows), 3)))
    x = [network.detector_scores(torch.from_numpy(one_hot(row[None])), None).values for row in rows]
    mean = torch.cat(x, dim=2).mean((0, 2))
    variance = torch.cat(x, dim=2).var((0, 2))
    torch.testing.assert_close(network.first_norm.running_mean[0], mean * 0.1)
    torch.testing.assert_close(network.first_norm.running_variance[0], 0.9 + variance * 0.1)


def _tensors(rows: list[NDArray[np.uint8]]) -> tuple[torch.Tensor, torch.Tensor | None]:
    from seqcnn.models.network import to_tensors

    return to_tensors(from_rows(rows), torch.device("cpu"))


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_cells_are_those_of_torch(cell: str) -> None:
    network = make("danq", cell=cell, n_units=3, n_members=1)
    assert isinstance(network, deep.Model)
    layer = network.body.parts[1]
    theirs = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell](4, 3, bidirectional=True)
    weights = dict(layer.named_parameters())
    with torch.no_grad():
        for i, way in enumerate(("", "_reverse")):
            part = slice(i * weights["bias"].shape[1] // 2, (i + 1) * weights["bias"].shape[1] // 2)
            getattr(theirs, f"weight_ih_l0{way}").copy_(weights["input_weight"][0, :, part].T)
            getattr(theirs, f"weight_hh_l0{way}").copy_(weights["state_weight"][0, :, part].T)
            getattr(theirs, f"bias_ih_l0{way}").copy_(weights["bias"][0, part])
            getattr(theirs, f"bias_hh_l0{way}").zero_()
        x = torch.randn(2, 4, 9)
        wanted = theirs(x.permute(2, 0, 1))[0].permute(1, 2, 0)
        torch.testing.assert_close(layer(deep.Signal(x)).values, wanted)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_cells_are_given_to_cudnn_as_it_wants_them(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters one after the other in memory, and in single precision where training is in bf16."""
    layer = make("danq", cell=cell, n_units=3, n_members=2).body.parts[1]
    name, seen = cell if cell != "rnn" else "rnn_tanh", []
    run = getattr(torch, name)

    def watch(x: torch.Tensor, state: Any, parameters: list[torch.Tensor], *how: Any) -> Any:
        ends = [each.data_ptr() + 4 * each.numel() for each in parameters]
        assert [each.data_ptr() for each in parameters[1:]] == ends[:-1]
        assert {each.dtype for each in (x, *parameters)} == {torch.float32}
        seen.append(x)
        return run(x, state, parameters, *how)

    monkeypatch.setattr(torch, name, watch)
    signal = deep.Signal(torch.randn(2, 8, 9))
    wanted = layer(signal).values
    with torch.autocast("cpu", dtype=torch.bfloat16):
        values = layer(signal).values
    assert values.dtype == torch.float32
    assert torch.equal(values, wanted)
    assert len(seen) == 2 * 2 * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "way"),
    [
        *((name, WAYS[i % 5]) for i, name in enumerate(DEEP) if name != "danq"),
        ("danq", WAYS[0] | {"cell": "lstm", "n_units": 3}),
        ("danq", WAYS[2] | {"cell": "gru", "n_units": 3}),
        ("danq", WAYS[4] | {"cell": "rnn", "n_units": 3}),
    ],
    ids=lambda part: part if isinstance(part, str) else part.get("cell", ""),
)
def test_onnx(name: str, way: dict[str, Any], tmp_path: Path) -> None:
    """Equal to torch on random lengths."""
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from seqcnn.models.export import to_onnx

    network = make(name, **way).requires_grad_(False)
    path = tmp_path / "m.onnx"
    to_onnx(Model(network, name, "dna", "regression", ("a", "b"), None, {}), path)
    # The exporter falls back to fixed sizes where it cannot do better.
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for n, length in ((1, 60), (3, 37), (2, 101)):
        rows = np.stack(sequences([length] * n, letters=5))
        (found,) = session.run(None, {"one_hot": one_hot(rows)})
        np.testing.assert_allclose(found, predict(network, from_rows(list(rows))), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("way", [WAYS[0], WAYS[2], WAYS[3]], ids=lambda way: way.get("activation", "relu"))
def test_detectors_and_scores_without_them(way: dict[str, Any]) -> None:
    """Detectors give what the first layer rectifies; silenced ones count for nothing."""
    network = make("resnet", **way).requires_grad_(False)
    assert isinstance(network, deep.Model)
    (found,) = network.detectors()
    x = torch.from_numpy(one_hot(np.stack(sequences([40]))))
    scores_there = torch.nn.functional.conv1d(x, found.filters[1]) - found.threshold[1][:, None]
    signal = network.detect(x, None)
    k, n = network.settings.kernel_size, found.filters.shape[1]
    first = (0 if signal.rows is None else int(signal.rows.start[0])) + (
        k - 1 if network.settings.padding == "N" else (k - 1) // 2
    )
    wanted = network.activation(scores_there)
    got = signal.values.unflatten(1, (2, -1))[:, 1, : wanted.shape[1], first : first + wanted.shape[2]]
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
    rows = from_rows(sequences([30, 30, 41]))
    with torch.inference_mode():
        nothing, one, everything = network.scores_without(rows, 1, [[], [0], list(range(n))])
    np.testing.assert_allclose(nothing, member_scores(network, rows)[1], atol=1e-5)
    assert np.abs(one - nothing).max() > 1e-4
    assert np.ptp(everything[:2], axis=0).max() < 1e-5  # two sequences of one length are alike without detectors
