"""What keeps a program of this package from starting; nothing else is imported for it."""


class StartError(Exception):
    """The program cannot start; the message says what to change."""


class SettingsError(Exception):
    """Errors in the settings, one line per variable."""
