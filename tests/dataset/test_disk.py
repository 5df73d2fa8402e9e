import os
import subprocess
import sys

import pytest

from seqcnn.dataset.disk import Disk

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs limits of file sizes")

FULL = """
import resource, sys
import numpy as np
from seqcnn.dataset.examples import Examples
from seqcnn.dataset.store_writer import DatasetWriter
from seqcnn.errors import OutputError
from seqcnn.formats.output import atomic_path
from seqcnn.sequence.ragged import Ragged, from_text

resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
n = 1000
codes = np.random.default_rng(0).integers(0, 4, n * 100).astype(np.uint8)
chunk = Examples(Ragged(codes, np.arange(n + 1) * 100), from_text(map(str, range(n))), None, np.zeros(n, np.uint8))
try:
    with atomic_path(sys.argv[1]) as temporary, DatasetWriter(temporary, "dna", []) as writer:
        for i in range(int(sys.argv[2])):
            writer.append(chunk)
        writer.finish({})
except OutputError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize("chunks", [4, 40])
def test_a_full_disk_is_one_error_and_no_file(tmp_path, chunks):
    path = tmp_path / "d.h5"
    ended = subprocess.run([sys.executable, "-c", FULL, path, str(chunks)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == f"{path}: cannot write (file too large)\n"
    assert ended.stderr == ""
    assert os.listdir(tmp_path) == []


def test_writes_all_and_reads_back(tmp_path):
    with Disk(tmp_path / "f") as disk:
        assert disk.write(memoryview(b"abcdef")) == 6
        disk.seek(2)
        assert disk.read(2) == b"cd"
        assert disk.truncate(3) == 3
        assert disk.error is None
    assert (tmp_path / "f").read_bytes() == b"abc"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_keeps_the_first_error():
    with Disk("/dev/full") as disk:
        assert disk.write(b"abc") == 3
        assert disk.error.strerror == "No space left on device"
        disk.truncate(5)
        assert disk.error.strerror == "No space left on device"
