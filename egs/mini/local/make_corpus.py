#!/usr/bin/env python3
"""Make the mini corpus: Mandarin, English and mixed speech, read by espeak-ng voices, as Kaldi data directories.

Writes DATA/{train,dev,test}/{wav.scp,text,text_punc,utt2spk,spk2utt}, DATA/wav/SET/SPEAKER/KEY.wav (16 kHz, 16 bit)
and, last of all, DATA/corpus.json, which says that the corpus is complete. Speakers and sentences of dev and test do
not occur in train. The same options give the same bytes, whatever --nj is. Paths in wav.scp are absolute, so that the
lists can be read from any directory.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
import soxr
from espeak import SAMPLE_RATE_HZ as ESPEAK_RATE_HZ
from espeak import Espeak, EspeakError
from sentences import LANGUAGES, SentenceMaker, plain_text

SAMPLE_RATE_HZ = 16000
NUM_UTTERANCES = {"full": {"train": 1200, "dev": 60, "test": 100}, "tiny": {"train": 24, "dev": 6, "test": 6}}
MIN_UTTERANCES_A_SPEAKER = 3

# Variants of espeak-ng that differ most in their mean spectrum and pitch (farthest-point selection over all of them),
# without whispers, robots and those that change the lengths of syllables. Women, men and children in each set.
VARIANTS = {
    "train": """f1 david zac caleb Lee kaukovalta klatt2 quincy Gene Alicia ian steph2 boris grandma m7 sandro m4 klatt3
        gustave belinda Jacky iven2 travis norbert Storm ed pablo Andy f5 Diogo Annie Nguyen Tweaky marcelo RicishayMax
        victor mike2 Mario Alex iven4""",
    "dev": "f2 m1 linda Mike edward Denis",
    "test": "aunty m5 f3 Reed shelby robert m8 max paul john",
}
# words a minute; espeak-ng counts a Chinese syllable as less than a word
RATES = {"zh": (190, 250), "en": (150, 185)}
# an English word inside a Chinese sentence is read with English phonemes by the Chinese voice
VOICES = {"zh": "cmn", "mix": "cmn", "en": "en-us"}


@dataclasses.dataclass(frozen=True)
class Utterance:
    """What is said and how; everything that the samples depend on."""

    key: str
    speaker: str
    sentence: str
    voice: str
    rate: int
    pitch: int
    pitch_range: int
    lead_s: float
    trail_s: float
    level_dbfs: float
    snr_db: float
    noise_slope: float
    seed: int


def _between(rng, low, high):
    # random() is the one method whose numbers Python promises to keep between versions
    return low + (high - low) * rng.random()


def plan_set(name, num_utterances, seed, taken):
    """The utterances of one set, with no sentence of the set `taken`."""
    variants = VARIANTS[name].split()
    variants = variants[: max(1, min(len(variants), num_utterances // MIN_UTTERANCES_A_SPEAKER))]
    maker = SentenceMaker(f"{seed} {name}")
    plan = []
    for index in range(num_utterances):
        variant = variants[index % len(variants)]
        number = index // len(variants)
        language = LANGUAGES[number % len(LANGUAGES)]
        sentence = maker.draw(language)
        while plain_text(sentence) in taken:
            sentence = maker.draw(language)
        if name != "train":
            taken = taken | {plain_text(sentence)}
        speaker = variant.lower()
        key = f"{speaker}-{language}-{number + 1:04d}"
        manner = random.Random(f"{seed} {speaker}")
        rates = {spoken: _between(manner, *limits) for spoken, limits in RATES.items()}
        pitch, pitch_range = _between(manner, 36, 64), _between(manner, 40, 60)
        rng = random.Random(f"{seed} {key}")
        plan.append(
            Utterance(
                key=key,
                speaker=speaker,
                sentence=sentence,
                voice=f"{VOICES[language]}+{variant}",
                rate=round(rates["en" if language == "en" else "zh"] * _between(rng, 0.93, 1.07)),
                pitch=round(pitch + _between(rng, -4, 4)),
                pitch_range=round(pitch_range),
                lead_s=round(_between(rng, 0.1, 0.4), 3),
                trail_s=round(_between(rng, 0.1, 0.4), 3),
                level_dbfs=round(_between(rng, -30, -20), 2),
                snr_db=round(_between(rng, 15, 40), 2),
                noise_slope=round(_between(rng, 0, 2), 2),
                seed=int(rng.random() * 2**31),
            )
        )
    return plan


def plan_corpus(num_utterances, seed):
    """The utterances of each set: a value, made before a sound is heard."""
    plans, taken = {}, frozenset()
    for name in ("train", "dev", "test"):
        plans[name] = plan_set(name, num_utterances[name], seed, taken)
        taken |= {plain_text(utterance.sentence) for utterance in plans[name]}
    return plans


def coloured_noise(rng, num_samples, slope):
    """Noise of unit power whose spectrum falls with frequency to the power of `slope`: 0 is white, 2 is brown."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    # nothing below 50 Hz, where brown noise would put most of its power and nobody would hear it
    frequencies = np.maximum(np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE_HZ), 50)
    noise = np.fft.irfft(spectrum * frequencies ** (-slope / 2), num_samples)
    return noise / np.sqrt(np.mean(noise**2))


