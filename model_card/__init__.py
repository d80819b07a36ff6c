"""The model card of a trained captioner: its body, filled in by `asid_hf.training.card`."""
