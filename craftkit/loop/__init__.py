"""The local task loop: specs, tasks, sessions and recorded processes; no network."""
