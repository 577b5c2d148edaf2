"""Made-up secrets in the contexts they are met in, and what merely looks like one.

All values are drawn from a fixed seed: nothing here was ever a credential.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator

HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "-_"
PER_SHAPE = 10

Shape = Callable[[random.Random], str]


def token(head: str, alphabet: str, length: int) -> Shape:
    # The last character is a letter: a closing hyphen belongs to the sentence as often as not.
    return lambda draw: head + "".join(draw.choices(alphabet, k=length - 1)) + draw.choice("abcdef")


def jwt(draw: random.Random) -> str:
    header = {"alg": draw.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    payload = {"sub": str(draw.getrandbits(40)), "iat": draw.getrandbits(30)}
    parts = [json.dumps(part).encode() for part in (header, payload)] + [draw.randbytes(32)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def pem(kind: str) -> Shape:
    def draw_pem(draw: random.Random) -> str:
        body = base64.b64encode(draw.randbytes(200)).decode()
        lines = [body[at : at + 64] for at in range(0, len(body), 64)]
        return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])

    return draw_pem


def vault(draw: random.Random) -> str:
    body = draw.randbytes(100).hex()
    lines = [body[at : at + 80] for at in range(0, len(body), 80)]
    return "\n".join(["$ANSIBLE_VAULT;1.1;AES256", *lines])


def url(scheme: str) -> Shape:
    def draw_url(draw: random.Random) -> str:
        password = "".join(draw.choices(ALNUM + "!-_.~", k=12)) + "7"
        return f"{scheme}://app:{password}@db{draw.randrange(9)}.example.net:5432/main"

    return draw_url


def basic(draw: random.Random) -> str:
    pair = f"user{draw.randrange(99)}:{''.join(draw.choices(ALNUM, k=12))}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def email(draw: random.Random) -> str:
    name = "".join(draw.choices(string.ascii_lowercase, k=6))
    host = draw.choice(["example.com", "mail.example.org"])
    return f"{name}.{draw.choice(['smith', 'garcia', 'li'])}@{host}"


SHAPES: dict[str, tuple[Shape, ...]] = {
    "anthropic_key": (
        token("sk-ant-" + "api03-", URLSAFE, 95),
        token("sk-ant-" + "oat01-", URLSAFE, 80),
        token("sk-ant-", URLSAFE, 40),
    ),
    "openai_key": (token("sk-" + "proj-", URLSAFE, 120), token("sk-", ALNUM, 48)),
    "aws_access_key": (
        lambda draw: "AKIA" + "".join(draw.choices(UPPER, k=16)),
        lambda draw: "ASIA" + "".join(draw.choices(UPPER, k=16)),
    ),
    "github_token": (
        token("ghp_", ALNUM, 36),
        token("gho_", ALNUM, 36),
        token("ghs_", ALNUM, 36),
        token("github_pat_", ALNUM + "_", 82),
        lambda draw: "ghs_" + jwt(draw).rstrip("_-"),
    ),
    "google_api_key": (token("AIza", URLSAFE, 35),),
    "stripe_key": (
        token("sk_" + "live_", ALNUM, 24),
        token("rk_" + "test_", ALNUM, 99),
        token("whsec_", ALNUM, 32),
    ),
    "private_key": tuple(map(pem, ("RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"))),
    "jwt": (jwt,),
    "db_connection_string": tuple(
        map(url, ("postgres", "postgresql+asyncpg", "mysql", "mongodb+srv", "rediss"))
    ),
    "bearer_token": (token("Bearer ", ALNUM, 40), token("bearer ", ALNUM + "-._~+/", 32)),
    "basic_auth": (basic,),
    "sonarqube_token": (token("sqp_", HEX, 40), token("squ_", HEX, 40)),
    "jenkins_api_token": (token("11", HEX, 32), token("11", HEX, 30)),
    "ansible_vault": (vault,),
    "hashicorp_vault_token": (token("hvs.", URLSAFE, 24), token("hvb.", URLSAFE, 138)),
    "email": (email,),
}

# How a secret stands in a file or an output; `{}` is its place.
CONTEXTS = (
    "{}",
    "API_KEY={}\n",
    'export TOKEN="{}"',
    "token: {}\nnext: 1\n",
    "the value is {}, keep it",
    "`{}`",
    "({})",
    "<value>{}</value>",
    "curl -H 'X-Auth: {}' https://host.example",
    "https://host.example/path?first=1&auth={}&second=2",
    "# {}\n",
    "\t{}\r\n",
    "a,b,{},c",
    "[{}]",
    "-{}\n+other",
    "line one\n-{}\n",
    "key={};",
    "user%3A1%26key%3D{}%26x",
    "\x1b[32m{}\x1b[0m",
    "\x1b[01;31m\x1b[K{}\x1b[m\x1b[K",
    "{}.",
)


def gutter(text: str) -> str:
    return "\n".join(f"{number:6}→{line}" for number, line in enumerate(text.split("\n"), 1))


def nested(text: str) -> str:
    return json.dumps({"output": text, "next": [1]})


def positives() -> Iterator[tuple[str, str]]:
    """Yield detector and value: over three hundred."""
    draw = random.Random(20260401)
    for name, shapes in SHAPES.items():
        for shape in shapes:
            for _ in range(PER_SHAPE):
                yield name, shape(draw)


def in_contexts(value: str) -> Iterator[tuple[str, str]]:
    """Yield a name and the text for each context that may hold ``value``."""
    for context in CONTEXTS:
        yield context, context.replace("{}", value)
    yield "gutter", gutter(f"first\n{value}\nlast")
    yield "nested JSON", nested(f"first\n{value}\nlast")
    yield "gutter in nested JSON", nested(gutter(value))


def negatives() -> Iterator[str]:
    """Yield text without secrets, hard to tell from text with some: over five hundred."""
    draw = random.Random(42)

    def digits(length: int) -> str:
        return "".join(draw.choices(HEX, k=length))

    for _ in range(60):
        yield f"commit {digits(40)}"
        yield f"11{digits(38)} refs/heads/main"
        yield f"id: 11{digits(6)}-{digits(4)}-4{digits(3)}-a{digits(3)}-{digits(12)}"
        yield f"11{digits(30)}  archive-{draw.randrange(99)}.tar.gz"
        yield f'"sha256": "11{digits(62)}"'
        yield f'ETag: "11{digits(30)}"'
        integrity = base64.b64encode(draw.randbytes(64)).decode()
        yield f'"integrity": "sha512-{integrity}"'
        icon = base64.b64encode(draw.randbytes(300)).decode()
        yield f"background: url(data:image/png;base64,{icon})"
        source_map = base64.b64encode(
            json.dumps(
                {"version": 3, "sources": [f"{digits(6)}.js"], "mappings": digits(40)}
            ).encode()
        ).decode()
        yield f"//# sourceMappingURL=data:application/json;base64,{source_map}"
    yield from PROSE
    for scheme in ("postgres", "mysql", "mongodb", "redis"):
        for hole in (
            "${PASSWORD}",
            "{password}",
            "%s",
            "***",
            "$DB_PASS",
            "<password>",
            "{{ pw }}",
        ):
            yield f"{scheme}://app:{hole}@localhost/main"
    for name in ("task", "risk", "desk", "disk", "mask"):
        yield f"{name}-proj-{digits(24)}"
        yield f"{name}_live_{digits(24)}"
        yield f"{name}-ant-colony-optimisation-{digits(4)}"


PROSE = (
    "Use a bearer token to authenticate.",
    "Bearer authentication (RFC 6750) is described in section-2.1",
    "The bearer of bad news arrived in 1066.",
    "Authorization: Bearer ${ACCESS_TOKEN}",
    "Authorization: Bearer <token>",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer {token}",
    "Authorization: Bearer YOUR_API_KEY_1",
    "Authorization: Bearer %s",
    "Authorization: Bearer ...",
    "f'Bearer {self.access_token2}'",
    "'Bearer ' + config.oauth2Token",
    "bearer certificates and bearer bonds",
    "Basic authentication is not enough",
    "basic understanding of programming",
    "Basic Programming101 course",
    "Visual Basic documentation",
    "basic functionality/integration tests",
    "Authorization: Basic ${CREDENTIALS}",
    "Authorization: Basic <base64>",
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEB\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFake0Fake1Fake2Fake3 user-host",
    "$ANSIBLE_VAULT_PASSWORD_FILE is set",
    "pk_live_abc123def456ghi789jkl",
    "redis://localhost:6379/0",
    "postgres://localhost:5432/main",
    "mongodb://db1.example.net:27017,db2.example.net:27017/?replicaSet=rs0",
    "https://docs.example.com/sk-learn/index.html",
    "git clone https://github.com/owner/repository.git",
    "hvs.load_configuration_from_module",
    "import eyJson.parser.module",
    "AIzaSy is how they begin",
    "the sk- prefix, the ghp_ prefix and AKIA",
)