def render(utterance, espeak):
    """The 16-bit samples of an utterance."""
    pcm = espeak.speak(
        utterance.sentence,
        utterance.voice,
        seed=utterance.seed,
        rate=utterance.rate,
        pitch=utterance.pitch,
        pitch_range=utterance.pitch_range,
        # at full volume some voices run into the limiter
        volume=50,
    )
    speech = np.frombuffer(pcm, np.int16).astype(np.float64)
    loud = np.flatnonzero(np.abs(speech) > 0.01 * np.abs(speech).max())
    speech = soxr.resample(speech[loud[0] : loud[-1] + 1], ESPEAK_RATE_HZ, SAMPLE_RATE_HZ)
    level = 10 ** (utterance.level_dbfs / 20)
    speech *= level / np.sqrt(np.mean(speech**2))
    silences = [np.zeros(round(seconds * SAMPLE_RATE_HZ)) for seconds in (utterance.lead_s, utterance.trail_s)]
    samples = np.concatenate([silences[0], speech, silences[1]])
    rng = np.random.default_rng(utterance.seed)
    samples += level * 10 ** (-utterance.snr_db / 20) * coloured_noise(rng, len(samples), utterance.noise_slope)
    samples *= min(1, 0.9 / np.abs(samples).max())
    return np.round(samples * 32767).astype(np.int16)


def _replace(path, write):
    """Call write(temporary name) and move the file to its place, so that a file that is there is complete."""
    temporary = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.tmp")
    write(temporary)
    os.replace(temporary, path)


def _write_text(path, text):
    def write(temporary):
        with open(temporary, "w", encoding="utf-8") as out:
            out.write(text)

    _replace(path, write)


def _write_table(path, rows):
    # UTF-8 sorts like its code points, so this is the order of LC_ALL=C sort
    _write_text(path, "".join(f"{key} {value}\n" for key, value in sorted(rows)))


def wav_path(data, name, utterance):
    return os.path.join(data, "wav", name, utterance.speaker, f"{utterance.key}.wav")


def make_wavs(jobs):
    """Write the audio of (path, utterance) pairs; the sum of their seconds."""
    seconds = 0.0
    with Espeak() as espeak:
        for path, utterance in jobs:
            samples = render(utterance, espeak)
            seconds += len(samples) / SAMPLE_RATE_HZ
            os.makedirs(os.path.dirname(path), exist_ok=True)

            def write(temporary, samples=samples):
                soundfile.write(temporary, samples, SAMPLE_RATE_HZ, subtype="PCM_16", format="WAV")

            _replace(path, write)
    return seconds


