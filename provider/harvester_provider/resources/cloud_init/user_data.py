"""User data: what cloud-init does at the first boot, as typed values, written as `#cloud-config`.

Pure: values in, text out. Rules: cloud-init's documentation of its modules.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harvester_provider.core.json import Json, Object, merged
from harvester_provider.resources.cloud_init.document import refuse, strangers, text_of

HEADER = "#cloud-config"
"""The first line, by which cloud-init knows what the rest is."""
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*")
_AGENT = "qemu-guest-agent"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user of the guest."""

    name: str
    """Login name."""
    ssh_authorized_keys: Sequence[str] = ()
    """Public keys that may log in, in OpenSSH's format."""
    groups: Sequence[str] = ()
    """Further groups, for example `["wheel"]`."""
    sudo: str = ""
    """A rule of sudo, for example `ALL=(ALL) NOPASSWD:ALL`."""
    shell: str = ""
    """Login shell. Default: the system's."""
    password: str = ""
    """Password as plain text. The document is secret then; prefer keys, or `hashed_password`."""
    hashed_password: str = ""
    """Password as `mkpasswd` prints it."""


@dataclass(frozen=True, kw_only=True)
class File:
    """A file to write."""

    path: str
    """Absolute path."""
    content: str
    """What is in it."""
    permissions: str = ""
    """Octal digits, for example `0600`. Default: `0644`."""
    owner: str = ""
    """`user:group`. Default: `root:root`."""
    append: bool = False
    """Add to the file instead of replacing it."""
    defer: bool = False
    """Write it after packages are installed and users are made."""


@dataclass(frozen=True, kw_only=True)
class UserData:
    """What cloud-init does at the first boot, for `userData`.

    `UserData(hostname="web-1", ssh_authorized_keys=[key], packages=["nginx"], guest_agent=True).text()`
    """

    hostname: str = ""
    """Host name, or a fully qualified one. Default: the machine's name."""
    ssh_authorized_keys: Sequence[str] = ()
    """Public keys for the image's own user."""
    password: str = ""
    """Password of the image's own user, as plain text. The document is secret then."""
    password_expires: bool = False
    """It must be changed at the first login."""
    ssh_password_login: bool | None = None
    """Whether SSH takes passwords. Default: the image's choice."""
    users: Sequence[User] = ()
    """Further users."""
    default_user: bool = True
    """With `users`: make the image's own user as well."""
    packages: Sequence[str] = ()
    """Packages to install."""
    package_update: bool | None = None
    """Refresh the lists of packages first. Default: cloud-init's choice."""
    package_upgrade: bool | None = None
    """Upgrade all packages. Default: cloud-init's choice."""
    guest_agent: bool = False
    """Install and start the QEMU guest agent, by which Harvester learns the addresses of NICs in VLANs."""
    write_files: Sequence[File] = ()
    """Files to write."""
    bootcmd: Sequence[str | Sequence[str]] = ()
    """Commands early in every boot: a line for the shell, or a command with its arguments."""
    runcmd: Sequence[str | Sequence[str]] = ()
    """Commands at the end of the first boot: a line for the shell, or a command with its arguments."""
    timezone: str = ""
    """Time zone, for example `Europe/Berlin`."""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """What the builder does not know, merged in: mappings entry by entry, lists are continued, other values replaced."""

    def text(self) -> str:
        """The document. Raises ValueError that names every field with a value that cannot be."""
        refuse("user data", strangers(self))
        refuse("user data", self._problems())
        content = merged({key: value for key, value in self._content().items() if value not in (None, "", [], {})}, self.extra)
        return f"{HEADER}\n{text_of(content) if isinstance(content, Mapping) else ''}"

    def _content(self) -> Object:
        agent = [_AGENT] if self.guest_agent and _AGENT not in self.packages else []
        start: list[Json] = [["systemctl", "enable", "--now", f"{_AGENT}.service"]] if self.guest_agent else []
        users: list[Json] = ["default"] if self.users and self.default_user else []
        return {
            "fqdn" if "." in self.hostname else "hostname": self.hostname,
            "timezone": self.timezone,
            "users": users + [_user(user) for user in self.users],
            "ssh_authorized_keys": [*self.ssh_authorized_keys],
            "password": self.password,
            "chpasswd": {"expire": self.password_expires} if self.password else None,
            "ssh_pwauth": self.ssh_password_login,
            "package_update": True if self.package_update is None and agent else self.package_update,
            "package_upgrade": self.package_upgrade,
            "packages": [*self.packages, *agent],
            "write_files": [_file(each) for each in self.write_files],
            "bootcmd": _commands(self.bootcmd),
            "runcmd": start + _commands(self.runcmd),
        }

    def _problems(self) -> Iterable[str]:
        if self.hostname and _HOST.fullmatch(self.hostname) is None:
            yield f"hostname: {self.hostname!r} is no host name: use letters, digits and inner dashes"
        for name, count in Counter(user.name for user in self.users).items():
            if count > 1:
                yield f"users: {name!r} is there {count} times: give each user once"
        for number, user in enumerate(self.users):
            if not user.name or re.search(r"[\s:/]", user.name):
                yield f"users[{number}].name: {user.name!r} is no login name"
            if user.password and user.hashed_password:
                yield f"users[{number}].password: password and hashed_password exclude each other"
        for number, each in enumerate(self.write_files):
            if not each.path.startswith("/"):
                yield f"write_files[{number}].path: {each.path!r} is not absolute: begin with /"
            if each.permissions and re.fullmatch(r"[0-7]{3,4}", each.permissions) is None:
                yield f"write_files[{number}].permissions: {each.permissions!r} are no octal digits: write for example 0600"


def _user(user: User) -> Object:
    out: dict[str, Json] = {
        "name": user.name,
        "ssh_authorized_keys": [*user.ssh_authorized_keys],
        "groups": [*user.groups],
        "sudo": user.sudo,
        "shell": user.shell,
        "plain_text_passwd": user.password,
        "passwd": user.hashed_password,
        "lock_passwd": False if user.password or user.hashed_password else None,
    }
    return {key: value for key, value in out.items() if value not in (None, "", [])}


def _file(each: File) -> Object:
    out: dict[str, Json] = {"path": each.path, "content": each.content}
    out |= {key: value for key, value in (("permissions", each.permissions), ("owner", each.owner)) if value}
    return out | {key: True for key, value in (("append", each.append), ("defer", each.defer)) if value}


def _commands(commands: Sequence[str | Sequence[str]]) -> list[Json]:
    return [command if isinstance(command, str) else [*command] for command in commands]
