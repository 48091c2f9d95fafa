"""What is used of `kubernetes.aio`, without the models that it generates.

Importing any module of it runs its packages first, and these import some 1,500 models and APIs of both its clients: longer than
all else that a preview does. Here its packages are entered without being run. Other importers get the library as it is.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_CLIENT = "kubernetes.aio.client"
_ENTERED = ("kubernetes", "kubernetes.aio", _CLIENT, f"{_CLIENT}.models")


def _import() -> tuple[ModuleType, ModuleType, ModuleType]:
    """The modules of the client, its configuration and kubeconfigs."""
    configuration = importlib.import_module(f"{_CLIENT}.configuration")
    client = importlib.import_module(f"{_CLIENT}.api_client")
    package: Any = sys.modules[_CLIENT]
    package.ApiClient, package.Configuration = client.ApiClient, configuration.Configuration
    return client, configuration, importlib.import_module("kubernetes.aio.config.kube_config")


def _lean() -> tuple[ModuleType, ModuleType, ModuleType]:
    """The same, with the packages entered and not run. They are forgotten at the end, so that nobody else meets them."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is None or not spec.submodule_search_locations or "kubernetes" in sys.modules:
        return _import()
    root = Path(spec.submodule_search_locations[0]).parent
    for name in _ENTERED:
        package: Any = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")))]
        sys.modules[name] = package
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, package)
    try:
        return _import()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "kubernetes"]:
            del sys.modules[name]


_client, _configuration, _kube_config = _lean()
ApiClient: Any = _client.ApiClient
Configuration: Any = _configuration.Configuration
KubeConfigLoader: Any = _kube_config.KubeConfigLoader
KubeConfigMerger: Any = _kube_config.KubeConfigMerger
ConfigException: type[Exception] = _kube_config.ConfigException
