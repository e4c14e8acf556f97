"""Speaker embeddings and clustering beside FunASR's, the same parameters and sounds, in alternating rounds.

    python tests/bench/speakers.py [--peer .peer/venv/bin/python] [--threads 2] [--rounds 5] [--windows 64]
                                   [--cluster 2000,4000,12000]

The network has the published size and drawn parameters, which both load. Timed are windows of 1.5 s, from samples to
embeddings: one at a time, as a command gets short inputs, and many together (FunASR's own `extract_feature` and forward
in batches of 16, the size that suits it best here). Clustering is timed on drawn speakers, ours in full and the peer's
up to the size where it turns to UMAP. A product of 1024 x 1024 is timed beside every round, for machines are shared.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from asrtools.models.campplus.model import CAMPPlus
from asrtools.tasks.clustering import cluster
from asrtools.tasks.embed import open_speaker_model

ROOT = Path(__file__).resolve().parents[2]
PEER = """
import json, sys, time
import numpy as np
import torch
from funasr.models.campplus.cluster_backend import ClusterBackend
from funasr.models.campplus.model import CAMPPlus
from funasr.models.campplus.utils import extract_feature
folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
network = CAMPPlus()
network.load_state_dict(torch.load(folder + "/model.pt"))
network.eval()
samples = torch.from_numpy(np.load(folder + "/windows.npy"))
def embed(rows):
    with torch.no_grad():
        return network(extract_feature(list(rows))[0]).numpy()
embed(samples[:2])
for line in sys.stdin:
    what, size = line.split()
    began = time.perf_counter()
    if what == "cluster":
        ClusterBackend()(torch.from_numpy(np.load(f"{folder}/speakers{size}.npy")))
    else:
        found = np.concatenate([embed(samples[i:i + int(size)]) for i in range(0, len(samples), int(size))])
        np.save(folder + "/peer.npy", found)
    print("done", time.perf_counter() - began, flush=True)
"""


def drawn_model(folder: Path) -> None:
    torch.manual_seed(0)
    network = CAMPPlus()
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3, generator=generator)
            module.running_var.uniform_(0.3, 2, generator=generator)
    torch.save(network.state_dict(), folder / "model.pt")
    config = {"model": "CAMPPlus", "frontend": "WavFrontend", "frontend_conf": {"fs": 16000}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def drawn_speakers(num_windows: int, num_speakers: int = 6, width: int = 192) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings that are as far apart as those of voices: cosines about 0.6 within a speaker, 0.25 across."""
    generator = np.random.default_rng(num_windows)

    def directions(*shape: int) -> np.ndarray:
        drawn = generator.standard_normal((*shape, width))
        return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)

    centres = 0.25**0.5 * directions() + 0.35**0.5 * directions(num_speakers)
    who = np.repeat(generator.integers(num_speakers, size=num_windows // 8 + 1), 8)[:num_windows]
    return (centres[who] + 0.4**0.5 * directions(num_windows)).astype(np.float32), who


def gflops() -> float:
    matrix = torch.randn(1024, 1024)
    times = []
    for _ in range(10):
        began = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - began)
    return 2 * 1024**3 / statistics.median(times) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default=str(ROOT / ".peer/venv/bin/python"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--windows", type=int, default=64)
    parser.add_argument("--cluster", default="2000,4000,12000")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.cluster.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn_model(folder)
        windows = np.random.default_rng(0).standard_normal((arguments.windows, 24000)).astype(np.float32) * 0.1
        np.save(folder / "windows.npy", windows)
        for size in sizes:
            np.save(folder / f"speakers{size}.npy", drawn_speakers(size)[0])
        argv = [arguments.peer, "-c", PEER, str(folder), str(arguments.threads)]
        peer = None
        if Path(arguments.peer).exists():
            peer = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        run(arguments, folder, windows, sizes, peer)
        if peer is not None:
            peer.stdin.close()
            peer.wait()


def run(arguments, folder: Path, windows: np.ndarray, sizes: list[int], peer: "subprocess.Popen | None") -> None:
    def ask(what: str, size: int) -> float:
        if peer is None:
            return float("nan")
        peer.stdin.write(f"{what} {size}\n")
        peer.stdin.flush()
        while not (line := peer.stdout.readline()).startswith("done"):
            if not line:
                sys.exit("the peer has ended")
        return float(line.split()[1])

    model = open_speaker_model(folder, device="cpu", num_threads=arguments.threads)

    def embed(together: int) -> tuple[float, np.ndarray]:
        began = time.perf_counter()
        found = [
            model.embed([model.frontend(one) for one in windows[first : first + together]])
            for first in range(0, len(windows), together)
        ]
        return time.perf_counter() - began, np.concatenate(found)

    embed(len(windows))
    print(f"{torch.__version__=}, {arguments.threads} threads, windows of 1.5 s: {len(windows)}")
    for ours_together, peer_together in ((1, 1), (len(windows), 16)):
        rows = []
        for _ in range(arguments.rounds):
            seconds, found = embed(ours_together)
            rows.append((seconds, ask("embed", peer_together), gflops()))
        ours, theirs, speed = (statistics.median(column) for column in zip(*rows, strict=True))
        ratios = " ".join(f"{b / a:.2f}" for a, b, _ in rows)
        how = "one at a time" if ours_together == 1 else "together"
        print(
            f"{how:14s} ours {1000 * ours / len(windows):6.2f} ms a window, "
            f"peer {1000 * theirs / len(windows):6.2f}, ratio {statistics.median(b / a for a, b, _ in rows):.2f} "
            f"(rounds {ratios}), {speed:.0f} GFLOP/s"
        )
    if peer is not None:
        print(f"greatest difference of an embedding: {np.abs(found - np.load(folder / 'peer.npy')).max():.1e}")
    for size in sizes:
        embeddings, who = drawn_speakers(size)
        began = time.perf_counter()
        labels = cluster(embeddings)
        seconds = time.perf_counter() - began
        right = len(set(zip(labels, who, strict=True))) == len(set(who)) == len(set(labels))
        theirs = f"{ask('cluster', size):.2f} s" if size < 2048 else "not run"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        told = "all right" if right else f"{len(set(labels))} speakers"
        print(
            f"cluster {size:6d}: ours {seconds:6.2f} s ({told}), peer {theirs}; peak of this process {peak:.2f} GB, "
            f"{gflops():.0f} GFLOP/s"
        )
    print(json.dumps({"peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main()
