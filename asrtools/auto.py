"""AutoModel, the documented Python face: any published model, any documented input, FunASR's results."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asrtools import build, config
from asrtools.build import LoadedModel
from asrtools.errors import ConfigError, ModelError
from asrtools.hub import model_directory
from asrtools.models.protocols import Punctuator, Recognizer
from asrtools.tasks.call_options import CallOptions, split_keywords
from asrtools.tasks.model_face import Face, PunctuationFace, RecognitionFace

# Where a model comes from and runs; these never reach its configuration.
PLACE = (
    *("model_revision", "revision", "hub", "offline", "init_param", "checkpoint", "model_path"),
    *("device", "ncpu", "dtype", "fp16", "bf16"),
)


class AutoModel:
    """`AutoModel(model=NAME_OR_DIR, device=..., **overrides).generate(input=...)`.

    Keywords of `generate` given here are its defaults; any other is a value of the model's configuration.
    """

    def __init__(self, model: str | Path | None = None, **keywords: Any):
        if model is None:
            raise ConfigError("AutoModel: no model; an alias such as paraformer-zh, a hub id or a directory is wanted")
        self.defaults, rest = split_keywords(keywords)
        place = {name: rest.pop(name) for name in PLACE if name in rest}
        self._face = open_face(model, place, rest, keywords.get("ngpu"))
        self.model = self._face.model.network
        self.model_path = str(self._face.model.directory)
        self.kwargs = kwargs_of(self._face.model, keywords)

    def generate(self, input: Any, input_len: Any = None, **keywords: Any) -> list[dict[str, Any]]:
        """One result for every input, in order. A bad one has an `error`, and costs no other anything."""
        if input_len is not None:
            keywords["input_len"] = input_len
        return self._face.generate(input, CallOptions.of(self.defaults, keywords))

    __call__ = generate


def open_face(
    model: str | Path, place: Mapping[str, Any], overrides: Mapping[str, Any], ngpu: int | None = None
) -> Face:
    """Load a model by name, and what serves its kind."""
    directory = model_directory(
        model,
        str(place.get("hub", "ms")),
        place.get("model_revision", place.get("revision")),
        bool(place.get("offline", False)),
    )
    device = device_of(place.get("device"), ngpu)
    checkpoint = place.get("init_param", place.get("checkpoint"))
    routed = build.route_to_model(config.load(directory), overrides)
    return face_of(load(directory, routed, checkpoint, device, place.get("ncpu"), dtype_of(place)), device)


def dtype_of(place: Mapping[str, Any]) -> str:
    """`dtype`, or the documented switches `bf16` and `fp16`."""
    switched = [name for name in ("bf16", "fp16") if place.get(name)]
    return str(place.get("dtype") or next(iter(switched), "fp32"))


def load(
    directory: Path,
    overrides: Mapping[str, Any],
    checkpoint: Any,
    device: str,
    num_threads: int | None,
    dtype: str = "fp32",
) -> LoadedModel:
    from asrtools.models.runner import set_threads

    set_threads(num_threads)
    return build.load_model(directory, overrides, checkpoint, device=device, dtype=dtype)


def face_of(model: LoadedModel, device: str) -> Face:
    """What serves a model of this kind."""
    from asrtools.tasks.punctuate import Punctuate
    from asrtools.tasks.recognition import recognition_of

    network = model.network
    if isinstance(network, Recognizer):
        return RecognitionFace(recognition_of(model, device))
    if isinstance(network, Punctuator):
        return PunctuationFace(Punctuate(model), model)
    raise ModelError(f"{model.directory}: AutoModel has no use for a model of class {model.name} yet")


def device_of(name: str | None, ngpu: int | None = None) -> str:
    """The documented default is the GPU, and without one the CPU serves."""
    from asrtools.models.runner import choose_device

    if ngpu == 0:
        return "cpu"
    try:
        return choose_device(name or "auto")
    except ConfigError as error:
        sys.stderr.write(f"AutoModel: {error}; the CPU is used\n")
        return "cpu"


def kwargs_of(model: LoadedModel, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as one dict, with what was built from it, as FunASR's models are handed it."""
    values = {key: value for key, value in model.config.values.items() if key != "model"}
    return {
        **values,
        **keywords,
        "model": model.name,
        "model_path": str(model.directory),
        "frontend": model.frontend,
        "tokenizer": model.tokenizer,
        "device": str(next(model.network.parameters()).device),
    }
