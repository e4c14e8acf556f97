"""The pipeline of ModelScope's days, as older documents call it: a thin face of AutoModel with the old results.

from asrtools.pipelines import pipeline, Tasks
recognise = pipeline(task=Tasks.auto_speech_recognition, model="damo/speech_paraformer...")
recognise(audio_in="asr_example.wav")
"""

import os
from collections.abc import Mapping
from typing import Any

from asrtools.auto import AutoModel
from asrtools.errors import ConfigError
from asrtools.tasks.python_input import LISTS


class Tasks:
    auto_speech_recognition = "auto-speech-recognition"
    voice_activity_detection = "voice-activity-detection"
    punctuation = "punctuation"
    speech_timestamp = "speech-timestamp"
    speaker_verification = "speaker-verification"


KNOWN = tuple(value for name, value in vars(Tasks).items() if not name.startswith("_"))
RENAMED = {"use_timestamp": "output_timestamp"}


def pipeline(
    task: str,
    model: str,
    ngpu: int = 1,
    ncpu: int = 1,
    output_dir: str | None = None,
    batch_size: int = 1,
    param_dict: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> "Pipeline":
    """`vad_model`, `punc_model`, `model_revision` and the like among the keywords go to AutoModel."""
    if task not in KNOWN:
        raise ConfigError(f"task {task!r} is not known; should be one of {', '.join(KNOWN)}")
    found = AutoModel(model=model, ngpu=ngpu, ncpu=ncpu, batch_size=batch_size, **keywords)
    return Pipeline(found, output_dir, dict(param_dict or {}))


class Pipeline:
    def __init__(self, model: AutoModel, output_dir: str | None, param_dict: dict[str, Any]):
        self.model = model
        self._defaults = {"output_dir": output_dir, "param_dict": param_dict}

    def __call__(
        self,
        audio_in: Any = None,
        audio_fs: int | None = None,
        param_dict: Mapping[str, Any] | None = None,
        output_dir: str | None = None,
        text_in: Any = None,
        **keywords: Any,
    ) -> Any:
        """One input: a dict with `text`; a list of inputs: a list of dicts with `key` and `value`."""
        given = text_in if audio_in is None else audio_in
        if given is None:
            raise ConfigError("the pipeline was given no audio_in (nor text_in); a path, bytes or samples are wanted")
        call = {**self._defaults["param_dict"], **(param_dict or {}), **keywords}
        call = {RENAMED.get(name, name): value for name, value in call.items()}
        if audio_fs is not None:
            call["fs"] = audio_fs
        folder = output_dir or self._defaults["output_dir"]
        if folder:
            call["output_dir"] = folder
        results = self.model.generate(given, **call)
        if isinstance(given, list | tuple) or _is_list(given):
            return [_of_list(result) for result in results]
        return _alone(results[0]) if results else {}


def _is_list(given: Any) -> bool:
    return isinstance(given, str | os.PathLike) and os.path.splitext(os.fspath(given))[1].lower() in LISTS


def _alone(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in result.items() if name not in ("key", "timestamp", "value")}
    if "value" in result:  # voice activity
        kept["text"] = result["value"]
    if "timestamp" in result:
        kept["time_stamp"] = result["timestamp"]
    return kept


def _of_list(result: Mapping[str, Any]) -> dict[str, Any]:
    alone = _alone(result)
    text = alone.pop("text", "")
    return {"key": result["key"], "value": text, "text_postprocessed": text, **alone}
