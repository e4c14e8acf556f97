#!/usr/bin/env python3
"""Make conversations of the utterances of the mini corpus: long recordings in which several speakers take turns.

    python local/make_conversations.py DATA

DATA is what make_corpus.py made. Writes DATA/{talk_train,talk_dev,talk}/{wav.scp,text,rttm,utt2spk,spk2utt} and
DATA/wav/talk*; talk_train is of the speakers of train, talk_dev and talk of those of dev and test, never heard before.
rttm says who speaks when, text what is said. The same corpus gives the same bytes.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import soundfile
from make_corpus import SAMPLE_RATE_HZ, _replace, _write_table, _write_text, coloured_noise, plan_corpus, wav_path
from sentences import plain_text

# set: its conversations, of which set's utterances, how many speakers in each and turns of each speaker
CONVERSATIONS = {"talk_train": ("train", 12, 3, 6), "talk_dev": ("dev", 1, 3, 5), "talk": ("test", 2, 3, 8)}
PAUSE_S = 0.2, 1.5
NOISE_DBFS = -60


def plan(name, utterances):
    """Lists of utterances in the order they are said, as many as there are."""
    _, count, num_speakers, num_turns = CONVERSATIONS[name]
    by_speaker = {}
    for utterance in utterances:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    speakers = list(by_speaker)
    conversations = []
    for number in range(count):
        rng = random.Random(f"{name} {number}")
        chosen = [speakers[(number * num_speakers + place) % len(speakers)] for place in range(num_speakers)]
        chosen = list(dict.fromkeys(chosen))
        turns = [(rng.random(), utterance) for speaker in chosen for utterance in by_speaker[speaker][:num_turns]]
        conversations.append([utterance for _, utterance in sorted(turns, key=lambda turn: turn[0])])
    return conversations


def render(data, name, number, utterances):
    """Samples of a conversation, and (speaker, begin, end) in seconds of each utterance."""
    rng = random.Random(f"pauses {name} {number}")
    parts, spans, num_samples = [], [], 0

    def pause():
        length = round((PAUSE_S[0] + (PAUSE_S[1] - PAUSE_S[0]) * rng.random()) * SAMPLE_RATE_HZ)
        parts.append(np.zeros(length))
        return length

    for utterance in utterances:
        num_samples += pause()
        samples, _ = soundfile.read(wav_path(data, CONVERSATIONS[name][0], utterance))
        end_s = (num_samples + len(samples)) / SAMPLE_RATE_HZ - utterance.trail_s
        spans.append((utterance.speaker, num_samples / SAMPLE_RATE_HZ + utterance.lead_s, end_s))
        parts.append(samples)
        num_samples += len(samples)
    pause()
    samples = np.concatenate(parts)
    noise = coloured_noise(np.random.default_rng([number, len(samples)]), len(samples), 1.0)
    return np.clip(samples + 10 ** (NOISE_DBFS / 20) * noise, -1, 1), spans


def write_set(data, name, utterances):
    (data / "wav" / name).mkdir(parents=True, exist_ok=True)
    (data / name).mkdir(parents=True, exist_ok=True)
    tables = {table: [] for table in ("wav.scp", "text", "utt2spk", "spk2utt")}
    turns = []
    for number, conversation in enumerate(plan(name, utterances), 1):
        key = f"{name}-{number:02d}"
        samples, spans = render(data, name, number, conversation)
        path = data / "wav" / name / f"{key}.wav"

        def write(temporary, samples=samples):
            soundfile.write(temporary, np.round(samples * 32767).astype(np.int16), SAMPLE_RATE_HZ, format="WAV")

        _replace(path, write)
        tables["wav.scp"].append((key, path.absolute()))
        tables["text"].append((key, plain_text(" ".join(utterance.sentence for utterance in conversation))))
        tables["utt2spk"].append((key, key))
        tables["spk2utt"].append((key, key))
        turns += [
            f"SPEAKER {key} 1 {begin:.3f} {end - begin:.3f} <NA> <NA> {speaker} <NA> <NA>\n"
            for speaker, begin, end in spans
        ]
    for table, rows in tables.items():
        _write_table(data / name / table, rows)
    _write_text(data / name / "rttm", "".join(turns))
    seconds = sum(float(turn.split()[4]) for turn in turns)
    sys.stderr.write(
        f"make_conversations.py: {data / name}: {len(turns)} turns, {seconds / 60:.1f} minutes of speech\n"
    )


def main():
    data = Path(sys.argv[1])
    corpus = json.loads((data / "corpus.json").read_text(encoding="utf-8"))
    plans = plan_corpus(corpus["utterances"], corpus["seed"])
    for name, (part, *_) in CONVERSATIONS.items():
        write_set(data, name, plans[part])


if __name__ == "__main__":
    main()
