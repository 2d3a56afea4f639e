"""Work without a person: schedules, scheduled jobs and the hooks of git."""
