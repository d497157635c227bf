"""opskit.toml, read into frozen values: what the fleet is, what is deployed on it and how.

`load` finds and checks the file; everything else that opskit knows of its configuration is a `Config`. `template.toml` beside
this file is the documentation, the example and the schema at once; `opskit init` writes it.
"""

from opskit.config.model import (
    ArtifactSource,
    ChangelogSettings,
    CommandCheck,
    CommandStep,
    Config,
    Environment,
    FolderSource,
    GitSource,
    Health,
    Hook,
    HostEntry,
    HttpCheck,
    Service,
    Source,
    Ssh,
    Step,
    TaskStep,
    TcpCheck,
)
from opskit.config.reading import load

__all__ = [
    "ArtifactSource",
    "ChangelogSettings",
    "CommandCheck",
    "CommandStep",
    "Config",
    "Environment",
    "FolderSource",
    "GitSource",
    "Health",
    "Hook",
    "HostEntry",
    "HttpCheck",
    "Service",
    "Source",
    "Ssh",
    "Step",
    "TaskStep",
    "TcpCheck",
    "load",
]
