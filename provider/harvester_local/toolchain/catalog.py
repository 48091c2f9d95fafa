"""Which programs are needed, in which versions, and where each can come from. Data, and nothing that acts.

Archive addresses and checksum files are those of the projects' own releases. Go packages and their versions were
tried; the versions of everything they depend on are pinned in gomods/<folder>/go.sum.
"""

import platform
from dataclasses import dataclass, field
from pathlib import Path

GOMODS = Path(__file__).parent / "gomods"
PULUMI = "3.250.0"
PULUMI_SDK_WITH_PYTHON_HOST = "3.79.0"
"""The last version of the Go module github.com/pulumi/pulumi/sdk/v3 that the Python language host belongs to."""
PULUMI_SDK_WITH_GO_AND_NODEJS_HOSTS = "3.65.0"
"""The same for the language hosts of Go and Node.js."""
PULUMI_YAML = "1.38.1"
"""The language host for YAML, built with the packages of our Pulumi: 1.37.0, which that release carries, needs an older one."""
ETCD = "3.6.5"
KUBERNETES = "1.36.3"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Platform:
    """Operating system and processor, in Go's words."""

    os: str
    arch: str

    @classmethod
    def here(cls) -> "Platform":
        """The platform of this machine."""
        machine = platform.machine().lower()
        return cls(platform.system().lower(), {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine))


@dataclass(frozen=True)
class Mirror:
    """One address of an archive and one of its checksums. `{os}`, `{arch}` and `{x64}` (Pulumi's word for amd64) are filled in."""

    archive: str
    checksums: str

    def on(self, platform: Platform) -> "Mirror":
        """The addresses for one platform."""
        words = {"os": platform.os, "arch": platform.arch, "x64": "x64" if platform.arch == "amd64" else platform.arch}
        return Mirror(self.archive.format(**words), self.checksums.format(**words))


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An official release: a tar.gz holding the files somewhere, or one bare program.

    Tools of one archive share its `folder` in the cache.
    """

    folder: str
    mirrors: tuple[Mirror, ...]
    files: tuple[str, ...]
    systems: tuple[str, ...] = ("linux",)


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """A build from Go modules: `package` in the module folder `folder`, with linker variables.

    `copied` names further files of a module of that build: (module, path in it).
    """

    folder: Path
    package: str
    variables: dict[str, str] = field(default_factory=dict)
    copied: tuple[tuple[str, str], ...] = ()
    minutes: int = 1


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A program, with the files that it is no use without.

    `asks` is the command that prints the version; its program lies in the same folder. `minimum` is the oldest version
    that is good enough when it is found on PATH.
    """

    name: str
    version: str
    minimum: Version
    asks: tuple[str, ...]
    build: GoBuild
    archive: Archive | None = None
    companions: tuple[str, ...] = ()
    on_request: bool = False
    """Only obtained for who names it: most do without."""

    @property
    def files(self) -> tuple[str, ...]:
        """All files of it, the program first."""
        return (self.name, *self.companions)

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


_HOST_SCRIPTS = ("pulumi-language-python-exec", "pulumi-resource-pulumi-python")
_PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_PULUMI_MINIMUM = (3, 230)
_ASKS_PULUMI = ("pulumi", "version")

_PULUMI_RELEASE = Archive(
    folder=f"pulumi-{PULUMI}",
    mirrors=tuple(
        Mirror(f"{base}/pulumi-v{PULUMI}-{{os}}-{{x64}}.tar.gz", f"{base}/pulumi-{PULUMI}-checksums.txt")
        for base in ("https://get.pulumi.com/releases/sdk", f"https://github.com/pulumi/pulumi/releases/download/v{PULUMI}")
    ),
    files=("pulumi", *(f"pulumi-language-{language}" for language in ("python", "go", "nodejs", "yaml")), *_HOST_SCRIPTS),
    systems=("linux", "darwin"),
)


def _etcd() -> Tool:
    release = f"https://github.com/etcd-io/etcd/releases/download/v{ETCD}"
    return Tool(
        name="etcd",
        version=ETCD,
        minimum=(3, 5),
        asks=("etcd", "--version"),
        archive=Archive(
            folder=f"etcd-{ETCD}",
            mirrors=(Mirror(f"{release}/etcd-v{ETCD}-{{os}}-{{arch}}.tar.gz", f"{release}/SHA256SUMS"),),
            files=("etcd",),
        ),
        build=GoBuild(folder=GOMODS / "etcd", package="go.etcd.io/etcd/server/v3"),
    )


def _kubernetes(name: str, minutes: int) -> Tool:
    address = f"https://dl.k8s.io/release/v{KUBERNETES}/bin/{{os}}/{{arch}}/{name}"
    major, minor, _ = KUBERNETES.split(".")
    told = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return Tool(
        name=name,
        version=KUBERNETES,
        minimum=(1, 32),
        asks=(name, "--version"),
        archive=Archive(folder=f"{name}-{KUBERNETES}", mirrors=(Mirror(address, f"{address}.sha256"),), files=(name,)),
        build=GoBuild(
            folder=GOMODS / "kubernetes",
            package=f"k8s.io/kubernetes/cmd/{name}",
            variables={f"k8s.io/component-base/version.{key}": value for key, value in told.items()},
            minutes=minutes,
        ),
    )


def _host(language: str, version: str, packages: str, minutes: int = 1) -> Tool:
    """The language host of programs that are not in Python. It does not tell its version, but comes with the CLI of its version."""
    name = f"pulumi-language-{language}"
    build = GoBuild(folder=GOMODS / name, package=f"{packages}/{name}", minutes=minutes)
    return Tool(
        name=name, version=version, minimum=_PULUMI_MINIMUM, asks=_ASKS_PULUMI, archive=_PULUMI_RELEASE, build=build, on_request=True
    )


CATALOG: tuple[Tool, ...] = (
    _etcd(),
    _kubernetes("kube-apiserver", minutes=7),
    _kubernetes("kube-controller-manager", minutes=3),
    Tool(
        name="pulumi",
        version=PULUMI,
        minimum=_PULUMI_MINIMUM,
        asks=_ASKS_PULUMI,
        archive=_PULUMI_RELEASE,
        build=GoBuild(
            folder=GOMODS / "pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            variables={f"{_PULUMI_SDK}/go/common/version.Version": f"v{PULUMI}"},
            minutes=5,
        ),
    ),
    Tool(
        name="pulumi-language-python",
        version=PULUMI_SDK_WITH_PYTHON_HOST,
        minimum=_PULUMI_MINIMUM,
        asks=_ASKS_PULUMI,  # it does not tell its own version, but comes with the CLI of its version
        archive=_PULUMI_RELEASE,
        build=GoBuild(
            folder=GOMODS / "pulumi-language-python",
            package=f"{_PULUMI_SDK}/python/cmd/pulumi-language-python",
            copied=((_PULUMI_SDK, f"python/cmd/{_HOST_SCRIPTS[0]}"), (_PULUMI_SDK, f"python/dist/{_HOST_SCRIPTS[1]}")),
        ),
        companions=_HOST_SCRIPTS,
    ),
    _host("go", PULUMI_SDK_WITH_GO_AND_NODEJS_HOSTS, f"{_PULUMI_SDK}/go"),
    _host("nodejs", PULUMI_SDK_WITH_GO_AND_NODEJS_HOSTS, f"{_PULUMI_SDK}/nodejs/cmd"),
    _host("yaml", PULUMI_YAML, "github.com/pulumi/pulumi-yaml/cmd", minutes=3),
)
"""In the order in which they are obtained: what a local Harvester waits for comes first."""
