"""Train one stage of ASID-Captioner.

    accelerate launch --config_file recipes/accelerate_configs/ddp.yaml recipes/sft.py --config RECIPE.yaml

A recipe is the whole run in one YAML; whatever stands in it can be said otherwise on the command line
(`--max_steps 100 --learning_rate 1e-5`). `--help` lists everything. Before a GPU is rented, look at its data and its
memory: `asid plan --config RECIPE.yaml`.
"""

import sys

from asid_hf.errors import AsidError
from asid_hf.training.arguments import read_recipe
from asid_hf.training.sft import train

if __name__ == "__main__":
    try:
        data, training, model = read_recipe(overrides=sys.argv[1:])
        train(data, training, model)
    except AsidError as error:
        sys.exit(f"sft.py: {error}")