def write_data_dir(data, name, plan):
    directory = os.path.join(data, name)
    os.makedirs(directory, exist_ok=True)
    speakers = {}
    for utterance in sorted(plan, key=lambda utterance: utterance.key):
        speakers.setdefault(utterance.speaker, []).append(utterance.key)
    wavs = [(utterance.key, os.path.abspath(wav_path(data, name, utterance))) for utterance in plan]
    _write_table(os.path.join(directory, "wav.scp"), wavs)
    _write_table(os.path.join(directory, "text"), [(u.key, plain_text(u.sentence)) for u in plan])
    _write_table(os.path.join(directory, "text_punc"), [(u.key, u.sentence) for u in plan])
    _write_table(os.path.join(directory, "utt2spk"), [(u.key, u.speaker) for u in plan])
    _write_table(os.path.join(directory, "spk2utt"), [(speaker, " ".join(keys)) for speaker, keys in speakers.items()])


def make_corpus(data, num_utterances, seed, nj):
    """Make the corpus under `data` unless it is there; False when it was."""
    plans = plan_corpus(num_utterances, seed)
    rows = [dataclasses.astuple(utterance) for plan in plans.values() for utterance in plan]
    wanted = {
        "seed": seed,
        "utterances": {name: len(plan) for name, plan in plans.items()},
        "plan": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
    }
    marker = os.path.join(data, "corpus.json")
    if os.path.exists(marker):
        with open(marker, encoding="utf-8") as lines:
            found = json.load(lines)
        if {name: found.get(name) for name in wanted} == wanted:
            return False
        raise ValueError(
            f"{marker}: seed {found.get('seed')}, utterances {found.get('utterances')}, plan {found.get('plan')[:8]}: "
            f"not the corpus of seed {seed}, utterances {wanted['utterances']}, plan {wanted['plan'][:8]}; "
            f"give another directory, or move {data} away"
        )
    minutes = {}
    for name, plan in plans.items():
        jobs = [(wav_path(data, name, utterance), utterance) for utterance in plan]
        with ThreadPoolExecutor(nj) as pool:
            minutes[name] = sum(pool.map(make_wavs, [jobs[job::nj] for job in range(nj)])) / 60
        num_speakers = len({utterance.speaker for utterance in plan})
        print(f"{name}: {len(plan)} utterances, {num_speakers} speakers, {minutes[name]:.1f} minutes", flush=True)
    for name, plan in plans.items():
        write_data_dir(data, name, plan)
    about = {**wanted, "minutes": {name: round(value, 2) for name, value in minutes.items()}}
    _write_text(marker, json.dumps(about, indent=1) + "\n")
    return True


def main():
    parser = argparse.ArgumentParser(description="Make the mini corpus with espeak-ng.")
    parser.add_argument("data", help="directory to write to, e.g. data")
    parser.add_argument("--size", choices=sorted(NUM_UTTERANCES), default="full", help="numbers of utterances to make")
    for name in ("train", "dev", "test"):
        parser.add_argument(f"--num-{name}", type=int, metavar="N", help=f"utterances of {name}, instead of --size's")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another corpus (default %(default)s)")
    parser.add_argument("--nj", type=int, default=2, help="voices that read at the same time (default %(default)s)")
    args = parser.parse_args()
    num_utterances = {
        name: number if getattr(args, f"num_{name}") is None else getattr(args, f"num_{name}")
        for name, number in NUM_UTTERANCES[args.size].items()
    }
    if min(args.nj, *num_utterances.values()) < 1:
        parser.error("numbers of jobs and utterances are at least 1")
    try:
        if not make_corpus(args.data, num_utterances, args.seed, args.nj):
            print(f"{args.data}: the corpus is complete already")
    except (EspeakError, OSError, ValueError) as error:
        sys.exit(f"make_corpus.py: {error}")
    except KeyboardInterrupt:
        print(f"make_corpus.py: interrupted; {args.data} is not complete, the next run makes it anew", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
