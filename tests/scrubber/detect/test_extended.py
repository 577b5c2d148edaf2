"""What the extended set adds, in the files and outputs that it is met in."""

import base64
import json
from collections.abc import Callable

import pytest

from tests.cases import every_case
from tests.scrubber import scrubbing
from tests.scrubber.corpus import gutter

SCRUBBER = scrubbing.scrubber(rules=scrubbing.EXTENDED)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PASSWORD = "fake-Pa55word-fake"
AWS = "fake0FAKE1/fake2FAKE3+fake4FAKE5/fake6FAK"[:40]
PEM = encoded("-----BEGIN " + "EC PRIVATE KEY-----\n" + "fake0FAKE1" * 12 + "\n")
COLOURED = "\x1b[01;31m\x1b[Kaws_secret_access_key\x1b[m\x1b[K = "

TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "credentials file": (
        f"[default]\naws_access_key_id = AKIA0000FAKE0000FAKE\naws_secret_access_key = {AWS}\n",
        (AWS,),
    ),
    "grep --color": (COLOURED + AWS, (AWS,)),
    "sts": (json.dumps({"Credentials": {"SecretAccessKey": AWS, "SessionToken": ""}}), (AWS,)),
    "console's CSV": (
        f"Access key ID,Secret access key\r\nAKIA0000FAKE0000FAKE,{AWS}\r\n",
        (AWS,),
    ),
    "container environment": (
        json.dumps({"env": [{"name": "AWS_SECRET_ACCESS_KEY", "value": AWS}]}, indent=2),
        (AWS,),
    ),
    "remote": (
        f"origin\thttps://ci:{PASSWORD}@git.example/owner/name.git (fetch)\n",
        (PASSWORD,),
    ),
    "kubectl get secret -o yaml": (
        (
            "apiVersion: v1\ndata:\n"
            f"  password: {encoded(PASSWORD)}\n  one: {encoded('1')}\n  tls.key: {PEM}\n"
            "kind: Secret\nmetadata:\n  name: database\ntype: Opaque\n"
        ),
        (encoded(PASSWORD), encoded("1"), PEM[:60]),
    ),
    "kubectl get secret -o json": (
        json.dumps(
            {
                "items": [
                    {"kind": "Secret", "data": {"a": encoded(PASSWORD), "b": encoded("other")}}
                ]
            },
            indent=4,
        ),
        (encoded(PASSWORD), encoded("other")),
    ),
    "kubeconfig": (
        (
            "users:\n- name: admin\n  user:\n"
            f"    client-key-data: {PEM}\n    token: {encoded('ghp_' + 'a1B2' * 9)}\n"
        ),
        (PEM[:60], encoded("ghp_" + "a1B2" * 9)),
    ),
    "docker config.json": (
        json.dumps({"auths": {"registry.example": {"auth": encoded(f"ci:{PASSWORD}")}}}, indent=1),
        (encoded(f"ci:{PASSWORD}"),),
    ),
    ".netrc": (f"machine git.example\n\tlogin ci\n\tpassword {PASSWORD}\n", (PASSWORD,)),
    ".npmrc": (
        (
            "//registry.example/:_authToken=0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d\n"
            f"//other.example/:_password={encoded(PASSWORD)}\n"
        ),
        ("0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d", encoded(PASSWORD)),
    ),
    "appsettings.json": (
        json.dumps({"Main": f"Server=db.example;Database=main;User Id=app;Password={PASSWORD};"}),
        (PASSWORD,),
    ),
    "request": (
        "GET / HTTP/1.1\r\nAuthorization: Token fake0fake1fake2fake3\r\n",
        ("fake0fake1fake2fake3",),
    ),
    "history": (
        f"  501  curl -sS -X POST -u 'ci:{PASSWORD}' https://host.example/api\n",
        (PASSWORD,),
    ),
    "script": (
        f"curl --fail \\\n  --user ci:{PASSWORD} \\\n  https://host.example/api\n",
        (PASSWORD,),
    ),
}
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "gutter": gutter,
    "nested": lambda text: json.dumps({"output": text}),
    "gutter, nested": lambda text: json.dumps({"output": gutter(text)}),
    "diff": lambda text: "\n".join(f"+{line}" for line in text.split("\n")),
    "coloured diff": lambda text: "\n".join(
        f"\x1b[32m+\x1b[m\x1b[32m{line}\x1b[m" for line in text.split("\n")
    ),
}


def redacted(*texts: str, ascii_only: bool = True) -> list[str]:
    body = json.dumps({"messages": texts}, ensure_ascii=ascii_only).encode()
    return list(scrubbing.redacted(body, SCRUBBER)["messages"])


@every_case("ascii_only", [True, False])
@every_case("form", FORMS.keys())
@pytest.mark.parametrize("name", TEXTS)
def test_no_value_is_left(name: str, form: str, *, ascii_only: bool) -> None:
    text, values = TEXTS[name]
    [made] = redacted(FORMS[form](text), ascii_only=ascii_only)
    for value in values:
        assert value not in made


def test_only_the_values_of_a_secret_go_and_its_names_stay() -> None:
    [made] = redacted(TEXTS["kubectl get secret -o yaml"][0])
    assert made == (
        "apiVersion: v1\ndata:\n"
        "  password: <KUBERNETES_SECRET_1>\n  one: <KUBERNETES_SECRET_2>\n"
        "  tls.key: <KUBERNETES_SECRET_3>\n"
        "kind: Secret\nmetadata:\n  name: database\ntype: Opaque\n"
    )


def test_a_secret_seen_encoded_is_known_in_clear_afterwards() -> None:
    manifest = f"kind: Secret\ndata:\n  password: {encoded('fake4711Pass0815')}\n"
    _, made = redacted(manifest, "echo fake4711Pass0815")
    assert "fake4711Pass0815" not in made


def test_a_url_keeps_its_host_for_the_model() -> None:
    [made] = redacted("https://ci:hunter2@git.example/owner")
    assert made == "https://<URL_CREDENTIALS_1>@git.example/owner"
