"""The measured judge's checks, one kind of claim a file: a `Case` in, `Verdict`s out."""
