"""The models beside a recogniser: voice activity, punctuation, speakers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from asrtools import zoo
from asrtools.errors import ConfigError
from asrtools.hub import model_directory
from asrtools.record import Utterance
from asrtools.tasks.clustering import ClusterOptions
from asrtools.tasks.diarize import Diarizer
from asrtools.tasks.embed import SampleReader, SpeakerModel, open_speaker_model
from asrtools.tasks.long_recording import LongRecordings, Transcribe, with_marks, with_voices
from asrtools.tasks.open_model import knows, open_model
from asrtools.tasks.punctuate import Punctuate
from asrtools.tasks.segment import Segmenter, open_segmenter
from asrtools.tasks.transcribe import Transcript

ROLES = ("vad", "punc", "spk")
NONE = ("", "none", "None")  # in the place of a name: without it, also where the model is published with one


@dataclass(frozen=True, eq=False)
class Companions:
    """Those that were asked for."""

    segmenter: Segmenter | None = None
    punctuate: Punctuate | None = None
    speakers: SpeakerModel | None = None
    clustering: ClusterOptions = ClusterOptions()

    def __bool__(self) -> bool:
        return not (self.segmenter is None and self.punctuate is None and self.speakers is None)


def names_of(model: str | Path, given: Mapping[str, Any]) -> dict[str, str]:
    """Role to name: what `vad_model` and the like say, else what the model is published with."""
    entry = None if Path(model).is_dir() else zoo.find(str(model))
    found = dict(entry.companions) if entry is not None else {}
    for role in ROLES:
        name = given.get(f"{role}_model")
        if name is not None:
            found[role] = str(name)
    return {role: name for role, name in found.items() if name not in NONE}


def directories_of(
    names: Mapping[str, str], given: Mapping[str, Any], hub: str = "ms", offline: bool = False
) -> dict[str, Path]:
    """Where they lie; `given` may hold `vad_model_revision` and the like."""
    return {
        role: model_directory(name, hub, given.get(f"{role}_model_revision"), offline) for role, name in names.items()
    }


def open_companions(
    directories: Mapping[str, Path],
    settings: Mapping[str, Mapping[str, Any]],
    device: str = "cpu",
    num_threads: int | None = None,
    dtype: str = "fp32",
) -> Companions:
    """Load them, each with its settings; `dtype` is the precision of punctuation, the others are small."""
    given = {role: dict(settings.get(role) or {}) for role in ROLES}
    segmenter = punctuate = speakers = None
    clustering = _clustering(given["spk"])
    if "vad" in directories:
        segmenter = open_segmenter(directories["vad"], given["vad"], device, num_threads)
    if "punc" in directories:
        split_size = given["punc"].pop("split_size", None)
        loaded, _ = open_model(directories["punc"], given["punc"], None, device, num_threads, dtype)
        punctuate = Punctuate(loaded) if split_size is None else Punctuate(loaded, split_size=int(split_size))
    if "spk" in directories:
        speakers = open_speaker_model(directories["spk"], given["spk"], None, device, num_threads)
    return Companions(segmenter, punctuate, speakers, clustering)


def assigned(
    overrides: Mapping[str, Any], model: Path, beside: Mapping[str, Path]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Overrides to those of the recogniser and, by role, those of its companions.

    What stands under `vad_kwargs` and the like is theirs; so is a flat key that they know and the recogniser does not.
    """
    own: dict[str, Any] = {}
    theirs: dict[str, dict[str, Any]] = {role: {} for role in beside}
    for name, value in overrides.items():
        section, _, key = name.partition(".")
        role = section.removesuffix("_kwargs")
        if section.endswith("_kwargs") and role in ROLES:
            if role not in theirs:
                raise ConfigError(f"{name}: there is no {role} model here; name one with {role}_model")
            theirs[role] |= {key: value} if key else dict(value or {})
            continue
        knowing = next((role for role in beside if not knows(model, name) and knows(beside[role], name)), None)
        (own if knowing is None else theirs[knowing])[name] = value
    return own, theirs


def line_of(
    transcribe: Transcribe, companions: Companions, channel: str = "mix", fs: int = 16000
) -> Callable[[Iterable[Utterance]], Iterator[Transcript]]:
    """A recogniser and its companions one after another."""

    def run(utterances: Iterable[Utterance]) -> Iterator[Transcript]:
        found = transcribe
        if companions.segmenter is not None:
            found = LongRecordings(replace(companions.segmenter, channel=channel, fs=fs).cut, transcribe)
        done = found(utterances)
        if companions.punctuate is not None:
            done = with_marks(done, companions.punctuate)
        if companions.speakers is not None:
            reader = SampleReader(channel, fs)
            done = with_voices(done, Diarizer(companions.speakers, companions.clustering, reader))
        return done

    return run


def _clustering(settings: dict[str, Any]) -> ClusterOptions:
    """`cb_kwargs` of spk_kwargs, taken out of them."""
    given = dict(settings.pop("cb_kwargs", None) or {})
    threshold = given.pop("merge_thr", None)
    if given:
        raise ConfigError(f"spk_kwargs.cb_kwargs: {next(iter(given))} is not known; merge_thr is")
    return ClusterOptions() if threshold is None else ClusterOptions(merge_threshold=float(threshold))
