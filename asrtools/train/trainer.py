"""The loop: batches in, steps of the optimiser out, and now and then a validation and a checkpoint."""

import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from asrtools.errors import AsrError, ModelError
from asrtools.train.checkpoint_dir import (
    CheckpointDir,
    Progress,
    checkpoint_name,
    random_state,
    restore_random_state,
)
from asrtools.train.distributed import Place, gather, is_orphan, total, wait
from asrtools.train.ema import Ema
from asrtools.train.log import Log
from asrtools.train.lora import merged_state
from asrtools.train.settings import TrainSettings
from asrtools.train.validation import Means, accuracy_of, loss_on

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
MOST_SKIPPED = 100  # steps one after the other with gradients that are not finite


class Trainer:
    """One process of a run.

    `network` gives the loss; `model`, the network itself where nothing stands around it, is what is kept.
    `decode_dev` gives the error rate of the model on the validation list.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: Any,
        settings: TrainSettings,
        place: Place,
        device: str,
        log: Log,
        checkpoints: CheckpointDir,
        decode_dev: Callable[[], float] | None = None,
        model: nn.Module | None = None,
    ):
        self.model = network if model is None else model
        self.network, self.optimizer, self.scheduler = network, optimizer, scheduler
        self.settings, self.place, self.device = settings, place, device
        self.log, self.checkpoints, self.decode_dev = log, checkpoints, decode_dev
        self.progress = Progress()
        self.scaler = torch.amp.GradScaler(device.split(":")[0], enabled=settings.dtype == "fp16")
        self.ema = Ema(self.model, settings.ema_decay) if settings.ema_decay else None
        self.parallel: nn.Module = network
        self.means = Means()  # of the epoch that is under way
        self.num_skipped_now = 0

    def run(self, train: Any, valid: Any, initial: Mapping[str, Any] | None = None) -> Progress:
        """Train to the end, or on from the state `initial` of last.pt."""
        if initial is not None:
            self.restore(initial)
        if not self.place.is_alone and any(p.requires_grad for p in self.network.parameters()):
            ids = [torch.device(self.device)] if self.device.startswith("cuda") else None
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            self.parallel = DistributedDataParallel(
                self.network, device_ids=ids, find_unused_parameters=self.settings.find_unused_parameters
            )
        progress, settings = self.progress, self.settings
        while not progress.is_done and progress.epoch < settings.max_epoch:
            means, times = self.means, _Times()
            self.log.begin_epoch(progress.epoch, progress.step, train.num_steps(progress.epoch))
            for window in self._windows(train.epoch(progress.epoch, progress.step), times):
                self.update(window, means, times)
                self.log.advance(len(window))
                if self._passed(settings.log_interval, len(window)):
                    self._report(window, means, times, train.num_steps(progress.epoch))
                if settings.max_steps and progress.updates >= settings.max_steps:
                    progress.is_done = True
                if self._passed(settings.save_checkpoint_interval, len(window)) or progress.is_done:
                    self.keep(valid, checkpoint_name(progress.epoch, progress.step))
                elif self._passed(settings.validate_interval, len(window)):
                    self.validate(valid, f"step {progress.total_step}")
                if progress.is_done:
                    break
            else:
                progress.epoch, progress.step = progress.epoch + 1, 0
                self.means = Means()
                progress.is_done = progress.epoch >= settings.max_epoch
                self.keep(valid, checkpoint_name(progress.epoch, 0), at_end_of_epoch=True)
        return progress

    def update(self, window: list[Any], means: Means, times: "_Times") -> None:
        """One step of the optimiser: the mean of the gradients of some batches of every process."""
        if is_orphan():
            raise AsrError("the train that started this process is gone")
        for index, batch in enumerate(window):
            with self._alone_until_the_last(index + 1 == len(window)):
                with times.of("forward_time"), self._lower_precision():
                    loss, stats, _ = self.parallel(**self.to_device(batch))
                means.add({**stats, "loss": loss, "batch_size": len(batch.keys)})
                with times.of("backward_time"):
                    self.scaler.scale(loss / len(window)).backward()
        with times.of("optim_time"):
            self._step()
        self.progress.step += len(window)
        self.progress.total_step += len(window)
        self.progress.updates += 1

    def _step(self) -> None:
        self.scaler.unscale_(self.optimizer)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        limit = self.settings.grad_clip or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit, self.settings.grad_clip_type)
        if torch.isfinite(norm):
            self.scaler.step(self.optimizer)
            self.num_skipped_now = 0
        else:  # of all processes, for the sum of their gradients is the same in each
            self.progress.num_skipped += 1
            self.num_skipped_now += 1
            self.log.say(f"step {self.progress.updates + 1}: its gradient is not finite ({float(norm)}); left out")
            if self.num_skipped_now >= MOST_SKIPPED and not self.scaler.is_enabled():
                raise AsrError(
                    f"train: {MOST_SKIPPED} steps one after the other had gradients that are not finite; a smaller "
                    "optim_conf.lr or other data is wanted"
                )
        self.scaler.update()
        self.scheduler.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update()

    def keep(self, valid: Any, name: str, at_end_of_epoch: bool = False) -> None:
        """Validate, save what there is, and let go of what is not among the best any more."""
        progress = self.progress
        with self.ema.in_place() if self.ema is not None else nullcontext():
            scores = self.validate(valid, name, decodes=at_end_of_epoch or progress.is_done)
            if self.place.is_first:
                self.checkpoints.save_parameters(name, merged_state(self.model))
        progress.scores[name] = scores
        best = self.checkpoints.ranked(progress.scores)
        progress.since_best = 0 if best and best[0] == name else progress.since_best + 1
        if self.settings.early_stop and progress.since_best >= self.settings.early_stop:
            self.log.say(f"{progress.since_best} validations without a better one: training ends")
            progress.is_done = True
        of_ranks = gather({"random": random_state(self.device), "means": self.means.state()}, self.place)
        if self.place.is_first:
            self.checkpoints.save_last(self.state(of_ranks))
            self.checkpoints.prune(progress.scores)
        wait(self.place)

    def validate(self, valid: Any, name: str, decodes: bool = False) -> dict[str, float]:
        """loss, acc and cer, as far as there are; of all processes."""
        if valid is None:
            return {"loss": 0.0}
        with self._lower_precision():
            stats = loss_on(self.network, valid.epoch(0), self.to_device, self.place)
        scores = {"loss": stats["loss"]}
        accuracy = accuracy_of(stats)
        if accuracy is not None:
            scores["acc"] = accuracy
        if decodes and self.decode_dev is not None:
            scores["cer"] = self.decode_dev()
        where = {"epoch": self.progress.epoch, "step": self.progress.step, "total_step": self.progress.total_step}
        self.log.validation(name, {**where, "updates": self.progress.updates, **stats, **scores})
        return scores

    def state(self, of_ranks: list[Any]) -> dict[str, Any]:
        """All that an exact resume needs."""
        return {
            "progress": asdict(self.progress),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": None if self.ema is None else self.ema.state(),
            "ranks": of_ranks,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        settings, progress = self.settings, Progress(**state["progress"])
        has_enough = 0 < settings.max_steps <= progress.updates or 0 < settings.early_stop <= progress.since_best
        progress.is_done = has_enough or progress.epoch >= settings.max_epoch
        self.progress = progress
        try:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scheduler.load_state_dict(state["scheduler"])
            self.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(
                f"{self.checkpoints.last}: is of another configuration ({str(error).splitlines()[0]}); the one it is "
                "of goes on from it, and ++train_conf.resume=false begins anew"
            ) from error
        if self.ema is not None and state["ema"] is not None:
            self.ema.restore(state["ema"])
        if len(state["ranks"]) == self.place.world_size:
            own = state["ranks"][self.place.rank]
            restore_random_state(own["random"], self.device)
            self.means.restore(own["means"])

    def to_device(self, batch: Any) -> dict[str, Tensor]:
        return batch.to(self.device, non_blocking=True).inputs

    def _windows(self, batches: Iterable[Any], times: "_Times") -> Iterator[list[Any]]:
        """As many batches as make one step; the last of an epoch may be fewer."""
        batches = iter(batches)
        while True:
            with times.of("data_load"):
                window = list(itertools.islice(batches, self.settings.accum_grad))
            if not window:
                return
            yield window

    def _alone_until_the_last(self, is_last: bool) -> AbstractContextManager[Any]:
        if is_last or not isinstance(self.parallel, DistributedDataParallel):
            return nullcontext()
        return self.parallel.no_sync()

    def _lower_precision(self) -> AbstractContextManager[Any]:
        if self.settings.dtype == "fp32":
            return nullcontext()
        return torch.autocast(self.device.split(":")[0], DTYPES[self.settings.dtype])

    def _passed(self, interval: int, num: int) -> bool:
        """Whether the last `num` batches went past a multiple of the interval."""
        total_step = self.progress.total_step
        return interval > 0 and total_step // interval > (total_step - num) // interval

    def _report(self, window: list[Any], means: Means, times: "_Times", num_steps: int) -> None:
        last: dict[str, float] = {name: float(value) for name, value in means.last.items()}
        last["batch_size"] = len(window[-1].keys)
        shared = means.read_of_all(self.place)
        loss = total([last.get("loss", 0.0)], self.place, self.device)[0] / self.place.world_size
        progress = self.progress
        numbers = {
            "epoch": progress.epoch,
            "max_epoch": self.settings.max_epoch,
            "step": progress.step,
            "num_steps": num_steps,
            "total_step": progress.total_step,
            "updates": progress.updates,
            "loss": loss,
            "loss_epoch": shared["loss"],
            "acc_epoch": accuracy_of(shared) or 0.0,
            "lr": self.optimizer.param_groups[0]["lr"],
            "num_skipped": progress.num_skipped,
        }
        self.log.train(numbers, last, times.read())


class _Times:
    """Seconds spent on each thing since they were last read."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.spent: dict[str, float] = {}

    def of(self, name: str) -> "_Timing":
        return _Timing(self, name)

    def read(self) -> dict[str, float]:
        now = time.perf_counter()
        found = {**self.spent, "total_time": now - self.begun}
        self.begun, self.spent = now, {}
        return found


class _Timing:
    def __init__(self, times: _Times, name: str):
        self.times, self.name = times, name

    def __enter__(self) -> None:
        self.begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.times.spent[self.name] = self.times.spent.get(self.name, 0.0) + time.perf_counter() - self.begun
