"""What a model can predict, and what its scores say.

==========  ==========================  =====================  ==============================================
task        a target                    a score                on the scale of the targets
==========  ==========================  =====================  ==============================================
binary      0 or 1                      log-odds               probability: logistic function of the score
regression  any number                  the number             the score itself
poisson     a count, 0 or more          log of the mean count  rate: exponential of the score
multiclass  the number of a class, the  one for each class,    probability: softmax of the scores; they sum
            only column of targets      up to a constant       to 1
==========  ==========================  =====================  ==============================================

Where both strands are read, each score is the better one of the two strands: for several classes the greatest of every
class, before the softmax. Members are averaged on the scale of the scores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TASKS: Final = ("binary", "regression", "poisson", "multiclass")

RESPONSES: Final = {"binary": "probability", "poisson": "rate", "multiclass": "probability"}
"""What :func:`respond` gives, for the tasks whose scores are on another scale than their targets."""


def respond(task: str, scores: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Turn scores into what is expected of the targets: probabilities, rates, or the values themselves.

    Parameters
    ----------
    task : str
        One of :data:`TASKS`.
    scores : ndarray, shape (..., n_targets)

    Returns
    -------
    ndarray of float64, of the same shape
        NaN where the score is.
    """
    import numpy as np
    from scipy.special import expit, softmax

    exact: NDArray[np.float64] = scores.astype(np.float64)
    if task == "binary":
        exact = expit(exact)
    elif task == "poisson":
        exact = np.exp(exact)
    elif task == "multiclass":
        exact = softmax(exact, axis=-1)
    return exact
