"""AutoModel, the documented Python face: any published model, any documented input, FunASR's results."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from asrtools import build
from asrtools.build import LoadedModel
from asrtools.config import Config
from asrtools.errors import ConfigError, ModelError, UnknownKeyError
from asrtools.hub import model_directory
from asrtools.models.protocols import Aligner, Embedder, Punctuator, Recognizer, Segmenter, StreamingRecognizer
from asrtools.outside import import_model_file
from asrtools.runtime.files import exported_files
from asrtools.tasks.call_options import KNOWN, CallOptions, split_keywords
from asrtools.tasks.companion import ROLES, assigned, directories_of, names_of, open_companions
from asrtools.tasks.model_face import Face, OutsideFace, RecognitionFace
from asrtools.tasks.open_model import is_export, open_model
from asrtools.tasks.recognition import is_from_outside, keywords_of, recognition_of

# Where a model comes from and runs; these never reach its configuration.
PLACE = (
    "model_revision",
    "revision",
    "hub",
    "device",
    "ncpu",
    "ngpu",
    "offline",
    "init_param",
    "checkpoint",
    "model_path",
    "trust_remote_code",
    "remote_code",
    "dtype",
    "fp16",
    "bf16",
)

BESIDE = tuple(f"{role}_{part}" for role in ROLES for part in ("model", "model_revision", "kwargs"))

_told: set[str] = set()
_faces: WeakKeyDictionary[Any, Face] = WeakKeyDictionary()  # of networks that were loaded here


class AutoModel:
    """`AutoModel(model=NAME_OR_DIR, device=..., **overrides).generate(input=...)`.

    Keywords of `generate` given here are its defaults; any other is a value of the model's configuration.
    """

    def __init__(self, model: str | Path | None = None, **keywords: Any):
        if model is None:
            raise ConfigError("AutoModel: no model; an alias such as paraformer-zh, a hub id or a directory is wanted")
        self.defaults, rest = split_keywords(keywords)
        place = {name: keywords[name] for name in PLACE if name in keywords}
        beside = {name: keywords[name] for name in BESIDE if name in keywords}
        overrides = {name: value for name, value in rest.items() if name not in (*PLACE, *BESIDE)}
        try:
            self._face = open_faces(model, place, overrides, beside)
        except UnknownKeyError as error:
            raise ConfigError(error.among((*PLACE, *BESIDE, *KNOWN), plus="")) from error
        self.model = self._face.model.network
        self.model_path = str(self._face.model.directory)
        device = "cpu" if is_export(self.model) else str(next(self.model.parameters()).device)
        self.kwargs = {**keywords_of(self._face.model, device), **keywords, "model": self._face.model.name}

    def generate(self, input: Any, input_len: Any = None, **keywords: Any) -> list[dict[str, Any]]:
        """One result for every input, in order. A bad one has an `error`, and costs no other anything."""
        if input_len is not None:
            keywords["input_len"] = input_len
        return self._face.generate(input, CallOptions.of(self.defaults, keywords))

    __call__ = generate

    def export(
        self,
        type: str = "onnx",
        quantize: bool | str = False,
        opset_version: int = 14,
        output_dir: str | Path | None = None,
    ) -> str:
        """Write the model for other runtimes, compared with itself; the directory. `quantize`: True (int8) or fp16."""
        if is_export(self.model):
            raise ConfigError(f"{self._face.model.parameters}: is an export already; give the model that it came from")
        from asrtools.export.package import export_model

        half = type == "onnx_fp16"
        precision = "fp16" if half else "int8" if quantize is True else str(quantize) if quantize else "fp32"
        kind = "onnx" if half else type
        # a network in use may have its layers in another order or precision than a file should have
        directory = Path(self.model_path)
        model = build.load_model(directory, checkpoint=self._face.model.parameters)
        return str(export_model(model, output_dir, kind, precision, opset_version).directory)


def from_pretrained(cls: type, model: str | Path, **keywords: Any) -> tuple[Any, dict[str, Any]]:
    """The network of a published model, and the keywords that `network.inference(data_in=..., **keywords)` takes."""
    found = AutoModel(model, **keywords)
    if not isinstance(found.model, cls):
        raise ModelError(f"{found.model_path}: its model is a {type(found.model).__name__}, not a {cls.__name__}")
    return found.model, {name: value for name, value in found.kwargs.items() if name not in ("language", "use_itn")}


def inference(
    network: Any,
    data_in: Any,
    data_lengths: Any = None,
    key: Any = None,
    tokenizer: Any = None,
    frontend: Any = None,
    **keywords: Any,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The documented `inference` of a network: results, and how much audio they are of."""
    face = _faces.get(network)
    if face is None:
        directory = Path(str(keywords.get("model_path", ".")))
        values = {"model": type(network).__name__}
        face = face_of(LoadedModel(directory, Config(values), network, frontend, tokenizer), "cpu")
    call = {name: value for name, value in keywords.items() if name in KNOWN}
    call |= {name: value for name, value in (("input_len", data_lengths), ("key", key)) if value is not None}
    seconds: list[float] = []
    results = face.generate(data_in, CallOptions(call), seconds) if not _is_empty(data_in) else []
    return results, {"batch_data_time": sum(seconds)}


