"""Secrets are found by shape and by how people say them; what only looks odd is left alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eunoe_server.domain.caller import format_key
from eunoe_server.domain.secrets import MARK, SecretKind, find_secrets, redacted, redacted_json

# Made up, and put together here so that no scanner takes this file for a leak.
KEY = "sk-" + "proj-Zx81kQ0pLm47Rt"
TOKEN = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NSJ9." + "c2lnbmF0dXJl"
BLOCK = "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIB\nAAEC\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f"Use {KEY}, please.", "Use [redacted: API key], please."),
        ("ghp_" + "a1B2" * 9, "[redacted: API key]"),
        (format_key("0" * 16, "1" * 48), "[redacted: API key]"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "[redacted: API key]"),
        (f"token {TOKEN}", "token [redacted: token]"),
        ("Authorization: Bearer abcdef0123456789ABCD", "Authorization: Bearer [redacted: token]"),
        (f"mine:\n{BLOCK}\nkeep it", "mine:\n[redacted: private key]\nkeep it"),
        (BLOCK[:40], "[redacted: private key]"),
        ("card 4111 1111 1111 1111, 12/29", "card [redacted: card number], 12/29"),
        ("3782-822463-10005", "[redacted: card number]"),
        (
            "postgresql://app:t0p/secret@db:5432/x",
            "postgresql://app:t0p/secret@db:5432/x",  # no address: a path begins at the slash
        ),
        (
            "postgresql://app:t0psecret@db:5432/x",
            "postgresql://app:[redacted: password]@db:5432/x",
        ),
        ("My password is swordfish.", "My password is [redacted: password]."),
        ("password for the wifi is blue-bird9!", "password for the wifi is [redacted: password]!"),
        ('Its password was "open sesame", once', 'Its password was "[redacted: password]", once'),
        ("password=hunter2", "password=[redacted: password]"),
        ("I changed my password to Tr0ub4dor&3", "I changed my password to [redacted: password]"),
        ("my PIN is 4821", "my PIN is [redacted: password]"),
        ("PIN code: 0042", "PIN code: [redacted: password]"),
        (
            "The seed phrase is witch collapse practice feed",
            "The seed phrase is [redacted: password]",
        ),
        ("export API_KEY='9f8e7d6c5b4a'", "export API_KEY='[redacted: API key]'"),
    ],
)  # fmt: skip
def test_a_secret_is_replaced_and_the_rest_stays(text: str, clean: str) -> None:
    assert redacted(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "My password is not working, it is too long and expired",
        "I forgot my password. Reset it to continue.",
        "Passwords: 8 to 64 characters; the password is required",
        "password: <password>, token=${TOKEN}, api_key=****",
        "order 4111111111111112, invoice 1234567812345678",  # neither adds up as a card
        "id 1780000000000000123, 550e8400-e29b-41d4-a716-446655440000",
        "the digest 9e107d9d372bb6826bd81d3542a419d6 of sk-learn-contrib-extras",
        "see https://example.org:8443/a@b and mail to a@b.org",
        "I pin my notes: 3 of them",
        "",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert find_secrets(text) == ()
    assert redacted(text) is text


def test_a_span_says_what_it_is() -> None:
    text = f"a {KEY} and my password is swordfish"
    key, password = find_secrets(text)
    assert (key.kind, text[key.start : key.end]) == (SecretKind.API_KEY, KEY)
    assert (password.kind, text[password.start : password.end]) == (
        SecretKind.PASSWORD,
        "swordfish",
    )


@pytest.mark.parametrize(
    ("document", "clean"),
    [
        (
            '{"dbPassword" : "hunter2", "big": 12345678901234567890.10, "b":[1.0]}',
            '{"dbPassword" : "[redacted: password]", "big": 12345678901234567890.10, "b":[1.0]}',
        ),
        # Arguments of a tool call are JSON in a string.
        (
            '{"arguments":"{\\"password\\":\\"hunter2\\"}"}',
            '{"arguments":"{\\"password\\":\\"[redacted: password]\\"}"}',
        ),
        ('"my password is caf\\u00e91"', '"my password is [redacted: password]"'),
        ('{"password":{"type":"string"},"note":"fine"}', '{"password":{"type":"string"},"note":"fine"}'),  # noqa: E501
        ('{"password":"", "api_key":"<key>"}', '{"password":"", "api_key":"<key>"}'),
    ],
)  # fmt: skip
def test_in_json_only_strings_change_and_all_else_stays_word_for_word(
    document: str, clean: str
) -> None:
    assert redacted_json(document) == clean


def test_the_name_of_a_member_can_be_a_secret_too() -> None:
    assert KEY not in redacted_json(json.dumps({KEY: 1, "x": {KEY: "y"}}))


_WORDS = st.lists(
    st.sampled_from(
        [
            "my",
            "password",
            "is",
            "was",
            ":",
            "=",
            '"',
            "'",
            "swordfish",
            "hunter2",
            KEY,
            TOKEN,
            "4111 1111 1111 1111",
            "pin",
            "1234",
            "seed phrase",
            "://a:b1c2@h",
            "[",
            "]",
            "\n",
            MARK,
        ]
    )
).map(" ".join)


@given(_WORDS)
def test_a_redacted_text_holds_no_secret(text: str) -> None:
    clean = redacted(text)
    assert KEY not in clean
    assert TOKEN not in clean
    assert redacted(clean) == clean


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | _WORDS,
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_a_document_stays_json_of_the_same_shape(document: object) -> None:
    clean = json.loads(redacted_json(json.dumps(document)))
    assert _shape(clean) == _shape(document)
    assert KEY not in json.dumps(clean)


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else type(value)
