"""The service's memory: tokens, jobs, what happened to them, what they made."""
