"""The course of a fit on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from seqcnn.cli.console import Advance, Reporter
    from seqcnn.training.history import Epoch


class Watch:
    """Shows the course of a fit: a moving line on a terminal, one line an epoch elsewhere.

    Parameters
    ----------
    report : Reporter
    epochs : int
    metric : str
        What the validation score is.
    what : str
        Which fit it is, where there are several.
    """

    def __init__(self, report: Reporter, epochs: int, metric: str, what: str = "") -> None:
        self.report, self.epochs, self.metric, self.what, self.epoch = report, epochs, metric, what, 0
        self.progress: Advance | None = None
        self._context: Any = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *error: object) -> None:
        if self._context is not None:
            self._context.__exit__(None, None, None)

    def begin(self, what: str, epochs: int) -> None:
        """Go on to another fit."""
        self.__exit__()
        self.what, self.epochs, self.epoch, self.progress, self._context = what, epochs, 0, None, None

    def on_batch(self, done: int, total: int, losses: Tensor) -> None:
        """Move the line."""
        if not self.report.on_terminal:
            return
        if self.progress is None:
            self._context = self.report.progress(self.what or "training", total * self.epochs)
            self.progress = self._context.__enter__()
        # Of a GPU's losses the work would have to wait.
        loss = f", loss {float(losses.mean()):.3f}" if losses.device.type == "cpu" else ""
        self.progress.to(
            self.epoch * total + done,
            f"{self.what}{'  ' * bool(self.what)}epoch {self.epoch + 1}/{self.epochs}{loss}",
        )

    def on_epoch(self, epoch: Epoch) -> None:
        """Write a line."""
        self.epoch = epoch.number
        n = len(epoch.training_loss)
        score = sum(epoch.validation_score) / n
        judged = f"validation {self.metric} {score:.4f}  " if score == score else ""
        self.report.say(
            f"{self.what}{'  ' * bool(self.what)}epoch {epoch.number:>3}/{self.epochs}  "
            f"loss {sum(epoch.training_loss) / n:.4f}  {judged}{epoch.sequences_per_second:,.0f} sequences/s  "
            f"{(self.epochs - epoch.number) * epoch.seconds:,.0f} s left"
        )
