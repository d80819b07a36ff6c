"""Language models: requests and replies, backends, the call ledger, structured replies."""
