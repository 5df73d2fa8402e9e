"""Write a model for other programs: ONNX, or a plain PyTorch state dict."""

from __future__ import annotations

from pathlib import Path

import click

from seqcnn.cli import options


@click.command(
    epilog="""\b
Examples:
  seqcnn export run/ -o model.onnx
  seqcnn export run/ --to torch -o weights.pt"""
)
@click.argument("model")
@options.output("The file to write.")
@options.option(
    "--to",
    "kind",
    type=click.Choice(["onnx", "torch"]),
    help="Format to write.",
    show_default="by the output's name: .onnx, .pt",
)
@options.option(
    "--rule",
    type=click.Choice(["whole", "window"]),
    help="Score each sequence as it is, or as the best of its windows of the detectors' length.",
    show_default="the model's",
)
@options.messages()
def command(
    model: str, output: str, force: bool, kind: str | None, rule: str | None, quiet: bool, verbose: bool
) -> None:
    """Write MODEL (a model file or the run folder) for other programs.

    onnx: one graph from one-hot sequences, float32 of shape (batch, 4, length) with rows A C G T/U and 0.25 in every
    row of an N, to the scores that predict gives, shape (batch, targets); any batch and length. Needs the packages of
    seqcnn[onnx]. torch: the weights alone, read by torch.load(FILE, weights_only=True); docs/torch_export.md shows the
    lines that score with them.
    """
    from seqcnn.cli.console import Reporter
    from seqcnn.cli.given import set_rule
    from seqcnn.errors import UsageError
    from seqcnn.formats.output import check_output
    from seqcnn.models import export
    from seqcnn.models.modelfile import load

    by_name = {".onnx": "onnx", ".pt": "torch", ".pth": "torch"}.get(Path(output).suffix.lower())
    kind = kind or by_name
    if by_name is not None and kind != by_name:
        raise UsageError(f"--output {output} is a name of {by_name}, but --to says {kind}")
    if kind is None:
        raise UsageError(f"--output {output}: end it in .onnx or .pt, or say --to onnx or torch")
    if kind == "torch" and rule is not None:
        raise UsageError("--rule is for ONNX: a state dict holds weights alone")
    check_output(output, force=force, inputs=[model])
    trained = load(model)
    set_rule(trained, rule)
    (export.to_onnx if kind == "onnx" else export.to_torch)(trained, output)
    Reporter(quiet, verbose).say(f"wrote {output}")
