"""What every command runs in: repository, settings, store, clock, locks, logs."""
