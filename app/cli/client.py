"""What a client needs to reach the running proxy."""

from ..certificates import Certificate

ANY_ADDRESS = {"0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - what clients use instead


def url(scheme: str, host: str, port: int) -> str:
    """Return the base URL of a listening address, as a client on this machine uses it."""
    return f"{scheme}://{url_host(host)}:{port}"


def url_host(host: str) -> str:
    """Return what reaches ``host`` from this machine, an IPv6 address in brackets."""
    name = ANY_ADDRESS.get(host, host)
    return f"[{name}]" if ":" in name else name


def environment(base: str, certificate: Certificate) -> dict[str, str]:
    """Return the environment variables that lead Claude Code through the proxy."""
    trusted = certificate.ca_file or certificate.cert_file
    return {"ANTHROPIC_BASE_URL": base, "NODE_EXTRA_CA_CERTS": str(trusted.resolve())}
