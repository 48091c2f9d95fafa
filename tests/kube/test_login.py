"""The first login, against the local Harvester's own front door over TLS: passwords, certificates, and no secret in any message."""

import hashlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from harvester_local.front_door.login import Login as FrontDoor
from harvester_local.pki import Pki, make_pki
from harvester_provider.core.errors import BadConnection, Unauthorized, Unreachable
from harvester_provider.core.json import Object
from harvester_provider.core.ref import Ref
from harvester_provider.kube.login import Login, log_in
from harvester_provider.resources.apis import CREDENTIALS
from harvester_provider.resources.cluster import KIND
from harvester_provider.resources.provider import ProviderSettings
from harvester_provider.wiring import Clusters

FIRST, OURS = "admin", "a long password"


@dataclass
class Door:
    url: str
    pki: Pki
    passwords: Path
    logins: list[str]

    def login(self, **values: object) -> Login:
        return replace(Login(self.url, OURS, (FIRST,), ca=self.pki.ca.read_text()), **values)  # type: ignore[arg-type]  # fields of Login

    @property
    def changed(self) -> bool:
        return self.passwords.exists()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    pki = make_pki(tmp_path / "pki")
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("apiVersion: v1\nkind: Config\nclusters: []\n")
    front, logins = FrontDoor(pki.tokens()["admin"], kubeconfig, FIRST, tmp_path), list[str]()

    async def answer(request: web.Request) -> web.Response:
        logins.append(request.path_qs)
        if request.path.endswith("localProviders/local"):
            return await front.log_in(request)
        return await (front.users_action(request) if request.path == "/v3/users" else front.cluster_action(request))

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pki.serving, pki.serving_key)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield Door(f"https://127.0.0.1:{runner.addresses[0][1]}", pki, tmp_path / "password", logins)
    await runner.cleanup()


async def test_a_fresh_installation_gets_its_password_and_gives_a_kubeconfig(door: Door) -> None:
    assert "kind: Config" in await log_in(door.login(), change=True)
    assert door.passwords.read_text() == OURS
    assert "kind: Config" in await log_in(door.login(former=()), change=True)


async def test_a_preview_never_changes_the_password(door: Door) -> None:
    assert "kind: Config" in await log_in(door.login(), change=False)
    assert not door.changed


async def test_a_wrong_password_is_told_and_in_no_message(door: Door) -> None:
    with pytest.raises(Unauthorized, match="wrong password") as caught:
        await log_in(door.login(password="not the right one", former=("neither this",)), change=True)
    assert "not the right one" not in str(caught.value)
    assert "neither this" not in str(caught.value)
    assert "not the right one" not in repr(door.login(password="not the right one"))


async def test_a_password_that_the_program_changes_is_changed_in_the_cluster(door: Door) -> None:
    await log_in(door.login(), change=True)
    await log_in(door.login(password="an even longer one", former=(OURS, FIRST)), change=True)
    assert door.passwords.read_text() == "an even longer one"


async def test_a_certificate_of_another_authority_is_refused_before_the_password_is_sent(door: Door, tmp_path: Path) -> None:
    other = make_pki(tmp_path / "other").ca.read_text()
    with pytest.raises(BadConnection, match="certificate is not trusted"):
        await log_in(door.login(ca=other), change=True)
    with pytest.raises(BadConnection, match="certificate is not trusted"):
        await log_in(door.login(ca=""), change=True)
    assert door.logins == []


async def test_a_pinned_certificate_needs_no_authority_and_another_one_is_refused(door: Door) -> None:
    der = ssl.PEM_cert_to_DER_cert(door.pki.serving.read_text())
    digest = hashlib.sha256(der).hexdigest()
    pinned = ":".join(digest[n : n + 2] for n in range(0, 64, 2)).upper()
    assert "kind: Config" in await log_in(door.login(ca="", fingerprint=pinned), change=False)
    before = list(door.logins)
    with pytest.raises(BadConnection, match=f"fingerprint {digest}"):
        await log_in(door.login(ca="", fingerprint="0" * 64), change=False)
    assert door.logins == before


async def test_something_else_at_that_address_is_told(door: Door) -> None:
    with pytest.raises(Unreachable, match="no answer"):
        await log_in(door.login(endpoint="https://127.0.0.1:1"), change=False)


async def test_an_authority_that_is_none_is_told(door: Door) -> None:
    with pytest.raises(BadConnection, match="no certificate in it"):
        await log_in(door.login(ca="nonsense"), change=False)


async def reached(clusters: Clusters, values: Object, **more: object) -> Object | None:
    cluster = await clusters.reach(KIND, values, **more)  # type: ignore[arg-type]  # keywords of reach
    ref: Ref = CREDENTIALS
    return await cluster.get(ref)


async def test_the_kubeconfig_of_the_state_is_used_as_long_as_the_password_stays(door: Door) -> None:
    kubeconfig = door.pki.token_kubeconfig(door.url, "admin").decode()
    values = {"endpoint": door.url, "password": OURS, "initialPassword": FIRST, "ca": door.pki.ca.read_text()}
    clusters = Clusters(ProviderSettings())
    try:
        assert await reached(clusters, {**values, "kubeconfig": kubeconfig}) == {"kubeconfig": kubeconfig}
        assert door.logins == []
    finally:
        await clusters.close()


async def test_a_process_logs_in_once_to_look_and_once_to_change_whatever_it_asks(door: Door, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_bytes(door.pki.token_kubeconfig(door.url, "admin"))
    values = {"endpoint": door.url, "password": OURS, "initialPassword": FIRST, "ca": door.pki.ca.read_text()}
    clusters = Clusters(ProviderSettings())
    try:
        looking = [await clusters.reach(KIND, values) for _ in range(3)]
        assert looking == [looking[0]] * 3
        before = len(door.logins)
        assert not door.changed
        changing = [await clusters.reach(KIND, values, change=True) for _ in range(3)]
        assert door.changed
        assert changing == [changing[0]] * 3
        assert len([path for path in door.logins[before:] if "generateKubeconfig" in path]) == 1
    finally:
        await clusters.close()


async def test_a_login_that_failed_is_tried_again(door: Door) -> None:
    values = {"endpoint": door.url, "password": "not the right one", "ca": door.pki.ca.read_text()}
    clusters = Clusters(ProviderSettings())
    try:
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await clusters.reach(KIND, values)
    finally:
        await clusters.close()
