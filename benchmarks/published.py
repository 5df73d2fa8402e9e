"""Published DeepBind models: model-sequences a second, against the published algorithm as a plain C loop.

    python benchmarks/published.py [FOLDER]        101 bp, both strands where the model says so, 2 threads, median of 5

FOLDER holds params/D*.txt; without it, models of the 15 published shapes with random weights. The C program does what
the published one does: every window of detector length, padded with N, every detector at every offset, the largest
score; it is compiled here (``cc -O3``) and runs on one thread. Both score every window, the last one too.
"""

from __future__ import annotations

import ctypes
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from seqcnn.formats.deepbind_parameters import Parameters, find_files, read_parameters
from seqcnn.models import published
from seqcnn.models.device import keep_freed_memory
from seqcnn.models.predict import predict
from seqcnn.sequence.ragged import Ragged, offsets_of

N, N_IN_C, LENGTH, RUNS, THREADS = 2000, 5, 101, 5, 2

SOURCE = r"""
static float best_of(const float *hot, int n, const int *s, const float *det, const float *thr, const float *w1,
                     const float *b1, const float *w2, const float *b2) {
    int both = s[0], nd = s[1], len = s[2], avg = s[3], nh = s[4], nf = nd * (1 + avg), no = 2 * len - 1;
    float best = -1e30f, feature[512], padded[4 * 512];
    for (int strand = 0; strand <= both; strand++)
        for (int start = 0; start + len <= n; start++) {
            for (int i = 0; i < 4 * (3 * len - 2); i++) padded[i] = 0.25f;
            for (int j = 0; j < len; j++)
                for (int b = 0; b < 4; b++)
                    padded[(len - 1 + j) * 4 + b] =
                        strand ? hot[(n - 1 - start - j) * 4 + 3 - b] : hot[(start + j) * 4 + b];
            for (int f = 0; f < nf; f++) feature[f] = 0;
            for (int offset = 0; offset < no; offset++)
                for (int d = 0; d < nd; d++) {
                    float x = thr[d];
                    for (int i = 0; i < 4 * len; i++) x += padded[offset * 4 + i] * det[i * nd + d];
                    if (x < 0) x = 0;
                    if (avg) {
                        if (x > feature[2 * d]) feature[2 * d] = x;
                        feature[2 * d + 1] += x / no;
                    } else if (x > feature[d]) feature[d] = x;
                }
            float score = nh ? b2[0] : b1[0];
            for (int h = 0; h < (nh ? nh : 1); h++) {
                float x = nh ? b1[h] : 0;
                for (int f = 0; f < nf; f++) x += feature[f] * w1[f * (nh ? nh : 1) + h];
                score += nh ? (x > 0 ? x : 0) * w2[h] : x;
            }
            if (score > best) best = score;
        }
    return best;
}
void score(const float *hot, int n_sequences, int n, const int *sizes, const float *det, const float *thr,
           const float *w1, const float *b1, const float *w2, const float *b2, float *out) {
    for (int i = 0; i < n_sequences; i++) out[i] = best_of(hot + i * n * 4, n, sizes, det, thr, w1, b1, w2, b2);
}
"""


def compile_peer(folder: Path) -> ctypes.CDLL:
    (folder / "peer.c").write_text(SOURCE)
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", folder / "peer.so", folder / "peer.c"], check=True)
    return ctypes.CDLL(str(folder / "peer.so"))


def in_c(peer: ctypes.CDLL, model: Parameters, codes: np.ndarray) -> np.ndarray:
    hot = np.eye(4, dtype=np.float32)[codes]
    sizes = (model.reverse_complement, model.detectors.shape[2], len(model.detectors), model.has_avg_pooling)
    arrays = [hot, np.array([*sizes, len(model.weights2)], dtype=np.int32), model.detectors, model.thresholds]
    arrays += [model.weights1, model.biases1, model.weights2, model.biases2]
    out = np.empty(len(codes), dtype=np.float32)
    first, *rest = [np.ascontiguousarray(part).ctypes.data_as(ctypes.c_void_p) for part in arrays]
    peer.score(first, len(codes), codes.shape[1], *rest, out.ctypes.data_as(ctypes.c_void_p))
    return out


def made_up() -> dict[str, Parameters]:
    """Return models of the published shapes."""
    rng = np.random.default_rng(0)
    models = {}
    for length, hidden, average in [(k, h, a) for k in (14, 16, 20, 24, 32, 36) for h in (0, 32) for a in (0, 1)]:
        features = 16 * (1 + average)
        shapes = [(length, 4, 16), (16,), (features, hidden or 1), (hidden or 1,), (hidden,), (1 if hidden else 0,)]
        if (average == 1) == (length in (16, 20, 24)) or length in (20, 24):
            values = [rng.normal(size=shape).astype(np.float32) * 0.3 for shape in shapes]
            models[f"k{length}h{hidden}a{average}"] = Parameters(length != 16, bool(average), *values)
    return models


def main() -> None:
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    files = find_files(Path(sys.argv[1]))[0] if len(sys.argv) > 1 else {}
    models = {name: read_parameters(path) for name, path in files.items()} or made_up()
    codes = np.random.default_rng(1).integers(0, 4, (N, LENGTH), dtype=np.uint8)
    sequences = Ragged(codes.reshape(-1), offsets_of(np.full(N, LENGTH)))
    network = published.build(models, {}).network
    scores = predict(network, sequences)
    rates = []
    for _ in range(RUNS):
        began = time.perf_counter()
        predict(network, sequences)
        rates.append(N * len(models) / (time.perf_counter() - began))
    with tempfile.TemporaryDirectory() as folder:
        peer = compile_peer(Path(folder))
        began = time.perf_counter()
        theirs = np.stack([in_c(peer, model, codes[:N_IN_C]) for model in models.values()], axis=1)
        rate = N_IN_C * len(models) / (time.perf_counter() - began)
    ours = statistics.median(rates)
    print(
        f"{len(models)} models, {LENGTH} bp; largest difference of scores: {np.abs(scores[:N_IN_C] - theirs).max():.1e}"
    )
    print(f"{'seqcnn, 2 threads':<34}{ours:>10,.0f} model-sequences/s{ours / rate:>8.0f} x (bar: 50; 7,000/s)")
    print(f"{'published algorithm in C, 1 thread':<34}{rate:>10,.0f} model-sequences/s")


if __name__ == "__main__":
    main()
