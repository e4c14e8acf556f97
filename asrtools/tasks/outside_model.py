"""Recognition by a model from outside, which has `inference(data_in, key=..., ...)` and gives dicts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asrtools.build import LoadedModel
from asrtools.errors import ConfigError, DataError, ModelError
from asrtools.io.audio import load
from asrtools.record import Token, Utterance
from asrtools.tasks.batching import BatchLimits
from asrtools.tasks.transcribe import TokenText, Transcript
from asrtools.text.hotwords import Hotwords
from asrtools.text.words import words_of

Infer = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class OutsideModel:
    """What AutoModel and decode ask of a recogniser, by way of the documented `inference`."""

    model: LoadedModel
    device: str
    keywords: Mapping[str, Any] = field(default_factory=dict)  # handed to every call: the configuration

    stream_network = None
    is_streaming = False
    takes_hotwords = False

    def spell(self, given: Any) -> Hotwords:
        """Its hotwords are its own business: they are handed over as they are."""
        return Hotwords(())

    def transcriber(
        self,
        options: Any = None,
        limits: BatchLimits | None = None,
        channel: str = "mix",
        fs: int = 16000,
        held: Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> "Callable[[Iterable[Utterance]], Iterator[Transcript]]":
        size = min((limits or BatchLimits()).items, 16)
        given = dict(values or {})
        if options is not None:
            given = {"language": options.language, "use_itn": options.use_itn, **given}
        rate = getattr(self.model.frontend, "fs", 16000)

        def transcribe(utterances: Iterable[Utterance]) -> Iterator[Transcript]:
            for utterance, result in self.results(utterances, held or {}, rate, channel, fs, given, size):
                yield transcript_of(utterance, result)

        return transcribe

    def results(
        self,
        utterances: Iterable[Utterance],
        held: Mapping[str, Any],
        rate: int,
        channel: str,
        fs: int,
        values: Mapping[str, Any],
        size: int,
    ) -> Iterator[tuple[Utterance, dict[str, Any]]]:
        """Each record with its dict; one that cannot be used has status error and an empty dict."""
        batch: list[tuple[Utterance, Any]] = []
        for utterance in utterances:
            batch.append(self._loaded(utterance, held, rate, channel, fs))
            if len(batch) == size:
                yield from self._infer(batch, values)
                batch = []
        yield from self._infer(batch, values)

    def _loaded(self, utterance: Utterance, held: Mapping[str, Any], rate: int, channel: str, fs: int) -> Any:
        if utterance.status in ("error", "no-speech"):
            return utterance, None
        source = held.get(utterance.recording or utterance.key, utterance.source)
        try:
            part = "mix" if channel == "each" else channel
            part = part if utterance.channel is None else str(utterance.channel)
            audio = load(source, rate, utterance.start_ms, utterance.end_ms, part, fs, utterance.key)
        except DataError as error:
            return replace(utterance, status="error", error=str(error)), None
        return utterance, audio.samples

    def _infer(
        self, batch: Sequence[tuple[Utterance, Any]], values: Mapping[str, Any]
    ) -> Iterator[tuple[Utterance, dict[str, Any]]]:
        good = [(utterance, samples) for utterance, samples in batch if samples is not None]
        found = iter(self._results_of(good, values) if good else [])
        for utterance, samples in batch:
            yield (utterance, {}) if samples is None else next(found)

    def _results_of(
        self, batch: Sequence[tuple[Utterance, Any]], values: Mapping[str, Any]
    ) -> list[tuple[Utterance, dict[str, Any]]]:
        try:
            results = self._call([samples for _, samples in batch], [one.key for one in batch_records(batch)], values)
        except Exception as error:  # whatever a model of someone else's does
            if len(batch) > 1:
                return [pair for one in batch for pair in self._results_of([one], values)]
            cause = f"the model failed on it ({type(error).__name__}: {error})"
            return [(replace(batch[0][0], status="error", error=cause), {})]
        if len(results) != len(batch):
            by_key = {str(one.get("key")): one for one in results}
            results = [by_key.get(one.key, {}) for one in batch_records(batch)]
        return [
            (utterance, normalised({**one, "key": utterance.key}))
            for utterance, one in zip(batch_records(batch), results, strict=True)
        ]

    def _call(self, data: list[Any], keys: list[str], values: Mapping[str, Any]) -> list[dict[str, Any]]:
        keywords = {**self.keywords, **values}
        given = self.model.network.inference(  # type: ignore[operator]  # of an outside class
            data,
            key=keys,
            tokenizer=self.model.tokenizer,
            frontend=self.model.frontend,
            **{name: value for name, value in keywords.items() if name not in ("key", "tokenizer", "frontend")},
        )
        results = given[0] if isinstance(given, tuple) else given
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise ModelError("inference() should return (results, meta), the results a list of dicts")
        return results


def batch_records(batch: Sequence[tuple[Utterance, Any]]) -> list[Utterance]:
    return [utterance for utterance, _ in batch]


def outside_model(model: LoadedModel, device: str, keywords: Mapping[str, Any]) -> OutsideModel:
    if not callable(getattr(model.network, "inference", None)):
        raise ConfigError(f"{model.directory}: its model {model.name} has no inference(); the documents say it should")
    return OutsideModel(model, device, keywords)


def normalised(result: dict[str, Any]) -> dict[str, Any]:
    """Times as [[begin, end], ...] in ms, whichever of the documented ways they came in."""
    times = result.get("timestamp", result.get("timestamps"))
    if isinstance(times, list | tuple):
        result = {**result, "timestamp": [_span(one) for one in times]}
    return result


def _span(item: Any) -> list[int]:
    if isinstance(item, Mapping):  # seconds
        return [round(1000 * float(item["start_time"])), round(1000 * float(item["end_time"]))]
    begin, end = item[:2]  # what else stands there is the text
    return [int(begin), int(end)]


def transcript_of(utterance: Utterance, result: Mapping[str, Any]) -> Transcript:
    if utterance.status in ("error", "no-speech"):
        return Transcript(utterance if utterance.status == "error" else replace(utterance, text=""))
    text = str(result.get("text", ""))
    spans = [(begin + utterance.start_ms, end + utterance.start_ms) for begin, end in result.get("timestamp") or ()]
    words = [str(word) for word in result.get("words") or ()] or [word.text for word in words_of([text])]
    is_timed = bool(spans) and len(words) == len(spans)
    one = TokenText(tuple(words), tuple(spans) if is_timed else None, decoded=text)
    tokens = [Token(word, *span) for word, span in zip(words, spans if is_timed else [()] * len(words), strict=True)]
    done = replace(utterance, text=text, tokens=tuple(tokens), status="ok" if text else "empty")
    seconds = (utterance.end_ms or utterance.start_ms) - utterance.start_ms
    return Transcript(done, (one,), seconds=seconds / 1000)