def open_faces(
    model: str | Path, place: Mapping[str, Any], overrides: Mapping[str, Any], beside: Mapping[str, Any]
) -> Face:
    """Load a model and its companions."""
    hub, offline = str(place.get("hub") or "ms"), bool(place.get("offline", False))
    revision = place.get("model_revision", place.get("revision"))
    directory = model_directory(model, hub, revision, offline)
    folders = directories_of(names_of(model, beside), beside, hub, offline)
    kwargs = {name: value for name, value in beside.items() if name.endswith("_kwargs") and value}
    if place.get("remote_code"):
        if not place.get("trust_remote_code"):
            raise ConfigError(f"remote_code {place['remote_code']} is run as it is; say so with trust_remote_code=True")
        import_model_file(place["remote_code"], directory)
    own, theirs = assigned({**overrides, **kwargs}, directory, folders)
    face = open_face(directory, place, own)
    if not folders:
        return face
    if not isinstance(face, RecognitionFace | OutsideFace):
        tell(f"{model}: does not recognise speech, so that {' and '.join(f'{role}_model' for role in folders)} rests")
        return face
    if "spk" in folders and "vad" not in folders:
        tell("spk_model rests, for it tells apart who speaks in stretches of speech; give vad_model too")
    from asrtools.tasks.long_face import LongFace

    device = device_of(place.get("device"), place.get("ngpu"))
    found = open_companions(folders, theirs, device, place.get("ncpu"), dtype_of(place))
    recogniser = face if isinstance(face, RecognitionFace) else RecognitionFace(face.outside)
    return LongFace(recogniser, found.segmenter, found.punctuate, found.speakers, found.clustering)


def open_face(directory: Path, place: Mapping[str, Any], overrides: Mapping[str, Any]) -> Face:
    """Load a model from its directory, and what serves its kind."""
    checkpoint, dtype = place.get("init_param", place.get("checkpoint")), dtype_of(place)
    files = exported_files(directory, checkpoint, dtype)
    device = str(place.get("device") or "auto") if files else device_of(place.get("device"), place.get("ngpu"))
    return face_of(*open_model(directory, overrides, checkpoint, device, place.get("ncpu"), dtype))


def face_of(model: LoadedModel, device: str) -> Face:
    """What serves a model of this kind."""
    from asrtools.tasks.align import aligner_of
    from asrtools.tasks.embed import speaker_model_of
    from asrtools.tasks.punctuate import Punctuate
    from asrtools.tasks.punctuation_face import PunctuationFace, PunctuationStreamFace
    from asrtools.tasks.segment import segmenter_of
    from asrtools.tasks.speech_face import AlignFace, SegmentFace, SpeakerFace

    network = model.network
    face: Face
    if not isinstance(network, Recognizer | Punctuator) and is_from_outside(network):
        face = OutsideFace(recognition_of(model, device))
    elif isinstance(network, Recognizer | StreamingRecognizer):
        face = RecognitionFace(recognition_of(model, device))
    elif isinstance(network, Punctuator):
        face = (
            PunctuationStreamFace(model)
            if getattr(network, "is_streaming", False)
            else PunctuationFace(model, Punctuate(model))
        )
    elif isinstance(network, Segmenter):
        face = SegmentFace(segmenter_of(model, device))
    elif isinstance(network, Aligner):
        face = AlignFace(aligner_of(model, device), model)
    elif isinstance(network, Embedder):
        face = SpeakerFace(speaker_model_of(model, device), model)
    else:
        raise ModelError(f"{model.directory}: AutoModel has no use for a model of class {model.name} yet")
    _faces[network] = face
    return face


def device_of(name: str | None, ngpu: int | None = None) -> str:
    """The documented default is the GPU, and without one the CPU serves."""
    from asrtools.models.runner import ACCELERATORS, choose_device

    if ngpu == 0:
        return "cpu"
    try:
        return choose_device(name or "auto")
    except ConfigError as error:
        if str(name).partition(":")[0] not in ACCELERATORS:
            raise
        tell(f"{error}; the CPU is used")
        return "cpu"


def tell(words: str) -> None:
    """A line on stderr, once."""
    if words not in _told:
        _told.add(words)
        sys.stderr.write(f"AutoModel: {words}\n")


def dtype_of(place: Mapping[str, Any]) -> str:
    """`dtype`, or what the documented flags say."""
    if place.get("dtype"):
        return str(place["dtype"])
    return "bf16" if place.get("bf16") else "fp16" if place.get("fp16") else "fp32"


def _is_empty(given: Any) -> bool:
    return isinstance(given, list | tuple) and not given
