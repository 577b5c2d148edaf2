"""The certificate to serve with: the user's own, or one that is created and renewed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with as_settings_error("tls_cert_file", "tls_key_file"):
        for problem in certificates.problems(*own):
            log.warning("certificate", problem=problem)
    return Certificate(*own)


def forward_certificate_of(settings: Settings) -> Certificate:
    """Return the certificate for intercepted tunnels, created on first start.

    It has a separate CA, which may sign for the intercepted hosts only. Clients of the base URL
    trust another CA, which may not. Raises `StartError`.
    """
    hosts = tuple(dict.fromkeys(target.host for target in settings.forward_targets))
    return _kept(settings, settings.forward_directory, (), hosts)


def _created(settings: Settings) -> Certificate:
    local = certificates.local_names(settings.host)
    return _kept(settings, settings.state_dir, local, settings.extra_names)


def _kept(
    settings: Settings, directory: Path, names: tuple[str, ...], added: tuple[str, ...]
) -> Certificate:
    try:
        return certificates.ensure(directory, names, added=added)
    except OSError as exc:
        raise StartError(
            f"{variable('state_dir')}={settings.state_dir}: the certificate cannot be kept there "
            f"({exc.strerror or exc}): name a directory that can be written"
        ) from exc


@contextmanager
def renewal(settings: Settings) -> Iterator[None]:
    """Renew created certificates in time; their TLS contexts load the new files by themselves."""

    async def daily() -> None:
        while True:
            await asyncio.sleep(DAY)
            try:
                certificate_of(settings)
                if settings.forward_port is not None:
                    forward_certificate_of(settings)
            except (StartError, SettingsError) as exc:
                log.error("certificate not renewed", reason=str(exc))  # noqa: TRY400 - for people

    renewing = asyncio.get_running_loop().create_task(daily())
    try:
        yield
    finally:
        renewing.cancel()
