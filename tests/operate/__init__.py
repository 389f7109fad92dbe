"""The operator's commands, against the local stack."""
