#!/usr/bin/env python3
"""Make connected digits of spoken ones: each utterance one to five recordings of one speaker, one after the other.

    python local/make_connected.py [--heldout SPEAKER] [--passes N] [--seed N] WAVS DATA

WAVS holds {digit}_{speaker}_{index}.wav, in it or in folders below. Writes DATA/{train,dev,test}/{wav.scp,text,utt2spk,
spk2utt}, DATA/wav/SET/KEY.wav and, last of all, DATA/made.json. The same options give the same bytes.

The corpus' own split: indices 0 to 4 of every digit and speaker are test, 5 and 6 dev here, the rest train. With
--heldout: all recordings of that speaker are test; of the others 0 to 4 are dev, the rest train. In training every
recording is in N utterances, each time in other company and in another voice: played at 0.8 to 1.25 of its speed,
through another microphone, at another level, with noise. dev and test are the recordings as they are, each of them in
two utterances.
"""

import argparse
import hashlib
import json
import os
import random
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr

SAMPLE_RATE_HZ = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUM_TEST_RECORDINGS = 5  # of each digit and speaker; its publisher's split
NUM_DEV_RECORDINGS = 2
MAX_DIGITS = 5
PAUSE_S = 0.1  # at most
EVALUATION_PASSES = 2
SPEED = 0.8, 1.25
LEVEL_DBFS = -35, -15
SNR_DB = 5, 40
RESPONSE_DB = -8, 8  # of a microphone
NUM_RESPONSE_POINTS = 6
NOISE_SLOPE_DB = 0, 6  # from point to point
LOWEST_HZ = 62.5


def find(wavs):
    """(digit, speaker, index, path) of every recording, sorted."""
    found = []
    for path in sorted(wavs.rglob("*.wav")):
        digit, _, rest = path.stem.partition("_")
        speaker, _, index = rest.rpartition("_")
        if digit.isdecimal() and index.isdecimal() and speaker and int(digit) < len(WORDS):
            found.append((int(digit), speaker, int(index), path))
    if not found:
        raise ValueError(f"{wavs}: no recording is found; files named as 7_jackson_32.wav are wanted there")
    return sorted(found, key=lambda recording: (recording[1], recording[0], recording[2]))


def divide(recordings, heldout):
    sets = {"train": [], "dev": [], "test": []}
    if heldout and heldout not in {recording[1] for recording in recordings}:
        speakers = ", ".join(sorted({recording[1] for recording in recordings}))
        raise ValueError(f"--heldout {heldout}: there is no such speaker; there are {speakers}")
    for recording in recordings:
        _, speaker, index, _ = recording
        if heldout:
            name = "test" if speaker == heldout else "dev" if index < NUM_TEST_RECORDINGS else "train"
        elif index < NUM_TEST_RECORDINGS:
            name = "test"
        else:
            name = "dev" if index < NUM_TEST_RECORDINGS + NUM_DEV_RECORDINGS else "train"
        sets[name].append(recording)
    empty = [name for name, members in sets.items() if not members]
    if empty:
        raise ValueError(f"no recording falls to {' and '.join(empty)}; all 50 of each digit and speaker are wanted")
    return sets


def _shuffle(rng, items):
    # random() is the one method whose numbers Python promises to keep between versions
    for last in range(len(items) - 1, 0, -1):
        other = int(rng.random() * (last + 1))
        items[last], items[other] = items[other], items[last]


def _between(rng, limits):
    return limits[0] + (limits[1] - limits[0]) * rng.random()


def plan(name, recordings, passes, seed):
    """(key, speaker, recordings, pauses in samples, seed) of every utterance of a set."""
    speakers = {}
    for recording in recordings:
        speakers.setdefault(recording[1], []).append(recording)
    planned = []
    for speaker, own in speakers.items():
        rng = random.Random(f"{seed} {name} {speaker}")
        deck = []
        for _ in range(passes):
            again = list(own)
            _shuffle(rng, again)
            deck += again
        number = 0
        while deck:
            number += 1
            length = 1 + int(rng.random() * MAX_DIGITS)
            taken, deck = deck[:length], deck[length:]
            pauses = [int(rng.random() * PAUSE_S * SAMPLE_RATE_HZ) for _ in taken[1:]] + [0]
            planned.append((f"{speaker}-{number:05d}", speaker, taken, pauses, int(rng.random() * 2**31)))
    return planned


def render(recordings, pauses, samples_of):
    """The recordings with their pauses, float32 within -1 to 1."""
    parts = []
    for recording, pause in zip(recordings, pauses, strict=True):
        parts += [samples_of(recording[3]), np.zeros(pause, np.float32)]
    return np.concatenate(parts)


