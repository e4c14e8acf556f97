"""Fine-tune a published model on one's own recordings.

    python finetune.py --data_dir ./example_data --output_dir ./checkpoint
    CUDA_VISIBLE_DEVICES=1,2 python -m torch.distributed.launch --nproc_per_node 2 finetune.py > log.txt 2>&1

Change the parameters below, or give them by their names. data_dir holds train/{wav.scp,text} and
validation/{wav.scp,text} (or dev/). infer_after_finetune.py recognises with what this leaves in output_dir.
"""

import argparse

from asrtools.trainers import Trainers, build_trainer

PARAMETERS = {
    "model": "damo/speech_paraformer-large_asr_nat-zh-cn-16k-common-vocab8404-pytorch",
    "output_dir": "./checkpoint",  # where the model goes
    "data_dir": "./example_data",
    "dataset_type": "small",  # large: more than 1,000 hours
    "batch_bins": 2000,  # in a batch: frames of 10 ms where dataset_type is small, milliseconds where it is large
    "max_epoch": 50,
    "lr": 0.00005,
}


def finetune(params):
    build_trainer(
        Trainers.speech_asr_trainer,
        default_args={
            "model": params["model"],
            "data_dir": params["data_dir"],
            "dataset_type": params["dataset_type"],
            "work_dir": params["output_dir"],
            "batch_bins": params["batch_bins"],
            "max_epoch": params["max_epoch"],
            "lr": params["lr"],
        },
    ).train()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in PARAMETERS.items():
        parser.add_argument(f"--{name}", default=value, type=type(value))
    parser.add_argument("--data_path", dest="data_dir", help="another name of --data_dir")
    # older launchers of torch hand every process its number
    parser.add_argument("--local-rank", "--local_rank", help=argparse.SUPPRESS)
    finetune(vars(parser.parse_args()))
