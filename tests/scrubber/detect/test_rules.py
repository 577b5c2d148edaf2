"""The choice of detectors, the user's rules file, and the errors that stop the start."""

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.scrubber.detect import rules
from app.scrubber.detect.detector import Detector
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.examples import check
from app.scrubber.detect.extended import EXTENDED
from tests.scrubber import scrubbing

ACME = """
[[rule]]
name = "acme_token"
pattern = 'acme_([a-z0-9]{12})'
examples = ["acme_0123456789ab"]
negatives = ["acme_corporation"]
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    return file


def scrubbed(used: rules.Rules, text: str) -> str:
    return str(scrubbing.redacted({"system": text}, scrubbing.scrubber(rules=used))["system"])


def names(choice: str) -> list[str]:
    return [detector.name for detector in rules.load(detectors=choice, file=None).detectors]


def test_the_sixteen_stand_in_the_users_order() -> None:
    assert names("") == [
        "anthropic_key",
        "openai_key",
        "aws_access_key",
        "github_token",
        "google_api_key",
        "stripe_key",
        "private_key",
        "jwt",
        "db_connection_string",
        "bearer_token",
        "basic_auth",
        "sonarqube_token",
        "jenkins_api_token",
        "ansible_vault",
        "hashicorp_vault_token",
        "email",
    ]


def test_detectors_are_chosen_by_name_or_added_and_taken_away() -> None:
    assert names("email, github_token") == ["github_token", "email"]
    assert names("-email") == [detector.name for detector in BUILT_IN[:-1]]
    assert "npm_token" in names("+npm_token")
    assert len(names("+extended")) == len(BUILT_IN) + len(EXTENDED)
    assert names("extended") == [detector.name for detector in EXTENDED]


def test_the_users_own_rule_is_applied_to_its_group(tmp_path: Path) -> None:
    used = rules.load(file=written(tmp_path, ACME))
    assert scrubbed(used, "key acme_abcdefabcdef, x") == "key acme_<ACME_TOKEN_1>, x"


def test_a_rule_of_identifiers_is_marked_by_its_hmac(tmp_path: Path) -> None:
    used = rules.load(file=written(tmp_path, ACME + 'tier = "identifier"'))
    assert scrubbed(used, "acme_abcdefabcdef").startswith("acme_<ACME_TOKEN_HMAC:")


def test_a_rule_may_hold_a_space(tmp_path: Path) -> None:
    spaced = rule(pattern="'acme key: ([a-z0-9]{12})'", examples='["acme key: 0123456789ab"]')
    used = rules.load(file=written(tmp_path, spaced))
    assert scrubbed(used, "the acme key: 0123456789ab") == "the acme key: <ACME_1>"


def test_allowed_values_stay(tmp_path: Path) -> None:
    token, other = ("ghp_" + letter * 36 for letter in "ab")
    digest = hashlib.sha256(other.encode()).hexdigest()
    allow = f'[allow]\nvalues = ["{token}"]\nfingerprints = ["sha256:{digest}"]\n'
    used = rules.load(file=written(tmp_path, allow))
    assert scrubbed(used, f"{token} {other}") == f"{token} {other}"
    assert scrubbed(used, token + "c") == "<GITHUB_TOKEN_1>"


def rule(**changed: str) -> str:
    members = {
        "name": '"acme"',
        "pattern": "'acme_[a-z]{9}'",
        "examples": '["acme_abcdefghi"]',
    } | changed
    return "[[rule]]\n" + "".join(f"{name} = {text}\n" for name, text in members.items())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (rule(pattern="'acme_('"), "rule 'acme': .*missing"),
        (rule(pattern="'(?=acme)'"), "rule 'acme': .*(invalid|perl)"),
        (rule(pattern="'[a-z]*'"), "rule 'acme': .*empty"),
        (rule(pattern=r"'\b[A-Z0-9]*\b'"), "rule 'acme': .*empty"),
        (rule(examples='["other"]'), "rule 'acme': an example is missed in plain form"),
        (rule(examples="[]"), "rule 'acme': at least one example"),
        (rule(pattern="'^acme_[a-z]{9}'"), "rule 'acme': an example is missed"),
        (rule(pattern="'geheim=ü+'"), r"rule 'acme': the pattern may hold ASCII only"),
        (rule(negatives='["x acme_abcdefghi"]'), "rule 'acme': a negative is found"),
        (rule(name='"email"'), "rule 'email': the name is taken"),
        (rule() + rule(), "rule 'acme': the name is taken"),
        (rule(name='"Acme!"'), "rule 'Acme!': a name is"),
        (rule(tier='"public"'), "rule 'acme': .*tier"),
        (rule(colour='"red"'), "rule 'acme': .*colour"),
        ("[[rule]]\nname = 3", "rule 3: .*name"),
        (
            rule(regex="'acme'"),
            r"rule 'acme': .*regex.*its fields are name, pattern, .*negatives\)",
        ),
        ("[[rules]]", r"rules file: .*rules.*its fields are rule, allow\)"),
        ("rule = [1]", "rule: Expected `object`, got `int`"),
        ("rule = 1", "rules file: Expected `array`, got `int`"),
        ("[allow]\nvalues = 1", "rules file: Expected `array`"),
        ("no toml", "rules.toml: "),
        ('[allow]\nfingerprints = ["abc"]', "fingerprints: 'abc'"),
    ],
)
def test_a_bad_rule_stops_the_start_with_its_name_and_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        rules.load(file=written(tmp_path, text))


def test_an_unknown_detector_or_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="detector 'none': unknown; the known ones are extended, "):
        rules.load(detectors="+none", file=None)
    for word, meant in (("gitlab", "gitlab_token"), ("extendd", "extended")):
        with pytest.raises(ValueError, match=f"'{word}': unknown: did you mean {meant}?"):
            rules.load(detectors=f"+{word}", file=None)
    with pytest.raises(ValueError, match=r"nowhere\.toml"):
        rules.load(file=tmp_path / "nowhere.toml")


@pytest.mark.parametrize("detector", [*BUILT_IN, *EXTENDED], ids=lambda detector: detector.name)
def test_every_detector_has_examples_and_is_tried_on_them(detector: Detector) -> None:
    check(detector)
    with pytest.raises(ValueError, match=detector.name):
        check(replace(detector, negatives=detector.examples))