def disguise(samples, seed):
    """Another voice, another microphone, another level, room noise."""
    manner = random.Random(seed)
    samples = soxr.resample(samples, _between(manner, SPEED), 1.0)
    samples = coloured(samples, [_between(manner, RESPONSE_DB) for _ in range(NUM_RESPONSE_POINTS)])
    level = 10 ** (_between(manner, LEVEL_DBFS) / 20)
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    noise = coloured(noise, [-_between(manner, NOISE_SLOPE_DB) * point for point in range(NUM_RESPONSE_POINTS)])
    noise_level = level * 10 ** (-_between(manner, SNR_DB) / 20)
    return samples * (level / rms(samples)) + noise * (noise_level / rms(noise))


def coloured(samples, response_db):
    """The samples through a filter whose response goes through these points, evenly spread over the octaves."""
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ), LOWEST_HZ) / LOWEST_HZ)
    points = np.linspace(0, np.log2(SAMPLE_RATE_HZ / 2 / LOWEST_HZ), len(response_db))
    return np.fft.irfft(spectrum * 10 ** (np.interp(octaves, points, response_db) / 20), len(samples))


def rms(samples):
    return max(1e-6, float(np.sqrt(np.mean(samples**2))))


def read(path, kept):
    if path not in kept:
        samples, rate = soundfile.read(path, dtype="float32")
        if samples.ndim > 1:
            samples = samples.mean(1)
        kept[path] = samples if rate == SAMPLE_RATE_HZ else soxr.resample(samples, rate, SAMPLE_RATE_HZ)
    return kept[path]


def write_set(data, name, planned):
    folder = data / name
    folder.mkdir(parents=True, exist_ok=True)
    (data / "wav" / name).mkdir(parents=True, exist_ok=True)
    kept = {}
    rows = {"wav.scp": [], "text": [], "utt2spk": []}
    speakers = {}
    for key, speaker, recordings, pauses, seed in planned:
        samples = render(recordings, pauses, lambda path: read(path, kept))
        if name == "train":
            samples = disguise(samples, seed)
        peak = float(np.abs(samples).max())
        if peak > 0.95:
            samples = samples * (0.95 / peak)
        path = data / "wav" / name / f"{key}.wav"
        soundfile.write(path, np.round(samples * 32767).astype(np.int16), SAMPLE_RATE_HZ, subtype="PCM_16")
        rows["wav.scp"].append((key, path.absolute()))
        rows["text"].append((key, " ".join(WORDS[recording[0]] for recording in recordings)))
        rows["utt2spk"].append((key, speaker))
        speakers.setdefault(speaker, []).append(key)
    rows["spk2utt"] = [(speaker, " ".join(keys)) for speaker, keys in speakers.items()]
    for table, lines in rows.items():
        write_text(folder / table, "".join(f"{key} {value}\n" for key, value in sorted(lines)))


def write_text(path, text):
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wavs", type=Path, metavar="WAVS")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--heldout", default="", metavar="SPEAKER")
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    try:
        sets = divide(find(args.wavs), args.heldout)
    except ValueError as error:
        sys.exit(f"make_connected.py: {error}")
    plans = {
        name: plan(name, members, args.passes if name == "train" else EVALUATION_PASSES, args.seed)
        for name, members in sets.items()
    }
    recipe = [
        (name, key, [path.name for *_, path in recordings], pauses, seed)
        for name, planned in plans.items()
        for key, _, recordings, pauses, seed in planned
    ]
    made = {
        "heldout": args.heldout,
        "passes": args.passes,
        "seed": args.seed,
        "utterances": {name: len(planned) for name, planned in plans.items()},
        "digits": {name: sum(len(recordings) for _, _, recordings, _, _ in planned) for name, planned in plans.items()},
        "plan": hashlib.sha256(json.dumps(recipe).encode()).hexdigest(),
    }
    marker = args.data / "made.json"
    if marker.exists():
        before = json.loads(marker.read_text(encoding="utf-8"))
        if before == made:
            sys.stderr.write(f"make_connected.py: {args.data} is complete already\n")
            return
        changed = ", ".join(f"{name} {before.get(name)}" for name in made if before.get(name) != made[name])
        sys.exit(f"make_connected.py: {marker}: was made with {changed}; give another directory")
    for name, planned in plans.items():
        write_set(args.data, name, planned)
    write_text(marker, json.dumps(made, indent=1) + "\n")
    sys.stderr.write(f"make_connected.py: {args.data}: {made['utterances']} utterances, {made['digits']} digits\n")


if __name__ == "__main__":
    main()
