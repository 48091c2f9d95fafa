"""SSH keys: what counts as a public key, and how its fingerprint is waited for."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from small_kinds import OWNER, applied, made, only_patch, reasons, snapshot, with_unknowns

from harvester_provider.core.json import Json
from harvester_provider.core.plan import Await
from harvester_provider.core.ref import Ref
from harvester_provider.core.snapshot import Snapshot
from harvester_provider.core.verdict import Failed, Ready, Waiting
from harvester_provider.resources.ssh_key import KIND, SshKeyInputs, Validated


def openssh(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return text.decode()


KEYS = [
    openssh(ed25519.Ed25519PrivateKey.generate()),
    openssh(rsa.generate_private_key(65537, 2048)),
    openssh(ec.generate_private_key(ec.SECP384R1())),
]
KEY = KEYS[0]
READ: Json = {"status": {"fingerPrint": "aa:bb", "conditions": [{"type": "validated", "status": "True"}]}}


def ssh_key(**values: Any) -> SshKeyInputs:
    return SshKeyInputs.model_validate({"name": "me", "public_key": KEY, "owner": OWNER, **values})


def trouble(text: str) -> str:
    return reasons(KIND, ssh_key(public_key=text)).get("publicKey", "")


@pytest.mark.parametrize("key", KEYS, ids=["ed25519", "rsa", "ecdsa"])
@pytest.mark.parametrize("form", ["{}", "{} me@example", "  {}\n", "{} a comment of words\r\n", 'restrict,from="10.0.0.0/8" {} me'])
def test_keys_as_ssh_keygen_writes_them_are_accepted(key: str, form: str) -> None:
    assert trouble(form.format(key)) == ""


@given(st.integers(0, len(KEY) - 1))
def test_a_key_that_is_cut_off_is_refused(length: int) -> None:
    assert trouble(KEY[:length])


NO_KEYS = [
    "",
    "me@example",
    "ssh-ed25519",
    "ssh-ed25519 not-base64!",
    f"{KEY}\n{KEY}",
    f"ssh-rsa {KEY.split()[1]}",
    "ssh-ed25519 " + base64.b64encode(b"\0" * 9).decode(),
]


@pytest.mark.parametrize("text", NO_KEYS, ids=["empty", "comment", "type", "no base64", "two keys", "wrong type", "zeros"])
def test_what_is_no_single_public_key_is_refused(text: str) -> None:
    assert "write one line" in trouble(text)


def test_a_private_key_is_refused_and_not_repeated() -> None:
    reason = trouble("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n")
    assert "private key" in reason
    assert "c2VjcmV0" not in reason


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(text: str) -> None:
    assert trouble(text)


def test_values_that_are_not_known_yet_break_no_rule() -> None:
    for inputs in with_unknowns({"name": "me", "public_key": KEY}, SshKeyInputs):
        assert not KIND.check(inputs)


def test_it_is_ready_with_its_fingerprint() -> None:
    inputs = ssh_key()
    (wait,) = KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs)))
    assert isinstance(wait, Await)
    assert isinstance(wait.judge(snapshot(KIND, inputs, made(KIND, inputs))), Waiting)
    assert wait.judge(snapshot(KIND, inputs, made(KIND, inputs, READ))) == Ready()
    assert not KIND.settle(inputs, snapshot(KIND, inputs, made(KIND, inputs, READ)))


def test_a_key_that_harvester_cannot_read_fails_with_its_words() -> None:
    said: Json = {"status": {"conditions": [{"type": "validated", "status": "False", "reason": "failed to parse the public key"}]}}
    result = Validated(KIND.ref(ssh_key()))(snapshot(KIND, ssh_key(), made(KIND, ssh_key(), said)))
    assert result == Failed("failed to parse the public key", "check publicKey")


def test_another_key_replaces_because_the_fingerprint_would_stay() -> None:
    plan = KIND.update(ssh_key(), ssh_key(public_key=KEYS[1]), snapshot(KIND, ssh_key(), made(KIND, ssh_key(), READ)))
    assert plan.replaces == ("publicKey",)
    assert not plan.steps


def test_a_newline_at_the_end_is_no_other_key() -> None:
    assert ssh_key(public_key=KEY + "\n") == ssh_key()


def test_metadata_is_patched_alone() -> None:
    plan = KIND.update(ssh_key(), ssh_key(tags={"team": "a"}), snapshot(KIND, ssh_key(), made(KIND, ssh_key(), READ)))
    assert only_patch(plan) == {"metadata": {"labels": {"tag.harvesterhci.io/team": "a"}}}


def test_the_fingerprint_is_an_output() -> None:
    assert KIND.outputs(ssh_key(), snapshot(KIND, ssh_key(), made(KIND, ssh_key(), READ))) == {"fingerprint": "aa:bb"}


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"publicKey": 3}, "status": [], "metadata": 1}])
def test_an_object_of_unknown_shape_breaks_nothing(broken: dict[str, Json]) -> None:
    ref = Ref(KIND.api, "me", "default")
    for prior in (None, ssh_key()):
        assert KIND.observe(ref, prior, Snapshot({ref: broken})).public_key == ""
    assert isinstance(Validated(ref)(Snapshot({ref: broken})), Waiting)


entries = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
keys = st.builds(ssh_key, public_key=st.sampled_from(KEYS), description=st.sampled_from(["", "one"]), tags=entries, labels=entries)


@given(keys)
def test_what_was_made_shows_no_drift(inputs: SshKeyInputs) -> None:
    seen = snapshot(KIND, inputs, made(KIND, inputs, READ))
    observed = KIND.observe(KIND.ref(inputs), inputs, seen)
    assert observed == inputs
    assert not KIND.update(observed, inputs, seen).steps


@given(keys, keys)
def test_an_update_brings_any_key_to_the_new_inputs_or_replaces_it(old: SshKeyInputs, new: SshKeyInputs) -> None:
    found = made(KIND, old, READ)
    plan = KIND.update(old, new, snapshot(KIND, old, found))
    if not plan.replaces:
        assert KIND.observe(KIND.ref(new), new, snapshot(KIND, new, applied(found, plan))) == new
