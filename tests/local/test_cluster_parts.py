"""The small parts under the life cycle: certificates, ports, state, logs and options, each by what it promises."""

import socket
import ssl
import string
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester_local.errors import LocalError
from harvester_local.files import tail, write_private
from harvester_local.layout import Layout
from harvester_local.locks import held
from harvester_local.logs import last_lines, log_files
from harvester_local.options import help_texts
from harvester_local.pki import make_pki
from harvester_local.ports import LOOPBACK, PortLease
from harvester_local.processes import Handle
from harvester_local.settings import VERSIONS, Settings
from harvester_local.state import State

WORDS = st.text(string.ascii_lowercase + "-", min_size=1)
SETTINGS = st.builds(Settings, version=st.sampled_from(VERSIONS), nodes=st.integers(1, 100), boot_seconds=st.floats(0, 1e6))
STATES = st.builds(
    State,
    instance=WORDS,
    ports=st.dictionaries(WORDS, st.integers(1, 65535)),
    settings=SETTINGS,
    crds=st.none() | WORDS,
    processes=st.dictionaries(WORDS, st.builds(Handle, st.integers(2, 2**22), st.floats(0, 1e10))),
    ready=st.booleans(),
)


@given(state=STATES)
def test_what_is_written_down_is_read_back(state: State, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "state.json"
    state.write(path)
    assert State.read(path) == state


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"instance": "i", "ports": {}, "settings": {"nodes": 0}, "processes": {}}'])
def test_a_broken_state_file_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    with pytest.raises(LocalError, match=r"state\.json cannot be read .* delete that file"):
        State.read(tmp_path / "state.json")


def test_the_certificates_pass_a_strict_check_for_both_names(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.serving, pki.serving_key)
    server.load_verify_locations(pki.ca)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(pki.ca))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(pki.client, pki.client_key)
    for name in (LOOPBACK, "localhost"):
        assert subject_seen_by_server(server, client, name)["organizationName"] == "system:masters"


def subject_seen_by_server(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> dict[str, str]:
    seen: list[dict[str, str]] = []
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with server.wrap_socket(theirs, server_side=True) as connection:
            certificate = connection.getpeercert() or {}
            seen.append({key: value for [(key, value)] in certificate["subject"]})  # type: ignore[misc, str-unpack]  typeshed's union
            connection.sendall(b".")

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(ours, server_hostname=name) as connection:
        connection.recv(1)
    thread.join()
    return seen[0]


def test_certificates_and_tokens_are_made_once(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in make_pki(tmp_path).folder.iterdir()}
    assert {path.name: path.read_bytes() for path in make_pki(tmp_path).folder.iterdir()} == before


def test_a_lost_certificate_makes_all_anew_and_keeps_the_tokens(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    authority, tokens = pki.ca.read_bytes(), pki.tokens()
    pki.serving.unlink()
    make_pki(tmp_path)
    assert pki.ca.read_bytes() != authority
    assert pki.tokens() == tokens


def test_a_leased_port_can_be_listened_on_but_not_taken() -> None:
    with PortLease() as lease, PortLease() as other, socket.socket() as stranger, socket.socket() as server:
        port = lease.take()
        if sys.platform == "linux":
            with pytest.raises(OSError, match="in use"):
                stranger.bind((LOOPBACK, port))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, port))
        server.listen()
        assert other.take(port) != port


def test_a_port_is_none_that_an_outgoing_connection_gets() -> None:
    with PortLease() as lease:
        ports = [lease.take() for _ in range(200)]
    assert len(set(ports)) == len(ports)
    assert max(ports) < 32768


def test_a_port_that_is_free_is_taken_again() -> None:
    with PortLease() as lease:
        port = lease.take()
    with PortLease() as again:
        assert again.take(port) == port


@given(lines=st.lists(st.text(string.ascii_letters, min_size=1, max_size=50), max_size=40), count=st.integers(1, 50))
def test_the_tail_is_the_last_lines(lines: list[str], count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "log"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert tail(path, count).splitlines() == lines[-count:]


def test_a_missing_log_has_an_empty_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == ""


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")
    with pytest.raises(TypeError):
        write_private(path, "text is no bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"


def test_the_second_holder_of_a_lock_says_that_it_waits(tmp_path: Path) -> None:
    order: list[str] = []
    waits = threading.Event()

    def report(line: str) -> None:
        order.append(line)
        waits.set()

    def second() -> None:
        with held(tmp_path / "lock", "second waits", report):
            order.append("second")

    thread = threading.Thread(target=second)
    with held(tmp_path / "lock", "first waits", report):
        thread.start()
        assert waits.wait(30)
        order.append("first")
    thread.join()
    assert order == ["second waits", "first", "second"]


def test_logs_are_found_by_program_and_an_unknown_name_is_told_the_known_ones(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in ("etcd", "plane"):
        write_log(layout, name, f"{name} 1\n{name} 2\n")
    assert list(last_lines(log_files(layout, None), 1)) == [("etcd", "etcd 2"), ("plane", "plane 2")]
    with pytest.raises(LocalError, match=r"^front: no log of that name .*choose one of etcd, plane$"):
        log_files(layout, "front")


def write_log(layout: Layout, name: str, text: str) -> None:
    layout.logs.mkdir(exist_ok=True)
    layout.log(name).write_text(text)


def test_every_setting_has_a_help_text() -> None:
    assert help_texts(Settings).keys() == Settings().to_json().keys()
