"""The certificate to serve with: the user's own, or one that is created and renewed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from .. import certificates
from ..certificates import Certificate
from ..failures import SettingsError, StartError
from ..settings import Settings, as_settings_error, variable

DAY = 86_400.0  # seconds

log = structlog.get_logger(__name__)


def certificate_of(settings: Settings) -> Certificate:
    """Return the certificate to serve with, created on first start.

    Raises `SettingsError` for a pair of the user's that cannot be used, else `StartError`.
    """
    own = settings.own_certificate
    if own is None:
        return _created(settings)
    from ..certificates import inspection  # noqa: PLC0415 - cryptography takes 0.1 s

    with as_settings_error("tls_cert_file", "tls_key_file"):
        for problem in inspection.problems(*own):
            log.warning("certificate", problem=problem)
    return Certificate(*own)


def _created(settings: Settings) -> Certificate:
    directory, local = settings.state_dir, certificates.local_names(settings.host)
    try:
        return certificates.ensure(directory, local, added=settings.extra_names)
    except OSError as exc:
        raise StartError(
            f"{variable('state_dir')}={directory}: the certificate cannot be kept there "
            f"({exc.strerror or exc}): name a directory that can be written"
        ) from exc


@contextmanager
def renewal(settings: Settings) -> Iterator[None]:
    """Renew a created certificate in time; its TLS context loads the new files by itself."""

    async def daily() -> None:
        while True:
            await asyncio.sleep(DAY)
            try:
                certificate_of(settings)
            except (StartError, SettingsError) as exc:
                log.error("certificate not renewed", reason=str(exc))  # noqa: TRY400 - for people

    renewing = asyncio.get_running_loop().create_task(daily())
    try:
        yield
    finally:
        renewing.cancel()
