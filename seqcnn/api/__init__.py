"""seqcnn from Python: strings in, NumPy arrays out."""

from seqcnn.api.fitting import fit
from seqcnn.api.predictor import Predictor, load
from seqcnn.api.strings import dinucleotide_shuffle, one_hot

__all__ = ["Predictor", "dinucleotide_shuffle", "fit", "load", "one_hot"]
