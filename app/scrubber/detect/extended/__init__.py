"""The extended set (``+extended``), in order of priority.

- ``tokens``   a known shape tells.
- ``fields``   the name in front tells: ``AWS_SECRET_ACCESS_KEY=``, ``password=``.
- ``logins``   a user and a password in one word.
- ``encoded``  base64, decoded.

``parts`` is shared by ``fields`` and ``logins``.
"""

from ..detector import Detector
from .encoded import ENCODED
from .fields import (
    AUTHORIZATION_TOKEN,
    AWS_SECRET_KEY,
    CONNECTION_PASSWORD,
    NETRC_PASSWORD,
    NPM_AUTH_TOKEN,
)
from .logins import CURL_CREDENTIALS, URL_CREDENTIALS, URL_TOKEN
from .tokens import GOOGLE_OAUTH, TOKENS, VAULT_LEGACY_TOKEN

EXTENDED: tuple[Detector, ...] = (
    *TOKENS,
    AWS_SECRET_KEY,
    URL_CREDENTIALS,
    URL_TOKEN,
    NETRC_PASSWORD,
    NPM_AUTH_TOKEN,
    CONNECTION_PASSWORD,
    AUTHORIZATION_TOKEN,
    CURL_CREDENTIALS,
    VAULT_LEGACY_TOKEN,
    GOOGLE_OAUTH,
    *ENCODED,
)
