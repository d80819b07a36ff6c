"""Training ASID-Captioner with TRL: rows to messages, messages to batches, three stages."""
