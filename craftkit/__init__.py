"""craftkit keeps spec files, GitHub issues and the agent's control loop in step."""

__version__ = "0.1.0"
