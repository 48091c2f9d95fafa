"""Where everything of one local Harvester lies on disk. The only place that knows these names."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Layout:
    """Where everything of one local Harvester lies."""

    folder: Path

    @property
    def state(self) -> Path:
        """What is known between two commands."""
        return self.folder / "state.json"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops it."""
        return self.folder / ".lock"

    @property
    def logs(self) -> Path:
        """One log per program."""
        return self.folder / "logs"

    @property
    def data(self) -> Path:
        """What etcd keeps."""
        return self.folder / "etcd"

    @property
    def work(self) -> Path:
        """What the plane keeps, such as uploaded images."""
        return self.folder / "work"

    @property
    def pki(self) -> Path:
        """Certificates, keys and tokens."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The users' kubeconfig: through the front door, with a token."""
        return self.folder / "kubeconfig"

    @property
    def direct(self) -> Path:
        """The control plane's kubeconfig: straight to kube-apiserver, with a client certificate."""
        return self.folder / "kubeconfig-direct"

    @property
    def plane(self) -> Path:
        """The plane's configuration."""
        return self.folder / "plane.json"

    @property
    def ready(self) -> Path:
        """Written by the plane when it serves."""
        return self.folder / "plane.ready"

    def log(self, program: str) -> Path:
        """Log of one program."""
        return self.logs / f"{program}.log"


def default_folder() -> Path:
    """`$HARVESTER_LOCAL`, else `harvester-local` in the user's data folder."""
    return Path(os.environ.get("HARVESTER_LOCAL") or platformdirs.user_data_path("pulumi-harvester") / "local")
