"""The proxy as a plain ASGI application: ``hypercorn app.asgi:application``.

For those who bring an ASGI server of their own. Settings come from the environment as everywhere;
the ports and certificates are the server's. docs/security.md lists what only
``anthropic-proxy serve`` promises.
"""

from . import logs, settings
from .application import create_app

_settings = settings.load()
logs.configure(_settings.log_level, _settings.log_format)
application = create_app(_settings)
